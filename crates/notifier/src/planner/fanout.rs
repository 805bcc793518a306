//! Crowds that one batch cannot tell: a stored continuation, worked off in portions.
//!
//! A portion is appended before the continuation moves on, so a crash in between tells it again, with the same ids.

use aredvi_events::{ActorId, Positions};
use aredvi_projectors::db::{Db, DbError, Tx, Value};
use aredvi_projectors::view::Derived;
use uuid::Uuid;

use super::audience::NotYet;
use super::notice::Telling;
use super::{Asked, audience, crowd};
use crate::append::{AppendFailed, append};

/// The largest crowd that is told at once, with the batch of its cause.
pub const CHUNK: usize = 1_000;

/// Of a larger one so many are told at a time: what others are told meanwhile stands behind no more than that.
const PORTION: usize = 500;

/// Portions of one turn, of one crowd or of as many, so that one does not keep the others waiting.
const IN_TURN: usize = 16;

/// Why a portion was not told; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum FanoutError {
    /// The planner's schema.
    #[error("the planner's schema failed")]
    Db(#[from] DbError),
    /// What may be seen.
    #[error("whom a portion of notifications may be sent cannot be known yet")]
    NotYet(#[from] NotYet),
    /// The journal.
    #[error("a portion of notifications was not appended")]
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

/// Tells the next portions of each of the oldest continuations; how many there were.
///
/// # Errors
/// [`FanoutError`]; what was appended is appended again, as the same events.
pub async fn work(db: &Db, asked: &Asked) -> Result<usize, FanoutError> {
    let sql = "SELECT cause, telling, told_through FROM fanouts ORDER BY cause LIMIT ?";
    let rows = db.read_latest(sql, vec![(IN_TURN as u64).into()]).await?;
    let portions = IN_TURN / rows.len().max(1);
    for row in &rows {
        // What this program does not understand was written by another one, which will tell it.
        let Ok(telling) = serde_json::from_slice::<Telling>(row.bytes(1)?) else { continue };
        tell(db, asked, row.bytes(0)?, &telling, row.int(2)?, portions).await?;
    }
    Ok(rows.len())
}

/// Tells some portions of those who come behind `after`: while one is appended the next is made ready.
async fn tell(
    db: &Db,
    asked: &Asked,
    cause: &[u8],
    telling: &Telling,
    mut after: i64,
    portions: usize,
) -> Result<(), FanoutError> {
    let mut portion = Portion::behind(after, db, asked, telling).await?;
    for left in (0..portions).rev() {
        let through = portion.through;
        let next = async {
            match through.filter(|_| left > 0) {
                Some(through) => Portion::behind(through.as_i64(), db, asked, telling).await.map(Some),
                None => Ok(None),
            }
        };
        let (appended, next) = tokio::join!(append(&asked.journal, portion.events), next);
        appended?;
        move_on(db, cause, after, through).await?;
        let (Some(through), Some(next)) = (through, next?) else { break };
        (after, portion) = (through.as_i64(), next);
    }
    Ok(())
}

/// Some of a crowd.
struct Portion {
    /// What tells them.
    events: Vec<Derived>,
    /// The last of them; none when nobody comes behind them.
    through: Option<ActorId>,
}

impl Portion {
    async fn behind(after: i64, db: &Db, asked: &Asked, telling: &Telling) -> Result<Self, FanoutError> {
        let Some((crowd, verb)) = telling.crowd else { return Ok(Self { events: Vec::new(), through: None }) };
        let members = crowd::page(db, &crowd, after, PORTION).await?;
        let told = members.iter().filter(|&&member| telling.tells_of_crowd(member)).map(|&member| (member, verb)).collect();
        let events = audience::told(asked, &Positions::new(), &[Telling { told, ..telling.clone() }]).await?;
        Ok(Self { events, through: members.last().copied().filter(|_| members.len() == PORTION) })
    }
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
