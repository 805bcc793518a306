//! The notifier: sends what was raised, once, and says on the journal what came of it.
//!
//! It is the only part that touches the outside. What stood on the journal before its birth is never sent, and it claims
//! nothing before it has heard every outcome that stood on `deliveries` when it began to read a generation, so nothing
//! replayed, rebuilt, imported or restored makes it send. A crash between a provider's yes and the append of the outcome
//! sends once more, under the same `Message-ID`.

mod apply;
mod backoff;
mod letters;
mod schema;
mod sender;

use std::sync::Arc;

use aredvi_events::{Positions, Topic};
use aredvi_projectors::accounts::Accounts;
use aredvi_projectors::actors::Actors;
use aredvi_projectors::db::{PoolSizes, Tx};
use aredvi_projectors::runner::{Runner, ViewReader};
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, View};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use backoff::MAX_ATTEMPTS;

pub use crate::birth::BirthError;
use crate::channels::{Mail, Postmark};
use crate::{Deps, birth, planner};
use sender::Sender;

/// The name of the view.
pub const NAME: &str = "ledger";
/// The version of its schema.
const VERSION: u32 = 2;
/// Connections that the sender reads each view with.
const SIZES: PoolSizes = PoolSizes { write: 2, read: 2 };

/// How mail leaves.
pub struct Outbox {
    /// The way out.
    pub mail: Mail,
    /// Who sends.
    pub postmark: Postmark,
    /// Where recipients find the community.
    pub public_url: String,
}

/// The view `ledger`.
pub struct Ledger {
    birth: Positions,
}

impl Ledger {
    /// The view; what its new generations have behind `birth` is never sent.
    pub const fn born(birth: Positions) -> Self {
        Self { birth }
    }

    /// The view as of now: a generation made by it has the birth of the one that serves; without one, all that stands on
    /// the journal now is before its birth.
    ///
    /// # Errors
    /// [`BirthError`].
    pub async fn open(deps: &aredvi_projectors::runner::Deps) -> Result<Self, BirthError> {
        let birth = birth::next(&Self::born(Positions::new()), &[Topic::Notifications], deps).await?;
        Ok(Self::born(birth))
    }
}

impl View for Ledger {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_version(&self) -> u32 {
        VERSION
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Notifications, Topic::Deliveries]
    }

    fn tables(&self) -> &'static [Table] {
        schema::TABLES
    }

    fn opens_seals(&self) -> bool {
        false
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async move {
            apply::apply(self, tx, batch).await?;
            Ok(Vec::new())
        })
    }
}

/// Keeps the ledger and sends, until `shutdown`.
pub async fn run(deps: Deps, outbox: Outbox, shutdown: CancellationToken) {
    let unborn = Ledger::born(Positions::new());
    let birth = birth::wait(&unborn, &[Topic::Notifications], &deps.runner, &shutdown).await;
    let Some(birth) = birth else { return };
    let clock = deps.runner.mint.clock();
    let ledger = Arc::new(Ledger::born(birth.clone()));
    let read = async |view: &dyn View| ViewReader::open(view, &[view.schema_version()], &deps.runner, SIZES).await;
    let sender = Sender {
        ledger: read(&*ledger).await,
        planner: read(&planner::Planner::born(&deps, Positions::new())).await,
        actors: read(&Actors).await,
        accounts: read(&Accounts).await,
        deps: deps.clone(),
        outbox,
    };
    let runner = Runner::new(ledger, deps.runner.clone());
    tokio::join!(
        runner.run(shutdown.clone()),
        birth::register(&sender.ledger, &birth, clock, &shutdown),
        sender.run(&shutdown),
        sender.measure(&shutdown)
    );
}
