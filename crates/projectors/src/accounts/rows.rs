//! The rows of `accounts`.

use aredvi_events::ActorId;
use aredvi_events::actors::Refusal;
use aredvi_events::fingerprint::Fingerprint;
use aredvi_events::identity::Role;
use uuid::Uuid;

use crate::rows::row;

row! {
    /// Somebody who was accepted.
    struct Person in "persons" {
        key {
            person: ActorId,
        }
        username_fp: Fingerprint,
        /// None once erased.
        email_fp: Option<Fingerprint>,
        email: Option<String>,
        password_hash: Option<String>,
        /// See [`role_bits`].
        roles: u32,
        erased: bool,
        created_at: i64,
        last_part: u32,
        last_offset: u64,
    }
}

row! {
    /// Whose a username is or was.
    struct Handle in "handles" {
        key {
            fp: Fingerprint,
        }
        person: ActorId,
    }
}

row! {
    /// Whose an e-mail address is.
    struct Email in "emails" {
        key {
            fp: Fingerprint,
        }
        person: ActorId,
    }
}

row! {
    /// What became of a request.
    struct Request in "requests" {
        key {
            request: Uuid,
        }
        person: ActorId,
        /// See [`refusal_number`]; none when accepted.
        refusal: Option<i64>,
        last_part: u32,
        last_offset: u64,
    }
}

/// Every role with its bit in rows.
const ROLE_BITS: [(Role, u32); 1] = [(Role::Administrator, 1)];

/// Roles as rows hold them.
pub(crate) fn role_bits(roles: &[Role]) -> u32 {
    ROLE_BITS.iter().filter(|(role, _)| roles.contains(role)).fold(0, |bits, (_, bit)| bits | bit)
}

/// Roles of what rows hold.
pub(crate) fn roles_of(bits: u32) -> Vec<Role> {
    ROLE_BITS.iter().filter(|(_, bit)| bits & bit != 0).map(|(role, _)| *role).collect()
}

/// A refusal as rows hold it.
pub(super) const fn refusal_number(refusal: Refusal) -> i64 {
    match refusal {
        Refusal::UsernameTaken => 0,
        Refusal::EmailTaken => 1,
        Refusal::NoSuchPerson => 2,
        Refusal::Undecodable => 3,
    }
}

/// The refusal of what rows hold.
pub(super) const fn refusal_of(number: i64) -> Refusal {
    match number {
        0 => Refusal::UsernameTaken,
        1 => Refusal::EmailTaken,
        2 => Refusal::NoSuchPerson,
        _ => Refusal::Undecodable,
    }
}
