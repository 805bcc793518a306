//! The community as events: history brought in, so that nobody is told of it.

use std::collections::HashMap;

use anyhow::Context as _;
use aredvi_events::actors::Access;
use aredvi_events::codec;
use aredvi_events::fingerprint::FingerprintKey;
use aredvi_events::graph::{Followed, Subscribed};
use aredvi_events::identity::{RegistrationRequested, registered_id};
use aredvi_events::media::{MediumVoted, NoteAdded};
use aredvi_events::notifications::{NotificationRaised, Verb};
use aredvi_events::sessions::SessionOpened;
use aredvi_events::topic::{IDENTITY_KEY, pair_key};
use aredvi_events::{ActorId, Body, DataKey, Event, JournalId, Mint, Origin, Record, Topic};
use uuid::Uuid;

use super::{Community, PAGE, Random, ids};

/// When history began: 2026-01-01, Unix milliseconds.
const BEGAN_MS: i64 = 1_767_225_600_000;
/// Between two events of one kind, in milliseconds.
const STEP_MS: i64 = 1;
/// How long a session lasts, in milliseconds: 90 days.
const SESSION_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// One note in so many is liked by somebody.
const LIKED_ONE_IN: u64 = 4;

/// The kinds of events, each with event ids of its own.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Registration = 1,
    Follow,
    Subscription,
    Note,
    Vote,
    Notification,
    Session,
}

/// Writes the community's events.
pub struct Historian<'a> {
    community: &'a Community,
    journal: JournalId,
    mint: &'a Mint,
    fingerprints: &'a FingerprintKey,
    password_hash: &'a str,
}

/// The data keys of some people.
pub type Keys = HashMap<ActorId, DataKey>;

impl<'a> Historian<'a> {
    /// For a journal.
    pub const fn new(
        community: &'a Community,
        journal: JournalId,
        mint: &'a Mint,
        fingerprints: &'a FingerprintKey,
        password_hash: &'a str,
    ) -> Self {
        Self { community, journal, mint, fingerprints, password_hash }
    }

    /// A person's registration, for the decider.
    pub fn registration(&self, person: usize, keys: &Keys) -> anyhow::Result<Record> {
        let (id, actor) = (self.event_id(Kind::Registration, person as u64), self.community.id(person));
        let (username, email) = (Community::username(person), Community::email(person));
        let key = keys.get(&actor).with_context(|| no_key(actor))?;
        let seal = |event, text: &str| key.seal(actor, event, self.mint.random(), text);
        let requested = RegistrationRequested {
            by: None,
            person: actor,
            username_fp: self.fingerprints.username(&username),
            email_fp: self.fingerprints.email(&email)?,
            email: seal(id, &email),
            password_hash: seal(id, self.password_hash),
            username: seal(registered_id(id), &username),
            name: seal(registered_id(id), &format!("Member {person}")),
        };
        self.record(Topic::Identity, IDENTITY_KEY.to_owned(), id, time(person as u64), requested)
    }

    /// Everything a person follows.
    pub fn follows(&self, person: usize) -> impl Iterator<Item = anyhow::Result<Record>> {
        let follower = self.community.id(person);
        self.community.leaders(person).into_iter().enumerate().map(move |(nth, leader)| {
            let (leader, story) = (self.community.id(leader), ids::follow(person, nth));
            let followed = Followed { by: Some(follower), follower, leader, story };
            let id = self.event_id(Kind::Follow, story.get());
            self.record(Topic::Graph, pair_key(follower, leader), id, time(person as u64), followed)
        })
    }

    /// A subscription to the page that many subscribe to.
    pub fn subscription(&self, person: usize) -> anyhow::Result<Record> {
        let (subscriber, actor) = (self.community.id(person), self.community.id(PAGE));
        let id = self.event_id(Kind::Subscription, person as u64);
        let subscribed = Subscribed { by: Some(subscriber), subscriber, actor };
        self.record(Topic::Graph, pair_key(subscriber, actor), id, time(person as u64), subscribed)
    }

    /// Who wrote the note of a number.
    pub fn author(&self, note: u64) -> usize {
        let people = self.community.people() as u64;
        let chosen = Random::new(self.community.sizes.seed, stream(Kind::Note, note)).below(people);
        usize::try_from(chosen).unwrap_or(0)
    }

    /// A note on its author's page, and sometimes who likes it.
    pub fn note(&self, note: u64, keys: &Keys) -> anyhow::Result<Vec<Record>> {
        let (id, medium) = (self.event_id(Kind::Note, note), ids::medium(note));
        let author = self.community.id(self.author(note));
        let key = keys.get(&author).with_context(|| no_key(author))?;
        let added = NoteAdded {
            by: Some(author),
            medium,
            owner: author,
            author,
            access: Access::Public,
            body: key.seal(author, id, self.mint.random(), &text(note)),
            hashtags: None,
            mentions: Vec::new(),
            story: ids::story(note),
        };
        let mut records = vec![self.record(Topic::Media, medium.to_string(), id, time(note), added)?];
        if note.is_multiple_of(LIKED_ONE_IN) {
            let voter = self.community.id(self.author(note + 1));
            let voted = MediumVoted { by: Some(voter), medium, owner: author, voter, notice: ids::notification(note) };
            let id = self.event_id(Kind::Vote, note);
            records.push(self.record(Topic::Media, medium.to_string(), id, time(note), voted)?);
        }
        Ok(records)
    }

    /// A mention in one of the notes, told to somebody.
    pub fn notification(&self, n: u64) -> anyhow::Result<Record> {
        let sizes = &self.community.sizes;
        let mut random = Random::new(sizes.seed, stream(Kind::Notification, n));
        let people = sizes.people as u64;
        let recipient = self.community.id(usize::try_from(random.below(people)).unwrap_or(0));
        let note = random.below(sizes.stories.max(1));
        let author = self.community.id(self.author(note));
        let raised = NotificationRaised {
            by: None,
            recipient,
            notification: ids::notification((1 << 36) + n),
            verb: Verb::ActorMention,
            subject: author,
            medium: Some(ids::medium(note)),
            actor: author,
            comment: None,
            cause: self.event_id(Kind::Note, note),
            cause_time: time(note),
        };
        self.record(Topic::Notifications, recipient.to_string(), self.event_id(Kind::Notification, n), time(n), raised)
    }

    /// A person's session, opened now.
    pub fn session(&self, person: usize) -> anyhow::Result<Record> {
        let (actor, now) = (self.community.id(person), self.mint.now_ms());
        let opened = SessionOpened {
            by: Some(actor),
            person: actor,
            session: ids::session(person),
            token_hash: self.community.token(person).hash().as_str().to_owned(),
            device: "bench".to_owned(),
            expires_at: now + SESSION_MS,
        };
        self.record(Topic::Sessions, actor.to_string(), self.event_id(Kind::Session, person as u64), now, opened)
    }

    fn event_id(&self, kind: Kind, n: u64) -> Uuid {
        let mut random = Random::new(self.community.sizes.seed ^ 1, stream(kind, n));
        let (high, low) = (random.next().to_be_bytes(), random.next().to_be_bytes());
        let chance = [high[0], high[1], low[0], low[1], low[2], low[3], low[4], low[5], low[6], low[7]];
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(time(n)).unwrap_or(0), &chance).into_uuid()
    }

    fn record(&self, topic: Topic, key: String, id: Uuid, time_ms: i64, body: impl Into<Body>) -> anyhow::Result<Record> {
        let (source, origin, body) = (self.journal, Origin::Import, body.into());
        Ok(codec::encode(topic, &Event { id, key, time_ms, source, origin, traceparent: None, body })?)
    }
}

fn no_key(actor: ActorId) -> String {
    format!("the key of actor {actor} is not at hand")
}

/// The stream of chance of an event.
const fn stream(kind: Kind, n: u64) -> u64 {
    (kind as u64 + 16) << 44 | n
}

fn time(n: u64) -> i64 {
    BEGAN_MS + i64::try_from(n).unwrap_or(0) * STEP_MS
}

/// What a note says: the length of a usual one, 140 characters.
fn text(note: u64) -> String {
    const WORDS: &str = "the river rose over night and we carried the boats up to the old mill where the lamps were still on and nobody slept until";
    format!("Note {note:>9}: {WORDS}")
}
