//! What may be asked of `media`.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use aredvi_events::actors::Access;
use aredvi_events::{ActorId, CommentId, MediumId, Partition, Place, StoryId, Topic};

use super::rows::ITSELF;
use crate::db::{Db, DbError, Row, Value, padded_in_list};

/// The most voters, and the most subscribers, that are told together with a medium.
pub const AUDIENCE: usize = 64;
/// Media asked for by one query of [`audiences`].
const MEDIA_PER_QUERY: usize = 128;

/// A medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Which.
    pub id: MediumId,
    /// On whose page it stands.
    pub owner: ActorId,
    /// Who wrote it.
    pub author: ActorId,
    /// Who may see it, together with the owner's access.
    pub access: Access,
    /// The text; none once deleted or erased.
    pub body: Option<Arc<str>>,
    /// Comments on it.
    pub comment_count: u64,
    /// People who like it.
    pub vote_count: u64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub edited_at: Option<i64>,
    /// It is gone; the row is the mark of it.
    pub deleted: bool,
    /// The last event in it.
    pub last: Place,
}

/// How a person stands to a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// Which medium.
    pub medium: MediumId,
    /// He likes it.
    pub voted: bool,
    /// He is told of what happens to it.
    pub subscribed: bool,
}

/// Who likes a medium and who is told of what happens to it, where they are few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// Which medium.
    pub medium: MediumId,
    /// In the order of their ids; none when there are more than [`AUDIENCE`].
    pub voters: Option<Vec<ActorId>>,
    /// In the order of their ids; none when there are more than [`AUDIENCE`].
    pub subscribers: Option<Vec<ActorId>>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentRow {
    /// Which.
    pub id: CommentId,
    /// On which medium.
    pub medium: MediumId,
    /// Who wrote it.
    pub author: ActorId,
    /// The text; none once deleted or erased.
    pub body: Option<String>,
    /// People who like it.
    pub vote_count: u64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub edited_at: Option<i64>,
    /// It is gone; the row is the mark of it.
    pub deleted: bool,
    /// The story that tells it.
    pub story: StoryId,
    /// The last event in it.
    pub last: Place,
}

impl Node {
    /// A medium as its writer knows it, made by the event at `last`.
    pub fn fresh(
        id: MediumId,
        owner: ActorId,
        author: ActorId,
        access: Access,
        body: String,
        created_at: i64,
        last: Place,
    ) -> Self {
        Self {
            id,
            owner,
            author,
            access,
            body: Some(body.into()),
            comment_count: 0,
            vote_count: 0,
            created_at,
            edited_at: None,
            deleted: false,
            last,
        }
    }
}

impl CommentRow {
    /// A comment as its writer knows it, made by the event at `last`.
    pub const fn fresh(
        id: CommentId,
        medium: MediumId,
        author: ActorId,
        body: String,
        created_at: i64,
        story: StoryId,
        last: Place,
    ) -> Self {
        Self { id, medium, author, body: Some(body), vote_count: 0, created_at, edited_at: None, deleted: false, story, last }
    }
}

const NODE: &str =
    "id, owner, author, access, body, comment_count, vote_count, created_at, edited_at, deleted, last_part, last_offset";
const COMMENT: &str = "id, medium, author, body, vote_count, created_at, edited_at, deleted, story, last_part, last_offset";

/// These media, deleted ones too, in no order.
///
/// # Errors
/// [`DbError`].
pub async fn nodes(db: &Db, ids: &[MediumId]) -> Result<Vec<Node>, DbError> {
    // nodes: the primary key
    let (list, values) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    db.read(&format!("SELECT {NODE} FROM nodes WHERE id IN {list}"), values).await?.iter().map(node).collect()
}

/// How a person stands to these media: one row each for those he likes or is told of.
///
/// # Errors
/// [`DbError`].
pub async fn viewer_flags(db: &Db, person: ActorId, ids: &[MediumId]) -> Result<Vec<Flags>, DbError> {
    // votes and subscriptions: the primary keys
    let (list, values) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    let sql = format!(
        "SELECT medium, CAST(MAX(voted) AS SIGNED), CAST(MAX(subscribed) AS SIGNED) FROM (
            SELECT medium, 1 AS voted, 0 AS subscribed FROM votes WHERE medium IN {list} AND comment_id = {ITSELF} AND voter = ?
                AND voted = 1
            UNION ALL
            SELECT medium, 0, wanted FROM subscriptions WHERE medium IN {list} AND person = ?) AS flags
         GROUP BY medium"
    );
    let one: Vec<Value> = values.into_iter().chain([person.into()]).collect();
    let rows = db.read(&sql, [one.clone(), one].concat()).await?;
    rows.iter().map(|row| Ok(Flags { medium: row.id(0)?, voted: row.int(1)? != 0, subscribed: row.int(2)? != 0 })).collect()
}

/// These comments, deleted ones too, in no order.
///
/// # Errors
/// [`DbError`].
pub async fn comments_by_id(db: &Db, ids: &[CommentId]) -> Result<Vec<CommentRow>, DbError> {
    // comments: the primary key
    let (list, values) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    db.read(&format!("SELECT {COMMENT} FROM comments WHERE id IN {list}"), values).await?.iter().map(comment).collect()
}

/// The comments on a medium above a comment, the oldest first.
///
/// # Errors
/// [`DbError`].
pub async fn comments(db: &Db, medium: MediumId, above: Option<CommentId>, limit: u32) -> Result<Vec<CommentRow>, DbError> {
    // comments_by_medium
    let sql = format!("SELECT {COMMENT} FROM comments WHERE medium = ? AND id > ? AND deleted = 0 ORDER BY id LIMIT ?");
    let above = above.map_or(0, CommentId::as_i64);
    let values = vec![medium.into(), above.into(), Value::Int(i64::from(limit))];
    db.read(&sql, values).await?.iter().map(comment).collect()
}

/// Which of these comments a person likes.
///
/// # Errors
/// [`DbError`].
pub async fn voted_comments(db: &Db, person: ActorId, ids: &[CommentId]) -> Result<Vec<CommentId>, DbError> {
    // votes_by_comment
    let (list, mut values) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    values.push(person.into());
    let rows =
        db.read(&format!("SELECT comment_id FROM votes WHERE comment_id IN {list} AND voter = ? AND voted = 1"), values).await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Who likes a medium, in the order of their ids, from above `above`.
///
/// # Errors
/// [`DbError`].
pub async fn voters(db: &Db, medium: MediumId, above: Option<ActorId>, limit: u32) -> Result<Vec<ActorId>, DbError> {
    // votes: the primary key
    let sql = format!(
        "SELECT voter FROM votes WHERE medium = ? AND comment_id = {ITSELF} AND voter > ? AND voted = 1
        ORDER BY voter LIMIT ?"
    );
    let above = above.map_or(0, ActorId::as_i64);
    let rows = db.read(&sql, vec![medium.into(), above.into(), Value::Int(i64::from(limit))]).await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Who likes a comment, in the order of their ids, from above `above`.
///
/// # Errors
/// [`DbError`].
pub async fn comment_voters(db: &Db, comment: CommentId, above: Option<ActorId>, limit: u32) -> Result<Vec<ActorId>, DbError> {
    // votes_by_comment
    let sql = "SELECT voter FROM votes WHERE comment_id = ? AND voter > ? AND voted = 1
        ORDER BY voter LIMIT ?";
    let above = above.map_or(0, ActorId::as_i64);
    let rows = db.read(sql, vec![comment.into(), above.into(), Value::Int(i64::from(limit))]).await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Who is told of what happens to a medium, in the order of their ids, from above `above`.
///
/// # Errors
/// [`DbError`].
pub async fn subscribers(db: &Db, medium: MediumId, above: Option<ActorId>, limit: u32) -> Result<Vec<ActorId>, DbError> {
    // subscriptions: the primary key
    let sql = "SELECT person FROM subscriptions WHERE medium = ? AND person > ? AND wanted = 1 ORDER BY person LIMIT ?";
    let above = above.map_or(0, ActorId::as_i64);
    let rows = db.read(sql, vec![medium.into(), above.into(), Value::Int(i64::from(limit))]).await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Who likes and who is told of each of these media, in the order given. Those whose row counts no votes have no voters.
///
/// # Errors
/// [`DbError`].
pub async fn audiences(db: &Db, media: &[&Node]) -> Result<Vec<Audience>, DbError> {
    let mut audiences = Vec::with_capacity(media.len());
    for some in media.chunks(MEDIA_PER_QUERY) {
        let liked: Vec<MediumId> = some.iter().filter(|node| node.vote_count > 0).map(|node| node.id).collect();
        let table = db.dialect().by_primary_key("votes");
        let condition = format!("comment_id = {ITSELF} AND voted = 1");
        let mut voters = few(db, &People { table: &table, of: "medium", who: "voter", condition: &condition }, &liked).await?;
        let all: Vec<MediumId> = some.iter().map(|node| node.id).collect();
        let table = db.dialect().by_primary_key("subscriptions");
        let told = People { table: &table, of: "medium", who: "person", condition: "wanted = 1" };
        let mut subscribers = few(db, &told, &all).await?;
        audiences.extend(all.into_iter().map(|medium| Audience {
            medium,
            voters: Some(voters.remove(&medium).unwrap_or_default()).filter(|people| people.len() <= AUDIENCE),
            subscribers: Some(subscribers.remove(&medium).unwrap_or_default()).filter(|people| people.len() <= AUDIENCE),
        }));
    }
    Ok(audiences)
}

/// Who likes each of these comments, in the order of their ids; one that more than [`AUDIENCE`] like is left out.
///
/// # Errors
/// [`DbError`].
pub async fn comment_audiences(db: &Db, comments: &[CommentId]) -> Result<Vec<(CommentId, Vec<ActorId>)>, DbError> {
    let mut audiences = Vec::with_capacity(comments.len());
    for some in comments.chunks(MEDIA_PER_QUERY) {
        // votes_by_comment
        let people = People { table: "votes", of: "comment_id", who: "voter", condition: "voted = 1" };
        let mut voters = few(db, &people, some).await?;
        let known = some.iter().map(|comment| (*comment, voters.remove(comment).unwrap_or_default()));
        audiences.extend(known.filter(|(_, people)| people.len() <= AUDIENCE));
    }
    Ok(audiences)
}

/// A list of people for each of many: `table` has an index of `of`, then what `condition` fixes, then `who`.
struct People<'a> {
    table: &'a str,
    of: &'a str,
    who: &'a str,
    condition: &'a str,
}

/// The people of each of these; of one that has more than [`AUDIENCE`], some more than that.
async fn few<K>(db: &Db, people: &People<'_>, of: &[K]) -> Result<HashMap<K, Vec<ActorId>>, DbError>
where
    K: Copy + Ord + Hash + Into<Value> + TryFrom<i64>,
{
    let People { table, of: key, who, condition } = people;
    let mut found = HashMap::<K, Vec<ActorId>>::new();
    let mut left = of.to_vec();
    while !left.is_empty() {
        let (list, values) = padded_in_list(left.iter().map(|&one| one.into()).collect());
        // As many as all could have; a longer list among them leaves no room for the last ones, which are asked for again.
        let limit = values.len() * (AUDIENCE + 1);
        let sql =
            format!("SELECT {key}, {who} FROM {table} WHERE {key} IN {list} AND {condition} ORDER BY {key}, {who} LIMIT {limit}");
        let rows = db.read(&sql, values).await?;
        for row in &rows {
            found.entry(row.id(0)?).or_default().push(row.id(1)?);
        }
        let Some(cut) = rows.get(limit - 1) else { break };
        let cut: K = cut.id(0)?;
        let long = found.get(&cut).is_some_and(|people| people.len() > AUDIENCE);
        if !long {
            found.remove(&cut);
        }
        left.retain(|&one| one > cut || (one == cut && !long));
    }
    Ok(found)
}

/// The media with a hashtag, in their texts or in their comments', below a medium, the newest first.
///
/// # Errors
/// [`DbError`].
pub async fn tagged(db: &Db, tag: &str, below: Option<MediumId>, limit: u32) -> Result<Vec<MediumId>, DbError> {
    // hashtags_by_tag
    let sql = "SELECT DISTINCT medium FROM hashtags WHERE tag = ? AND medium < ? ORDER BY medium DESC LIMIT ?";
    let below = below.map_or(i64::MAX, MediumId::as_i64);
    let rows = db.read(sql, vec![tag.into(), below.into(), Value::Int(i64::from(limit))]).await?;
    rows.iter().map(|row| row.id(0)).collect()
}

fn node(row: &Row) -> Result<Node, DbError> {
    Ok(Node {
        id: row.id(0)?,
        owner: row.id(1)?,
        author: row.id(2)?,
        access: Access::from_number(row.int(3)?),
        body: row.opt_text(4)?.map(Arc::from),
        comment_count: u64::try_from(row.int(5)?).unwrap_or(0),
        vote_count: u64::try_from(row.int(6)?).unwrap_or(0),
        created_at: row.int(7)?,
        edited_at: row.opt_int(8)?,
        deleted: row.int(9)? != 0,
        last: place(row, 10)?,
    })
}

/// The partition and the offset of a row's last event, in this column and the next.
fn place(row: &Row, column: usize) -> Result<Place, DbError> {
    let number = u32::try_from(row.int(column)?).unwrap_or(0);
    let offset = u64::try_from(row.int(column + 1)?).unwrap_or(0);
    Ok(Place { partition: Partition { topic: Topic::Media, number }, offset })
}

fn comment(row: &Row) -> Result<CommentRow, DbError> {
    Ok(CommentRow {
        id: row.id(0)?,
        medium: row.id(1)?,
        author: row.id(2)?,
        body: row.opt_text(3)?.map(str::to_owned),
        vote_count: u64::try_from(row.int(4)?).unwrap_or(0),
        created_at: row.int(5)?,
        edited_at: row.opt_int(6)?,
        deleted: row.int(7)? != 0,
        story: row.id(8)?,
        last: place(row, 9)?,
    })
}
