//! Comments: adding is joining in on the medium; changing and taking away is for the writer.

use aredvi_projectors::visibility::{Standing, Viewer, may_see_subject};

use super::note::Medium;

/// How the viewer stands towards a comment.
#[derive(Debug, Clone, Copy)]
pub struct Comment {
    /// Towards the medium it is on.
    pub medium: Medium,
    /// Towards its writer.
    pub writer: Standing,
}

impl Comment {
    /// Whether the viewer may see it.
    pub fn visible(&self, viewer: Viewer) -> bool {
        self.medium.visible(viewer) && may_see_subject(viewer, &self.writer)
    }

    /// Whether he may change what it says: its writer and the site's administrators.
    pub fn may_edit(&self, viewer: Viewer) -> bool {
        self.visible(viewer) && (self.writer.is_self || viewer.site_admin())
    }

    /// Whether he may take it away: its writer, the medium's owner and the site's administrators.
    pub fn may_delete(&self, viewer: Viewer) -> bool {
        self.visible(viewer) && (self.writer.is_self || self.medium.owner.is_self || viewer.site_admin())
    }

    /// Whether he may like it.
    pub fn may_vote(&self, viewer: Viewer) -> bool {
        self.visible(viewer) && self.medium.may_join_in(viewer) && !self.writer.blocks && !self.writer.blocked_by
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::{PERSON, myself, stranger};
    use aredvi_events::actors::Access;

    fn comment(owner: Standing, writer: Standing) -> Comment {
        Comment { medium: Medium { owner, author: owner, access: Access::Public }, writer }
    }

    #[test]
    fn the_writer_changes_it_and_the_owner_of_the_page_takes_it_away() {
        let other = stranger(Access::Public);
        assert!(comment(other, myself()).may_edit(PERSON));
        assert!(!comment(myself(), other).may_edit(PERSON) && comment(myself(), other).may_delete(PERSON));
        assert!(!comment(other, other).may_delete(PERSON));
    }

    #[test]
    fn a_comment_of_one_who_blocks_the_viewer_is_not_there() {
        let other = stranger(Access::Public);
        let blocked = comment(other, Standing { blocked_by: true, ..other });
        assert!(!blocked.visible(PERSON) && !blocked.may_vote(PERSON));
        assert!(comment(other, other).may_vote(PERSON) && !comment(other, other).may_vote(Viewer::Guest));
    }
}
