//! What has happened to people, and how far its effects on other keys are carried.

use aredvi_events::{ActorId, SessionId};
use aredvi_projectors::db::{Db, DbError, Row, Value};
use uuid::Uuid;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sessions opened before it end, but for one.
    PasswordChanged,
    /// Sessions opened before it end.
    Disabled,
    /// Everything of his goes.
    Erased,
}

/// One of the things that a cause sweeps, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// His sign-ins.
    Sessions,
    /// What stands from him to others.
    TiesFrom,
    /// What stands from others to him.
    TiesTo,
    /// What stands on his page.
    Page,
    /// What he wrote.
    Media,
    /// What he wrote below media.
    Comments,
    /// What he is told of.
    Subscriptions,
    /// Nothing: that all of it is gone everywhere is still to be seen, and said.
    Receipt,
}

/// A cause that is not carried through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) id: Uuid,
    pub(super) person: ActorId,
    pub(super) kind: Kind,
    /// Unix milliseconds.
    pub(super) happened_at: i64,
    pub(super) keep_session: Option<SessionId>,
    pub(super) step: Step,
    /// The last id that the step has swept; 0 for none.
    pub(super) through: i64,
}

impl Kind {
    const ALL: [Self; 3] = [Self::PasswordChanged, Self::Disabled, Self::Erased];

    pub(super) const fn number(self) -> u8 {
        self as u8
    }

    /// What it sweeps.
    const fn steps(self) -> &'static [Step] {
        match self {
            Self::PasswordChanged | Self::Disabled => &[Step::Sessions],
            Self::Erased => &[
                Step::Sessions,
                Step::TiesFrom,
                Step::TiesTo,
                Step::Page,
                Step::Media,
                Step::Comments,
                Step::Subscriptions,
                Step::Receipt,
            ],
        }
    }
}

/// The causes with something to sweep that happened at or before `until_ms`, the oldest first, at most `limit`.
pub(super) async fn due(db: &Db, until_ms: i64, limit: u64) -> Result<Vec<Cause>, DbError> {
    // causes_by_time
    let sql = "SELECT cause, person, kind, happened_at, keep_session, step, swept_through
        FROM causes WHERE done = 0 AND happened_at <= ? AND step < ? ORDER BY happened_at, cause LIMIT ?";
    db.read_latest(sql, vec![until_ms.into(), receipt().into(), limit.into()]).await?.iter().map(read).collect()
}

/// The causes that are swept and want their receipt, the oldest first, at most `limit`.
pub(super) async fn swept(db: &Db, limit: u64) -> Result<Vec<Cause>, DbError> {
    // causes_by_time
    let sql = "SELECT cause, person, kind, happened_at, keep_session, step, swept_through
        FROM causes WHERE done = 0 AND step = ? ORDER BY happened_at, cause LIMIT ?";
    db.read_latest(sql, vec![receipt().into(), limit.into()]).await?.iter().map(read).collect()
}

/// The number of the step that is no sweep.
fn receipt() -> u64 {
    let steps = Kind::Erased.steps();
    steps.iter().position(|step| *step == Step::Receipt).unwrap_or(steps.len()) as u64
}

/// Notes that the cause's step has swept through `through`, or all (`None`): then the next one begins.
pub(super) async fn note(db: &Db, cause: &Cause, through: Option<i64>) -> Result<(), DbError> {
    let steps = cause.kind.steps();
    let at = steps.iter().position(|step| *step == cause.step).unwrap_or(steps.len());
    let next = if through.is_some() { at } else { at + 1 };
    let args: Vec<Value> = vec![
        (next >= steps.len()).into(),
        i64::try_from(next).unwrap_or(i64::MAX).into(),
        through.unwrap_or(0).into(),
        cause.id.into(),
        i64::try_from(at).unwrap_or(i64::MAX).into(),
        cause.through.into(),
    ];
    let sql = "UPDATE causes SET done = ?, step = ?, swept_through = ? WHERE cause = ? AND step = ? AND swept_through = ?";
    db.execute(sql, args).await.map(drop)
}

fn read(row: &Row) -> Result<Cause, DbError> {
    let unknown = |column, expected| DbError::Column { column, expected, found: "something else".to_owned() };
    let kind = row.id::<usize>(2)?;
    let kind = Kind::ALL.get(kind).copied().ok_or_else(|| unknown(2, "a kind of cause"))?;
    let step = kind.steps().get(row.id::<usize>(5)?).copied();
    Ok(Cause {
        id: Uuid::from_slice(row.bytes(0)?).map_err(|_| unknown(0, "a UUID"))?,
        person: row.id(1)?,
        kind,
        happened_at: row.int(3)?,
        keep_session: row.opt_id(4)?,
        step: step.ok_or_else(|| unknown(5, "a step"))?,
        through: row.int(6)?,
    })
}
