//! Writing on somebody's page, changing it, taking it away.

use aredvi_events::actors::Access;
use aredvi_projectors::visibility::{Standing, Viewer, may_see_medium, may_see_page, passes};

use super::Refusal;

/// Whether the viewer may write on an owner's page: his own, or one whose followers he belongs to.
///
/// # Errors
/// [`Refusal`].
pub fn decide_add(viewer: Viewer, owner: &Standing) -> Result<(), Refusal> {
    if !viewer.signed_in() || !may_see_page(viewer, owner) {
        return Err(Refusal::NotVisible);
    }
    if owner.blocks || owner.blocked_by || !passes(Access::Followers, viewer, owner) {
        return Err(Refusal::NotAllowed);
    }
    Ok(())
}

/// How the viewer stands towards a medium.
#[derive(Debug, Clone, Copy)]
pub struct Medium {
    /// Towards its owner.
    pub owner: Standing,
    /// Towards its author.
    pub author: Standing,
    /// Who may see it.
    pub access: Access,
}

impl Medium {
    /// Whether the viewer may see it.
    pub fn visible(&self, viewer: Viewer) -> bool {
        may_see_medium(viewer, &self.owner, &self.author, self.access)
    }

    /// Whether he may change what it says: its author and the site's administrators.
    pub fn may_edit(&self, viewer: Viewer) -> bool {
        self.visible(viewer) && (self.author.is_self || viewer.site_admin())
    }

    /// Whether he may take it away: its author, its owner and the site's administrators.
    pub fn may_delete(&self, viewer: Viewer) -> bool {
        self.visible(viewer) && (self.author.is_self || self.owner.is_self || viewer.site_admin())
    }

    /// Whether he may comment, vote and mention there: signed in, and no block either way.
    pub fn may_join_in(&self, viewer: Viewer) -> bool {
        self.visible(viewer) && viewer.signed_in() && !self.any_block()
    }

    const fn any_block(&self) -> bool {
        self.owner.blocks || self.owner.blocked_by || self.author.blocks || self.author.blocked_by
    }
}

/// Turns "visible" and "allowed" into an answer that does not tell of what is invisible.
///
/// # Errors
/// [`Refusal`].
pub fn require(visible: bool, allowed: bool) -> Result<(), Refusal> {
    match (visible, allowed) {
        (true, true) => Ok(()),
        (true, false) => Err(Refusal::NotAllowed),
        (false, _) => Err(Refusal::NotVisible),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::{ADMIN, PERSON, myself, stranger};

    fn medium(owner: Standing, author: Standing) -> Medium {
        Medium { owner, author, access: Access::Public }
    }

    #[test]
    fn one_writes_on_ones_own_page_and_on_those_of_friends() {
        let standing = stranger(Access::Public);
        assert_eq!(decide_add(PERSON, &myself()), Ok(()));
        assert_eq!(decide_add(PERSON, &standing), Err(Refusal::NotAllowed));
        assert_eq!(decide_add(PERSON, &Standing { follows: true, ..standing }), Ok(()));
        assert_eq!(decide_add(PERSON, &Standing { follows: true, blocks: true, ..standing }), Err(Refusal::NotAllowed));
        assert_eq!(decide_add(PERSON, &stranger(Access::Admins)), Err(Refusal::NotVisible));
        assert_eq!(decide_add(ADMIN, &stranger(Access::Admins)), Ok(()));
    }

    #[test]
    fn authors_edit_and_owners_take_away() {
        let standing = stranger(Access::Public);
        let on_my_page = medium(myself(), standing);
        let mine_elsewhere = medium(standing, myself());
        assert!(!on_my_page.may_edit(PERSON) && on_my_page.may_delete(PERSON));
        assert!(mine_elsewhere.may_edit(PERSON) && mine_elsewhere.may_delete(PERSON));
        assert!(!medium(standing, standing).may_delete(PERSON) && medium(standing, standing).may_delete(ADMIN));
    }

    #[test]
    fn nobody_joins_in_across_a_block_and_no_guest_does() {
        let standing = stranger(Access::Public);
        assert!(medium(standing, standing).may_join_in(PERSON));
        assert!(!medium(standing, standing).may_join_in(Viewer::Guest));
        assert!(!medium(standing, Standing { blocks: true, ..standing }).may_join_in(PERSON));
        assert!(!medium(Standing { blocked_by: true, ..standing }, standing).may_join_in(PERSON));
    }

    #[test]
    fn what_is_invisible_is_not_told_to_be_forbidden() {
        assert_eq!(require(false, true), Err(Refusal::NotVisible));
        assert_eq!(require(true, false), Err(Refusal::NotAllowed));
        assert_eq!(require(true, true), Ok(()));
    }
}
