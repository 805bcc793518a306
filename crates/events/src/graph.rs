//! All between two actors. Keyed by the pair, so that it stays in order.

use crate::event::events;
use crate::id::{ActorId, NotificationId, StoryId};

events! {
    /// What happens on [`Topic::Graph`](crate::Topic::Graph).
    enum GraphEvent;

    /// An actor follows another. `by` is the follower, or the leader who accepted a request.
    "actor.followed" 1 => Followed {
        /// Who follows.
        follower: ActorId,
        /// Whom.
        leader: ActorId,
        /// The story that tells it, and the notification's id.
        story: StoryId,
    }

    /// He follows no longer. `by` is the follower, or the leader who let him go.
    "actor.unfollowed" 1 => Unfollowed {
        /// Who followed.
        follower: ActorId,
        /// Whom.
        leader: ActorId,
    }

    /// An actor asks to follow another.
    "follow.requested" 1 => FollowRequested {
        /// Who asks.
        requester: ActorId,
        /// Whom he would follow.
        leader: ActorId,
        /// The notification's id.
        notice: NotificationId,
    }

    /// The request is gone without a follow: withdrawn when `by` is the requester, else refused.
    "follow_request.ended" 1 => FollowRequestEnded {
        /// Who asked.
        requester: ActorId,
        /// Whom he would have followed.
        leader: ActorId,
    }

    /// An actor blocks another: follows, requests and actor subscriptions between the two end.
    "actor.blocked" 1 => Blocked {
        /// Who blocks.
        blocker: ActorId,
        /// Whom.
        blocked: ActorId,
    }

    /// He blocks no longer.
    "actor.unblocked" 1 => Unblocked {
        /// Who blocked.
        blocker: ActorId,
        /// Whom.
        blocked: ActorId,
    }

    /// An actor wants to be told of what happens on another's page.
    "actor.subscribed" 1 => Subscribed {
        /// Who.
        subscriber: ActorId,
        /// On whose page.
        actor: ActorId,
    }

    /// No longer.
    "actor.unsubscribed" 1 => Unsubscribed {
        /// Who.
        subscriber: ActorId,
        /// On whose page.
        actor: ActorId,
    }
}

impl GraphEvent {
    /// From whom to whom it goes.
    pub const fn pair(&self) -> (ActorId, ActorId) {
        match self {
            Self::Followed(e) => (e.follower, e.leader),
            Self::Unfollowed(e) => (e.follower, e.leader),
            Self::FollowRequested(e) => (e.requester, e.leader),
            Self::FollowRequestEnded(e) => (e.requester, e.leader),
            Self::Blocked(e) => (e.blocker, e.blocked),
            Self::Unblocked(e) => (e.blocker, e.blocked),
            Self::Subscribed(e) => (e.subscriber, e.actor),
            Self::Unsubscribed(e) => (e.subscriber, e.actor),
        }
    }
}
