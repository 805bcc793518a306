//! The view `sessions`: who is signed in, by token and by person.
//!
//! It lives in the cache, and is rebuilt by replay when the cache was emptied. All keys of a partition and the
//! partition's position carry one hash tag and change in one script (embedded: in one transaction), which first checks
//! the lease and the expected position; so a worker that lost its lease changes nothing.
//!
//! What it does not know yet it does not deny: while a partition has no position, replays, or has not applied what the
//! asker knows of, the answer is [`Lookup::NotReady`], never [`Lookup::Unknown`].

mod admit;
mod apply;
mod last_positions;
mod lease;
mod parked;
mod queries;
mod runner;
mod token;
mod watch;

use aredvi_events::{ActorId, SessionId};

use crate::cache::Cache;

pub use admit::{Admit, Admitted, AskedBy};
pub use apply::{Applied, MAX_DEVICE_CHARS, REVOKED_MARK_MS};
pub use lease::{Begun, Hold, PartitionPosition};
pub use parked::{MAX_PARKED, Parked};
pub use queries::{Listed, Listing, Lookup, MAX_LISTED};
pub use runner::{SessionsProjector, VIEW};
pub use token::{NotAToken, Token, TokenHash};

/// How old `last_seen_at` may grow before a request renews it: a minute, in milliseconds.
pub const LAST_SEEN_STEP_MS: i64 = 60_000;

/// The view, in a cache; clones share it.
#[derive(Debug, Clone)]
pub struct Sessions {
    cache: Cache,
}

/// A session that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub person: ActorId,
    /// Which.
    pub session: SessionId,
    /// When it was opened, Unix milliseconds.
    pub opened_at: i64,
    /// When it ends whatever happens, Unix milliseconds.
    pub expires_at: i64,
}

impl Sessions {
    /// The view in this cache.
    pub fn new(cache: Cache) -> Self {
        Self { cache }
    }

    /// The cache it lives in.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }
}
