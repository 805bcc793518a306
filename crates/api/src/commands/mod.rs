//! What people may do: pure decisions, taken before an event is appended.
//!
//! They are a courtesy: the folds of the views decide again, in log order, by what stands in their own rows.

pub mod block;
pub mod comment;
pub mod follow;
pub mod mention;
pub mod note;
pub mod subscribe;

/// Why something may not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What it is about is not visible: its existence is not told.
    #[error("not visible")]
    NotVisible,
    /// It is visible, but this is not allowed.
    #[error("not allowed")]
    NotAllowed,
}

#[cfg(test)]
pub(crate) mod tests {
    use aredvi_events::actors::Access;
    use aredvi_projectors::visibility::{Standing, State, Viewer};

    pub const PERSON: Viewer = Viewer::Person { site_admin: false };
    pub const ADMIN: Viewer = Viewer::Person { site_admin: true };

    /// How a stranger stands towards an active actor of `access`.
    pub fn stranger(access: Access) -> Standing {
        Standing { state: State::Active, access, ..Standing::default() }
    }

    /// How one stands towards oneself.
    pub fn myself() -> Standing {
        Standing { is_self: true, administers: true, ..stranger(Access::Admins) }
    }
}
