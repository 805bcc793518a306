//! Accepted facts of people, keyed by the person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{events, unsealed};
use crate::id::{ActorId, SessionId};
use crate::identity::Role;
use crate::sealing::Sealed;

/// Who may see what stands on an actor's page, or one medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Access {
    /// Everybody, guests too.
    #[default]
    Public = 0,
    /// Any signed-in person.
    Registered = 1,
    /// Who follows the owner, whom the owner follows, and his administrators.
    Followers = 2,
    /// Whom the owner follows.
    Leaders = 3,
    /// Who follows the owner and is followed by him.
    Mutuals = 4,
    /// The owner's administrators.
    Admins = 5,
}
unsealed!(Access);

impl Access {
    /// Every level, from the widest to the narrowest.
    pub const ALL: [Self; 6] = [Self::Public, Self::Registered, Self::Followers, Self::Leaders, Self::Mutuals, Self::Admins];

    /// Its number in rows.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The level of a number; the narrowest for an unknown one, so that a mistake shows nothing.
    pub fn from_number(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|n| Self::ALL.get(n)).copied().unwrap_or(Self::Admins)
    }
}

/// One place that an erasure had to reach, and when it had.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Cleared {
    /// `data_key`, `sessions`, or a view's generation: `media_g1`.
    pub place: String,
    /// When nothing of the person was there any more, Unix milliseconds.
    pub at_ms: i64,
}
unsealed!(Cleared);

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The username is somebody's, or was.
    UsernameTaken,
    /// The e-mail address is somebody's.
    EmailTaken,
    /// There is no such person, or he is erased.
    NoSuchPerson,
    /// The request could not be understood.
    Undecodable,
}
unsealed!(Refusal);

events! {
    /// What happens on [`Topic::Actors`](crate::Topic::Actors).
    enum ActorEvent;

    /// A registration was accepted.
    "person.registered" 1 => PersonRegistered {
        /// Who.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
        /// The handle.
        username: Sealed,
        /// The display name.
        name: Sealed,
    }

    /// A registration was refused; the key's data is no longer needed.
    "registration.refused" 1 => RegistrationRefused {
        /// The id that nobody got.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
        /// Why.
        code: Refusal,
    }

    /// Another request of a person was refused.
    "request.refused" 1 => RequestRefused {
        /// Whose.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
        /// Why.
        code: Refusal,
    }

    /// A person has another username.
    "handle.changed" 1 => HandleChanged {
        /// Who.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
        /// The new handle.
        username: Sealed,
    }

    /// A person has another e-mail address; the address itself stays with `accounts`.
    "email.changed" 1 => EmailChanged {
        /// Who.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
    }

    /// A person has another password; his sessions end but for one.
    "password.changed" 1 => PasswordChanged {
        /// Who.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
        /// The session that stays open.
        keep_session: Option<SessionId>,
    }

    /// A person has other roles.
    "roles.changed" 1 => RolesChanged {
        /// Who.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
        /// All roles from here on.
        roles: Vec<Role>,
    }

    /// A person changed what his profile says. A field that is null stays.
    "profile.changed" 1 => ProfileChanged {
        /// Who.
        person: ActorId,
        /// The display name.
        name: Option<Sealed>,
        /// The text about him; an empty text takes it away.
        bio: Option<Sealed>,
        /// A BCP 47 tag.
        language: Option<String>,
        /// An IANA time zone.
        time_zone: Option<String>,
    }

    /// A person changed who may see his page. A field that is null stays.
    "privacy.changed" 1 => PrivacyChanged {
        /// Who.
        person: ActorId,
        /// Guards what stands on his page.
        access: Option<Access>,
        /// Whether those who do not pass may ask to follow.
        allow_follow_requests: Option<bool>,
    }

    /// A person may not sign in and is not shown.
    "person.disabled" 1 => PersonDisabled {
        /// Who.
        person: ActorId,
    }

    /// A disabled person is back.
    "person.enabled" 1 => PersonEnabled {
        /// Who.
        person: ActorId,
    }

    /// A person is gone: his data key is destroyed after this.
    "person.erased" 1 => PersonErased {
        /// Who.
        person: ActorId,
        /// The event id of the request.
        request: Uuid,
    }

    /// An erased person's data are gone from everywhere: the receipt.
    "erasure.completed" 1 => ErasureCompleted {
        /// Who.
        person: ActorId,
        /// Every place, with when it was reached.
        cleared: Vec<Cleared>,
    }
}

impl ActorEvent {
    /// Whether it says that nothing came of a request: of its actor, who may not be there, it tells nothing.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::RegistrationRefused(_) | Self::RequestRefused(_))
    }

    /// Whom it is about.
    pub const fn person(&self) -> ActorId {
        match self {
            Self::PersonRegistered(e) => e.person,
            Self::RegistrationRefused(e) => e.person,
            Self::RequestRefused(e) => e.person,
            Self::HandleChanged(e) => e.person,
            Self::EmailChanged(e) => e.person,
            Self::PasswordChanged(e) => e.person,
            Self::RolesChanged(e) => e.person,
            Self::ProfileChanged(e) => e.person,
            Self::PrivacyChanged(e) => e.person,
            Self::PersonDisabled(e) => e.person,
            Self::PersonEnabled(e) => e.person,
            Self::PersonErased(e) => e.person,
            Self::ErasureCompleted(e) => e.person,
        }
    }
}
