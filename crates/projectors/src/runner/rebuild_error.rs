//! Why a rebuild or a rollback came to nothing.

use crate::control::{ControlError, State};
use crate::db::DbError;

use super::compare::Comparison;
use super::generations::GenerationError;

/// Why a rebuild came to nothing, or a rollback was refused.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The same code made other rows. The new generation stays where it is, until it is accepted or cancelled.
    #[error("generation {generation} has other rows though its code is the same: {comparison}")]
    Different {
        /// The new generation.
        generation: u32,
        /// How.
        comparison: Comparison,
    },
    /// Another process is at it.
    #[error("generation {generation} of `{view}` is being built by another process")]
    Busy {
        /// The view.
        view: String,
        /// The new generation.
        generation: u32,
    },
    /// Somebody cancelled it.
    #[error("the rebuild of `{0}` was cancelled")]
    Cancelled(String),
    /// The process ends; the same call goes on where this one was.
    #[error("the rebuild of `{0}` was interrupted: the same command goes on with it")]
    Interrupted(String),
    /// There is none.
    #[error("`{view}` has no generation that is {state}")]
    None {
        /// The view.
        view: String,
        /// What it would have to be.
        state: State,
    },
    /// The generation to return to is behind.
    #[error("generation {generation} of `{view}` is {behind} events behind: is its projector running?")]
    Lags {
        /// The view.
        view: String,
        /// The generation.
        generation: u32,
        /// By how many events, at most.
        behind: u64,
    },
    /// An engine.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// A database.
    #[error("a database is unavailable: {}", .0.chain())]
    Db(#[from] DbError),
    /// The schema `control`.
    #[error(transparent)]
    Control(#[from] ControlError),
}
