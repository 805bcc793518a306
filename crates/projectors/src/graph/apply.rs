//! What each event of `graph` does to its pair's rows.

use std::collections::BTreeMap;

use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::{ActorId, NotificationId, Place, StoryId};
use uuid::Uuid;

use super::rows::{Edge, Pair, Tie};
use crate::db::{OnConflict, Tx, Upsert, Value};
use crate::rows::Rows;
use crate::view::ApplyError;

/// The rows of the pairs that a batch speaks of.
struct Pairs {
    edges: Rows<Edge>,
    ties: Rows<Tie>,
    counts: BTreeMap<(ActorId, u32), Added>,
}

/// What a batch adds to an actor's counts.
#[derive(Default)]
struct Added {
    followers: i64,
    leaders: i64,
}

const COUNTS: Upsert = Upsert {
    table: "counts",
    keys: &["actor", "part"],
    columns: &[("followers", OnConflict::Add), ("leaders", OnConflict::Add)],
};

/// Applies a batch.
pub(super) async fn apply(tx: &mut Tx, events: &[Placed]) -> Result<(), ApplyError> {
    let events: Vec<(&Placed, &GraphEvent)> = events.iter().filter_map(graph_event).collect();
    let both = |(one, other): Pair| [(one, other), (other, one)];
    let edges = events.iter().flat_map(|(_, event)| match event {
        // It ends the follows of both.
        GraphEvent::Blocked(_) => both(event.pair()).to_vec(),
        GraphEvent::Followed(_)
        | GraphEvent::Unfollowed(_)
        | GraphEvent::FollowRequested(_)
        | GraphEvent::FollowRequestEnded(_)
        | GraphEvent::Unblocked(_)
        | GraphEvent::Subscribed(_)
        | GraphEvent::Unsubscribed(_) => vec![event.pair()],
    });
    let edges = Rows::load(tx, edges).await?;
    let ties = Rows::load(tx, events.iter().flat_map(|(_, event)| both(event.pair()))).await?;
    let mut rows = Pairs { edges, ties, counts: BTreeMap::new() };
    for (placed, event) in &events {
        rows.fold(placed, event);
    }
    rows.write(tx).await
}

fn graph_event(placed: &Placed) -> Option<(&Placed, &GraphEvent)> {
    if let Body::Graph(event) = &placed.event.body { Some((placed, event)) } else { None }
}

/// One event, as an arm sees it.
#[derive(Clone, Copy)]
struct Now {
    pair: Pair,
    place: Place,
    time_ms: i64,
}

impl Pairs {
    fn fold(&mut self, placed: &Placed, event: &GraphEvent) {
        let now = Now { pair: event.pair(), place: placed.place, time_ms: placed.event.time_ms };
        if now.pair.0 == now.pair.1 {
            return;
        }
        if !self.is_new(now, placed.event.id, event) {
            return;
        }
        match event {
            GraphEvent::Followed(e) => self.follow(now, e.story),
            GraphEvent::Unfollowed(_) => self.unfollow(now),
            GraphEvent::FollowRequested(e) => self.request(now, e.notice),
            GraphEvent::FollowRequestEnded(_) => self.end_request(now),
            GraphEvent::Blocked(_) => self.block(now),
            GraphEvent::Unblocked(_) => self.change_tie(now, |tie| tie.blocking = false),
            GraphEvent::Subscribed(_) if self.blocked(now.pair) => {}
            GraphEvent::Subscribed(_) => self.change_tie(now, |tie| tie.subscribed = true),
            GraphEvent::Unsubscribed(_) => self.change_tie(now, |tie| tie.subscribed = false),
        }
    }

    fn follow(&mut self, now: Now, story: StoryId) {
        if self.blocked(now.pair) || self.follows(now.pair) {
            return;
        }
        let edge = self.edges.change_or(now.pair, || Edge::new(now.pair));
        edge.story = Some(story);
        self.count(now, 1);
        self.end_request(now);
    }

    fn unfollow(&mut self, now: Now) {
        if !self.follows(now.pair) {
            return;
        }
        let edge = self.edges.change_or(now.pair, || Edge::new(now.pair));
        edge.story = None;
        edge.at(now.place);
        self.count(now, -1);
        if self.ties.get(now.pair).is_some_and(|tie| tie.subscribed) {
            self.change_tie(now, |tie| tie.subscribed = false);
        }
    }

    fn request(&mut self, now: Now, notice: NotificationId) {
        let requested = self.ties.get(now.pair).is_some_and(|tie| tie.request.is_some());
        if !requested && !self.blocked(now.pair) && !self.follows(now.pair) {
            self.change_tie(now, |tie| tie.request = Some(notice));
        }
    }

    fn end_request(&mut self, now: Now) {
        if self.ties.get(now.pair).is_some_and(|tie| tie.request.is_some()) {
            self.change_tie(now, |tie| tie.request = None);
        }
    }

    fn block(&mut self, now: Now) {
        self.change_tie(now, |tie| tie.blocking = true);
        let (blocker, blocked) = now.pair;
        for now in [now, Now { pair: (blocked, blocker), ..now }] {
            self.unfollow(now);
            if self.ties.get(now.pair).is_some_and(|tie| tie.request.is_some() || tie.subscribed) {
                self.change_tie(now, |tie| {
                    tie.request = None;
                    tie.subscribed = false;
                });
            }
        }
    }

    /// Notes an event with the row that it is about; false when it was noted before.
    fn is_new(&mut self, now: Now, id: Uuid, event: &GraphEvent) -> bool {
        if matches!(event, GraphEvent::Followed(_) | GraphEvent::Unfollowed(_)) {
            if self.edges.get(now.pair).is_some_and(|edge| edge.seen.knows(id)) {
                return false;
            }
            let edge = self.edges.change_or(now.pair, || Edge::new(now.pair));
            edge.seen.remember(id);
            edge.at(now.place);
        } else {
            if self.ties.get(now.pair).is_some_and(|tie| tie.seen.knows(id)) {
                return false;
            }
            self.change_tie(now, |tie| tie.seen.remember(id));
        }
        true
    }

    fn change_tie(&mut self, now: Now, change: impl FnOnce(&mut Tie)) {
        let tie = self.ties.change_or(now.pair, || Tie::new(now.pair));
        change(tie);
        tie.at(now.place, now.time_ms);
    }

    fn follows(&self, pair: Pair) -> bool {
        self.edges.get(pair).is_some_and(|edge| edge.story.is_some())
    }

    /// Whether either blocks the other.
    fn blocked(&self, (one, other): Pair) -> bool {
        [(one, other), (other, one)].into_iter().any(|pair| self.ties.get(pair).is_some_and(|tie| tie.blocking))
    }

    fn count(&mut self, now: Now, by: i64) {
        let (follower, leader) = now.pair;
        let part = now.place.partition.number;
        self.counts.entry((follower, part)).or_default().leaders += by;
        self.counts.entry((leader, part)).or_default().followers += by;
    }

    async fn write(self, tx: &mut Tx) -> Result<(), ApplyError> {
        self.edges.write(tx).await?;
        self.ties.write(tx).await?;
        let counts: Vec<[Value; 4]> = self
            .counts
            .into_iter()
            .map(|((actor, part), added)| [actor.into(), part.into(), added.followers.into(), added.leaders.into()])
            .collect();
        Ok(tx.upsert(&COUNTS, counts).await?)
    }
}
