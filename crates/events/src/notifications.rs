//! What people are told, keyed by the recipient.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{events, unsealed};
use crate::id::{ActorId, CommentId, MediumId, NotificationId};

/// What a story or a notification tells; the names are Anahita's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Verb {
    /// A note was written.
    NoteAdd = 0,
    /// A note was commented on.
    NoteComment = 1,
    /// An actor follows another.
    ActorFollow = 2,
    /// An actor asks to follow another.
    ActorRequest = 3,
    /// A medium mentions the recipient.
    ActorMention = 4,
    /// A comment mentions the recipient.
    ActorMentionComment = 5,
    /// A medium is liked.
    #[serde(rename = "voteup")]
    Voteup = 6,
}
unsealed!(Verb);

impl Verb {
    /// Every verb, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::NoteAdd,
        Self::NoteComment,
        Self::ActorFollow,
        Self::ActorRequest,
        Self::ActorMention,
        Self::ActorMentionComment,
        Self::Voteup,
    ];

    /// Its number in rows.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The verb of a number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|n| Self::ALL.get(n)).copied()
    }

    /// Its name in answers and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoteAdd => "note_add",
            Self::NoteComment => "note_comment",
            Self::ActorFollow => "actor_follow",
            Self::ActorRequest => "actor_request",
            Self::ActorMention => "actor_mention",
            Self::ActorMentionComment => "actor_mention_comment",
            Self::Voteup => "voteup",
        }
    }
}

events! {
    /// What happens on [`Topic::Notifications`](crate::Topic::Notifications).
    enum NotificationEvent;

    /// A recipient is told something.
    "notification.raised" 1 => NotificationRaised {
        /// Who is told.
        recipient: ActorId,
        /// The id minted by the cause: one notification per cause and recipient.
        notification: NotificationId,
        /// What.
        verb: Verb,
        /// Who did it.
        subject: ActorId,
        /// The medium it is about; null when it is about an actor.
        medium: Option<MediumId>,
        /// The actor it is about, or on whose page the medium stands.
        actor: ActorId,
        /// The comment it is about.
        comment: Option<CommentId>,
        /// The event that caused it.
        cause: Uuid,
        /// When that happened, Unix milliseconds.
        cause_time: i64,
    }

    /// The recipient has seen some.
    "notifications.read" 1 => NotificationsRead {
        /// Whose.
        recipient: ActorId,
        /// Everything at or before this one in the order of the recipient's log.
        through: Option<NotificationId>,
        /// And these.
        ids: Vec<NotificationId>,
    }

    /// The recipient took one away.
    "notification.dismissed" 1 => NotificationDismissed {
        /// Whose.
        recipient: ActorId,
        /// Which.
        notification: NotificationId,
    }
}
