//! Why a key could not be had.

use aredvi_events::ActorId;
use uuid::Uuid;

use super::master::BadMasterKey;
use crate::db::DbError;

/// A key that is missing, broken or out of reach.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The schema `keys`.
    #[error("the data keys are unavailable")]
    Db(#[from] DbError),
    /// A seal names an actor that never had a key: the schema `keys` is not the one that belongs to this journal. Nothing
    /// that reads seals may go on.
    #[error("no data key was ever made for actor {0}: is `keys` the schema that belongs to this journal?")]
    Missing(ActorId),
    /// The actor is erased: nothing can be sealed for him any more.
    #[error("actor {0} is erased")]
    Erased(ActorId),
    /// A key does not unwrap though the master key is the right one: its row was damaged.
    #[error("the data key of actor {0} is damaged")]
    BrokenKey(ActorId),
    /// A seal does not open with its actor's key: the event's fault.
    #[error("the seal of actor {actor} in event {event} does not open")]
    BrokenSeal {
        /// Whose key.
        actor: ActorId,
        /// Which event.
        event: Uuid,
    },
    /// The stored keys were wrapped by another master key.
    #[error("the master key is not the one that wrapped the stored keys: give back the earlier one")]
    OtherMasterKey,
    /// The master key itself.
    #[error(transparent)]
    Master(#[from] BadMasterKey),
}

impl KeyError {
    /// Whether waiting and trying again is right.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Db(error) => error.is_transient(),
            Self::Missing(_)
            | Self::Erased(_)
            | Self::BrokenKey(_)
            | Self::BrokenSeal { .. }
            | Self::OtherMasterKey
            | Self::Master(_) => false,
        }
    }

    /// Whether it is one event that is at fault, rather than the keys.
    pub const fn is_fault_of_event(&self) -> bool {
        matches!(self, Self::BrokenSeal { .. })
    }
}
