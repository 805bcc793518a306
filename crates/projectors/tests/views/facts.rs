//! The facts in memory say what the rows of `actors` and `graph` say, wherever they are loaded and whatever is repeated.

use std::collections::BTreeMap;

use aredvi_events::envelope::Placed;
use aredvi_events::{ActorId, Positions, SessionId};
use aredvi_projectors::actors::Actors;
use aredvi_projectors::actors::queries::scan_actors;
use aredvi_projectors::facts::{Facts, LoadedActor, LoadedEdge};
use aredvi_projectors::graph::Graph;
use aredvi_projectors::graph::queries::scan_edges;
use aredvi_projectors::visibility::State;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::laws::{CASES, delivery};
use crate::log::{Log, START_MS, id};
use crate::world::World;
use crate::{actors, engines, graph};

/// People of a log.
const PEOPLE: u64 = 4;
/// More rows than a log makes.
const ALL: u32 = 100;

/// What happens, to whom, and which of it; graph first.
fn happenings() -> impl Strategy<Value = Vec<(u8, u64, u64)>> {
    prop::collection::vec((0_u8..20, 1..=PEOPLE, 1..=PEOPLE), 0..60)
}

fn log(happenings: &[(u8, u64, u64)]) -> Log {
    let mut log = Log::default();
    for &(what, one, other) in happenings {
        match what {
            0..9 => graph::push(&mut log, what, one, other),
            what => actors::push(&mut log, what - 9, one, u8::try_from(other).expect("small")),
        }
    }
    log
}

/// What stands in the two views.
struct Rows {
    actors: Vec<LoadedActor>,
    edges: Vec<LoadedEdge>,
}

async fn rows(actors: &World<'_>, graph: &World<'_>) -> Rows {
    let mut tx = actors.db.snapshot().await.expect("a snapshot");
    let loaded = scan_actors(&mut tx, None, 0, ALL).await.expect("actors");
    tx.rollback().await.expect("the end");
    let mut tx = graph.db.snapshot().await.expect("a snapshot");
    let edges = scan_edges(&mut tx, None, 0, ALL).await.expect("edges");
    tx.rollback().await.expect("the end");
    Rows { actors: loaded, edges }
}

fn next(events: &[Placed]) -> Positions {
    events.iter().map(|placed| placed.place).collect()
}

/// Each actor's state, privacy, role, and whether two of his sessions stand; and all follows and blocks.
type Said = (BTreeMap<u64, String>, Vec<(u64, u64, bool, bool)>);

const SESSIONS: [(u64, i64); 2] = [(700, START_MS), (701, START_MS)];

fn said_by(facts: &Facts) -> Said {
    let look = facts.look(0);
    let people = 1..=PEOPLE;
    let actor = |number: u64| {
        let person: ActorId = id(number);
        let stands = SESSIONS.map(|(session, at)| look.session_stands(person, id::<SessionId>(session), at));
        let state = look.standing(None, person).state;
        look.knows(person)
            .then(|| (number, format!("{state:?} {:?} {:?} {stands:?}", look.privacy(person), look.viewer(Some(person)))))
    };
    let pairs = people.clone().flat_map(|one| (1..=PEOPLE).map(move |other| (one, other))).filter(|(one, other)| one != other);
    let pairs = pairs.map(|(one, other)| {
        let standing = look.standing(Some(id(one)), id(other));
        (one, other, standing.follows, standing.blocks)
    });
    (people.filter_map(actor).collect(), pairs.filter(|(_, _, follows, blocks)| *follows || *blocks).collect())
}

fn said_in(rows: &Rows) -> Said {
    let actor = |row: &LoadedActor| {
        let active = row.state == State::Active;
        let stands = SESSIONS.map(|(session, at)| {
            active && row.sessions_end.is_none_or(|end| at > end.at || end.keep == Some(id::<SessionId>(session)))
        });
        let viewer = aredvi_projectors::visibility::Viewer::Person { site_admin: row.site_admin && active };
        (row.id.get(), format!("{:?} {:?} {viewer:?} {stands:?}", row.state, row.privacy))
    };
    let edges = rows.edges.iter().filter(|edge| edge.follows || edge.blocks);
    let edges = edges.map(|edge| (edge.from.get(), edge.to.get(), edge.follows, edge.blocks));
    (rows.actors.iter().map(actor).collect(), edges.collect())
}

#[test]
fn facts_are_what_the_rows_say_wherever_they_are_loaded() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (engine, cases) in engines::engines().into_iter().zip(CASES) {
        let (actors, graph) =
            runtime.block_on(async { (World::open(&Actors, &engine.url).await, World::open(&Graph, &engine.url).await) });
        let config = Config { cases: 2 * cases, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&(happenings(), delivery(), any::<usize>(), any::<usize>()), |(happenings, delivery, heard, loaded)| {
                let events = delivery.of(&log(&happenings).placed);
                // The tail may begin before what the rows hold.
                let loaded = loaded % (events.len() + 1);
                let heard = heard % (loaded + 1);
                runtime.block_on(async {
                    actors.clear().await;
                    graph.clear().await;
                    actors.apply(&events[..loaded]).await;
                    graph.apply(&events[..loaded]).await;
                    let (facts, from) = (Facts::new(), next(&events[..heard]));
                    let begun = rows(&actors, &graph).await;
                    facts.load_actors(&begun.actors, &from);
                    facts.load_edges(&begun.edges, &from);
                    facts.trim();
                    facts.caught_up(0);
                    for placed in &events[heard..] {
                        facts.apply(placed);
                    }
                    actors.apply(&events[loaded..]).await;
                    graph.apply(&events[loaded..]).await;
                    prop_assert_eq!(said_by(&facts), said_in(&rows(&actors, &graph).await));
                    Ok(())
                })
            })
            .expect("facts are rows");
        runtime.block_on(async {
            actors.db.close().await;
            graph.db.close().await;
        });
    }
}
