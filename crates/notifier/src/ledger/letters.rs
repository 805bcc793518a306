//! Which letters are to be sent: read, claimed, put off, settled.
//!
//! Several senders may run: a claim is an update of exactly the state that was read, and counts only if it hit.

use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, CommentId, MediumId, NotificationId};
use aredvi_projectors::db::{Db, DbError, Row, Tx, Value};
use uuid::Uuid;

use super::schema::{MAIL, outcome};

/// A letter to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) recipient: ActorId,
    pub(super) notification: NotificationId,
    pub(super) verb: Verb,
    pub(super) subject: ActorId,
    pub(super) medium: Option<MediumId>,
    pub(super) comment: Option<CommentId>,
    pub(super) cause: Uuid,
    /// Unix milliseconds.
    pub(super) cause_time: i64,
    /// The recipient has read or dismissed it.
    pub(super) seen: bool,
    /// Attempts begun, a claimed one included.
    pub(super) attempts: u32,
    /// Where it stands in the trace of its cause.
    pub(super) traceparent: Option<String>,
    /// Unix milliseconds; a claim lies in the future.
    next_attempt: i64,
}

/// The letters whose time has come, the oldest first, at most `limit`.
pub(super) async fn due(db: &Db, now_ms: i64, limit: u64) -> Result<Vec<Due>, DbError> {
    // letters_by_turn
    let sql = "SELECT recipient, notification, verb, subject, medium, comment_id, cause, cause_time, seen, attempts,
            traceparent, next_attempt
        FROM letters WHERE due = 1 AND outcome = ? AND settled = 0 AND next_attempt <= ? AND channel = ?
        ORDER BY next_attempt LIMIT ?";
    let rows = db.read_latest(sql, vec![outcome::NONE.into(), now_ms.into(), MAIL.into(), limit.into()]).await?;
    rows.iter().map(read).collect()
}

/// When the oldest cause happened that a letter is still to be sent of, Unix milliseconds.
pub(super) async fn oldest_cause(db: &Db) -> Result<Option<i64>, DbError> {
    // letters_by_turn: those that nothing came of yet
    let sql = "SELECT MIN(cause_time) FROM letters WHERE due = 1 AND outcome = ? AND settled = 0";
    let rows = db.read(sql, vec![outcome::NONE.into()]).await?;
    Ok(rows.first().map(|row| row.opt_int(0)).transpose()?.flatten())
}

/// Claims letters until `until_ms`, in one transaction; those that somebody else has, or that something came of meanwhile,
/// are left out.
pub(super) async fn claim(db: &Db, due: Vec<Due>, until_ms: i64) -> Result<Vec<Due>, DbError> {
    let mut tx = db.begin().await?;
    let mut claimed = Vec::with_capacity(due.len());
    if claim_as_read(&mut tx, &due, until_ms).await? == due.len() as u64 {
        claimed = due;
    } else {
        tx.rollback().await?;
        tx = db.begin().await?;
        for due in due {
            if claim_as_read(&mut tx, std::slice::from_ref(&due), until_ms).await? == 1 {
                claimed.push(due);
            }
        }
    }
    tx.commit().await?;
    for due in &mut claimed {
        due.next_attempt = until_ms;
        due.attempts += 1;
    }
    Ok(claimed)
}

/// Claims those of the letters that are as they were read; how many.
async fn claim_as_read(tx: &mut Tx, due: &[Due], until_ms: i64) -> Result<u64, DbError> {
    let which = any_of(AS_READ, due.len());
    let sql =
        format!("UPDATE letters SET next_attempt = ?, attempts = attempts + 1 WHERE outcome = ? AND settled = 0 AND ({which})");
    let mut args = vec![until_ms.into(), outcome::NONE.into()];
    args.extend(due.iter().flat_map(as_read));
    tx.execute(&sql, args).await
}

/// Puts a claimed letter off until `until_ms`. A lost claim is somebody else's.
pub(super) async fn put_off(db: &Db, due: &Due, until_ms: i64) -> Result<(), DbError> {
    let sql = format!("UPDATE letters SET next_attempt = ? WHERE {AS_READ}");
    let mut args = vec![until_ms.into()];
    args.extend(as_read(due));
    db.execute(&sql, args).await.map(drop)
}

/// Gives claimed letters back before anything was tried: they may be claimed from `until_ms` on, and no attempt counts.
pub(super) async fn give_back(db: &Db, claimed: &[Due], until_ms: i64) -> Result<(), DbError> {
    let which = any_of(AS_READ, claimed.len());
    let sql = format!("UPDATE letters SET next_attempt = ?, attempts = attempts - 1 WHERE {which}");
    let mut args = vec![until_ms.into()];
    args.extend(claimed.iter().flat_map(as_read));
    db.execute(&sql, args).await.map(drop)
}

/// Notes that outcomes of the letters stand on the journal: they need not be read back before the next look.
pub(super) async fn settle(db: &Db, letters: &[Due]) -> Result<(), DbError> {
    let which = any_of("recipient = ? AND notification = ? AND channel = ?", letters.len());
    let keys = letters.iter().flat_map(|due| [due.recipient.into(), due.notification.into(), MAIL.into()]);
    db.execute(&format!("UPDATE letters SET settled = 1 WHERE {which}"), keys.collect()).await.map(drop)
}

/// A letter in the state that [`Due`] tells of, as long as nobody else has claimed it.
const AS_READ: &str = "recipient = ? AND notification = ? AND channel = ? AND next_attempt = ? AND attempts = ?";

/// The values of [`AS_READ`].
fn as_read(due: &Due) -> [Value; 5] {
    [due.recipient.into(), due.notification.into(), MAIL.into(), due.next_attempt.into(), due.attempts.into()]
}

/// One of `n` conditions: a form that each engine serves by the primary key. None matches nothing.
fn any_of(condition: &str, n: usize) -> String {
    if n == 0 { "1 = 0".to_owned() } else { vec![format!("({condition})"); n].join(" OR ") }
}

fn read(row: &Row) -> Result<Due, DbError> {
    let unknown = |column, expected| DbError::Column { column, expected, found: "something else".to_owned() };
    Ok(Due {
        recipient: row.id(0)?,
        notification: row.id(1)?,
        verb: Verb::from_number(row.int(2)?).ok_or_else(|| unknown(2, "a verb"))?,
        subject: row.id(3)?,
        medium: row.opt_id(4)?,
        comment: row.opt_id(5)?,
        cause: Uuid::from_slice(row.bytes(6)?).map_err(|_| unknown(6, "a UUID"))?,
        cause_time: row.int(7)?,
        seen: row.int(8)? != 0,
        attempts: row.id(9)?,
        traceparent: row.opt_text(10)?.map(str::to_owned),
        next_attempt: row.int(11)?,
    })
}
