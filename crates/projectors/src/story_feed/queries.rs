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

/// Every story in the order of owner and id, from after `after`, within a snapshot.
///
/// # Errors
/// [`DbError`].
pub async fn scan(tx: &mut Tx, after: Option<(ActorId, StoryId)>, limit: u32) -> Result<Vec<Row>, DbError> {
    // stories_by_owner
    let sql = format!(
        "SELECT {COLUMNS} FROM stories WHERE owner >= ? AND (owner > ? OR id > ?) AND gone = 0 ORDER BY owner, id LIMIT ?"
    );
    let (owner, id) = after.map_or((0, 0), |(owner, id)| (owner.as_i64(), id.as_i64()));
    let values = vec![owner.into(), owner.into(), id.into(), Value::Int(i64::from(limit))];
    tx.read(&sql, values).await?.iter().map(story).collect()
}

impl Row {
    /// The medium, or the actor of a follow.
    pub fn object(&self) -> Option<Id> {
        self.medium.map(Id::from).or(self.actor.map(Id::from))
    }
}

fn story(row: &DbRow) -> Result<Row, DbError> {
    let topic = u8::try_from(row.int(9)?).ok().and_then(Topic::from_number).unwrap_or(Topic::Media);
    let number = u32::try_from(row.int(10)?).unwrap_or(0);
    let offset = u64::try_from(row.int(11)?).unwrap_or(0);
    Ok(Row {
        id: row.id(0)?,
        owner: row.id(1)?,
        verb: Verb::from_number(row.int(2)?).unwrap_or(Verb::NoteAdd),
        subject: row.id(3)?,
        medium: row.opt_id(4)?,
        actor: row.opt_id(5)?,
        comment: row.opt_id(6)?,
        created_at: row.int(7)?,
        access: Access::from_number(row.int(8)?),
        made_by: Place { partition: Partition { topic, number }, offset },
    })
}
