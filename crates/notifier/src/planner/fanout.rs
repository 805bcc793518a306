//! Crowds that one batch cannot tell: a stored continuation, worked off in chunks.
//!
//! A chunk is appended before the continuation moves on, so a crash in between tells it again, with the same ids.

use aredvi_events::{ActorId, Positions};
use aredvi_projectors::db::{Db, DbError, Tx, Value};
use uuid::Uuid;

use super::notice::Telling;
use super::{Asked, audience, crowd};
use crate::append::{AppendFailed, append};

/// The largest crowd that is told at once, with the batch of its cause.
pub const CHUNK: usize = 1_000;

/// Of a larger one so many are told at a time: what others are told meanwhile stands behind no more than that.
const PORTION: usize = 500;

/// Continuations worked on in turn, so that one crowd does not keep the others waiting.
const IN_TURN: usize = 16;

/// Why a chunk was not told; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum FanoutError {
    /// The planner's schema.
    #[error("the planner's schema failed")]
    Db(#[from] DbError),
    /// The journal.
    #[error("a chunk of notifications was not appended")]
    Append(#[from] AppendFailed),
}

/// Stores continuations for these tellings.
pub(super) async fn remember(tx: &mut Tx, tellings: &[&Telling]) -> Result<(), DbError> {
    let rows: Vec<[Value; 3]> = tellings
        .iter()
        .filter_map(|telling| Some([telling.notice.cause.into(), serde_json::to_vec(telling).ok()?.into(), 0_i64.into()]))
        .collect();
    tx.insert_ignore("fanouts", ["cause", "telling", "told_through"], rows).await
}

/// Tells the next chunk of each of the oldest continuations; how many there were.
///
/// # Errors
/// [`FanoutError`]; what was appended is appended again, as the same events.
pub async fn work(db: &Db, asked: &Asked) -> Result<usize, FanoutError> {
    let sql = "SELECT cause, telling, told_through FROM fanouts ORDER BY cause LIMIT ?";
    let rows = db.read_latest(sql, vec![(IN_TURN as u64).into()]).await?;
    for row in &rows {
        let cause = row.bytes(0)?;
        let after = row.int(2)?;
        // What this program does not understand was written by another one, which will tell it.
        let Ok(telling) = serde_json::from_slice::<Telling>(row.bytes(1)?) else { continue };
        let through = tell_chunk(db, asked, telling, after).await?;
        move_on(db, cause, after, through).await?;
    }
    Ok(rows.len())
}

/// Tells who comes behind `after`; the last of them, or `None` when there is nobody more.
async fn tell_chunk(db: &Db, asked: &Asked, telling: Telling, after: i64) -> Result<Option<ActorId>, FanoutError> {
    let Some((crowd, verb)) = telling.crowd else { return Ok(None) };
    let members = crowd::page(db, &crowd, after, PORTION).await?;
    let told = members.iter().filter(|&&member| telling.tells_of_crowd(member)).map(|&member| (member, verb)).collect();
    let chunk = Telling { told, ..telling };
    append(&asked.journal, audience::told(asked, &Positions::new(), &[chunk]).await?).await?;
    Ok(members.last().copied().filter(|_| members.len() == PORTION))
}

async fn move_on(db: &Db, cause: &[u8], after: i64, through: Option<ActorId>) -> Result<(), DbError> {
    let (cause, after) = (Value::from(cause), Value::from(after));
    match through {
        Some(through) => {
            let sql = "UPDATE fanouts SET told_through = ? WHERE cause = ? AND told_through = ?";
            db.execute(sql, vec![through.into(), cause, after]).await
        }
        None => db.execute("DELETE FROM fanouts WHERE cause = ? AND told_through = ?", vec![cause, after]).await,
    }
    .map(drop)
}

/// Whether nothing is left to tell; for tests and metrics.
///
/// # Errors
/// [`DbError`].
pub async fn is_done(db: &Db, cause: Uuid) -> Result<bool, DbError> {
    Ok(db.read_latest("SELECT cause FROM fanouts WHERE cause = ?", vec![cause.into()]).await?.is_empty())
}
