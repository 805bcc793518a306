//! What somebody is told, and the event that says so.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::actors::Access;
use aredvi_events::mint::derived_id;
use aredvi_events::notifications::{NotificationRaised, Verb};
use aredvi_events::{ActorId, CommentId, Event, JournalId, MediumId, NotificationId, Origin, Topic};
use aredvi_projectors::view::Derived;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A medium as far as visibility asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// On whose page it stands.
    pub owner: ActorId,
    /// Who wrote it.
    pub author: ActorId,
    /// Who may see it, together with the owner's access.
    pub access: Access,
    /// It is gone.
    pub deleted: bool,
}

/// What one cause tells, the recipients apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The event that caused it.
    pub cause: Uuid,
    /// When that happened, Unix milliseconds.
    pub cause_time: i64,
    /// The journal it happened in.
    pub source: JournalId,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// The id minted by the cause.
    pub notification: NotificationId,
    /// Who did it.
    pub subject: ActorId,
    /// Whom it is about, or on whose page the medium stands.
    pub actor: ActorId,
    /// The medium it is about.
    pub medium: Option<(MediumId, Medium)>,
    /// The comment it is about.
    pub comment: Option<CommentId>,
}

/// A set of recipients that is too large to be named in the event that tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Crowd {
    /// Who subscribed to the medium before the event at this offset of the medium's partition.
    OfMedium(MediumId, u64),
    /// Who is subscribed to the actor.
    OfActor(ActorId),
}

/// A notice with everybody who might be told, before anybody asked who may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// What.
    pub notice: Notice,
    /// Those whom the cause names, each with the verb that wins for him.
    pub told: BTreeMap<ActorId, Verb>,
    /// Those who asked to be told, unless they are named already.
    pub crowd: Option<(Crowd, Verb)>,
    /// Never these: whoever did it.
    pub never: BTreeSet<ActorId>,
}

impl Telling {
    /// Tells nobody yet; the subject and the acting actor are never told.
    pub fn new(notice: Notice, by: Option<ActorId>) -> Self {
        let never = [Some(notice.subject), by].into_iter().flatten().collect();
        Self { notice, told: BTreeMap::new(), crowd: None, never }
    }

    /// Names recipients; what a recipient was named for first wins.
    #[must_use]
    pub fn tell(mut self, verb: Verb, recipients: impl IntoIterator<Item = ActorId>) -> Self {
        for recipient in recipients {
            if !self.never.contains(&recipient) {
                self.told.entry(recipient).or_insert(verb);
            }
        }
        self
    }

    /// Adds a crowd.
    #[must_use]
    pub fn tell_crowd(mut self, verb: Verb, crowd: Crowd) -> Self {
        self.crowd = Some((crowd, verb));
        self
    }

    /// Whether one of the crowd is to be told: he is not named for something else, and did not do it himself.
    pub fn tells_of_crowd(&self, recipient: ActorId) -> bool {
        !self.never.contains(&recipient) && !self.told.contains_key(&recipient)
    }
}

impl Notice {
    /// The event that tells `recipient`; the same one however often it is made.
    pub fn raised(&self, recipient: ActorId, verb: Verb) -> Derived {
        let event = NotificationRaised {
            by: None,
            recipient,
            notification: self.notification,
            verb,
            subject: self.subject,
            medium: self.medium.map(|(id, _)| id),
            actor: self.actor,
            comment: self.comment,
            cause: self.cause,
            cause_time: self.cause_time,
        };
        Derived {
            topic: Topic::Notifications,
            event: Event {
                id: derived_id(self.cause, &format!("notification.raised:{recipient}")),
                key: recipient.to_string(),
                time_ms: self.cause_time,
                source: self.source,
                origin: Origin::Here,
                traceparent: self.traceparent.clone(),
                body: event.into(),
            },
        }
    }
}
