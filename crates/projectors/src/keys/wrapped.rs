//! The schema `keys` as it stands, without the master key: to be copied, never to be used.

use aredvi_events::ActorId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::store::{SCHEMA, TABLES};
use crate::db::{Db, DbError, DbUrl, Durability, OnConflict, PoolSizes, Row, Upsert, Value, padded_in_list};

/// Keys of one page, and of one statement.
const PAGE: u64 = 1_000;
const KEYS: Upsert = Upsert {
    table: "data_keys",
    keys: &["actor"],
    columns: &[("wrapped", OnConflict::Replace), ("made_at", OnConflict::Keep), ("destroyed_at", OnConflict::Replace)],
};

/// The schema `keys`; clones share the connections.
#[derive(Debug, Clone)]
pub struct WrappedKeys(Db);

/// The data key of an actor, wrapped by the master key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    /// Whose.
    pub actor: ActorId,
    /// Base64; none once destroyed.
    pub wrapped: Option<String>,
    /// Unix milliseconds.
    pub made_at: i64,
    /// Unix milliseconds; none while it opens seals.
    pub destroyed_at: Option<i64>,
}

/// Another key, wrapped by the master key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// What it is for.
    pub name: String,
    /// Base64.
    pub wrapped: String,
}

/// What came of keeping keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// They are there.
    All,
    /// Others are there under the same names; nothing was changed.
    Other,
}

impl WrappedKeys {
    /// Opens the schema, and makes it empty at the first start.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open(url: &DbUrl, sizes: PoolSizes) -> Result<Self, DbError> {
        let db = Db::open(url, None, SCHEMA, Durability::Full, sizes).await?;
        db.run_schema(TABLES).await?;
        Ok(Self(db))
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// The keys of the next actors after `after`, in the order of their ids, at most 1,000.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn page(&self, after: i64) -> Result<Vec<WrappedKey>, DbError> {
        // data_keys: the primary key
        let sql = "SELECT actor, wrapped, made_at, destroyed_at FROM data_keys WHERE actor > ? ORDER BY actor LIMIT ?";
        let key = |row: &Row| {
            Ok(WrappedKey {
                actor: row.id(0)?,
                wrapped: row.opt_bytes(1)?.map(|bytes| STANDARD.encode(bytes)),
                made_at: row.int(2)?,
                destroyed_at: row.opt_int(3)?,
            })
        };
        self.0.read_latest(sql, vec![after.into(), PAGE.into()]).await?.iter().map(key).collect()
    }

    /// Every other key.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn material(&self) -> Result<Vec<Material>, DbError> {
        let rows = self.0.read_latest("SELECT name, wrapped FROM material ORDER BY name", vec![]).await?;
        rows.iter().map(|row| Ok(Material { name: row.text(0)?.to_owned(), wrapped: STANDARD.encode(row.bytes(1)?) })).collect()
    }

    /// Those whose keys are destroyed, in the order of their ids.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn erased(&self) -> Result<Vec<ActorId>, DbError> {
        // An operator asks now and then: it reads the table.
        let rows = self.0.read_latest("SELECT actor FROM data_keys WHERE wrapped IS NULL ORDER BY actor", vec![]).await?;
        rows.iter().map(|row| row.id(0)).collect()
    }

    /// Those of `actors` whose keys are there and open seals.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn live_among(&self, actors: &[ActorId]) -> Result<Vec<ActorId>, DbError> {
        let mut live = Vec::new();
        for some in actors.chunks(PAGE as usize) {
            // data_keys: the primary key
            let (list, args) = padded_in_list(some.iter().map(|&actor| actor.into()).collect());
            let sql = format!("SELECT actor FROM data_keys WHERE actor IN {list} AND wrapped IS NOT NULL");
            for row in self.0.read_latest(&sql, args).await? {
                live.push(row.id(0)?);
            }
        }
        Ok(live)
    }

    /// Keeps a key under its name.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn keep_material(&self, material: &Material) -> Result<Kept, DbError> {
        let Ok(wrapped) = STANDARD.decode(&material.wrapped) else { return Ok(Kept::Other) };
        let found =
            self.0.read_latest("SELECT wrapped FROM material WHERE name = ?", vec![material.name.as_str().into()]).await?;
        if let Some(row) = found.first() {
            return Ok(if row.bytes(0)? == wrapped { Kept::All } else { Kept::Other });
        }
        let insert = "INSERT INTO material (name, wrapped) VALUES (?, ?)";
        self.0.execute(insert, vec![material.name.as_str().into(), wrapped.into()]).await?;
        Ok(Kept::All)
    }

    /// Keeps data keys; a tombstone that is there already stays one.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn keep(&self, keys: Vec<WrappedKey>) -> Result<Kept, DbError> {
        let mut rows = Vec::with_capacity(keys.len());
        let destroyed = self.erased_among(&keys).await?;
        for key in keys.into_iter().filter(|key| !destroyed.contains(&key.actor)) {
            let wrapped = match key.wrapped.map(|text| STANDARD.decode(text)) {
                Some(Ok(bytes)) => bytes.into(),
                Some(Err(_)) => return Ok(Kept::Other),
                None => Value::Null,
            };
            rows.push([key.actor.into(), wrapped, key.made_at.into(), key.destroyed_at.into()]);
        }
        let mut tx = self.0.begin().await?;
        tx.upsert(&KEYS, rows).await?;
        tx.commit().await?;
        Ok(Kept::All)
    }

    /// Destroys keys that are there.
    ///
    /// # Errors
    /// [`DbError`]; may be repeated.
    pub async fn destroy(&self, actors: &[ActorId], now_ms: i64) -> Result<(), DbError> {
        let mut tx = self.0.begin().await?;
        for &actor in actors {
            let sql = "UPDATE data_keys SET wrapped = NULL, destroyed_at = ? WHERE actor = ? AND wrapped IS NOT NULL";
            tx.execute(sql, vec![now_ms.into(), actor.into()]).await?;
        }
        tx.commit().await?;
        self.0.scrub().await
    }

    async fn erased_among(&self, keys: &[WrappedKey]) -> Result<Vec<ActorId>, DbError> {
        let mut erased = Vec::new();
        for some in keys.chunks(PAGE as usize) {
            let (list, args) = padded_in_list(some.iter().map(|key| key.actor.into()).collect());
            let sql = format!("SELECT actor FROM data_keys WHERE actor IN {list} AND wrapped IS NULL");
            for row in self.0.read_latest(&sql, args).await? {
                erased.push(row.id(0)?);
            }
        }
        Ok(erased)
    }
}

impl std::fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WrappedKey({})", self.actor)
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Material({})", self.name)
    }
}
