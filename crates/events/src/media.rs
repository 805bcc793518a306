//! Media with their comments, votes and subscriptions, keyed by the medium.
//!
//! Every event names the medium's owner, so that readers who keep only each owner's stories find the place.

use crate::actors::Access;
use crate::event::events;
use crate::id::{ActorId, CommentId, MediumId, NotificationId, StoryId};
use crate::sealing::Sealed;

events! {
    /// What happens on [`Topic::Media`](crate::Topic::Media).
    enum MediaEvent;

    /// Somebody wrote a note on an actor's page.
    "note.added" 1 => NoteAdded {
        /// Which.
        medium: MediumId,
        /// On whose page it stands.
        owner: ActorId,
        /// Who wrote it.
        author: ActorId,
        /// Who may see it, together with the owner's access.
        access: Access,
        /// The text.
        body: Sealed,
        /// The hashtags in it, normalised, separated by single spaces; null when there are none.
        hashtags: Option<Sealed>,
        /// Whom it mentions.
        mentions: Vec<ActorId>,
        /// The story that tells it, and the notification's id.
        story: StoryId,
    }

    /// Its text changed.
    "note.edited" 1 => NoteEdited {
        /// Which.
        medium: MediumId,
        /// On whose page it stands.
        owner: ActorId,
        /// The text, all of it.
        body: Sealed,
        /// As in `note.added`.
        hashtags: Option<Sealed>,
        /// Everybody it mentions now.
        mentions: Vec<ActorId>,
        /// The id of the notifications to those newly mentioned.
        notice: NotificationId,
    }

    /// Other people may see it.
    "medium.access_changed" 1 => AccessChanged {
        /// Which.
        medium: MediumId,
        /// On whose page it stands.
        owner: ActorId,
        /// Who may see it now.
        access: Access,
    }

    /// It is gone, with everything on it.
    "medium.deleted" 1 => MediumDeleted {
        /// Which.
        medium: MediumId,
        /// On whose page it stood.
        owner: ActorId,
    }

    /// Somebody likes it.
    "medium.voted" 1 => MediumVoted {
        /// Which.
        medium: MediumId,
        /// On whose page it stands.
        owner: ActorId,
        /// Who.
        voter: ActorId,
        /// The notification's id.
        notice: NotificationId,
    }

    /// No longer.
    "medium.unvoted" 1 => MediumUnvoted {
        /// Which.
        medium: MediumId,
        /// On whose page it stands.
        owner: ActorId,
        /// Who.
        voter: ActorId,
    }

    /// Somebody wants to be told of what happens to it.
    "medium.subscribed" 1 => MediumSubscribed {
        /// Which.
        medium: MediumId,
        /// On whose page it stands.
        owner: ActorId,
        /// Who.
        subscriber: ActorId,
    }

    /// No longer.
    "medium.unsubscribed" 1 => MediumUnsubscribed {
        /// Which.
        medium: MediumId,
        /// On whose page it stands.
        owner: ActorId,
        /// Who.
        subscriber: ActorId,
    }

    /// Somebody commented on it.
    "comment.added" 1 => CommentAdded {
        /// On which.
        medium: MediumId,
        /// On whose page the medium stands.
        owner: ActorId,
        /// Which comment.
        comment: CommentId,
        /// Who wrote it.
        author: ActorId,
        /// The text.
        body: Sealed,
        /// As in `note.added`.
        hashtags: Option<Sealed>,
        /// Whom it mentions.
        mentions: Vec<ActorId>,
        /// The story that tells it, and the notification's id.
        story: StoryId,
    }

    /// Its text changed.
    "comment.edited" 1 => CommentEdited {
        /// On which.
        medium: MediumId,
        /// On whose page the medium stands.
        owner: ActorId,
        /// Which comment.
        comment: CommentId,
        /// The text, all of it.
        body: Sealed,
        /// As in `note.added`.
        hashtags: Option<Sealed>,
        /// Everybody it mentions now.
        mentions: Vec<ActorId>,
        /// The id of the notifications to those newly mentioned.
        notice: NotificationId,
    }

    /// It is gone.
    "comment.deleted" 1 => CommentDeleted {
        /// On which.
        medium: MediumId,
        /// On whose page the medium stands.
        owner: ActorId,
        /// Which comment.
        comment: CommentId,
        /// The story that told it.
        story: StoryId,
    }

    /// Somebody likes a comment.
    "comment.voted" 1 => CommentVoted {
        /// On which.
        medium: MediumId,
        /// On whose page the medium stands.
        owner: ActorId,
        /// Which comment.
        comment: CommentId,
        /// Who.
        voter: ActorId,
    }

    /// No longer.
    "comment.unvoted" 1 => CommentUnvoted {
        /// On which.
        medium: MediumId,
        /// On whose page the medium stands.
        owner: ActorId,
        /// Which comment.
        comment: CommentId,
        /// Who.
        voter: ActorId,
    }
}
