//! Blocking.

use aredvi_projectors::visibility::{Standing, Viewer, present};

use super::Refusal;

/// Whether the viewer may block an actor. A profile need not be visible for that; its owner may be a follower.
///
/// # Errors
/// [`Refusal`].
pub fn decide(viewer: Viewer, target: &Standing) -> Result<(), Refusal> {
    if !viewer.signed_in() || !present(viewer, target) {
        return Err(Refusal::NotVisible);
    }
    if target.is_self { Err(Refusal::NotAllowed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::{PERSON, myself, stranger};
    use aredvi_events::actors::Access;

    #[test]
    fn anybody_but_oneself_can_be_blocked() {
        assert_eq!(decide(PERSON, &stranger(Access::Admins)), Ok(()));
        assert_eq!(decide(PERSON, &myself()), Err(Refusal::NotAllowed));
        assert_eq!(decide(PERSON, &Standing { blocked_by: true, ..stranger(Access::Public) }), Err(Refusal::NotVisible));
    }
}
