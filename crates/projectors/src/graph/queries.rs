//! What may be asked of `graph`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use aredvi_events::{ActorId, NotificationId, Partition, Place, StoryId, Topic};

use crate::db::{Db, DbError, Row, Tx, Value, padded_in_list};
use crate::facts::LoadedEdge;
use crate::seen::Seen;

/// What stands from one actor to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stance {
    /// The first follows the second.
    pub follows: bool,
    /// The first asks to follow the second.
    pub requests: bool,
    /// The first blocks the second.
    pub blocks: bool,
    /// The first is told of what happens on the second's page.
    pub subscribed: bool,
}

/// What stands between two actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Between {
    /// From the first to the second.
    pub there: Stance,
    /// From the second to the first.
    pub back: Stance,
}

/// How many follow an actor, and how many he follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Whose.
    pub actor: ActorId,
    /// Those who follow him.
    pub followers: u64,
    /// Those whom he follows.
    pub leaders: u64,
}

/// Who follows `leader`, the newest follow first, from below `below`; the story of each follow is the cursor of the next
/// page.
///
/// # Errors
/// [`DbError`].
pub async fn followers(db: &Db, leader: ActorId, below: Option<StoryId>, limit: u32) -> Result<Vec<(ActorId, StoryId)>, DbError> {
    // edges_by_leader
    let sql = "SELECT src, story FROM edges WHERE dst = ? AND story < ? ORDER BY story DESC LIMIT ?";
    let below = below.map_or(i64::MAX, StoryId::as_i64);
    let rows = db.read(sql, vec![leader.into(), below.into(), limit.into()]).await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.id(1)?))).collect()
}

/// Whom `follower` follows, the newest actor first, from below `below`.
///
/// # Errors
/// [`DbError`].
pub async fn leaders(db: &Db, follower: ActorId, below: Option<ActorId>, limit: u32) -> Result<Vec<ActorId>, DbError> {
    // edges: the primary key
    let sql = "SELECT dst FROM edges WHERE src = ? AND dst < ? AND story IS NOT NULL ORDER BY dst DESC LIMIT ?";
    let below = below.map_or(i64::MAX, ActorId::as_i64);
    ids(&db.read(sql, vec![follower.into(), below.into(), limit.into()]).await?)
}

/// Everybody whom `follower` follows, for who holds them in memory.
///
/// # Errors
/// [`DbError`].
pub async fn leaders_all(db: &Db, follower: ActorId) -> Result<Vec<ActorId>, DbError> {
    // edges: the primary key
    ids(&db.read("SELECT dst FROM edges WHERE src = ? AND story IS NOT NULL", vec![follower.into()]).await?)
}

/// Who asks to follow `leader`, the newest request first, from below `below`; the notice of each request is the cursor of
/// the next page.
///
/// # Errors
/// [`DbError`].
pub async fn requests(
    db: &Db,
    leader: ActorId,
    below: Option<NotificationId>,
    limit: u32,
) -> Result<Vec<(ActorId, NotificationId)>, DbError> {
    // ties_by_request
    let sql = "SELECT src, request FROM ties WHERE dst = ? AND request < ? ORDER BY request DESC LIMIT ?";
    let below = below.map_or(i64::MAX, NotificationId::as_i64);
    let rows = db.read(sql, vec![leader.into(), below.into(), limit.into()]).await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.id(1)?))).collect()
}

/// Whom `blocker` blocks, the newest actor first, from below `below`.
///
/// # Errors
/// [`DbError`].
pub async fn blocks(db: &Db, blocker: ActorId, below: Option<ActorId>, limit: u32) -> Result<Vec<ActorId>, DbError> {
    // ties_by_block
    let sql = "SELECT dst FROM ties WHERE src = ? AND blocking = 1 AND dst < ? ORDER BY dst DESC LIMIT ?";
    let below = below.map_or(i64::MAX, ActorId::as_i64);
    ids(&db.read(sql, vec![blocker.into(), below.into(), limit.into()]).await?)
}

/// Who is told of what happens on `actor`'s page, in the order of their ids, from above `above`.
///
/// # Errors
/// [`DbError`].
pub async fn subscribers(db: &Db, actor: ActorId, above: Option<ActorId>, limit: u32) -> Result<Vec<ActorId>, DbError> {
    // ties_by_subscription
    let sql = "SELECT src FROM ties WHERE dst = ? AND subscribed = 1 AND src > ? ORDER BY src LIMIT ?";
    let above = above.map_or(0, ActorId::as_i64);
    ids(&db.read(sql, vec![actor.into(), above.into(), limit.into()]).await?)
}

/// What stands between two actors.
///
/// # Errors
/// [`DbError`].
pub async fn between(db: &Db, one: ActorId, other: ActorId) -> Result<Between, DbError> {
    // Both tables: the primary key.
    let sql = "SELECT src, 1, 0, 0, 0 FROM edges WHERE ((src = ? AND dst = ?) OR (src = ? AND dst = ?)) AND story IS NOT NULL
        UNION ALL
        SELECT src, 0, CASE WHEN request IS NULL THEN 0 ELSE 1 END, blocking, subscribed FROM ties
        WHERE (src = ? AND dst = ?) OR (src = ? AND dst = ?)";
    let pair: [Value; 4] = [one.into(), other.into(), other.into(), one.into()];
    let mut between = Between::default();
    for row in db.read(sql, [pair.clone(), pair].concat()).await? {
        let stance = if row.id::<ActorId>(0)? == one { &mut between.there } else { &mut between.back };
        stance.follows |= row.int(1)? != 0;
        stance.requests |= row.int(2)? != 0;
        stance.blocks |= row.int(3)? != 0;
        stance.subscribed |= row.int(4)? != 0;
    }
    Ok(between)
}

/// The counts of these actors; who follows nobody and is followed by nobody is left out.
///
/// # Errors
/// [`DbError`].
pub async fn counts(db: &Db, actors: &[ActorId]) -> Result<Vec<Counts>, DbError> {
    // counts: the primary key
    let (list, values) = padded_in_list(actors.iter().map(|&actor| actor.into()).collect());
    let sql = format!(
        "SELECT actor, CAST(SUM(followers) AS SIGNED), CAST(SUM(leaders) AS SIGNED) FROM counts
         WHERE actor IN {list} GROUP BY actor"
    );
    let rows = db.read(&sql, values).await?;
    rows.iter().map(|row| Ok(Counts { actor: row.id(0)?, followers: row.id(1)?, leaders: row.id(2)? })).collect()
}

/// Every directed edge that is or was a follow or a block, in the order of the two actors, from after `after`. The cursor
/// of the next page is the last one's pair; only an empty page ends.
///
/// Of rows whose last event stands at `seen_from` or later, their newest events come too. `tx` must be a
/// [snapshot](Db::snapshot): both directions of a pair are then of one moment.
///
/// # Errors
/// [`DbError`].
pub async fn scan_edges(
    tx: &mut Tx,
    after: Option<(ActorId, ActorId)>,
    seen_from: u64,
    limit: u32,
) -> Result<Vec<LoadedEdge>, DbError> {
    // Both tables: the primary key.
    let (src, dst) = after.map_or((0, 0), |(src, dst)| (src.as_i64(), dst.as_i64()));
    let mut found = BTreeMap::<(ActorId, ActorId), LoadedEdge>::new();
    let mut whole_up_to = None;
    for table in [
        "SELECT src, dst, last_part, last_offset, CASE WHEN story IS NULL THEN 0 ELSE 1 END, 0,
            CASE WHEN last_offset >= ? THEN seen END, NULL FROM edges",
        "SELECT src, dst, last_part, last_offset, 0, blocking, NULL, CASE WHEN last_offset >= ? THEN seen END FROM ties",
    ] {
        let sql = format!("{table} WHERE src >= ? AND (src > ? OR dst > ?) ORDER BY src, dst LIMIT ?");
        let rows = tx.read(&sql, vec![offset(seen_from), src.into(), src.into(), dst.into(), limit.into()]).await?;
        let page = rows.iter().map(loaded).collect::<Result<Vec<_>, _>>()?;
        // A full page has more behind it: what the other table has beyond its end must wait.
        if let Some(last) = page.last().filter(|_| page.len() >= usize::try_from(limit).unwrap_or(usize::MAX)) {
            let end = (last.from, last.to);
            whole_up_to = Some(whole_up_to.map_or(end, |other: (ActorId, ActorId)| other.min(end)));
        }
        for edge in page {
            match found.entry((edge.from, edge.to)) {
                Entry::Vacant(free) => drop(free.insert(edge)),
                // What it already holds is of the other table.
                Entry::Occupied(mut held) => held.get_mut().and_tie(edge),
            }
        }
    }
    Ok(found.into_iter().filter(|(pair, _)| whole_up_to.is_none_or(|end| *pair <= end)).map(|(_, edge)| edge).collect())
}

fn loaded(row: &Row) -> Result<LoadedEdge, DbError> {
    Ok(LoadedEdge {
        from: row.id(0)?,
        to: row.id(1)?,
        last: Place { partition: Partition { topic: Topic::Graph, number: row.id(2)? }, offset: row.id(3)? },
        follows: row.int(4)? != 0,
        blocks: row.int(5)? != 0,
        follow_seen: Seen::from_column(row.opt_bytes(6)?.unwrap_or_default()),
        tie_seen: Seen::from_column(row.opt_bytes(7)?.unwrap_or_default()),
    })
}

/// For a comparison; no row stands as far as 63 bits reach.
fn offset(offset: u64) -> Value {
    Value::Int(i64::try_from(offset).unwrap_or(i64::MAX))
}

fn ids(rows: &[Row]) -> Result<Vec<ActorId>, DbError> {
    rows.iter().map(|row| row.id(0)).collect()
}
