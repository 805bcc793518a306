//! Mentioning.

use aredvi_projectors::visibility::{Standing, Viewer, may_see_card};

use super::Refusal;

/// Whether the viewer may mention an actor: he sees his card, and neither blocks the other.
///
/// # Errors
/// [`Refusal`].
pub fn decide(viewer: Viewer, target: &Standing) -> Result<(), Refusal> {
    if !viewer.signed_in() || !may_see_card(viewer, target) || target.blocked_by {
        return Err(Refusal::NotVisible);
    }
    if target.blocks { Err(Refusal::NotAllowed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::{PERSON, stranger};
    use aredvi_events::actors::Access;

    #[test]
    fn nobody_is_mentioned_across_a_block_or_behind_a_closed_door() {
        let open = stranger(Access::Public);
        assert_eq!(decide(PERSON, &open), Ok(()));
        assert_eq!(decide(Viewer::Guest, &open), Err(Refusal::NotVisible));
        assert_eq!(decide(PERSON, &Standing { blocked_by: true, ..open }), Err(Refusal::NotVisible));
        assert_eq!(decide(PERSON, &Standing { blocks: true, ..open }), Err(Refusal::NotAllowed));
        assert_eq!(decide(PERSON, &stranger(Access::Admins)), Err(Refusal::NotVisible));
    }
}
