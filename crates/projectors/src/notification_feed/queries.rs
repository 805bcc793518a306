//! What may be asked of `notification_feed`.

use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, CommentId, MediumId, NotificationId};

use crate::db::{Db, DbError, Row as DbRow, Value, in_list, padded_in_list};

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Which, of the recipient's.
    pub id: NotificationId,
    /// What is told.
    pub verb: Verb,
    /// Who did it.
    pub subject: ActorId,
    /// The medium it is about; none when it is about an actor.
    pub medium: Option<MediumId>,
    /// The actor it is about, or on whose page the medium stands.
    pub actor: ActorId,
    /// The comment it is about.
    pub comment: Option<CommentId>,
    /// When the cause happened, Unix milliseconds.
    pub created_at: i64,
    /// Whether the recipient has seen it.
    pub read: bool,
    /// Its place in the recipient's log: the order of the list.
    pub offset: u64,
}

const COLUMNS: &str = "n.id, n.verb, n.subject, n.medium, n.actor, n.comment_id, n.created_at,
    CASE WHEN n.was_read = 1 OR n.raised_offset <= COALESCE(m.through_offset, -1) THEN 1 ELSE 0 END, n.raised_offset";

/// A recipient's notifications below a place in his log, the newest first.
///
/// # Errors
/// [`DbError`].
pub async fn page(db: &Db, recipient: ActorId, below: Option<u64>, limit: u32) -> Result<Vec<Notification>, DbError> {
    // notifications_by_place; marks: the primary key
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications n LEFT JOIN marks m ON m.recipient = n.recipient
         WHERE n.recipient = ? AND n.raised_offset < ? AND n.dismissed = 0 ORDER BY n.raised_offset DESC LIMIT ?"
    );
    let below = below.and_then(|below| i64::try_from(below).ok()).unwrap_or(i64::MAX);
    let rows = db.read(&sql, vec![recipient.into(), below.into(), Value::Int(i64::from(limit))]).await?;
    rows.iter().map(notification).collect()
}

/// These notifications of a recipient, in no order; dismissed ones are left out.
///
/// # Errors
/// [`DbError`].
pub async fn by_ids(db: &Db, recipient: ActorId, ids: &[NotificationId]) -> Result<Vec<Notification>, DbError> {
    // notifications and marks: the primary keys
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications n LEFT JOIN marks m ON m.recipient = n.recipient
         WHERE n.recipient = ? AND n.id IN {} AND n.dismissed = 0",
        in_list(ids.len())
    );
    let values: Vec<Value> = [recipient.into()].into_iter().chain(ids.iter().map(|&id| id.into())).collect();
    db.read(&sql, values).await?.iter().map(notification).collect()
}

/// Which of these a recipient was ever told, dismissed ones included.
///
/// # Errors
/// [`DbError`].
pub async fn told(db: &Db, recipient: ActorId, ids: &[NotificationId]) -> Result<Vec<NotificationId>, DbError> {
    // notifications: the primary key
    let (list, mut values) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    values.push(recipient.into());
    let rows = db.read(&format!("SELECT id FROM notifications WHERE id IN {list} AND recipient = ?"), values).await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// The greatest id that a recipient was ever told, dismissed ones included.
///
/// # Errors
/// [`DbError`].
pub async fn greatest(db: &Db, recipient: ActorId) -> Result<Option<NotificationId>, DbError> {
    // notifications: the primary key
    let rows = db.read("SELECT MAX(id) FROM notifications WHERE recipient = ?", vec![recipient.into()]).await?;
    rows.first().map_or(Ok(None), |row| row.opt_id(0))
}

fn notification(row: &DbRow) -> Result<Notification, DbError> {
    Ok(Notification {
        id: row.id(0)?,
        verb: Verb::from_number(row.int(1)?).unwrap_or(Verb::NoteAdd),
        subject: row.id(2)?,
        medium: row.opt_id(3)?,
        actor: row.id(4)?,
        comment: row.opt_id(5)?,
        created_at: row.int(6)?,
        read: row.int(7)? != 0,
        offset: u64::try_from(row.int(8)?).unwrap_or(0),
    })
}
