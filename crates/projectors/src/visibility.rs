//! Who may see what: one pure function, used on every path out.
//!
//! It reads no table and no clock. Its callers bring what [stands](Stands) between the viewer and an actor, taken at the
//! moment of reading or sending.

use aredvi_events::actors::Access;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody signed in.
    Guest,
    /// A signed-in person.
    Person {
        /// Whether he administers the site.
        site_admin: bool,
    },
}

/// Whether an actor is there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Registered and neither disabled nor erased.
    #[default]
    Active,
    /// Disabled by an administrator.
    Disabled,
    /// Erased; also whoever was never there.
    Erased,
}

/// What stands between the viewer V and an actor O, as far as it is asked. For a guest everything but state and access is
/// false.
pub trait Stands {
    /// O's state.
    fn state(&self) -> State;
    /// Guards what stands on O's page.
    fn access(&self) -> Access;
    /// O lets those who do not pass ask to follow.
    fn allows_requests(&self) -> bool;
    /// V is O.
    fn is_self(&self) -> bool;
    /// V administers O (a person administers himself).
    fn administers(&self) -> bool;
    /// V follows O.
    fn follows(&self) -> bool;
    /// O follows V.
    fn followed_by(&self) -> bool;
    /// O blocks V.
    fn blocked_by(&self) -> bool;
    /// V blocks O.
    fn blocks(&self) -> bool;
}

/// All of what [stands](Stands) between V and O.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// O's state.
    pub state: State,
    /// Guards what stands on O's page.
    pub access: Access,
    /// O lets those who do not pass ask to follow.
    pub allows_requests: bool,
    /// V is O.
    pub is_self: bool,
    /// V administers O (a person administers himself).
    pub administers: bool,
    /// V follows O.
    pub follows: bool,
    /// O follows V.
    pub followed_by: bool,
    /// O blocks V.
    pub blocked_by: bool,
    /// V blocks O.
    pub blocks: bool,
}

impl Stands for Standing {
    fn state(&self) -> State {
        self.state
    }

    fn access(&self) -> Access {
        self.access
    }

    fn allows_requests(&self) -> bool {
        self.allows_requests
    }

    fn is_self(&self) -> bool {
        self.is_self
    }

    fn administers(&self) -> bool {
        self.administers
    }

    fn follows(&self) -> bool {
        self.follows
    }

    fn followed_by(&self) -> bool {
        self.followed_by
    }

    fn blocked_by(&self) -> bool {
        self.blocked_by
    }

    fn blocks(&self) -> bool {
        self.blocks
    }
}

impl Viewer {
    /// Whether somebody is signed in.
    pub const fn signed_in(self) -> bool {
        matches!(self, Self::Person { .. })
    }

    /// Whether he administers the site.
    pub const fn site_admin(self) -> bool {
        matches!(self, Self::Person { site_admin: true })
    }
}

/// Whether an access level of O passes for V; states and blocks are not asked.
pub fn passes(access: Access, viewer: Viewer, standing: &impl Stands) -> bool {
    if standing.is_self() || viewer.site_admin() {
        return true;
    }
    match access {
        Access::Public => true,
        Access::Registered => viewer.signed_in(),
        Access::Followers => standing.follows() || standing.followed_by() || standing.administers(),
        Access::Leaders => standing.followed_by(),
        Access::Mutuals => standing.follows() && standing.followed_by(),
        Access::Admins => standing.administers(),
    }
}

/// Whether O is there for V: active, and not blocking V. An administrator of the site is not kept out by blocks.
pub fn present(viewer: Viewer, standing: &impl Stands) -> bool {
    matches!(standing.state(), State::Active) && (!standing.blocked_by() || viewer.site_admin())
}

/// Whether V may see what stands on O's page: bio, counts, lists, stories.
pub fn may_see_page(viewer: Viewer, owner: &impl Stands) -> bool {
    present(viewer, owner) && passes(owner.access(), viewer, owner)
}

/// Whether V may see O's card: who may see the page, and signed-in people while O lets them ask to follow.
pub fn may_see_card(viewer: Viewer, actor: &impl Stands) -> bool {
    may_see_page(viewer, actor) || (present(viewer, actor) && viewer.signed_in() && actor.allows_requests())
}

/// Whether V may see a medium of `access` that stands on `owner`'s page, written by `author`.
pub fn may_see_medium(viewer: Viewer, owner: &impl Stands, author: &impl Stands, access: Access) -> bool {
    may_see_page(viewer, owner) && passes(access, viewer, owner) && present(viewer, author)
}

/// Whether V may see a comment by `writer` on a medium that V may see, or a story or notification about `writer`.
///
/// An author's own page may be private: what he writes on another's page is guarded by that page.
pub fn may_see_subject(viewer: Viewer, writer: &impl Stands) -> bool {
    present(viewer, writer)
}
