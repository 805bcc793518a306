//! What happens in the community of a run: records in the order in which one client appends them.

use std::collections::BTreeSet;

use aredvi_events::actors::{
    Access, ActorEvent, PersonDisabled, PersonEnabled, PersonRegistered, PrivacyChanged, ProfileChanged,
};
use aredvi_events::fingerprint::Fingerprint;
use aredvi_events::graph::{
    Blocked, FollowRequestEnded, FollowRequested, Followed, GraphEvent, Subscribed, Unblocked, Unfollowed, Unsubscribed,
};
use aredvi_events::identity::{
    EmailRequested, ErasureRequested, HandleRequested, IdentityEvent, PasswordRequested, RegistrationRequested, Role,
    RolesRequested, handle_changed_id, registered_id,
};
use aredvi_events::media::{
    AccessChanged, CommentAdded, CommentDeleted, CommentEdited, CommentUnvoted, CommentVoted, MediaEvent, MediumDeleted,
    MediumSubscribed, MediumUnsubscribed, MediumUnvoted, MediumVoted, NoteAdded, NoteEdited,
};
use aredvi_events::notifications::{NotificationDismissed, NotificationEvent, NotificationRaised, NotificationsRead, Verb};
use aredvi_events::topic::{IDENTITY_KEY, pair_key};
use aredvi_events::{ActorId, Body, DataKey, Event, Id, JournalId, MediumId, Origin, Record, Sealed, Topic, codec};
use uuid::Uuid;

use crate::chance::Chance;

/// People who ask the decider for all they are: their facts are derived alone.
pub const DECIDED: std::ops::Range<u64> = 1..6;
/// People whose facts the client appends.
pub const GIVEN: std::ops::Range<u64> = 11..16;
/// The owner of every page that media stand on.
const OWNER: u64 = 90;
/// Everybody who writes.
pub fn everybody() -> Vec<ActorId> {
    DECIDED.chain(GIVEN).chain([OWNER]).map(id).collect()
}

/// A community in the making.
pub struct Community<'a> {
    chance: &'a Chance,
    journal: JournalId,
    key: Box<dyn Fn(ActorId) -> DataKey + Send + 'a>,
    made: u64,
    begun: BTreeSet<(u8, u64, u64)>,
}

fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("in range").into()
}

impl<'a> Community<'a> {
    pub fn new(chance: &'a Chance, journal: JournalId, key: impl Fn(ActorId) -> DataKey + Send + 'a) -> Self {
        Self { chance, journal, key: Box::new(key), made: 0, begun: BTreeSet::new() }
    }

    /// What happens next: one record, or a few that belong together.
    pub fn next(&mut self, with_identity: bool) -> Vec<Record> {
        match self.chance.below(if with_identity { 12 } else { 10 }) {
            0..=2 => self.pair(),
            3..=6 => self.medium(),
            7..=8 => self.told(),
            9 => self.profile(),
            _ => self.asked(),
        }
    }

    fn next_id(&self) -> Uuid {
        Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 + u128::from(self.made) + 1)
    }

    fn seal(&self, actor: ActorId, event: Uuid, text: &str) -> Sealed {
        (self.key)(actor).seal(actor, event, [9; 24], text)
    }

    fn record(&mut self, topic: Topic, key: impl ToString, body: impl Into<Body>) -> Record {
        let event = Event {
            id: self.next_id(),
            key: key.to_string(),
            time_ms: crate::sky::BEGIN_MS + 1_000 * i64::try_from(self.made).expect("few"),
            source: self.journal,
            origin: Origin::Here,
            traceparent: None,
            body: body.into(),
        };
        self.made += 1;
        codec::encode(topic, &event).expect("encodes")
    }

    fn number(&self, of: std::ops::Range<u64>) -> u64 {
        of.start + self.chance.below(of.end - of.start)
    }

    fn pair(&mut self) -> Vec<Record> {
        let (from, to) = (self.number(1..6), self.number(1..6));
        let (one, other): (ActorId, ActorId) = (id(from), id(if from == to { 1 + to % 5 } else { to }));
        let by = Some(one);
        let minted = 10_000 + self.made;
        let event: GraphEvent = match self.chance.below(10) {
            0..=2 => Followed { by, follower: one, leader: other, story: id(minted) }.into(),
            3 => Unfollowed { by, follower: one, leader: other }.into(),
            4 => FollowRequested { by, requester: one, leader: other, notice: id(minted) }.into(),
            5 => FollowRequestEnded { by, requester: one, leader: other }.into(),
            6 => Blocked { by, blocker: one, blocked: other }.into(),
            7 => Unblocked { by, blocker: one, blocked: other }.into(),
            8 => Subscribed { by, subscriber: one, actor: other }.into(),
            _ => Unsubscribed { by, subscriber: one, actor: other }.into(),
        };
        vec![self.record(Topic::Graph, pair_key(one, other), event)]
    }

    fn medium(&mut self) -> Vec<Record> {
        let (number, person, comment) = (self.number(1..6), self.number(1..6), self.number(1..4));
        let medium: MediumId = id(1_000 + number);
        let mut records = Vec::new();
        if self.begun.insert((0, number, 0)) {
            records.push(self.on_medium(0, medium, number, person, comment));
        }
        let what = 1 + self.chance.below(12);
        if what >= 8 && self.begun.insert((1, number, comment)) {
            records.push(self.on_medium(8, medium, number, person, comment));
        }
        records.push(self.on_medium(what, medium, number, person, comment));
        records
    }

    fn on_medium(&mut self, what: u64, medium: MediumId, number: u64, person: u64, comment: u64) -> Record {
        let (by, owner, author): (Option<ActorId>, ActorId, ActorId) = (Some(id(person)), id(OWNER), id(person));
        let minted = 10_000 + self.made;
        let text = *self.chance.one_of(&["", "a #sea", "to the #river", "b"]);
        let body = self.seal(author, self.next_id(), text);
        let hashtags = text.split('#').nth(1).map(|tag| self.seal(author, self.next_id(), tag));
        let mentions: Vec<ActorId> = if what == 0 { vec![id(self.number(1..6))] } else { vec![] };
        let (commented, story) = (id(2_000 + 10 * number + comment), id(4_000 + 10 * number + comment));
        let event: MediaEvent = match what {
            0 => {
                let (access, story) = (Access::Public, id(minted));
                NoteAdded { by, medium, owner, author, access, body, hashtags, mentions, story }.into()
            }
            1 => NoteEdited { by, medium, owner, body, hashtags, mentions, notice: id(minted) }.into(),
            2 => {
                let access = *self.chance.one_of(&Access::ALL);
                AccessChanged { by, medium, owner, access }.into()
            }
            3 if self.chance.comes(30_000) => MediumDeleted { by, medium, owner }.into(),
            3 | 4 => MediumVoted { by, medium, owner, voter: author, notice: id(minted) }.into(),
            5 => MediumUnvoted { by, medium, owner, voter: author }.into(),
            6 => MediumSubscribed { by, medium, owner, subscriber: author }.into(),
            7 => MediumUnsubscribed { by, medium, owner, subscriber: author }.into(),
            8 => CommentAdded { by, medium, owner, comment: commented, author, body, hashtags, mentions, story }.into(),
            9 => CommentEdited { by, medium, owner, comment: commented, body, hashtags, mentions, notice: id(minted) }.into(),
            10 => CommentDeleted { by, medium, owner, comment: commented, story }.into(),
            11 => CommentVoted { by, medium, owner, comment: commented, voter: author }.into(),
            _ => CommentUnvoted { by, medium, owner, comment: commented, voter: author }.into(),
        };
        self.record(Topic::Media, medium, event)
    }

    fn told(&mut self) -> Vec<Record> {
        let (person, number) = (self.number(1..6), self.number(1..6));
        let mut records = Vec::new();
        if self.begun.insert((2, person, number)) {
            records.push(self.tell(0, person, number));
        }
        let what = self.chance.below(4);
        records.push(self.tell(what, person, number));
        records
    }

    fn tell(&mut self, what: u64, person: u64, number: u64) -> Record {
        let (recipient, notification) = (id(person), id(3_000 + number));
        let by = Some(recipient);
        let event: NotificationEvent = match what {
            0 => NotificationRaised {
                by: None,
                recipient,
                notification,
                verb: Verb::NoteComment,
                subject: id(80),
                medium: Some(id(1_000)),
                actor: id(OWNER),
                comment: Some(id(2_000)),
                cause: Uuid::from_u128(1 << 100),
                cause_time: crate::sky::BEGIN_MS - 5,
            }
            .into(),
            1 => NotificationsRead { by, recipient, through: Some(notification), ids: vec![] }.into(),
            2 => NotificationsRead { by, recipient, through: None, ids: vec![notification] }.into(),
            _ => NotificationDismissed { by, recipient, notification }.into(),
        };
        self.record(Topic::Notifications, recipient, event)
    }

    fn profile(&mut self) -> Vec<Record> {
        let number = self.number(GIVEN);
        let person: ActorId = id(number);
        let by = Some(person);
        let mut records = Vec::new();
        if self.begun.insert((3, number, 0)) {
            let request = Uuid::from_u128(1 << 100);
            let username = self.seal(person, self.next_id(), &format!("user{number}"));
            let name = self.seal(person, self.next_id(), "Ana María");
            let event: ActorEvent = PersonRegistered { by: None, person, request, username, name }.into();
            records.push(self.record(Topic::Actors, person, event));
        }
        let event: ActorEvent = match self.chance.below(4) {
            0 => {
                let name: &&str = self.chance.one_of(&["Ben", "Cem Smith-Jones"]);
                let name = Some(self.seal(person, self.next_id(), name));
                ProfileChanged { by, person, name, bio: None, language: None, time_zone: None }.into()
            }
            1 => {
                let access = Some(*self.chance.one_of(&Access::ALL));
                PrivacyChanged { by, person, access, allow_follow_requests: Some(self.chance.comes(50_000)) }.into()
            }
            2 => PersonDisabled { by: None, person }.into(),
            _ => PersonEnabled { by: None, person }.into(),
        };
        records.push(self.record(Topic::Actors, person, event));
        records
    }

    fn asked(&mut self) -> Vec<Record> {
        let number = self.number(DECIDED);
        let (person, name, email): (ActorId, u64, u64) = (id(number), self.chance.below(4), self.chance.below(4));
        let by = Some(person);
        let first = self.begun.insert((4, number, 0));
        let next = self.next_id();
        let fingerprint = |kind: u64, number: u64| {
            let mut bytes = [u8::try_from(number).expect("small"); 32];
            bytes[0] = u8::try_from(kind).expect("small");
            Fingerprint(bytes)
        };
        let event: IdentityEvent = match if first { 0 } else { self.chance.below(6) } {
            0 => RegistrationRequested {
                by: None,
                person,
                username_fp: fingerprint(1, name),
                email_fp: fingerprint(2, email),
                email: self.seal(person, next, &format!("{email}@x.org")),
                password_hash: self.seal(person, next, "first"),
                username: self.seal(person, registered_id(next), &format!("user{name}")),
                name: self.seal(person, registered_id(next), "A name"),
            }
            .into(),
            1 => {
                let username = self.seal(person, handle_changed_id(next), &format!("user{name}"));
                HandleRequested { by, person, username_fp: fingerprint(1, name), username }.into()
            }
            2 => {
                let sealed = self.seal(person, next, &format!("{email}@x.org"));
                EmailRequested { by, person, email_fp: fingerprint(2, email), email: sealed }.into()
            }
            3 => {
                let password_hash = self.seal(person, next, "after");
                PasswordRequested { by, person, password_hash, keep_session: None }.into()
            }
            4 => {
                let roles = if name % 2 == 0 { vec![Role::Administrator] } else { vec![] };
                RolesRequested { by: None, person, roles }.into()
            }
            _ => ErasureRequested { by, person }.into(),
        };
        vec![self.record(Topic::Identity, IDENTITY_KEY, event)]
    }
}
