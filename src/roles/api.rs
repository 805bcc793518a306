//! The role `api`: the public listener, and what it holds in memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aredvi_api::admin::settled::Follows;
use aredvi_api::admission::Near;
use aredvi_api::app::{App, Settings, Views};
use aredvi_api::cards::Cards;
use aredvi_api::cursor::Cursors;
use aredvi_api::feed::FeedIndex;
use aredvi_api::passwords::Passwords;
use aredvi_api::serve;
use aredvi_api::verdicts::Verdicts;
use aredvi_events::{Positions, Topic};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::{Heard, TOPICS};
use aredvi_projectors::sessions::Sessions;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;

use crate::base::Base;
use crate::config::Http;
use crate::process::Process;
use crate::say::say;
use crate::views::Readers;

/// How long a session lasts from its opening, whatever happens.
const SESSION_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The newest stories of each owner that memory holds; older ones are read from the view.
const STORIES_PER_OWNER: usize = 500;

/// The api of a process, reached by clients at `public_url`. It holds nothing in memory before [`follow`].
///
/// # Errors
/// When a view is not among the readers.
pub fn open(base: &Base, readers: &Readers, config: &Http, public_url: String) -> anyhow::Result<Arc<App>> {
    let facts = Arc::new(Facts::new());
    let settings = Settings {
        public_url,
        trusted_proxies: config.trusted_proxies.clone(),
        limits: config.rate_limits,
        cors_origins: config.cors_origins.iter().map(ToString::to_string).collect(),
        session_lifetime: SESSION_LIFETIME,
        stories_per_owner: STORIES_PER_OWNER,
    };
    let views = Views {
        accounts: readers.of("accounts")?,
        actors: readers.of("actors")?,
        graph: readers.of("graph")?,
        media: readers.of("media")?,
        story_feed: readers.of("story_feed")?,
        notification_feed: readers.of("notification_feed")?,
    };
    Ok(Arc::new(App {
        settings,
        mint: base.mint.clone(),
        journal: base.journal.clone(),
        keys: base.keys.clone(),
        cache: base.cache.clone(),
        sessions: Sessions::new(base.cache.clone()),
        views,
        feed: Arc::new(FeedIndex::new(Arc::clone(&facts), STORIES_PER_OWNER)),
        facts,
        heard: Arc::new(Heard::new(Positions::new())),
        verdicts: Arc::new(Verdicts::default()),
        near: Arc::new(Near::default()),
        cards: Arc::new(Cards::default()),
        cursors: Cursors::new(base.keys.fingerprints().clone(), base.journal.id()),
        passwords: Passwords::for_this_machine(base.mint.clone()),
    }))
}

/// Follows the log for what the api holds in memory.
pub fn follow(process: &mut Process, app: &Arc<App>) {
    let app = Arc::clone(app);
    process.back.start("tail", |stop| async move {
        serve::follow(app, stop).await;
        Ok(())
    });
}

/// Takes an address, so that a mistake shows before anything else is done.
///
/// # Errors
/// When it cannot listen there.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Answers clients, and says where.
///
/// # Errors
/// When the listener has no address.
pub fn listen(process: &mut Process, app: &Arc<App>, listener: TcpListener) -> anyhow::Result<()> {
    let (app, address) = (Arc::clone(app), listener.local_addr()?);
    process
        .front
        .start("api", |stop| async move { serve::serve(app, listener, stop).await.context("clients cannot be answered") });
    say(format_args!("listening on http://{address}"));
    Ok(())
}

/// The tail of a process, as something that follows the log.
pub struct Tail(pub Arc<Heard>);

impl Follows for Tail {
    fn name(&self) -> &str {
        "the api's tail"
    }

    fn topics(&self) -> &[Topic] {
        &TOPICS
    }

    fn positions(&self) -> BoxFuture<'_, Result<Positions, String>> {
        let positions = self.0.positions();
        Box::pin(async move { Ok(positions) })
    }
}
