//! The role `api`: the public listener, and what it holds in memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aredvi_api::admin::settled::Follows;
use aredvi_api::admin::{self, Operations};
use aredvi_api::admission::Near;
use aredvi_api::app::{App, Settings, Views};
use aredvi_api::bells::Bells;
use aredvi_api::cards::Cards;
use aredvi_api::cursor::Cursors;
use aredvi_api::feed::FeedIndex;
use aredvi_api::passwords::Passwords;
use aredvi_api::serve;
use aredvi_api::streams::Streams;
use aredvi_api::verdicts::Verdicts;
use aredvi_events::{Partition, Positions, Topic};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::{Heard, TOPICS};
use aredvi_projectors::runner::{Deps, Progress};
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::views;
use axum::Router;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;

use super::operators;
use crate::base::Base;
use crate::config::Http;
use crate::operations;
use crate::process::Process;
use crate::say::say;
use crate::views::{Readers, SERVE};

/// How long a session lasts from its opening, whatever happens.
const SESSION_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long a server that is not ready yet keeps silent about its address; `/readyz` says from when on it is ready.
const READY_SOON: Duration = Duration::from_secs(1);
/// How long a subcommand waits for its own api to be ready.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The newest stories of each owner that memory holds; older ones are read from the view.
const STORIES_PER_OWNER: usize = 500;

/// What a process has an api for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve clients and operators.
    Serve,
    /// A subcommand is its only client.
    Client,
    /// A subcommand is its only operator.
    Operator,
}

/// Where operators are answered, and what they may ask beside what every process is asked.
#[derive(Default)]
pub struct Desks {
    /// The address; none: only through the socket.
    pub listen: Option<SocketAddr>,
    /// Further routes.
    pub more: Router,
}

/// An api at work.
pub struct Started {
    /// What operators may ask.
    pub operators: Router,
    /// Interrupts what they asked for.
    pub operations: Arc<Operations>,
}

/// Starts the api alone: what it reads is kept by other processes.
///
/// # Errors
/// What could not be started; the process has to be ended.
pub async fn start(
    process: &mut Process,
    config: &Http,
    admin_listen: Option<SocketAddr>,
    purpose: Purpose,
) -> anyhow::Result<Started> {
    process.take_worker_number().await?;
    let deps = process.base.deps(None, Progress::default());
    let readers = Readers::open(views::all(), &deps, SERVE).await;
    let listener = bind(config, purpose).await?;
    let app = open(&process.base, &readers, config, listener.as_ref())?;
    follow(process, &app);
    answer(process, app, deps, readers, listener, Desks { listen: admin_listen, more: Router::new() }, purpose).await
}

/// Takes the address that clients are answered at, so that a mistake shows early.
///
/// # Errors
/// When it cannot listen there.
pub async fn bind(config: &Http, purpose: Purpose) -> anyhow::Result<Option<TcpListener>> {
    let address = match purpose {
        Purpose::Serve => config.listen,
        Purpose::Client => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        Purpose::Operator => return Ok(None),
    };
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    Ok(Some(listener))
}

/// The api of a process. It holds nothing in memory before [`follow`].
///
/// # Errors
/// When a view is not among the readers.
pub fn open(base: &Base, readers: &Readers, config: &Http, listener: Option<&TcpListener>) -> anyhow::Result<Arc<App>> {
    let address = listener.map_or(Ok(config.listen), TcpListener::local_addr)?;
    let public_url = config.public_url(address);
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
    let feed = Arc::new(FeedIndex::new(Arc::clone(&facts), STORIES_PER_OWNER));
    base.journal.hurry();
    Ok(Arc::new(App {
        settings,
        mint: base.mint.clone(),
        journal: base.journal.clone(),
        keys: base.keys.clone(),
        cache: base.cache.clone(),
        sessions: Sessions::new(base.cache.clone()),
        views,
        streams: Arc::new(Streams::new(Arc::clone(&facts), Arc::clone(&feed))),
        feed,
        facts,
        heard: Arc::new(Heard::new(Positions::new())),
        bells: Arc::new(Bells::default()),
        verdicts: Arc::new(Verdicts::default()),
        near: Arc::new(Near::default()),
        cards: Arc::new(Cards::new(&base.cache, base.keys.clone())),
        cursors: Cursors::new(base.keys.fingerprints().clone(), base.journal.id()),
        passwords: Passwords::for_this_machine(base.mint.clone()).context("cannot start threads for passwords")?,
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

/// Answers operators and clients, and says where.
///
/// # Errors
/// When it cannot listen.
pub async fn answer(
    process: &mut Process,
    app: Arc<App>,
    deps: Deps,
    readers: Readers,
    listener: Option<TcpListener>,
    desks: Desks,
    purpose: Purpose,
) -> anyhow::Result<Started> {
    let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let mut operations = operations::of(process, deps, readers);
    operations.url = address.map(|address| format!("http://{address}"));
    operations.others.push(Arc::new(Tail(Arc::clone(&app.heard))));
    operations.facts = Some(Arc::clone(&app.facts));
    let operations = Arc::new(operations);
    let operators = admin::routes(Arc::clone(&operations)).merge(admin::people::routes(Arc::clone(&app)));
    let operators = operators.merge(desks.more);
    if purpose == Purpose::Serve {
        operators::start(process, Arc::clone(&operations), operators.clone(), desks.listen).await?;
    }
    let limit = if purpose == Purpose::Serve { READY_SOON } else { READY_LIMIT };
    let ready = process.base.mint.clock().timeout(limit, until_ready(&app)).await;
    if ready.is_err() && purpose != Purpose::Serve {
        bail!("the views were not ready in {limit:?}: is `aredvi projector all` running?");
    }
    if let Some(listener) = listener {
        process
            .front
            .start("api", |stop| async move { serve::serve(app, listener, stop).await.context("clients cannot be answered") });
    }
    if let (Purpose::Serve, Some(address)) = (purpose, address) {
        say(format_args!("listening on http://{address}"));
    }
    Ok(Started { operators, operations })
}

/// Waits until what the api holds in memory is complete, and sessions are answered.
async fn until_ready(app: &App) {
    let partitions = Partition::all(&[Topic::Sessions]).len();
    loop {
        let sessions = app.sessions.positions().await.is_ok_and(|positions| positions.len() == partitions);
        if sessions && app.facts.trusted(app.mint.now_ms()) {
            return;
        }
        app.mint.clock().sleep(LOOK_EVERY).await;
    }
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
