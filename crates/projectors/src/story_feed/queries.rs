//! What may be asked of `story_feed`.

use aredvi_events::actors::Access;
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, CommentId, Id, MediumId, Partition, Place, StoryId, Topic};

use crate::db::{Db, DbError, Row as DbRow, Tx, Value, padded_in_list};

/// Owners asked for by one query of [`below`].
const OWNERS_PER_QUERY: usize = 64;

/// A story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub id: StoryId,
    /// On whose page it stands.
    pub owner: ActorId,
    /// What it tells.
    pub verb: Verb,
    /// Who did it.
    pub subject: ActorId,
    /// The medium it is about.
    pub medium: Option<MediumId>,
    /// The actor it is about, for a follow.
    pub actor: Option<ActorId>,
    /// The comment it is about.
    pub comment: Option<CommentId>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// The access of its medium.
    pub access: Access,
    /// The event that made it.
    pub made_by: Place,
}

const COLUMNS: &str =
    "id, owner, verb, subject, medium, actor, comment_id, created_at, access, made_topic, made_part, made_offset";

/// These stories, in no order; those that are gone are left out.
///
/// # Errors
/// [`DbError`].
pub async fn stories(db: &Db, ids: &[StoryId]) -> Result<Vec<Row>, DbError> {
    // stories: the primary key
    let (list, values) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    let sql = format!("SELECT {COLUMNS} FROM stories WHERE id IN {list} AND gone = 0");
    db.read(&sql, values).await?.iter().map(story).collect()
}

/// The newest `limit` stories of these owners below a story, the newest first.
///
/// # Errors
/// [`DbError`].
pub async fn below(db: &Db, owners: &[ActorId], below: StoryId, limit: u32) -> Result<Vec<Row>, DbError> {
    let mut rows = Vec::new();
    for some in owners.chunks(OWNERS_PER_QUERY) {
        // stories_by_owner, once for each owner
        let one = format!(
            "SELECT * FROM (SELECT {COLUMNS} FROM stories WHERE owner = ? AND id < ? AND gone = 0 ORDER BY id DESC LIMIT ?) AS t"
        );
        let sql = vec![one; some.len()].join(" UNION ALL ");
        let values: Vec<Value> =
            some.iter().flat_map(|&owner| [owner.into(), below.into(), Value::Int(i64::from(limit))]).collect();
        for row in db.read(&sql, values).await? {
            rows.push(story(&row)?);
        }
    }
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// What an index of all stories holds of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The story.
    pub id: StoryId,
    /// On whose page it stands.
    pub owner: ActorId,
    /// What happened.
    pub verb: Verb,
    /// The medium, or the actor of a follow.
    pub object: Id,
    /// The access of its medium.
    pub access: Access,
    /// The event that made it.
    pub made_by: Place,
}

/// Every story in the order of ids, from after `after`, within a snapshot.
///
/// # Errors
/// [`DbError`].
pub async fn scan(tx: &mut Tx, after: Option<StoryId>, limit: u32) -> Result<Vec<Indexed>, DbError> {
    // stories: the primary key, which is the order of the rows themselves
    let sql = "SELECT id, owner, verb, COALESCE(medium, actor), access, made_topic, made_part, made_offset FROM stories
        WHERE id > ? AND gone = 0 AND COALESCE(medium, actor) IS NOT NULL ORDER BY id LIMIT ?";
    let values = vec![after.map_or(0, StoryId::as_i64).into(), Value::Int(i64::from(limit))];
    tx.read(sql, values).await?.iter().map(indexed).collect()
}

fn indexed(row: &DbRow) -> Result<Indexed, DbError> {
    Ok(Indexed {
        id: row.id(0)?,
        owner: row.id(1)?,
        verb: verb(row, 2)?,
        object: row.id(3)?,
        access: Access::from_number(row.int(4)?),
        made_by: made_by(row, 5)?,
    })
}

fn verb(row: &DbRow, column: usize) -> Result<Verb, DbError> {
    Ok(Verb::from_number(row.int(column)?).unwrap_or(Verb::NoteAdd))
}

/// The event of three columns: topic, partition and offset.
fn made_by(row: &DbRow, first: usize) -> Result<Place, DbError> {
    let topic = u8::try_from(row.int(first)?).ok().and_then(Topic::from_number).unwrap_or(Topic::Media);
    let number = u32::try_from(row.int(first + 1)?).unwrap_or(0);
    let offset = u64::try_from(row.int(first + 2)?).unwrap_or(0);
    Ok(Place { partition: Partition { topic, number }, offset })
}

fn story(row: &DbRow) -> Result<Row, DbError> {
    Ok(Row {
        id: row.id(0)?,
        owner: row.id(1)?,
        verb: verb(row, 2)?,
        subject: row.id(3)?,
        medium: row.opt_id(4)?,
        actor: row.opt_id(5)?,
        comment: row.opt_id(6)?,
        created_at: row.int(7)?,
        access: Access::from_number(row.int(8)?),
        made_by: made_by(row, 9)?,
    })
}
