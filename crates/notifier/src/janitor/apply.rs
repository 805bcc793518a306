//! What each event does to the rows. Nothing is read: what a row says too much makes an event that others ignore.

use std::collections::BTreeMap;

use aredvi_events::actors::ActorEvent;
use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::media::MediaEvent;
use aredvi_events::sessions::SessionEvent;
use aredvi_events::{ActorId, Body, CommentId, MediumId, SessionId};
use aredvi_projectors::db::{DbError, OnConflict, Tx, Upsert, Value};

use super::causes::Kind;

/// A column of `ties`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Follows,
    Requested,
    Blocks,
    Subscribed,
}

type Subscription = (ActorId, MediumId);

/// What a batch says, the last word of each row.
#[derive(Default)]
pub(super) struct Said {
    opened: Vec<[Value; 3]>,
    revoked: BTreeMap<(ActorId, SessionId), ()>,
    ties: BTreeMap<Tie, BTreeMap<(ActorId, ActorId), bool>>,
    media: Vec<[Value; 3]>,
    deleted_media: BTreeMap<MediumId, ActorId>,
    comments: Vec<[Value; 5]>,
    deleted_comments: BTreeMap<CommentId, [Value; 5]>,
    subscribed: BTreeMap<Subscription, ActorId>,
    chosen: BTreeMap<Subscription, (ActorId, bool)>,
    causes: Vec<[Value; 5]>,
}

impl Said {
    pub(super) fn hear(&mut self, placed: &Placed) {
        match &placed.event.body {
            Body::Actors(event) => self.hear_actor(placed, event),
            Body::Sessions(SessionEvent::SessionOpened(e)) => {
                self.opened.push([e.person.into(), e.session.into(), placed.event.time_ms.into()]);
            }
            Body::Sessions(SessionEvent::SessionRevoked(e)) => {
                self.revoked.insert((e.person, e.session), ());
            }
            Body::Graph(event) => self.hear_graph(event),
            Body::Media(event) => self.hear_media(event),
            Body::Identity(_) | Body::Notifications(_) | Body::Deliveries(_) | Body::Any(_) => {}
        }
    }

    fn hear_actor(&mut self, placed: &Placed, event: &ActorEvent) {
        let (person, kind, keep) = match event {
            ActorEvent::PasswordChanged(e) => (e.person, Kind::PasswordChanged, e.keep_session),
            ActorEvent::PersonDisabled(e) => (e.person, Kind::Disabled, None),
            ActorEvent::PersonErased(e) => (e.person, Kind::Erased, None),
            ActorEvent::PersonRegistered(_)
            | ActorEvent::RegistrationRefused(_)
            | ActorEvent::RequestRefused(_)
            | ActorEvent::HandleChanged(_)
            | ActorEvent::EmailChanged(_)
            | ActorEvent::RolesChanged(_)
            | ActorEvent::ProfileChanged(_)
            | ActorEvent::PrivacyChanged(_)
            | ActorEvent::PersonEnabled(_)
            | ActorEvent::ErasureCompleted(_) => return,
        };
        let event = &placed.event;
        self.causes.push([event.id.into(), person.into(), kind.number().into(), event.time_ms.into(), keep.into()]);
    }

    fn hear_graph(&mut self, event: &GraphEvent) {
        match event {
            GraphEvent::Followed(e) => {
                self.tie(Tie::Follows, (e.follower, e.leader), true);
                self.tie(Tie::Requested, (e.follower, e.leader), false);
            }
            GraphEvent::Unfollowed(e) => {
                self.tie(Tie::Follows, (e.follower, e.leader), false);
                self.tie(Tie::Subscribed, (e.follower, e.leader), false);
            }
            GraphEvent::FollowRequested(e) => self.tie(Tie::Requested, (e.requester, e.leader), true),
            GraphEvent::FollowRequestEnded(e) => self.tie(Tie::Requested, (e.requester, e.leader), false),
            GraphEvent::Blocked(e) => {
                self.tie(Tie::Blocks, (e.blocker, e.blocked), true);
                for pair in [(e.blocker, e.blocked), (e.blocked, e.blocker)] {
                    for tie in [Tie::Follows, Tie::Requested, Tie::Subscribed] {
                        self.tie(tie, pair, false);
                    }
                }
            }
            GraphEvent::Unblocked(e) => self.tie(Tie::Blocks, (e.blocker, e.blocked), false),
            GraphEvent::Subscribed(e) => self.tie(Tie::Subscribed, (e.subscriber, e.actor), true),
            GraphEvent::Unsubscribed(e) => self.tie(Tie::Subscribed, (e.subscriber, e.actor), false),
        }
    }

    fn hear_media(&mut self, event: &MediaEvent) {
        match event {
            MediaEvent::NoteAdded(e) => {
                self.media.push([e.medium.into(), e.owner.into(), e.author.into()]);
                self.subscribe((e.medium, e.owner), [e.author].iter().chain(&e.mentions));
            }
            MediaEvent::NoteEdited(e) => self.subscribe((e.medium, e.owner), &e.mentions),
            MediaEvent::MediumDeleted(e) => {
                self.deleted_media.insert(e.medium, e.owner);
            }
            MediaEvent::MediumVoted(e) => self.subscribe((e.medium, e.owner), &[e.voter]),
            MediaEvent::MediumSubscribed(e) => {
                self.chosen.insert((e.subscriber, e.medium), (e.owner, true));
            }
            MediaEvent::MediumUnsubscribed(e) => {
                self.chosen.insert((e.subscriber, e.medium), (e.owner, false));
            }
            MediaEvent::CommentAdded(e) => {
                self.comments.push([e.comment.into(), e.medium.into(), e.owner.into(), e.author.into(), e.story.into()]);
                self.chosen.insert((e.author, e.medium), (e.owner, true));
                self.subscribe((e.medium, e.owner), &e.mentions);
            }
            MediaEvent::CommentEdited(e) => self.subscribe((e.medium, e.owner), &e.mentions),
            MediaEvent::CommentDeleted(e) => {
                let row = [e.comment.into(), e.medium.into(), e.owner.into(), e.story.into(), true.into()];
                self.deleted_comments.insert(e.comment, row);
            }
            MediaEvent::AccessChanged(_)
            | MediaEvent::MediumUnvoted(_)
            | MediaEvent::CommentVoted(_)
            | MediaEvent::CommentUnvoted(_) => {}
        }
    }

    fn tie(&mut self, tie: Tie, pair: (ActorId, ActorId), stands: bool) {
        self.ties.entry(tie).or_default().insert(pair, stands);
    }

    fn subscribe<'a>(&mut self, (medium, owner): (MediumId, ActorId), who: impl IntoIterator<Item = &'a ActorId>) {
        for &who in who {
            self.subscribed.entry((who, medium)).or_insert(owner);
        }
    }

    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), DbError> {
        tx.upsert(&OPENED, self.opened).await?;
        let revoked = self.revoked.into_keys().map(|(person, session)| [person.into(), session.into(), true.into()]);
        tx.upsert(&REVOKED, revoked.collect::<Vec<[Value; 3]>>()).await?;
        for (tie, pairs) in self.ties {
            let rows = pairs.into_iter().map(|((src, dst), stands)| [src.into(), dst.into(), stands.into()]);
            tx.upsert(tie.shape(), rows.collect::<Vec<[Value; 3]>>()).await?;
        }
        tx.upsert(&ADDED, self.media).await?;
        let deleted = self.deleted_media.into_iter().map(|(medium, owner)| [medium.into(), owner.into(), true.into()]);
        tx.upsert(&DELETED, deleted.collect::<Vec<[Value; 3]>>()).await?;
        tx.upsert(&COMMENTED, self.comments).await?;
        tx.upsert(&UNCOMMENTED, self.deleted_comments.into_values().collect::<Vec<_>>()).await?;
        let subscribed =
            self.subscribed.into_iter().map(|((who, medium), owner)| [who.into(), medium.into(), owner.into(), true.into()]);
        let columns = ["subscriber", "medium", "owner", "stands"];
        tx.insert_ignore("subscriptions", columns, subscribed.collect::<Vec<[Value; 4]>>()).await?;
        let chosen = self.chosen.into_iter();
        let chosen = chosen.map(|((who, medium), (owner, stands))| [who.into(), medium.into(), owner.into(), stands.into()]);
        tx.upsert(&CHOSEN, chosen.collect::<Vec<[Value; 4]>>()).await?;
        tx.insert_ignore("causes", ["cause", "person", "kind", "happened_at", "keep_session"], self.causes).await
    }
}

impl Tie {
    const fn shape(self) -> &'static Upsert {
        match self {
            Self::Follows => &FOLLOWS,
            Self::Requested => &REQUESTED,
            Self::Blocks => &BLOCKS,
            Self::Subscribed => &SUBSCRIBED,
        }
    }
}

const fn tie(column: &'static [(&'static str, OnConflict)]) -> Upsert {
    Upsert { table: "ties", keys: &["src", "dst"], columns: column }
}

const FOLLOWS: Upsert = tie(&[("follows", OnConflict::Replace)]);
const REQUESTED: Upsert = tie(&[("requested", OnConflict::Replace)]);
const BLOCKS: Upsert = tie(&[("blocks", OnConflict::Replace)]);
const SUBSCRIBED: Upsert = tie(&[("subscribed", OnConflict::Replace)]);

const OPENED: Upsert =
    Upsert { table: "sessions", keys: &["person", "session_id"], columns: &[("opened_at", OnConflict::Replace)] };
const REVOKED: Upsert =
    Upsert { table: "sessions", keys: &["person", "session_id"], columns: &[("revoked", OnConflict::Replace)] };
const ADDED: Upsert =
    Upsert { table: "media", keys: &["medium"], columns: &[("owner", OnConflict::Replace), ("author", OnConflict::Replace)] };
const DELETED: Upsert =
    Upsert { table: "media", keys: &["medium"], columns: &[("owner", OnConflict::Keep), ("deleted", OnConflict::Replace)] };
const COMMENTED: Upsert = Upsert {
    table: "comments",
    keys: &["comment_id"],
    columns: &[
        ("medium", OnConflict::Replace),
        ("owner", OnConflict::Replace),
        ("author", OnConflict::Replace),
        ("story", OnConflict::Replace),
    ],
};
const UNCOMMENTED: Upsert = Upsert {
    table: "comments",
    keys: &["comment_id"],
    columns: &[
        ("medium", OnConflict::Keep),
        ("owner", OnConflict::Keep),
        ("story", OnConflict::Keep),
        ("deleted", OnConflict::Replace),
    ],
};
const CHOSEN: Upsert = Upsert {
    table: "subscriptions",
    keys: &["subscriber", "medium"],
    columns: &[("owner", OnConflict::Keep), ("stands", OnConflict::Replace)],
};
