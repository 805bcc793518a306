//! Who sees what: the table of access levels as data, held against every way out. It calls no product code.

mod letters;
mod reading;
mod telling;

use crate::world::World;
use crate::world::person::Person;

/// Who looks, in the order of the table's columns.
const VIEWERS: [&str; 8] = ["guest", "stranger", "follower", "leader", "mutual", "self", "administrator", "blocked"];

/// Who passes each level: `access` of the owner or of a medium. An administrator of the site passes them all.
#[rustfmt::skip]
const TABLE: [(&str, [bool; VIEWERS.len()]); 6] = [
    //             guest  stranger follower leader mutual self  admin blocked
    ("public",     [true,  true,  true,  true,  true,  true, true, false]),
    ("registered", [false, true,  true,  true,  true,  true, true, false]),
    ("followers",  [false, false, true,  true,  true,  true, true, false]),
    ("leaders",    [false, false, false, true,  true,  true, true, false]),
    ("mutuals",    [false, false, false, false, true,  true, true, false]),
    ("admins",     [false, false, false, false, false, true, true, false]),
];

const GUEST: usize = 0;
const FOLLOWER: usize = 2;
const LEADER: usize = 3;
const MUTUAL: usize = 4;
const SELF: usize = 5;
const ADMINISTRATOR: usize = 6;
const BLOCKED: usize = 7;

/// Whether stories of the owner come into this viewer's feed, as long as he may see them.
const fn follows(viewer: usize) -> bool {
    matches!(viewer, FOLLOWER | MUTUAL | SELF)
}

/// Somebody whose page it is, and one of each kind who look at it.
struct Cast {
    owner: Person,
    /// In the order of [`VIEWERS`].
    viewers: Vec<Person>,
}

impl Cast {
    /// Signs them up and lets them follow each other. Nobody is blocked yet.
    async fn meet(world: &World) -> Self {
        let owner = world.sign_up("Olga").await;
        let mut viewers = vec![world.guest()];
        for name in ["Stan", "Fred", "Lena", "Mina", "Olga", "Adam", "Bert"] {
            viewers.push(if name == "Olga" { owner.clone() } else { world.sign_up(name).await });
        }
        world.make_administrator(&viewers[ADMINISTRATOR]).await;
        world.settle().await;
        for follower in [FOLLOWER, MUTUAL] {
            viewers[follower].follow(&owner).await;
        }
        for leader in [LEADER, MUTUAL] {
            owner.follow(&viewers[leader]).await;
        }
        Self { owner, viewers }
    }

    /// Blocks the one who is to be blocked.
    async fn block(&self) {
        self.owner.block(&self.viewers[BLOCKED]).await;
    }
}
