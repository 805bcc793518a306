//! Following, and asking to.

use aredvi_projectors::visibility::{Standing, Viewer, may_see_page, present};

use super::Refusal;

/// What comes of a wish to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// He follows already.
    Already,
    /// He follows from now on.
    Follow,
    /// He has to ask.
    Request,
    /// He has asked already.
    AlreadyRequested,
}

/// Whether the viewer may follow an actor.
///
/// # Errors
/// [`Refusal`].
pub fn decide(viewer: Viewer, leader: &Standing, requested: bool) -> Result<Follow, Refusal> {
    if !viewer.signed_in() || !present(viewer, leader) || leader.blocked_by {
        return Err(Refusal::NotVisible);
    }
    if leader.is_self || leader.blocks {
        return Err(Refusal::NotAllowed);
    }
    if leader.follows {
        return Ok(Follow::Already);
    }
    if may_see_page(viewer, leader) {
        return Ok(Follow::Follow);
    }
    match (leader.allows_requests, requested) {
        (true, false) => Ok(Follow::Request),
        (true, true) => Ok(Follow::AlreadyRequested),
        (false, _) => Err(Refusal::NotVisible),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::{ADMIN, PERSON, myself, stranger};
    use aredvi_events::actors::Access;
    use aredvi_projectors::visibility::State;

    #[test]
    fn a_public_person_is_followed_at_once_and_once() {
        let standing = stranger(Access::Public);
        assert_eq!(decide(PERSON, &standing, false), Ok(Follow::Follow));
        assert_eq!(decide(PERSON, &Standing { follows: true, ..standing }, false), Ok(Follow::Already));
    }

    #[test]
    fn a_private_person_is_asked_if_he_lets_be_asked() {
        let closed = stranger(Access::Followers);
        let asking = Standing { allows_requests: true, ..closed };
        assert_eq!(decide(PERSON, &closed, false), Err(Refusal::NotVisible));
        assert_eq!(decide(PERSON, &asking, false), Ok(Follow::Request));
        assert_eq!(decide(PERSON, &asking, true), Ok(Follow::AlreadyRequested));
        assert_eq!(decide(PERSON, &Standing { followed_by: true, ..closed }, false), Ok(Follow::Follow));
    }

    #[test]
    fn nobody_follows_himself_or_across_a_block_or_one_who_is_gone() {
        let standing = stranger(Access::Public);
        assert_eq!(decide(PERSON, &myself(), false), Err(Refusal::NotAllowed));
        assert_eq!(decide(PERSON, &Standing { blocked_by: true, ..standing }, false), Err(Refusal::NotVisible));
        assert_eq!(decide(ADMIN, &Standing { blocked_by: true, ..standing }, false), Err(Refusal::NotVisible));
        assert_eq!(decide(PERSON, &Standing { blocks: true, ..standing }, false), Err(Refusal::NotAllowed));
        assert_eq!(decide(PERSON, &Standing { state: State::Disabled, ..standing }, false), Err(Refusal::NotVisible));
        assert_eq!(decide(Viewer::Guest, &standing, false), Err(Refusal::NotVisible));
    }
}
