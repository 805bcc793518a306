//! Wanting to be told of what happens on an actor's page.

use aredvi_projectors::visibility::{Standing, Viewer, may_see_page};

use super::Refusal;

/// Whether the viewer may be told of what happens on an actor's page: he sees it, it is not his own, and neither blocks
/// the other.
///
/// # Errors
/// [`Refusal`].
pub fn decide(viewer: Viewer, actor: &Standing) -> Result<(), Refusal> {
    if !viewer.signed_in() || !may_see_page(viewer, actor) || actor.blocked_by {
        return Err(Refusal::NotVisible);
    }
    if actor.is_self || actor.blocks { Err(Refusal::NotAllowed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::{PERSON, myself, stranger};
    use aredvi_events::actors::Access;

    #[test]
    fn one_subscribes_to_pages_one_sees_but_not_to_ones_own() {
        assert_eq!(decide(PERSON, &stranger(Access::Public)), Ok(()));
        assert_eq!(decide(PERSON, &stranger(Access::Followers)), Err(Refusal::NotVisible));
        assert_eq!(decide(PERSON, &myself()), Err(Refusal::NotAllowed));
    }
}
