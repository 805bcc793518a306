//! Two people who are parted by an unfollow or a block: what leaves the feed of each with the other's page.
//!
//! What one could see before is what he can see now, with the ties that ended put back. Only what stood on the first page
//! or could have been told before is told: the newest stories of the other's page as the feed index held them then.

use aredvi_events::graph::{Blocked, Unfollowed};
use aredvi_events::{ActorId, StoryId};
use aredvi_projectors::visibility::Standing;

use crate::feed::FeedIndex;

/// Stories of a page that are told to be gone, the newest; of its first hundred stories a feed holds no more of one page.
pub const STORIES: usize = 100;

/// What was before.
#[derive(Debug, Clone, PartialEq)]
pub struct Parted {
    sides: [Side; 2],
    blocked: bool,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    person: ActorId,
    /// Whether he followed the other; none where that is not known.
    followed: Option<bool>,
    /// The stories on his page that tell that he follows the other, where that ended.
    ended: Vec<StoryId>,
    /// The newest others on his page, at most [`STORIES`]; none where not so many are held.
    stories: Option<Vec<StoryId>>,
}

/// What one of the two has lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss<'a> {
    /// Whose page.
    pub page: ActorId,
    /// What told that the other follows him.
    pub ended: &'a [StoryId],
    /// What else stood on that page.
    pub stories: &'a [StoryId],
    followed_by: bool,
    blocked: bool,
}

/// Where it is not known what somebody has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotKnown;

impl Parted {
    /// By an unfollow, asked before the feed index has heard it.
    pub fn by_unfollow(event: &Unfollowed, feed: &FeedIndex) -> Self {
        let (one, other) = (event.follower, event.leader);
        Self { sides: [Side::of(one, other, true, feed), Side::of(other, one, false, feed)], blocked: false }
    }

    /// By a block, asked before the feed index has heard it.
    pub fn by_block(event: &Blocked, feed: &FeedIndex) -> Self {
        let (one, other) = (event.blocker, event.blocked);
        Self { sides: [Side::of(one, other, true, feed), Side::of(other, one, true, feed)], blocked: true }
    }

    /// What `person` has lost with the other's page; nothing for who is neither of the two or did not follow the other.
    ///
    /// # Errors
    /// [`NotKnown`]: he has to fetch again.
    pub fn lost_by(&self, person: ActorId) -> Result<Option<Loss<'_>>, NotKnown> {
        let (his, others) = match &self.sides {
            [one, other] if one.person == person => (one, other),
            [other, one] if one.person == person => (one, other),
            _ => return Ok(None),
        };
        if !his.followed.ok_or(NotKnown)? {
            return Ok(None);
        }
        Ok(Some(Loss {
            page: others.person,
            ended: &others.ended,
            stories: others.stories.as_ref().ok_or(NotKnown)?,
            followed_by: others.followed.ok_or(NotKnown)?,
            blocked: self.blocked,
        }))
    }
}

impl Side {
    fn of(person: ActorId, other: ActorId, ends: bool, feed: &FeedIndex) -> Self {
        let follow = feed.of_follow(person, other);
        let followed = (!follow.is_empty() || feed.holds_follow(person, other)).then_some(!follow.is_empty());
        let ended = if ends { follow } else { Vec::new() };
        let mut stories = feed.newest_of(person, STORIES + ended.len());
        if let Some(stories) = &mut stories {
            stories.retain(|story| !ended.contains(story));
            stories.truncate(STORIES);
        }
        Self { person, followed, ended, stories }
    }
}

impl Loss<'_> {
    /// How he stood to the other before, who stands to him like this now.
    pub fn before(&self, now: Standing) -> Standing {
        let mut before = Standing { follows: true, followed_by: self.followed_by, ..now };
        if self.blocked {
            // Who was blocked already followed nobody.
            (before.blocks, before.blocked_by) = (false, false);
        }
        before
    }
}
