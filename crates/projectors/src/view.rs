//! What the author of a view writes: a schema, and `apply`.
//!
//! The runner does everything else: leases, reading, decoding, unsealing, batches, the fenced transaction, retries,
//! parking, generations. **The row law**: an event touches only rows that belong to its own topic and key, or adds to a
//! counter row per (thing, partition); no apply reads another key's rows; ids and times come from the event.

use aredvi_events::envelope::Placed;
use aredvi_events::{Event, Topic};
use futures_util::future::BoxFuture;

use crate::db::{DbError, Tx};
use crate::keys::{KeyError, Opener};

/// A read model in its own schema.
pub trait View: Send + Sync + 'static {
    /// Its name: `graph`, `media`, …
    fn name(&self) -> &'static str;

    /// Rises with every change of schema or apply that makes other rows of the same log.
    fn schema_version(&self) -> u32;

    /// What it consumes.
    fn topics(&self) -> &'static [Topic];

    /// Its tables, made in this order at the birth of a generation.
    fn tables(&self) -> &'static [Table];

    /// Whether it stores opened text: then the runner fetches the data keys of each batch.
    fn opens_seals(&self) -> bool;

    /// Whether [`View::apply`] looks at [`Batch::serving`]: that costs a question a batch.
    fn asks_whether_serving(&self) -> bool {
        false
    }

    /// Applies a batch, whose events stand in log order within each partition, in a transaction that also carries the
    /// position. What it returns is appended before the commit, and only for the serving generation.
    ///
    /// # Errors
    /// [`ApplyError`]; the transaction is rolled back.
    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>>;

    /// Whether a faulty event may be parked with its key. The decider never parks: it refuses, by rule, in
    /// [`View::refuse`].
    fn parks(&self) -> bool {
        true
    }

    /// What a view that never parks does with an event it cannot decode or apply.
    ///
    /// # Errors
    /// [`ApplyError`]; the transaction is rolled back and tried again.
    fn refuse<'a>(&'a self, _tx: &'a mut Tx, _event: &'a Unusable) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// One table of a view.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// `CREATE TABLE`, then its indexes: portable SQL.
    pub ddl: &'static [&'static str],
    /// The columns that two generations are compared by, the primary key first, which the DDL writes as
    /// `PRIMARY KEY (a, b)`. A field that is NULL or an empty text counts as equal to anything: so a view holds what an
    /// erasure took. A table that only this process's life explains has none.
    pub compared: &'static [&'static str],
}

/// Events to apply together.
pub struct Batch {
    /// In log order within each partition.
    pub events: Vec<Placed>,
    /// Opens their seals; knows no key when the view opens none.
    pub opener: Opener,
    /// Whether what is derived will be appended: the generation is the serving one. Always `false` for a view that does
    /// not [ask](View::asks_whether_serving).
    pub serving: bool,
}

/// An event to append because of another.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Where.
    pub topic: Topic,
    /// What; its id is [derived](aredvi_events::mint::derived_id) from its cause, so that a repeat is the same event.
    pub event: Event,
}

/// A record that is no event, or one that `apply` refuses.
#[derive(Debug, Clone)]
pub struct Unusable {
    /// The record with its place.
    pub stored: aredvi_events::Stored,
    /// Why, without content.
    pub reason: String,
}

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database: transient ones are waited out, others are the event's fault.
    #[error("the view's database refused")]
    Db(#[from] DbError),
    /// The keys: unavailable is waited out, a missing key stops the view.
    #[error("the data keys could not be had")]
    Keys(#[from] KeyError),
    /// The event contradicts itself.
    #[error("the event cannot be applied: {0}")]
    Event(&'static str),
    /// What it asks outside of its database cannot answer yet; it is waited out.
    #[error("{0}")]
    NotYet(String),
}
