//! A small community on embedded engines: a log, the view with its runner, and the facts that visibility asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aredvi_events::actors::{Access, PersonRegistered, PrivacyChanged};
use aredvi_events::codec::{decode, encode};
use aredvi_events::media::{MediumDeleted, NoteAdded, NoteEdited};
use aredvi_events::{ActorId, Body, Clock, Event, Id, MasterKey, MediumId, Mint, Origin, Positions, Sealed, Stored, Topic};
use aredvi_journal::{Journal, OpenOptions, topics};
use aredvi_projectors::control::Control;
use aredvi_projectors::db::{DbUrl, PoolSizes};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::keys::KeyStore;
use aredvi_projectors::runner::{Deps, Limits, Progress, Rebuild, Rebuilt, Runner, Sites, ViewReader};
use aredvi_projectors::view::View;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use trending::route::{Shown, routes};
use trending::{Trending, queries};
use uuid::Uuid;

/// Two people of the community.
pub const ANA: u64 = 1;
pub const BEN: u64 = 2;
/// No condition takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first note's id.
const FIRST_NOTE: u64 = 1_000;

pub struct World {
    deps: Deps,
    reader: ViewReader,
    facts: Arc<Facts>,
    appended: Mutex<Positions>,
    notes: Mutex<u64>,
    _runner: DropGuard,
    _dir: TempDir,
}

/// A note on its author's own page.
pub struct Note {
    id: MediumId,
    author: ActorId,
    pub added: Event,
}

impl World {
    pub async fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let mint = Mint::new(Clock::default());
        let log = format!("sqlite:{}", dir.path().join("journal.db").display()).parse().expect("a url");
        topics::create(&log, true, &mint).await.expect("topics");
        let db = DbUrl::Embedded { dir: dir.path().to_owned() };
        let deps = Deps {
            journal: Journal::open(&log, OpenOptions { single_broker: true }, &mint).await.expect("a log"),
            sites: Sites::new(db.clone()),
            control: Control::open(&db, mint.clock().clone(), PoolSizes::default()).await.expect("control"),
            keys: KeyStore::open(&db, MasterKey::new([7; 32]), mint.clone(), PoolSizes::default()).await.expect("keys"),
            mint,
            limits: Limits { workers: Some(1), ..Limits::default() },
            progress: Progress::default(),
        };
        let stop = CancellationToken::new();
        let (runner, stopped) = (Runner::new(Arc::new(Trending), deps.clone()), stop.clone());
        tokio::spawn(async move { runner.run(stopped).await });
        let reader = ViewReader::open(&Trending, &[Trending.schema_version()], &deps, PoolSizes::default()).await;
        let (facts, appended, notes) = (Arc::new(Facts::new()), Mutex::default(), Mutex::new(FIRST_NOTE));
        let world = Self { deps, reader, facts, appended, notes, _runner: stop.drop_guard(), _dir: dir };
        for person in [ANA, BEN] {
            world.register(person).await;
        }
        world
    }

    pub fn clock(&self) -> &Clock {
        self.deps.mint.clock()
    }

    /// What `viewer` is told, once the view holds all that was appended.
    pub async fn trending(&self, viewer: Option<u64>) -> Vec<String> {
        self.settle().await;
        let now_ms = self.clock().now_ms();
        self.facts.caught_up(now_ms);
        let db = self.reader.db().expect("serving");
        queries::trending(&db, &self.facts, viewer.map(id), now_ms).await.expect("an answer")
    }

    /// What the route answers somebody who is not signed in, once the view holds all that was appended.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.settle().await;
        self.facts.caught_up(self.clock().now_ms());
        let shown = Shown { reader: self.reader.clone(), facts: Arc::clone(&self.facts), clock: self.clock().clone() };
        let request = Request::get(path).body(axum::body::Body::empty()).expect("a request");
        let response = routes(Arc::new(shown)).oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The number that a query gives.
    pub async fn count(&self, sql: &str) -> i64 {
        self.settle().await;
        let rows = self.reader.db().expect("serving").read(sql, vec![]).await.expect("rows");
        rows[0].int(0).expect("a number")
    }

    pub async fn note(&self, author: u64, hashtags: &str, access: Access) -> Note {
        let number = {
            let mut notes = self.notes.lock().expect("no panic");
            *notes += 1;
            *notes
        };
        let (medium, author, event) = (id::<MediumId>(number), id::<ActorId>(author), self.deps.mint.event_id());
        let body = NoteAdded {
            by: Some(author),
            medium,
            owner: author,
            author,
            access,
            body: self.sealed(author, event, "…").await,
            hashtags: Some(self.sealed(author, event, hashtags).await),
            mentions: Vec::new(),
            story: id(number),
        };
        let added = self.event(event, medium.to_string(), body);
        self.append(vec![added.clone()]).await;
        Note { id: medium, author, added }
    }

    pub async fn edit(&self, note: &Note, hashtags: &str) -> Event {
        let event = self.deps.mint.event_id();
        let body = NoteEdited {
            by: Some(note.author),
            medium: note.id,
            owner: note.author,
            body: self.sealed(note.author, event, "…").await,
            hashtags: Some(self.sealed(note.author, event, hashtags).await),
            mentions: Vec::new(),
            notice: id(note.id.get()),
        };
        let edited = self.event(event, note.id.to_string(), body);
        self.append(vec![edited.clone()]).await;
        edited
    }

    pub async fn delete(&self, note: &Note) {
        let body = MediumDeleted { by: Some(note.author), medium: note.id, owner: note.author };
        self.append(vec![self.event(self.deps.mint.event_id(), note.id.to_string(), body)]).await;
    }

    /// From here on nobody but himself sees what stands on his page.
    pub async fn private_page(&self, person: u64) {
        let person: ActorId = id(person);
        let access = Some(Access::Admins);
        let body = PrivacyChanged { by: Some(person), person, access, allow_follow_requests: None };
        self.append(vec![self.event(self.deps.mint.event_id(), person.to_string(), body)]).await;
    }

    /// Destroys a person's data key.
    pub async fn forget(&self, person: u64) {
        self.settle().await;
        self.deps.keys.destroy(id(person)).await.expect("destroyed");
    }

    pub async fn rebuild(&self) -> Rebuilt {
        let rebuild = Rebuild::new(Arc::new(Trending), self.deps.clone());
        let rebuilt = rebuild.rebuild(false, &|_| (), &CancellationToken::new()).await.expect("rebuilt");
        self.reader.reread().await;
        rebuilt
    }

    pub async fn append(&self, events: Vec<Event>) {
        let records = events.iter().map(|event| encode(topic(event), event).expect("encodes")).collect::<Vec<_>>();
        let places = self.deps.journal.append(records.clone()).await.expect("appended");
        for (place, record) in places.into_iter().zip(records) {
            self.appended.lock().expect("no panic").include(place);
            self.facts.apply(&decode(&Stored { place, record }).expect("decodes"));
        }
    }

    async fn settle(&self) {
        let wanted = self.appended.lock().expect("no panic").clone();
        assert!(self.reader.wait_for(&wanted, PATIENCE).await, "the view is not there within {PATIENCE:?}");
    }

    async fn register(&self, person: u64) {
        let person: ActorId = id(person);
        self.deps.keys.create(person).await.expect("a key");
        let event = self.deps.mint.event_id();
        let (username, name) = (self.sealed(person, event, "somebody").await, self.sealed(person, event, "Somebody").await);
        let body = PersonRegistered { by: None, person, request: event, username, name };
        self.append(vec![self.event(event, person.to_string(), body)]).await;
    }

    async fn sealed(&self, author: ActorId, event: Uuid, text: &str) -> Sealed {
        let sealer = self.deps.keys.sealer(author).await.expect("a key");
        sealer.seal(&self.deps.mint, event, text)
    }

    fn event(&self, id: Uuid, key: String, body: impl Into<Body>) -> Event {
        let (time_ms, source) = (self.clock().now_ms(), self.deps.journal.id());
        Event { id, key, time_ms, source, origin: Origin::Here, traceparent: None, body: body.into() }
    }
}

fn topic(event: &Event) -> Topic {
    if matches!(event.body, Body::Media(_)) { Topic::Media } else { Topic::Actors }
}

fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("an id").into()
}
