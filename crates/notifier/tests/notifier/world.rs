//! A community of a few people: its journal, its views, and the consumers under test.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::codec::{self, Body};
use aredvi_events::deliveries::DeliveryEvent;
use aredvi_events::fingerprint::Fingerprint;
use aredvi_events::identity::{RegistrationRequested, registered_id};
use aredvi_events::mint::Lease;
use aredvi_events::notifications::{NotificationEvent, NotificationRaised};
use aredvi_events::topic::IDENTITY_KEY;
use aredvi_events::{ActorId, Clock, Event, Id, MasterKey, Mint, Origin, Positions, Sealed, Topic};
use aredvi_journal::{BatchLimits, Journal, OpenOptions, topics};
use aredvi_notifier::channels::{Mail, MailUrl, Postmark};
use aredvi_notifier::ledger::{Ledger, Outbox};
use aredvi_notifier::planner::Planner;
use aredvi_notifier::{Deps, Settings, janitor, key_keeper, ledger, planner};
use aredvi_projectors::accounts::Accounts;
use aredvi_projectors::actors::Actors;
use aredvi_projectors::cache::Cache;
use aredvi_projectors::control::Control;
use aredvi_projectors::db::{Db, PoolSizes};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::{self, Follower, Heard};
use aredvi_projectors::keys::KeyStore;
use aredvi_projectors::runner::{self, Limits, Progress, Rebuild, Rebuilt, Runner, Sites, ViewReader, generation_schema};
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::view::View;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engines::{self, Engines};

/// No condition takes longer.
const PATIENCE: Duration = Duration::from_secs(40);
/// Tests on the production column at once.
static ROOM: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// Everything that the consumers live in.
pub struct World {
    pub deps: Deps,
    pub outbox: PathBuf,
    engines: Engines,
    stop: CancellationToken,
    _dir: TempDir,
}

/// A consumer at work.
pub struct Process {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    pub fn start<F: Future<Output = ()> + Send + 'static>(run: impl FnOnce(CancellationToken) -> F) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(run(stop.clone())), stop }
    }

    /// Ends it in order.
    pub async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("ends");
    }

    /// Ends it as if it were killed, between any two of its steps.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}

/// Runs a test on every column.
pub async fn each<F: Future<Output = ()>>(test: impl Fn(Arc<World>) -> F) {
    let mint = || {
        let mint = Mint::new(Clock::default());
        mint.hold(Lease { worker: 1, from_ms: mint.now_ms(), until_ms: i64::MAX });
        mint
    };
    let dir = TempDir::new().expect("a directory");
    let embedded = engines::embedded(dir.path());
    run(World::new(embedded, dir, mint()).await, &test).await;
    let clock_and_ids = mint();
    if let Some(engines) = engines::production(&clock_and_ids) {
        let _room = ROOM.acquire().await.expect("room");
        eprintln!("on {} and {}", engines.journal, engines.db);
        topics::create(&engines.journal, true, &clock_and_ids).await.expect("topics");
        run(World::new(engines, TempDir::new().expect("a directory"), clock_and_ids).await, &test).await;
    }
}

async fn run<F: Future<Output = ()>>(world: World, test: impl Fn(Arc<World>) -> F) {
    let world = Arc::new(world);
    test(Arc::clone(&world)).await;
    world.stop.cancel();
    world.deps.runner.journal.close(PATIENCE).await.expect("closed");
    if let aredvi_journal::JournalUrl::Kafka { .. } = world.engines.journal {
        topics::delete_prefixed(&world.engines.journal).await.expect("topics");
        let views = ["accounts", "actors", "planner", "ledger", "janitor", "key_keeper"];
        let generations = views.into_iter().flat_map(|view| [1, 2].map(|n| generation_schema(view, n)));
        for schema in generations.chain(["control", "keys", "webhooks"].map(str::to_owned)) {
            Db::drop_schema(&world.engines.db, &schema).await.expect("dropped");
        }
    }
}

impl World {
    async fn new(engines: Engines, dir: TempDir, mint: Mint) -> Self {
        let options = OpenOptions { single_broker: true };
        let journal = Journal::open(&engines.journal, options, &mint).await.expect("a journal");
        let sizes = PoolSizes { write: 2, read: 2 };
        let control = Control::open(&engines.db, mint.clock().clone(), sizes).await.expect("control");
        let keys = KeyStore::open(&engines.db, MasterKey::new([7; 32]), mint.clone(), sizes).await.expect("keys");
        let batch = BatchLimits { wait: Duration::from_millis(50), ..Limits::default().batch };
        let limits = Limits { workers: Some(1), batch, ..Limits::default() };
        let sites = Sites::new(engines.db.clone());
        let heard = Arc::new(Heard::new(journal.starts(&follow::TOPICS).await.expect("starts")));
        let facts = Arc::new(Facts::new());
        let runner = runner::Deps { journal, sites, control, keys, mint, limits, progress: Progress::default() };
        let cache = format!("sqlite:{}", dir.path().join("cache.db").display()).parse().expect("a url");
        let cache = Cache::open(&cache, runner.journal.id(), runner.mint.clock().clone()).await.expect("a cache");
        let sessions = Sessions::new(cache);
        let deps = Deps { runner, facts, heard, sessions, settings: Settings::default() };
        let world = Self { outbox: dir.path().join("outbox"), deps, engines, stop: CancellationToken::new(), _dir: dir };
        world.follow(&world.deps.facts, &world.deps.heard);
        world
    }

    /// Has facts follow the log from where they have heard it.
    pub fn follow(&self, facts: &Arc<Facts>, heard: &Arc<Heard>) {
        let follower = Follower {
            name: "facts",
            journal: self.deps.runner.journal.clone(),
            clock: self.mint().clock().clone(),
            facts: Arc::clone(facts),
            listeners: Vec::new(),
            heard: Arc::clone(heard),
        };
        tokio::spawn(follower.run(self.stop.clone()));
    }

    pub fn mint(&self) -> &Mint {
        &self.deps.runner.mint
    }

    /// Projects what the notifier reads names and addresses from.
    pub fn project_people(&self) -> Vec<Process> {
        let views: [Arc<dyn View>; 2] = [Arc::new(Accounts), Arc::new(Actors)];
        let start = |view| {
            let runner = Runner::new(view, self.deps.runner.clone());
            Process::start(async move |stop| runner.run(stop).await)
        };
        views.map(start).into()
    }

    pub fn planner(&self) -> Process {
        let deps = self.deps.clone();
        Process::start(|stop| planner::run(deps, stop))
    }

    /// A planner with facts of its own.
    pub fn planner_knowing(&self, facts: &Arc<Facts>, heard: &Arc<Heard>) -> Process {
        let deps = Deps { facts: Arc::clone(facts), heard: Arc::clone(heard), ..self.deps.clone() };
        Process::start(|stop| planner::run(deps, stop))
    }

    pub fn notifier(&self) -> Process {
        let url: MailUrl = format!("file:{}", self.outbox.display()).parse().expect("a url");
        let public_url = "https://club.example".to_owned();
        let outbox = Outbox {
            mail: Mail::open(&url, &self.outbox).expect("an outbox"),
            postmark: Postmark::new(&public_url, None).expect("a sender"),
            public_url,
        };
        let deps = self.deps.clone();
        Process::start(|stop| ledger::run(deps, outbox, stop))
    }

    pub fn janitor(&self) -> Process {
        let deps = self.deps.clone();
        Process::start(|stop| janitor::run(deps, stop))
    }

    pub fn key_keeper(&self) -> Process {
        let deps = self.deps.clone();
        Process::start(|stop| key_keeper::run(deps, stop))
    }

    /// Registers a person through the decider, which must be projected.
    pub async fn register(&self, name: &str) -> ActorId {
        let person: ActorId = self.id();
        self.deps.runner.keys.create(person).await.expect("a key");
        let sealer = self.deps.runner.keys.sealer(person).await.expect("a sealer");
        let request = self.mint().event_id();
        let seal = |event: Uuid, text: &str| sealer.seal(self.mint(), event, text);
        let body = RegistrationRequested {
            by: None,
            person,
            username_fp: Fingerprint(self.mint().random()),
            email_fp: Fingerprint(self.mint().random()),
            email: seal(request, &format!("{}@example.org", name.to_lowercase())),
            password_hash: seal(request, "$argon2id$"),
            username: seal(registered_id(request), name),
            name: seal(registered_id(request), name),
        };
        let event = Event { id: request, ..self.event(IDENTITY_KEY.to_owned(), body) };
        self.append_event(Topic::Identity, event).await;
        until("the person is known", async || self.deps.facts.look(self.mint().now_ms()).knows(person)).await;
        person
    }

    /// A person who can neither sign in nor be written to, and whose name nobody can read.
    pub async fn register_bare(&self) -> ActorId {
        let person: ActorId = self.id();
        self.deps.runner.keys.destroy(person).await.expect("a tombstone");
        let sealed: Sealed = aredvi_events::DataKey::new([1; 32]).seal(person, Uuid::nil(), [1; 24], "x");
        let (username, name) = (sealed.clone(), sealed);
        let body = aredvi_events::actors::PersonRegistered { by: None, person, request: Uuid::nil(), username, name };
        self.append(Topic::Actors, person, body).await;
        person
    }

    pub fn id<T: From<Id>>(&self) -> T {
        self.mint().id().expect("an id").into()
    }

    /// A text of `actor` that nobody opens.
    pub fn sealed(&self, actor: ActorId) -> Sealed {
        aredvi_events::DataKey::new([1; 32]).seal(actor, Uuid::nil(), self.mint().random(), "hello")
    }

    pub fn event(&self, key: String, body: impl Into<Body>) -> Event {
        Event {
            id: self.mint().event_id(),
            key,
            time_ms: self.mint().now_ms(),
            source: self.deps.runner.journal.id(),
            origin: Origin::Here,
            traceparent: None,
            body: body.into(),
        }
    }

    pub async fn append(&self, topic: Topic, key: impl ToString, body: impl Into<Body>) -> Event {
        let event = self.event(key.to_string(), body);
        self.append_event(topic, event.clone()).await;
        event
    }

    pub async fn append_event(&self, topic: Topic, event: Event) {
        self.append_all(topic, &[event]).await;
    }

    pub async fn append_all(&self, topic: Topic, events: &[Event]) {
        let records = events.iter().map(|event| codec::encode(topic, event).expect("encodes")).collect();
        self.deps.runner.journal.append(records).await.expect("appended");
    }

    /// Waits until the planner has read all that is on the journal.
    pub async fn planned(&self) {
        self.settle(&Planner::born(&self.deps, Positions::new())).await;
    }

    /// Waits until the ledger has read all that is on the journal.
    pub async fn booked(&self) {
        self.settle(&Ledger::born(Positions::new())).await;
    }

    /// Waits until a view has read all that is on the journal.
    pub async fn settle(&self, view: &dyn View) {
        let reader = self.reader(view).await;
        let ends = self.deps.runner.journal.ends(view.topics()).await.expect("ends");
        assert!(reader.wait_for(&ends, PATIENCE).await, "{} does not settle", view.name());
    }

    /// Makes a view again from the log, beside the one that serves.
    pub async fn rebuild(&self, view: Arc<dyn View>) -> Rebuilt {
        Rebuild::new(view, self.deps.runner.clone()).rebuild(false, &|_| (), &self.stop).await.expect("rebuilt")
    }

    /// Loses the schema of a view and all that is known of it.
    pub async fn lose(&self, view: &dyn View) {
        let schema = generation_schema(view.name(), 1);
        Db::drop_schema(&self.engines.db, &schema).await.expect("dropped");
        let forget = "DELETE FROM generations WHERE view_name = ?";
        self.deps.runner.control.db().execute(forget, vec![view.name().into()]).await.expect("forgotten");
    }

    pub async fn reader(&self, view: &dyn View) -> ViewReader {
        let sizes = PoolSizes { write: 1, read: 1 };
        ViewReader::open(view, &[view.schema_version()], &self.deps.runner, sizes).await
    }

    /// Every event of a topic.
    pub async fn log(&self, topic: Topic) -> Vec<Event> {
        let journal = &self.deps.runner.journal;
        let ends = journal.ends(&[topic]).await.expect("ends");
        let mut tail = journal.tail(&journal.starts(&[topic]).await.expect("starts")).await.expect("a tail");
        let limits = BatchLimits { wait: Duration::from_millis(50), ..BatchLimits::default() };
        let mut events = Vec::new();
        while !tail.positions().covers(&ends, &[topic]) {
            let stored = tail.next(&limits).await.expect("read");
            events.extend(stored.iter().map(|stored| codec::decode(stored).expect("an event").event));
        }
        events
    }

    /// What was raised, by recipient and notification; each once however often it stands on the journal.
    pub async fn raised(&self) -> BTreeMap<(ActorId, u64), NotificationRaised> {
        let raised = self.log(Topic::Notifications).await.into_iter().filter_map(|event| {
            let Body::Notifications(NotificationEvent::NotificationRaised(e)) = event.body else { return None };
            Some(((e.recipient, e.notification.get()), e))
        });
        raised.collect()
    }

    /// What came of deliveries.
    pub async fn deliveries(&self) -> Vec<DeliveryEvent> {
        let events = self.log(Topic::Deliveries).await.into_iter();
        events.filter_map(|event| if let Body::Deliveries(delivery) = event.body { Some(delivery) } else { None }).collect()
    }

    /// Waits until so many deliveries have ended; what came of them.
    pub async fn delivered(&self, count: usize) -> Vec<DeliveryEvent> {
        until("deliveries end", async || self.deliveries().await.len() >= count).await;
        self.deliveries().await
    }

    /// The messages in the outbox, by file name.
    pub fn mails(&self) -> BTreeMap<String, String> {
        let Ok(entries) = std::fs::read_dir(&self.outbox) else { return BTreeMap::new() };
        let mail = |path: PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            name.ends_with(".eml").then(|| (name, std::fs::read_to_string(&path).expect("a mail")))
        };
        entries.filter_map(|entry| mail(entry.expect("an entry").path())).collect()
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let clock = Clock::default();
    let wait = async {
        while !so().await {
            clock.sleep(Duration::from_millis(10)).await;
        }
    };
    clock.timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}
