//! Generations of views: which is being built, which serves, which may still be returned to.
//!
//! Every change locks the view's row first, so changes of one view stand in a line, and each starts from states that it
//! names: what was decided on an older look is refused.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::{Control, ControlError};
use crate::db::{DbError, Row, Tx, Value};

pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE views (view_name VARCHAR(64) NOT NULL, changes BIGINT NOT NULL, PRIMARY KEY (view_name))",
    "CREATE TABLE generations (view_name VARCHAR(64) NOT NULL, n INT NOT NULL, schema_version INT NOT NULL,
       state VARCHAR(16) NOT NULL, since_ms BIGINT NOT NULL, lease_holder VARBINARY(16), lease_until BIGINT NOT NULL,
       PRIMARY KEY (view_name, n))",
];
const COLUMNS: &str = "view_name, n, schema_version, state, since_ms, lease_holder, lease_until";

/// One generation of a view. Numbers are never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The view.
    pub view: String,
    /// From 1.
    pub n: u32,
    /// Of the view's schema and code.
    pub version: u32,
    /// What it is for.
    pub state: State,
    /// Since when it is in that state, Unix milliseconds.
    pub since_ms: i64,
    /// Who works on its tables as a whole: makes, compares, drops them.
    pub lease_holder: Option<Uuid>,
    /// Up to when, Unix milliseconds.
    pub lease_until_ms: i64,
}

/// What a generation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is filled while another one serves.
    Building,
    /// It answers; one of a view at most.
    Serving,
    /// It served before and is kept up to date for a while.
    Previous,
    /// Its tables are gone or going.
    Dropped,
}

impl State {
    const ALL: [Self; 4] = [Self::Building, Self::Serving, Self::Previous, Self::Dropped];

    /// As rows and answers hold it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Serving => "serving",
            Self::Previous => "previous",
            Self::Dropped => "dropped",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Control {
    /// The generation of a view that serves, of whatever schema version.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn serving(&self, view: &str) -> Result<Option<Generation>, DbError> {
        Ok(self.generations(view).await?.into_iter().find(|generation| generation.state == State::Serving))
    }

    /// The generations of a view that are not dropped, in order.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn generations(&self, view: &str) -> Result<Vec<Generation>, DbError> {
        let select = format!("SELECT {COLUMNS} FROM generations WHERE view_name = ? AND state <> 'dropped' ORDER BY n");
        self.db.read_latest(&select, vec![view.into()]).await?.iter().map(generation).collect()
    }

    /// The generations of a view that were given up, in order; their schemas may be there still.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn dropped(&self, view: &str) -> Result<Vec<Generation>, DbError> {
        let select = format!("SELECT {COLUMNS} FROM generations WHERE view_name = ? AND state = 'dropped' ORDER BY n");
        self.db.read_latest(&select, vec![view.into()]).await?.iter().map(generation).collect()
    }

    /// The generations of all views that are not dropped, in order.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn all_generations(&self) -> Result<Vec<Generation>, DbError> {
        let select = format!("SELECT {COLUMNS} FROM generations WHERE state <> 'dropped' ORDER BY view_name, n");
        self.db.read_latest(&select, vec![]).await?.iter().map(generation).collect()
    }

    /// Begins the first generation of this schema version, or finds those that are there: of processes that start
    /// together one begins it. The lease is `holder`'s for `lease` where it is new.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn first_generation(
        &self,
        view: &str,
        version: u32,
        holder: Uuid,
        lease: Duration,
    ) -> Result<Vec<Generation>, DbError> {
        let of_version = |mut live: Vec<Generation>| {
            live.retain(|generation| generation.version == version);
            live
        };
        // Asked often, and nearly always answered without a write.
        let found = of_version(self.generations(view).await?);
        if !found.is_empty() {
            return Ok(found);
        }
        let mut tx = self.lock(view).await?;
        let mut found = of_version(live(&mut tx, view).await?);
        if found.is_empty() {
            found.push(self.insert(&mut tx, view, version, holder, lease).await?);
        }
        tx.commit().await?;
        Ok(found)
    }

    /// Begins another generation, its lease `holder`'s for `lease`.
    ///
    /// # Errors
    /// [`ControlError::AlreadyBuilding`] of the same schema version, or the database's.
    pub async fn create_building(
        &self,
        view: &str,
        version: u32,
        holder: Uuid,
        lease: Duration,
    ) -> Result<Generation, ControlError> {
        let mut tx = self.lock(view).await?;
        let building = |generation: &&Generation| generation.state == State::Building && generation.version == version;
        if let Some(found) = live(&mut tx, view).await?.iter().find(building) {
            tx.rollback().await?;
            return Err(ControlError::AlreadyBuilding { view: view.to_owned(), n: found.n });
        }
        let generation = self.insert(&mut tx, view, version, holder, lease).await?;
        tx.commit().await?;
        Ok(generation)
    }

    /// Lets the built generation `to` serve, and keeps `from`, which must be the one that serves (`None`: none does).
    ///
    /// # Errors
    /// [`ControlError::OtherServing`], [`ControlError::NotInState`], or the database's.
    pub async fn switch(&self, view: &str, from: Option<u32>, to: u32) -> Result<(), ControlError> {
        self.replace(view, from, to, State::Building).await
    }

    /// Lets the earlier generation `to` serve again in the place of `from`, which must be the one that serves.
    ///
    /// # Errors
    /// [`ControlError::OtherServing`], [`ControlError::NotInState`], or the database's.
    pub async fn rollback(&self, view: &str, from: u32, to: u32) -> Result<(), ControlError> {
        self.replace(view, Some(from), to, State::Previous).await
    }

    /// Gives up a generation that is being built. Its schema is the caller's to drop afterwards.
    ///
    /// # Errors
    /// [`ControlError::NotInState`], or the database's.
    pub async fn cancel(&self, view: &str, n: u32) -> Result<(), ControlError> {
        self.end(view, n, State::Building).await
    }

    /// Gives up a generation that served before. Its schema is the caller's to drop afterwards.
    ///
    /// # Errors
    /// [`ControlError::NotInState`], or the database's.
    pub async fn mark_dropped(&self, view: &str, n: u32) -> Result<(), ControlError> {
        self.end(view, n, State::Previous).await
    }

    /// Takes the lease of a generation where it is free or expired, or renews it; whether it is ours now.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn hold_generation(&self, view: &str, n: u32, holder: Uuid, lease: Duration) -> Result<bool, DbError> {
        let now = self.now_ms();
        let update = "UPDATE generations SET lease_holder = ?, lease_until = ?
            WHERE view_name = ? AND n = ? AND (lease_holder = ? OR lease_holder IS NULL OR lease_until <= ?)";
        let until = until(now, lease);
        let args = vec![holder.into(), until.into(), view.into(), n.into(), holder.into(), now.into()];
        Ok(self.db.execute(update, args).await? == 1)
    }

    /// Gives the lease of a generation up.
    ///
    /// # Errors
    /// [`DbError`]; it expires all the same.
    pub async fn release_generation(&self, view: &str, n: u32, holder: Uuid) -> Result<(), DbError> {
        let update = "UPDATE generations SET lease_holder = NULL WHERE view_name = ? AND n = ? AND lease_holder = ?";
        self.db.execute(update, vec![view.into(), n.into(), holder.into()]).await?;
        Ok(())
    }

    async fn replace(&self, view: &str, from: Option<u32>, to: u32, expected: State) -> Result<(), ControlError> {
        let mut tx = self.lock(view).await?;
        let found = live(&mut tx, view).await?.iter().find(|found| found.state == State::Serving).map(|found| found.n);
        if found != from {
            tx.rollback().await?;
            return Err(ControlError::OtherServing { found });
        }
        let mut changes = Vec::from_iter(from.map(|from| (from, State::Serving, State::Previous)));
        changes.push((to, expected, State::Serving));
        self.change(tx, view, &changes).await
    }

    async fn end(&self, view: &str, n: u32, expected: State) -> Result<(), ControlError> {
        let tx = self.lock(view).await?;
        self.change(tx, view, &[(n, expected, State::Dropped)]).await
    }

    /// All of the changes (generation, from, to), or none.
    async fn change(&self, mut tx: Tx, view: &str, changes: &[(u32, State, State)]) -> Result<(), ControlError> {
        let update = "UPDATE generations SET state = ?, since_ms = ? WHERE view_name = ? AND n = ? AND state = ?";
        let now = self.now_ms();
        for &(n, expected, to) in changes {
            let args = vec![to.name().into(), now.into(), view.into(), n.into(), expected.name().into()];
            if tx.execute(update, args).await? != 1 {
                tx.rollback().await?;
                return Err(ControlError::NotInState { view: view.to_owned(), n, expected });
            }
        }
        Ok(tx.commit().await?)
    }

    /// A transaction that no other change of the view runs beside.
    async fn lock(&self, view: &str) -> Result<Tx, DbError> {
        let mut tx = self.db.begin().await?;
        let lock = "UPDATE views SET changes = changes + 1 WHERE view_name = ?";
        if tx.execute(lock, vec![view.into()]).await? == 0 {
            tx.insert_ignore("views", ["view_name", "changes"], vec![[view.into(), Value::Int(0)]]).await?;
            tx.execute(lock, vec![view.into()]).await?;
        }
        Ok(tx)
    }

    async fn insert(&self, tx: &mut Tx, view: &str, version: u32, holder: Uuid, lease: Duration) -> Result<Generation, DbError> {
        let last = "SELECT COALESCE(MAX(n), 0) FROM generations WHERE view_name = ?";
        let last = tx.read(last, vec![view.into()]).await?.first().map_or(Ok(0), |row| row.id::<u32>(0))?;
        let now = self.now_ms();
        let generation = Generation {
            view: view.to_owned(),
            n: last.saturating_add(1),
            version,
            state: State::Building,
            since_ms: now,
            lease_holder: Some(holder),
            lease_until_ms: until(now, lease),
        };
        let insert = format!("INSERT INTO generations ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
        let row = vec![
            view.into(),
            generation.n.into(),
            version.into(),
            generation.state.name().into(),
            now.into(),
            holder.into(),
            generation.lease_until_ms.into(),
        ];
        tx.execute(&insert, row).await?;
        Ok(generation)
    }
}

async fn live(tx: &mut Tx, view: &str) -> Result<Vec<Generation>, DbError> {
    let select = format!("SELECT {COLUMNS} FROM generations WHERE view_name = ? AND state <> 'dropped' ORDER BY n");
    tx.read(&select, vec![view.into()]).await?.iter().map(generation).collect()
}

fn generation(row: &Row) -> Result<Generation, DbError> {
    let state = row.text(3)?;
    let state = State::ALL.into_iter().find(|known| known.name() == state);
    let unknown = || DbError::Column { column: 3, expected: "a state of generations", found: "another text".to_owned() };
    Ok(Generation {
        view: row.text(0)?.to_owned(),
        n: row.id(1)?,
        version: row.id(2)?,
        state: state.ok_or_else(unknown)?,
        since_ms: row.int(4)?,
        lease_holder: row.opt_bytes(5)?.and_then(|bytes| Uuid::from_slice(bytes).ok()),
        lease_until_ms: row.int(6)?,
    })
}

fn until(now: i64, length: Duration) -> i64 {
    now.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
}
