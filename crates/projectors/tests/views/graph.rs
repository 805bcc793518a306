//! Who follows, asks, blocks and is subscribed to whom.

use aredvi_events::ActorId;
use aredvi_events::graph::{
    Blocked, FollowRequestEnded, FollowRequested, Followed, GraphEvent, Subscribed, Unblocked, Unfollowed, Unsubscribed,
};
use aredvi_events::topic::pair_key;
use aredvi_projectors::facts::LoadedEdge;
use aredvi_projectors::graph::Graph;
use aredvi_projectors::graph::queries::{self, Between, Counts, Stance};
use proptest::prelude::*;

use crate::log::{Log, id};
use crate::world::World;
use crate::{engines, laws};

const NOTHING: Stance = Stance { follows: false, requests: false, blocks: false, subscribed: false };

/// What happens between two, by its number.
pub(crate) fn push(log: &mut Log, what: u8, from: u64, to: u64) {
    let (one, other): (ActorId, ActorId) = (id(from), id(to));
    let by = Some(one);
    let minted = 1_000 + log.placed.len() as u64;
    let event: GraphEvent = match what {
        0 | 1 => Followed { by, follower: one, leader: other, story: id(minted) }.into(),
        2 => Unfollowed { by, follower: one, leader: other }.into(),
        3 => FollowRequested { by, requester: one, leader: other, notice: id(minted) }.into(),
        4 => FollowRequestEnded { by, requester: one, leader: other }.into(),
        5 => Blocked { by, blocker: one, blocked: other }.into(),
        6 => Unblocked { by, blocker: one, blocked: other }.into(),
        7 => Subscribed { by, subscriber: one, actor: other }.into(),
        _ => Unsubscribed { by, subscriber: one, actor: other }.into(),
    };
    log.push(pair_key(one, other), event);
}

const FOLLOW: u8 = 0;
const UNFOLLOW: u8 = 2;
const REQUEST: u8 = 3;
const BLOCK: u8 = 5;
const UNBLOCK: u8 = 6;
const SUBSCRIBE: u8 = 7;

fn log(events: &[(u8, u64, u64)]) -> Log {
    let mut log = Log::default();
    for &(what, from, to) in events {
        push(&mut log, what, from, to);
    }
    log
}

#[test]
fn the_graph_is_a_function_of_the_log() {
    laws::hold(&Graph, prop::collection::vec((0_u8..9, 1_u64..5, 1_u64..5), 0..40), |events| log(events));
}

#[tokio::test]
async fn following_twice_counts_once() {
    engines::each(|url| async move {
        let world = World::open(&Graph, &url).await;
        world.apply(&log(&[(FOLLOW, 1, 2), (FOLLOW, 1, 2), (FOLLOW, 3, 2), (FOLLOW, 2, 2)]).placed).await;
        let counts = queries::counts(&world.db, &[id(1), id(2), id(9)]).await.expect("counts");
        let expected = [Counts { actor: id(1), followers: 0, leaders: 1 }, Counts { actor: id(2), followers: 2, leaders: 0 }];
        assert_eq!(counts, expected);
        let followers = queries::followers(&world.db, id(2), None, 10).await.expect("followers");
        assert_eq!(followers, [(id(3), id(1_002)), (id(1), id(1_000))]);
        let below = Some(followers[0].1);
        assert_eq!(queries::followers(&world.db, id(2), below, 10).await.expect("followers"), [(id(1), id(1_000))]);
        assert_eq!(queries::leaders(&world.db, id(1), None, 10).await.expect("leaders"), [id(2)]);
        assert_eq!(queries::leaders(&world.db, id(1), Some(id(2)), 10).await.expect("leaders"), []);
        assert_eq!(queries::leaders_all(&world.db, id(3)).await.expect("leaders"), [id(2)]);
    })
    .await;
}

#[tokio::test]
async fn a_follow_ends_the_request_and_an_unfollow_the_subscription() {
    engines::each(|url| async move {
        let world = World::open(&Graph, &url).await;
        let log = log(&[(REQUEST, 1, 2), (SUBSCRIBE, 1, 2), (FOLLOW, 1, 2), (REQUEST, 1, 2), (UNFOLLOW, 1, 2)]);
        world.apply(&log.placed[..2]).await;
        assert_eq!(queries::requests(&world.db, id(2), None, 10).await.expect("requests"), [(id(1), id(1_000))]);
        let there = Stance { requests: true, subscribed: true, ..NOTHING };
        assert_eq!(between(&world).await, Between { there, back: NOTHING });
        world.apply(&log.placed[2..4]).await;
        let there = Stance { follows: true, subscribed: true, ..NOTHING };
        assert_eq!(between(&world).await, Between { there, back: NOTHING });
        assert_eq!(queries::subscribers(&world.db, id(2), None, 10).await.expect("subscribers"), [id(1)]);
        world.apply(&log.placed[4..]).await;
        assert_eq!(between(&world).await, Between::default());
        let counts = queries::counts(&world.db, &[id(2)]).await.expect("counts");
        assert_eq!(counts, [Counts { actor: id(2), followers: 0, leaders: 0 }]);
    })
    .await;
}

#[tokio::test]
async fn a_block_ends_everything_both_ways_and_holds() {
    engines::each(|url| async move {
        let world = World::open(&Graph, &url).await;
        let log = log(&[
            (FOLLOW, 1, 2),
            (FOLLOW, 2, 1),
            (SUBSCRIBE, 2, 1),
            (BLOCK, 1, 2),
            (FOLLOW, 2, 1),
            (REQUEST, 1, 2),
            (SUBSCRIBE, 1, 2),
            (UNBLOCK, 1, 2),
            (FOLLOW, 2, 1),
        ]);
        world.apply(&log.placed[..4]).await;
        let blocked = Between { there: Stance { blocks: true, ..NOTHING }, back: NOTHING };
        assert_eq!(between(&world).await, blocked);
        assert_eq!(queries::blocks(&world.db, id(1), None, 10).await.expect("blocks"), [id(2)]);
        world.apply(&log.placed[4..7]).await;
        assert_eq!(between(&world).await, blocked);
        world.apply(&log.placed[7..]).await;
        let back = Stance { follows: true, ..NOTHING };
        assert_eq!(between(&world).await, Between { there: NOTHING, back });
        let counts = queries::counts(&world.db, &[id(1)]).await.expect("counts");
        assert_eq!(counts, [Counts { actor: id(1), followers: 1, leaders: 0 }]);
    })
    .await;
}

#[tokio::test]
async fn every_edge_is_scanned_once_with_both_its_sides() {
    engines::each(|url| async move {
        let world = World::open(&Graph, &url).await;
        let events =
            [(FOLLOW, 1, 2), (FOLLOW, 1, 3), (FOLLOW, 2, 1), (FOLLOW, 3, 1), (UNFOLLOW, 1, 3), (BLOCK, 1, 4), (UNBLOCK, 4, 1)];
        world.apply(&log(&events).placed).await;
        let mut tx = world.db.snapshot().await.expect("a snapshot");
        let mut found = Vec::<LoadedEdge>::new();
        loop {
            let after = found.last().map(|edge| (edge.from, edge.to));
            let page = queries::scan_edges(&mut tx, after, 0, 2).await.expect("a page");
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        tx.rollback().await.expect("the end");
        let found: Vec<_> = found.iter().map(|edge| (edge.from.get(), edge.to.get(), edge.follows, edge.blocks)).collect();
        let expected = [
            (1, 2, true, false),
            (1, 3, false, false),
            (1, 4, false, true),
            (2, 1, true, false),
            (3, 1, true, false),
            (4, 1, false, false),
        ];
        assert_eq!(found, expected);
    })
    .await;
}

async fn between(world: &World<'_>) -> Between {
    queries::between(&world.db, id(1), id(2)).await.expect("the pair")
}
