//! Why a view cannot be read.

/// Why a view cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// No generation serves.
    #[error("no generation of `{view}` serves: is its projector running?")]
    None {
        /// The view.
        view: &'static str,
    },
    /// One serves that another program made.
    #[error("generation {generation} of `{view}` has schema version {found}, which this program cannot read: rebuild it")]
    OtherVersion {
        /// The view.
        view: &'static str,
        /// The generation.
        generation: u32,
        /// Its version.
        found: u32,
    },
    /// One serves that was made from another journal.
    #[error("generation {generation} of `{view}` was made from another journal: rebuild it")]
    OtherJournal {
        /// The view.
        view: &'static str,
        /// The generation.
        generation: u32,
    },
    /// The database.
    #[error("`{view}` cannot be read: {reason}")]
    Unavailable {
        /// The view.
        view: &'static str,
        /// What the database said.
        reason: String,
    },
}
