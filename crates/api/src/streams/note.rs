//! What an event means to those who listen: short notes, filled in at the moment of sending.

use std::sync::Arc;

use aredvi_events::actors::Access;
use aredvi_events::graph::GraphEvent;
use aredvi_events::media::MediaEvent;
use aredvi_events::notifications::{NotificationEvent, NotificationRaised};
use aredvi_events::{ActorId, Body, MediumId, Place, StoryId};

use super::parted::Parted;
use crate::feed::FeedIndex;

/// One event, as a connection is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Where the event stands.
    pub place: Place,
    /// What is to be told, in this order: what may be told twice first.
    pub told: Vec<Telling>,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Telling {
    /// A medium's stories look otherwise now.
    Changed(ActorId, MediumId),
    /// Others may see a medium now; the access before, where it is known.
    Opened(ActorId, MediumId, Option<Access>),
    /// These stories about a medium are gone.
    Removed(MediumId, Vec<StoryId>),
    /// These stories of one who followed another are gone.
    Unfollowed(ActorId, ActorId, Vec<StoryId>),
    /// Each of two people has lost what he could see of the other alone.
    Parted(Arc<Parted>),
    /// The number of unread notifications may be another.
    Count,
    /// There is a new story.
    Story(StoryId),
    /// There is a new notification.
    Raised(NotificationRaised),
}

/// Whom an event concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Those who see this actor's stories in their feed: himself and his followers.
    Page(ActorId),
    /// The followers of either, and themselves.
    Pages(ActorId, ActorId),
    /// This person alone.
    Person(ActorId),
}

/// Whom an event concerns, if anybody.
pub fn concern(body: &Body) -> Option<Concern> {
    match body {
        Body::Media(event) => match event {
            MediaEvent::NoteAdded(e) => Some(Concern::Page(e.owner)),
            MediaEvent::NoteEdited(e) => Some(Concern::Page(e.owner)),
            MediaEvent::AccessChanged(e) => Some(Concern::Page(e.owner)),
            MediaEvent::MediumDeleted(e) => Some(Concern::Page(e.owner)),
            MediaEvent::MediumVoted(e) => Some(Concern::Page(e.owner)),
            MediaEvent::MediumUnvoted(e) => Some(Concern::Page(e.owner)),
            MediaEvent::CommentAdded(e) => Some(Concern::Page(e.owner)),
            MediaEvent::CommentEdited(e) => Some(Concern::Page(e.owner)),
            MediaEvent::CommentDeleted(e) => Some(Concern::Page(e.owner)),
            MediaEvent::CommentVoted(e) => Some(Concern::Page(e.owner)),
            MediaEvent::CommentUnvoted(e) => Some(Concern::Page(e.owner)),
            MediaEvent::MediumSubscribed(_) | MediaEvent::MediumUnsubscribed(_) => None,
        },
        Body::Graph(event) => match event {
            GraphEvent::Followed(e) => Some(Concern::Page(e.follower)),
            GraphEvent::Unfollowed(e) => Some(Concern::Page(e.follower)),
            GraphEvent::Blocked(e) => Some(Concern::Pages(e.blocker, e.blocked)),
            GraphEvent::FollowRequested(_)
            | GraphEvent::FollowRequestEnded(_)
            | GraphEvent::Unblocked(_)
            | GraphEvent::Subscribed(_)
            | GraphEvent::Unsubscribed(_) => None,
        },
        Body::Notifications(event) => Some(Concern::Person(match event {
            NotificationEvent::NotificationRaised(e) => e.recipient,
            NotificationEvent::NotificationsRead(e) => e.recipient,
            NotificationEvent::NotificationDismissed(e) => e.recipient,
        })),
        Body::Identity(_) | Body::Actors(_) | Body::Sessions(_) | Body::Deliveries(_) | Body::Any(_) => None,
    }
}

/// What an event tells, asked before the feed index has heard it.
pub fn tellings(body: &Body, feed: &FeedIndex) -> Vec<Telling> {
    match body {
        Body::Media(event) => of_media(event, feed),
        Body::Graph(event) => match event {
            GraphEvent::Followed(e) => vec![Telling::Story(e.story)],
            GraphEvent::Unfollowed(e) => vec![
                Telling::Unfollowed(e.follower, e.leader, feed.of_follow(e.follower, e.leader)),
                Telling::Parted(Arc::new(Parted::by_unfollow(e, feed))),
            ],
            GraphEvent::Blocked(e) => vec![
                Telling::Unfollowed(e.blocker, e.blocked, feed.of_follow(e.blocker, e.blocked)),
                Telling::Unfollowed(e.blocked, e.blocker, feed.of_follow(e.blocked, e.blocker)),
                Telling::Parted(Arc::new(Parted::by_block(e, feed))),
            ],
            GraphEvent::FollowRequested(_)
            | GraphEvent::FollowRequestEnded(_)
            | GraphEvent::Unblocked(_)
            | GraphEvent::Subscribed(_)
            | GraphEvent::Unsubscribed(_) => Vec::new(),
        },
        Body::Notifications(NotificationEvent::NotificationRaised(e)) => vec![Telling::Count, Telling::Raised(e.clone())],
        Body::Notifications(NotificationEvent::NotificationsRead(_) | NotificationEvent::NotificationDismissed(_)) => {
            vec![Telling::Count]
        }
        Body::Identity(_) | Body::Actors(_) | Body::Sessions(_) | Body::Deliveries(_) | Body::Any(_) => Vec::new(),
    }
}

fn of_media(event: &MediaEvent, feed: &FeedIndex) -> Vec<Telling> {
    match event {
        MediaEvent::NoteAdded(e) => vec![Telling::Story(e.story)],
        MediaEvent::CommentAdded(e) => vec![Telling::Changed(e.owner, e.medium), Telling::Story(e.story)],
        MediaEvent::CommentDeleted(e) => {
            vec![Telling::Removed(e.medium, vec![e.story]), Telling::Changed(e.owner, e.medium)]
        }
        MediaEvent::AccessChanged(e) => vec![Telling::Opened(e.owner, e.medium, feed.access(e.owner, e.medium))],
        MediaEvent::MediumDeleted(e) => vec![Telling::Removed(e.medium, feed.of_medium(e.owner, e.medium))],
        MediaEvent::NoteEdited(e) => vec![Telling::Changed(e.owner, e.medium)],
        MediaEvent::MediumVoted(e) => vec![Telling::Changed(e.owner, e.medium)],
        MediaEvent::MediumUnvoted(e) => vec![Telling::Changed(e.owner, e.medium)],
        MediaEvent::CommentEdited(e) => vec![Telling::Changed(e.owner, e.medium)],
        MediaEvent::CommentVoted(e) => vec![Telling::Changed(e.owner, e.medium)],
        MediaEvent::CommentUnvoted(e) => vec![Telling::Changed(e.owner, e.medium)],
        MediaEvent::MediumSubscribed(_) | MediaEvent::MediumUnsubscribed(_) => Vec::new(),
    }
}

/// Whether no view knows afterwards what an event took away.
pub fn takes_away(body: &Body) -> bool {
    match body {
        Body::Media(MediaEvent::AccessChanged(_) | MediaEvent::MediumDeleted(_)) => true,
        Body::Graph(GraphEvent::Unfollowed(_) | GraphEvent::Blocked(_)) => true,
        Body::Media(_)
        | Body::Graph(_)
        | Body::Notifications(_)
        | Body::Identity(_)
        | Body::Actors(_)
        | Body::Sessions(_)
        | Body::Deliveries(_)
        | Body::Any(_) => false,
    }
}

/// From whom an event parts a person: he ends a follow or blocks, or the other does so to him.
pub fn parts(body: &Body, person: ActorId) -> Option<ActorId> {
    let other = |one: ActorId, other: ActorId| match person {
        person if person == one => Some(other),
        person if person == other => Some(one),
        _ => None,
    };
    match body {
        Body::Graph(GraphEvent::Unfollowed(e)) => other(e.follower, e.leader),
        Body::Graph(GraphEvent::Blocked(e)) => other(e.blocker, e.blocked),
        Body::Graph(_)
        | Body::Media(_)
        | Body::Notifications(_)
        | Body::Identity(_)
        | Body::Actors(_)
        | Body::Sessions(_)
        | Body::Deliveries(_)
        | Body::Any(_) => None,
    }
}

/// Drops what a later note of the same turn tells again.
pub fn settle(notes: &mut [Note]) {
    let mut counted = false;
    let mut changed: std::collections::HashSet<MediumId> = std::collections::HashSet::new();
    for note in notes.iter_mut().rev() {
        note.told.retain(|telling| match telling {
            Telling::Count => !std::mem::replace(&mut counted, true),
            Telling::Changed(_, medium) => changed.insert(*medium),
            Telling::Opened(..)
            | Telling::Removed(..)
            | Telling::Unfollowed(..)
            | Telling::Parted(_)
            | Telling::Story(_)
            | Telling::Raised(_) => true,
        });
    }
}
