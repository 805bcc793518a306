//! One event of every type as this program writes it, the same at every run: no clock, no chance.
//!
//! A new type, or a new version of one, gets its line here. Optional fields are filled.

use aredvi_events::actors::{self, Access, Cleared, Refusal};
use aredvi_events::codec::EventDropped;
use aredvi_events::deliveries::{Channel, DeliveryFailed, DeliverySent, DeliverySuppressed, Suppression};
use aredvi_events::fingerprint::FingerprintKey;
use aredvi_events::identity::{self, Role, handle_changed_id, registered_id};
use aredvi_events::media::{self, MediumUnvoted, MediumVoted};
use aredvi_events::mint::derived_id;
use aredvi_events::notifications::{NotificationDismissed, NotificationRaised, NotificationsRead, Verb};
use aredvi_events::sessions::{SessionOpened, SessionRevoked};
use aredvi_events::topic::{IDENTITY_KEY, pair_key};
use aredvi_events::{ActorId, Body, DataKey, Event, Id, JournalId, Origin, Sealed, Topic, graph};
use uuid::Uuid;

/// The data key of everybody in the samples.
pub const KEY: DataKey = DataKey::new([7; 32]);
const FINGERPRINTS: FingerprintKey = FingerprintKey::new([8; 32]);
/// 2026-11-22T00:00:00Z, and the first id of that millisecond.
const TIME_MS: i64 = 1_795_305_600_000;
const FIRST_ID: u64 = 117_776_056_320_000_000;
const ANA: u64 = 1;
const BEN: u64 = 2;
const NOTE: u64 = 3;
const COMMENT: u64 = 4;
const STORY: u64 = 5;
const NOTICE: u64 = 6;
const SESSION: u64 = 7;

/// One of each, with its topic.
pub fn today() -> Vec<(Topic, Event)> {
    [on_identity(), on_actors(), on_sessions(), on_graph(), on_media(), on_notifications(), on_deliveries(), on_any()].concat()
}

fn on_identity() -> Vec<(Topic, Event)> {
    let (by, person) = (Some(ana()), ana());
    [
        (1, identity::JournalCreated { by: None }.into()),
        (
            2,
            identity::RegistrationRequested {
                by: None,
                person,
                username_fp: FINGERPRINTS.username("ana"),
                email_fp: FINGERPRINTS.email("ana@club.example").expect("an address"),
                email: sealed(event_id(2), 1, "ana@club.example"),
                password_hash: sealed(event_id(2), 2, "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"),
                username: sealed(registered_id(event_id(2)), 3, "ana"),
                name: sealed(registered_id(event_id(2)), 4, "Ana"),
            }
            .into(),
        ),
        (
            3,
            identity::HandleRequested {
                by,
                person,
                username_fp: FINGERPRINTS.username("ana2"),
                username: sealed(handle_changed_id(event_id(3)), 5, "ana2"),
            }
            .into(),
        ),
        (
            4,
            identity::EmailRequested {
                by,
                person,
                email_fp: FINGERPRINTS.email("ana@other.example").expect("an address"),
                email: sealed(event_id(4), 6, "ana@other.example"),
            }
            .into(),
        ),
        (
            5,
            identity::PasswordRequested {
                by,
                person,
                password_hash: sealed(event_id(5), 7, "$argon2id$v=19$m=19456,t=2,p=1$c2FsdB$aGFzaB"),
                keep_session: Some(id(SESSION).into()),
            }
            .into(),
        ),
        (6, identity::RolesRequested { by: None, person, roles: vec![Role::Administrator] }.into()),
        (7, identity::ErasureRequested { by, person }.into()),
    ]
    .map(|(number, body)| event(Topic::Identity, IDENTITY_KEY, number, body))
    .into()
}

fn on_actors() -> Vec<(Topic, Event)> {
    let (by, person, request) = (Some(ana()), ana(), event_id(2));
    let cleared = ["data_key", "sessions", "media_g1"].map(|place| Cleared { place: place.to_owned(), at_ms: TIME_MS }).to_vec();
    [
        (
            registered_id(request),
            actors::PersonRegistered {
                by: None,
                person,
                request,
                username: sealed(registered_id(request), 3, "ana"),
                name: sealed(registered_id(request), 4, "Ana"),
            }
            .into(),
        ),
        (event_id(11), actors::RegistrationRefused { by: None, person, request, code: Refusal::UsernameTaken }.into()),
        (event_id(12), actors::RequestRefused { by, person, request, code: Refusal::EmailTaken }.into()),
        (
            handle_changed_id(event_id(3)),
            actors::HandleChanged {
                by,
                person,
                request: event_id(3),
                username: sealed(handle_changed_id(event_id(3)), 5, "ana2"),
            }
            .into(),
        ),
        (event_id(14), actors::EmailChanged { by, person, request }.into()),
        (event_id(15), actors::PasswordChanged { by, person, request, keep_session: Some(id(SESSION).into()) }.into()),
        (event_id(16), actors::RolesChanged { by: None, person, request, roles: vec![Role::Administrator] }.into()),
        (
            event_id(17),
            actors::ProfileChanged {
                by,
                person,
                name: Some(sealed(event_id(17), 8, "Ana of the river")),
                bio: Some(sealed(event_id(17), 9, "Water, mostly.")),
                language: Some("en".to_owned()),
                time_zone: Some("Europe/Berlin".to_owned()),
            }
            .into(),
        ),
        (
            event_id(18),
            actors::PrivacyChanged { by, person, access: Some(Access::Followers), allow_follow_requests: Some(true) }.into(),
        ),
        (event_id(19), actors::PersonDisabled { by: Some(ben()), person }.into()),
        (event_id(20), actors::PersonEnabled { by: Some(ben()), person }.into()),
        (event_id(21), actors::PersonErased { by, person, request }.into()),
        (event_id(22), actors::ErasureCompleted { by, person, cleared }.into()),
    ]
    .map(|(id, body)| event_with_id(Topic::Actors, &person.to_string(), id, body))
    .into()
}

fn on_sessions() -> Vec<(Topic, Event)> {
    let (by, person, session) = (Some(ana()), ana(), id(SESSION).into());
    let token_hash = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned();
    let device = "a browser".to_owned();
    let expires_at = TIME_MS + 30 * 24 * 3_600_000;
    [
        (31, SessionOpened { by, person, session, token_hash, device, expires_at }.into()),
        (32, SessionRevoked { by, person, session }.into()),
    ]
    .map(|(number, body)| event(Topic::Sessions, &person.to_string(), number, body))
    .into()
}

fn on_graph() -> Vec<(Topic, Event)> {
    let (by, ana, ben) = (Some(ana()), ana(), ben());
    [
        (41, graph::Followed { by, follower: ana, leader: ben, story: id(STORY).into() }.into()),
        (42, graph::Unfollowed { by, follower: ana, leader: ben }.into()),
        (43, graph::FollowRequested { by, requester: ana, leader: ben, notice: id(NOTICE).into() }.into()),
        (44, graph::FollowRequestEnded { by, requester: ana, leader: ben }.into()),
        (45, graph::Blocked { by, blocker: ana, blocked: ben }.into()),
        (46, graph::Unblocked { by, blocker: ana, blocked: ben }.into()),
        (47, graph::Subscribed { by, subscriber: ana, actor: ben }.into()),
        (48, graph::Unsubscribed { by, subscriber: ana, actor: ben }.into()),
    ]
    .map(|(number, body)| event(Topic::Graph, &pair_key(ana, ben), number, body))
    .into()
}

fn on_media() -> Vec<(Topic, Event)> {
    let (by, author, owner, voter) = (Some(ana()), ana(), ana(), ana());
    let (medium, comment, story, notice) = (id(NOTE).into(), id(COMMENT).into(), id(STORY).into(), id(NOTICE).into());
    let subscriber = ben();
    let mentions = vec![ben()];
    let text = |number, nonce| {
        let body = sealed(event_id(number), nonce, "Down to the #river, @ben!");
        (body, Some(sealed(event_id(number), nonce + 1, "river")))
    };
    let (note, note_tags) = text(51, 10);
    let (edited, edited_tags) = text(52, 12);
    let (said, said_tags) = text(59, 14);
    let (resaid, resaid_tags) = text(60, 16);
    let access = Access::Public;
    [
        (
            51,
            media::NoteAdded {
                by,
                medium,
                owner,
                author,
                access,
                body: note,
                hashtags: note_tags,
                mentions: mentions.clone(),
                story,
            }
            .into(),
        ),
        (
            52,
            media::NoteEdited { by, medium, owner, body: edited, hashtags: edited_tags, mentions: mentions.clone(), notice }
                .into(),
        ),
        (53, media::AccessChanged { by, medium, owner, access: Access::Mutuals }.into()),
        (54, media::MediumDeleted { by, medium, owner }.into()),
        (55, MediumVoted { by, medium, owner, voter, notice }.into()),
        (56, MediumUnvoted { by, medium, owner, voter }.into()),
        (57, media::MediumSubscribed { by: Some(subscriber), medium, owner, subscriber }.into()),
        (58, media::MediumUnsubscribed { by: Some(subscriber), medium, owner, subscriber }.into()),
        (
            59,
            media::CommentAdded {
                by,
                medium,
                owner,
                comment,
                author,
                body: said,
                hashtags: said_tags,
                mentions: mentions.clone(),
                story,
            }
            .into(),
        ),
        (60, media::CommentEdited { by, medium, owner, comment, body: resaid, hashtags: resaid_tags, mentions, notice }.into()),
        (61, media::CommentDeleted { by, medium, owner, comment, story }.into()),
        (62, media::CommentVoted { by, medium, owner, comment, voter }.into()),
        (63, media::CommentUnvoted { by, medium, owner, comment, voter }.into()),
    ]
    .map(|(number, body)| event(Topic::Media, &id(NOTE).to_string(), number, body))
    .into()
}

fn on_notifications() -> Vec<(Topic, Event)> {
    let (recipient, notification) = (ben(), id(STORY).into());
    let raised = NotificationRaised {
        by: None,
        recipient,
        notification,
        verb: Verb::ActorMentionComment,
        subject: ana(),
        medium: Some(id(NOTE).into()),
        actor: ana(),
        comment: Some(id(COMMENT).into()),
        cause: event_id(59),
        cause_time: TIME_MS,
    };
    let by = Some(recipient);
    let read = NotificationsRead { by, recipient, through: Some(notification), ids: vec![id(NOTICE).into()] };
    [
        (derived_id(event_id(59), "notification.raised"), raised.into()),
        (event_id(72), read.into()),
        (event_id(73), NotificationDismissed { by, recipient, notification }.into()),
    ]
    .map(|(id, body)| event_with_id(Topic::Notifications, &recipient.to_string(), id, body))
    .into()
}

fn on_deliveries() -> Vec<(Topic, Event)> {
    let (by, recipient, notification, channel) = (None, ben(), id(STORY).into(), Channel::Mail);
    let code = "rejected".to_owned();
    let reason = Suppression::NotVisible;
    [
        (81, DeliverySent { by, recipient, notification, channel }.into()),
        (82, DeliveryFailed { by, recipient, notification, channel, code }.into()),
        (83, DeliverySuppressed { by, recipient, notification, channel, reason }.into()),
    ]
    .map(|(number, body)| event(Topic::Deliveries, &recipient.to_string(), number, body))
    .into()
}

fn on_any() -> Vec<(Topic, Event)> {
    let dropped = EventDropped { by: None, view: "media".to_owned(), event: event_id(51) };
    vec![event(Topic::Media, &id(NOTE).to_string(), 91, dropped.into())]
}

fn event(topic: Topic, key: &str, number: u16, body: Body) -> (Topic, Event) {
    event_with_id(topic, key, event_id(number), body)
}

fn event_with_id(topic: Topic, key: &str, id: Uuid, body: Body) -> (Topic, Event) {
    let event = Event {
        id,
        key: key.to_owned(),
        time_ms: TIME_MS,
        source: JournalId(event_id(1)),
        origin: Origin::Here,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        body,
    };
    (topic, event)
}

/// A UUIDv7 of [`TIME_MS`].
fn event_id(number: u16) -> Uuid {
    let [high, low] = number.to_be_bytes();
    let time = u64::try_from(TIME_MS).expect("after 1970");
    uuid::Builder::from_unix_timestamp_millis(time, &[0, 0, 0, 0, 0, 0, 0, 0, high, low]).into_uuid()
}

fn sealed(event: Uuid, nonce: u8, text: &str) -> Sealed {
    KEY.seal(ana(), event, [nonce; 24], text)
}

fn ana() -> ActorId {
    id(ANA).into()
}

fn ben() -> ActorId {
    id(BEN).into()
}

fn id(number: u64) -> Id {
    Id::new(FIRST_ID + number).expect("in range")
}
