//! What was taken away lately, for who comes back: neither a view nor the feed index knows it any more.
//!
//! Only what this process heard itself, and only where it held every story that an event took away: what is remembered
//! is told exactly, and of the rest nothing is guessed.

use std::collections::{HashMap, VecDeque};

use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::media::MediaEvent;
use aredvi_events::{Body, Place};

use super::note::{Telling, takes_away, tellings};
use super::tell::CHANGED_STORIES;
use crate::feed::FeedIndex;

/// Events that are remembered; who missed one before them fetches again.
pub const EVENTS: usize = 4_096;
/// Stories of one event that are remembered; who missed one that took more fetches again.
const STORIES: usize = 256;

/// The newest events that took something away.
#[derive(Default)]
pub struct Taken {
    told: HashMap<Place, Vec<Telling>>,
    order: VecDeque<Place>,
}

impl Taken {
    /// Remembers what an event takes away, asked before the feed index has heard it.
    pub fn hear(&mut self, placed: &Placed, feed: &FeedIndex) {
        let body = &placed.event.body;
        if !takes_away(body) || !holds_all(body, feed) {
            return;
        }
        let told = tellings(body, feed);
        if told.iter().map(stories).sum::<usize>() > STORIES {
            return;
        }
        if self.order.len() >= EVENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.told.remove(&oldest);
        }
        self.order.push_back(placed.place);
        self.told.insert(placed.place, told);
    }

    /// What the event at `place` took away, where that is known.
    pub fn at(&self, place: Place) -> Option<Vec<Telling>> {
        self.told.get(&place).cloned()
    }
}

/// Whether no story that an event takes away is older than what the feed index holds, nor passed over when it is told.
fn holds_all(body: &Body, feed: &FeedIndex) -> bool {
    match body {
        Body::Media(MediaEvent::MediumDeleted(e)) => feed.holds_medium(e.owner, e.medium),
        Body::Media(MediaEvent::AccessChanged(e)) => {
            feed.holds_medium(e.owner, e.medium) && feed.of_medium(e.owner, e.medium).len() <= CHANGED_STORIES
        }
        Body::Graph(GraphEvent::Unfollowed(e)) => feed.holds_follow(e.follower, e.leader),
        Body::Graph(GraphEvent::Blocked(e)) => feed.holds_follow(e.blocker, e.blocked) && feed.holds_follow(e.blocked, e.blocker),
        Body::Media(_)
        | Body::Graph(_)
        | Body::Notifications(_)
        | Body::Identity(_)
        | Body::Actors(_)
        | Body::Sessions(_)
        | Body::Deliveries(_)
        | Body::Any(_) => false,
    }
}

fn stories(telling: &Telling) -> usize {
    match telling {
        Telling::Removed(_, stories) | Telling::Unfollowed(_, _, stories) => stories.len(),
        // Bounded by itself.
        Telling::Parted(_) => 0,
        Telling::Changed(..) | Telling::Opened(..) | Telling::Count | Telling::Story(_) | Telling::Raised(_) => 0,
    }
}
