//! Requests that need a verdict: what must be unique is asked for here, in one order, and decided by `accounts`.
//!
//! A seal is bound to the id of the event that carries it. What the decider passes on to `actors` is therefore sealed
//! by the requester for the derived event's id ([`registered_id`], [`handle_changed_id`]), and the decider opens nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{events, unsealed};
use crate::fingerprint::Fingerprint;
use crate::id::{ActorId, SessionId};
use crate::mint::derived_id;
use crate::sealing::Sealed;

/// What a person may do beyond his own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Passes every access level and block.
    Administrator,
}
unsealed!(Role);

events! {
    /// What happens on [`Topic::Identity`](crate::Topic::Identity).
    enum IdentityEvent;

    /// The first record of a journal; its event id is the journal's id. Later ones are ignored.
    "journal.created" 1 => JournalCreated {}

    /// Somebody asks to become a person of this community.
    "registration.requested" 1 => RegistrationRequested {
        /// The id that the person gets.
        person: ActorId,
        /// Of the username.
        username_fp: Fingerprint,
        /// Of the e-mail address.
        email_fp: Fingerprint,
        /// Sealed for this event.
        email: Sealed,
        /// A PHC string, sealed for this event.
        password_hash: Sealed,
        /// Sealed for the `person.registered` that may follow.
        username: Sealed,
        /// Sealed for the `person.registered` that may follow.
        name: Sealed,
    }

    /// A person asks for another username.
    "handle.requested" 1 => HandleRequested {
        /// Whose.
        person: ActorId,
        /// Of the username.
        username_fp: Fingerprint,
        /// Sealed for the `handle.changed` that may follow.
        username: Sealed,
    }

    /// A person asks for another e-mail address.
    "email.requested" 1 => EmailRequested {
        /// Whose.
        person: ActorId,
        /// Of the e-mail address.
        email_fp: Fingerprint,
        /// Sealed for this event.
        email: Sealed,
    }

    /// A person sets another password.
    "password.requested" 1 => PasswordRequested {
        /// Whose.
        person: ActorId,
        /// A PHC string, sealed for this event.
        password_hash: Sealed,
        /// The session that stays open; all others end.
        keep_session: Option<SessionId>,
    }

    /// The roles of a person are set.
    "roles.requested" 1 => RolesRequested {
        /// Whose.
        person: ActorId,
        /// All roles he has from here on.
        roles: Vec<Role>,
    }

    /// A person asks to be erased.
    "erasure.requested" 1 => ErasureRequested {
        /// Who.
        person: ActorId,
    }
}

/// The id of `person.registered` that follows from a registration.
pub fn registered_id(request: Uuid) -> Uuid {
    derived_id(request, "person.registered")
}

/// The id of `handle.changed` that follows from a request.
pub fn handle_changed_id(request: Uuid) -> Uuid {
    derived_id(request, "handle.changed")
}

/// The id of the event that answers `request`, whatever the verdict was, other than the two above.
pub fn verdict_id(request: Uuid, verdict: &str) -> Uuid {
    derived_id(request, verdict)
}
