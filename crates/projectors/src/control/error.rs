//! Why something was not agreed.

use super::State;
use crate::db::DbError;

/// A refused or failed change of what the processes agree on.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The schema `control`.
    #[error("the schema `control` is unavailable")]
    Db(#[from] DbError),
    /// Every worker number is held by a process.
    #[error("all 1024 worker numbers are in use: one is free 10 minutes after its process has ended")]
    NoWorkerFree,
    /// A generation is not in the state that the change starts from.
    #[error("generation {n} of `{view}` is not {expected}")]
    NotInState {
        /// The view.
        view: String,
        /// Its generation.
        n: u32,
        /// What it would have to be.
        expected: State,
    },
    /// Another generation serves than the one named.
    #[error("generation {0} serves now", found.map_or_else(|| "none".to_owned(), |n| n.to_string()))]
    OtherServing {
        /// The one that serves.
        found: Option<u32>,
    },
    /// A generation of the same schema version is being built already.
    #[error("generation {n} of `{view}` is being built already")]
    AlreadyBuilding {
        /// The view.
        view: String,
        /// The generation being built.
        n: u32,
    },
}

impl ControlError {
    /// Whether waiting and trying again is right.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Db(error) => error.is_transient(),
            Self::NoWorkerFree => true,
            Self::NotInState { .. } | Self::OtherServing { .. } | Self::AlreadyBuilding { .. } => false,
        }
    }
}
