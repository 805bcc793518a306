//! The rows of `notification_feed`.

use aredvi_events::{ActorId, CommentId, MediumId, NotificationId};

use crate::rows::row;

row! {
    /// What a recipient is told.
    struct Notification in "notifications" {
        key {
            recipient: ActorId,
            id: NotificationId,
        }
        verb: u32,
        subject: ActorId,
        medium: Option<MediumId>,
        actor: ActorId,
        comment_id: Option<CommentId>,
        created_at: i64,
        was_read: bool,
        dismissed: bool,
        last_part: u32,
        raised_offset: u64,
        last_offset: u64,
    }
}

row! {
    /// How far a recipient has read.
    struct Mark in "marks" {
        key {
            recipient: ActorId,
        }
        through_offset: u64,
        last_part: u32,
        last_offset: u64,
    }
}
