//! Picks the stories of one page.
//!
//! **Exact paging.** The first page notes how far the index had heard. A story counts by the place of the event that made
//! it: later pages show only what was there at the first, below the last id shown. So every story that stays visible
//! appears exactly once, whatever is written meanwhile and whatever the clocks say.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, Id, Place, Positions, StoryId};
use aredvi_projectors::facts::Look;
use aredvi_projectors::visibility::{may_see_page, passes};

use super::FeedIndex;
use super::outbox::StoryRef;

/// Which page.
pub struct Wanted<'a> {
    /// Whose eyes: nobody's for a guest.
    pub viewer: Option<ActorId>,
    /// Whose outboxes.
    pub owners: &'a [u32],
    /// Only ids below this.
    pub before: Option<StoryId>,
    /// Only stories made by events within these; none on the first page.
    pub within: Option<&'a Positions>,
    /// At most so many.
    pub limit: usize,
}

/// A story that may stand on the page, if its rows agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub story: StoryId,
    /// What it tells.
    pub verb: Verb,
    /// A medium, or an actor for a follow.
    pub object: Id,
    /// The event that made it.
    pub made_by: Place,
}

/// The newest candidates, and where memory ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Slice {
    /// Newest first.
    pub candidates: Vec<Candidate>,
    /// At and above this id memory is complete; below it ask `story_feed`. `None`: memory holds everything.
    pub floor: Option<StoryId>,
    /// What the index had heard when it looked.
    pub heard: Positions,
}

impl FeedIndex {
    /// The newest stories of `wanted.owners` that the viewer may see as far as owners and access tell. Blocks and states
    /// of authors are judged when the rows are read.
    pub fn slice(&self, wanted: &Wanted<'_>, look: &Look<'_>) -> Slice {
        let outboxes = self.read();
        let onlooker = look.by(wanted.viewer);
        let viewer = onlooker.viewer();
        let before = wanted.before.map_or(u64::MAX, StoryId::get);
        let mut floor = 0;
        let mut best: BinaryHeap<Reverse<ByAge>> = BinaryHeap::with_capacity(wanted.limit + 1);
        // Whoever has the newest stories comes first: most owners then need not be opened.
        let mut owners: BinaryHeap<(u64, u32)> = wanted
            .owners
            .iter()
            .filter_map(|&owner| outboxes.newest.get(owner as usize).map(|&newest| (newest, owner)))
            .filter(|(newest, _)| *newest > 0)
            .collect();
        while let Some((newest, owner)) = owners.pop() {
            // All that are left are older than a whole page, and so is where memory ends for them.
            if newest <= least(&best, wanted.limit) {
                break;
            }
            let Some(outbox) = outboxes.boxes.get(owner as usize) else { continue };
            let standing = onlooker.towards_ordinal(owner);
            if !may_see_page(viewer, &standing) {
                continue;
            }
            floor = floor.max(outbox.floor().unwrap_or(0));
            for story in outbox.below(before) {
                if story.id().get() <= least(&best, wanted.limit) {
                    break;
                }
                let counts = wanted.within.is_none_or(|within| within.includes(story.place()));
                if counts && passes(story.access(), viewer, &standing) {
                    best.push(Reverse(ByAge(*story)));
                    if best.len() > wanted.limit {
                        best.pop();
                    }
                }
            }
        }
        let candidates = best
            .into_sorted_vec()
            .into_iter()
            .map(|Reverse(ByAge(story))| story)
            .filter(|story| story.id().get() >= floor)
            .map(|story| Candidate { story: story.id(), verb: story.verb(), object: story.object(), made_by: story.place() })
            .collect();
        let floor = Id::new(floor).map(StoryId::from);
        Slice { candidates, floor, heard: outboxes.positions.clone() }
    }
}

/// The least id that a full page holds; 0 while there is room.
fn least(best: &BinaryHeap<Reverse<ByAge>>, limit: usize) -> u64 {
    if best.len() < limit { 0 } else { best.peek().map_or(0, |Reverse(ByAge(story))| story.id().get()) }
}

/// Orders stories by id.
struct ByAge(StoryRef);

impl PartialEq for ByAge {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for ByAge {}

impl PartialOrd for ByAge {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByAge {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id().cmp(&other.0.id())
    }
}
