//! Sign-ins, keyed by the person.

use crate::event::events;
use crate::id::{ActorId, SessionId};

events! {
    /// What happens on [`Topic::Sessions`](crate::Topic::Sessions).
    enum SessionEvent;

    /// A person signed in on a device.
    "session.opened" 1 => SessionOpened {
        /// Whose.
        person: ActorId,
        /// Which.
        session: SessionId,
        /// SHA-256 of the token, base64url.
        token_hash: String,
        /// What the device calls itself, at most 200 code points.
        device: String,
        /// Unix milliseconds; the session ends then whatever happens.
        expires_at: i64,
    }

    /// A session ended before its time.
    "session.revoked" 1 => SessionRevoked {
        /// Whose.
        person: ActorId,
        /// Which.
        session: SessionId,
    }
}
