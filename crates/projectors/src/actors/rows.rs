//! The rows of `actors`.

use aredvi_events::actors::Access;
use aredvi_events::{ActorId, SessionId};

use crate::rows::row;
use crate::seen::Seen;

row! {
    /// An actor.
    struct Actor in "actors" {
        key {
            actor: ActorId,
        }
        username: Option<String>,
        name: Option<String>,
        bio: Option<String>,
        language: Option<String>,
        time_zone: Option<String>,
        access: Access,
        allow_follow_requests: bool,
        /// As in `accounts`.
        roles: u32,
        /// See [`state`].
        state: i64,
        created_at: i64,
        password_changed_at: Option<i64>,
        keep_session: Option<SessionId>,
        erased_at: Option<i64>,
        /// JSON of what the receipt lists.
        cleared: Option<String>,
        cleared_at: Option<i64>,
        seen: Seen,
        last_part: u32,
        last_offset: u64,
    }
}

/// The numbers of states in rows.
pub(super) mod state {
    /// Registered and neither of the others.
    pub(in super::super) const ACTIVE: i64 = 0;
    /// Disabled by an administrator.
    pub(in super::super) const DISABLED: i64 = 1;
    /// Erased.
    pub(in super::super) const ERASED: i64 = 2;
}
