//! Why a transaction was rolled back, and so what is done about it.

use aredvi_journal::AppendError;

use crate::db::DbError;
use crate::keys::KeyError;
use crate::view::ApplyError;

/// Why a transaction was rolled back.
#[derive(Debug)]
pub(super) enum Failure {
    /// An engine: the same may succeed later.
    Again(String),
    /// An event.
    Fault(String),
    /// The fence did not hold.
    Lost,
    /// Nothing helps but an operator.
    Stop(String),
}

/// A rule that refuses an event must always work.
pub(super) fn refusal(error: ApplyError) -> Failure {
    match Failure::from(error) {
        Failure::Fault(reason) => Failure::Stop(format!("an unusable event could not be refused: {reason}")),
        other @ (Failure::Again(_) | Failure::Lost | Failure::Stop(_)) => other,
    }
}

pub(super) fn append_failure(error: &AppendError) -> Failure {
    let reason = error.to_string();
    match error {
        AppendError::Unavailable(_) | AppendError::Unknown(_) => Failure::Again(reason),
        AppendError::TooLarge => Failure::Stop(reason),
    }
}

pub(super) fn key_failure(error: &KeyError) -> Failure {
    let reason = error.to_string();
    if error.is_transient() {
        Failure::Again(reason)
    } else if error.is_fault_of_event() {
        Failure::Fault(reason)
    } else {
        Failure::Stop(reason)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        let reason = error.chain();
        if error.is_transient() { Self::Again(reason) } else { Self::Fault(reason) }
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Db(error) => error.into(),
            ApplyError::Keys(error) => key_failure(&error),
            ApplyError::Event(_) => Self::Fault(error.to_string()),
            ApplyError::NotYet(reason) => Self::Again(reason),
        }
    }
}
