//! [`KeyStore`]: the schema `keys`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aredvi_events::fingerprint::FingerprintKey;
use aredvi_events::{ActorId, DataKey, Event, MasterKey, Mint};
use zeroize::Zeroizing;

use super::cached::CachedKeys;
use super::{KeyError, Opener, Sealer};
use crate::db::{Db, DbError, DbUrl, Durability, OnConflict, PoolSizes, Tx, Upsert, Value, padded_in_list};

/// The schema's name.
pub(super) const SCHEMA: &str = "keys";
pub(super) const TABLES: &[&str] = &[
    // `wrapped` is NULL once the actor is erased.
    "CREATE TABLE data_keys (actor BIGINT NOT NULL, wrapped VARBINARY(128), made_at BIGINT NOT NULL, destroyed_at BIGINT,
       PRIMARY KEY (actor))",
    "CREATE INDEX data_keys_by_destruction ON data_keys (destroyed_at)",
    "CREATE TABLE material (name VARCHAR(64) NOT NULL, wrapped VARBINARY(128) NOT NULL, PRIMARY KEY (name))",
];
const TOMBSTONE: Upsert = Upsert {
    table: "data_keys",
    keys: &["actor"],
    columns: &[("wrapped", OnConflict::Replace), ("made_at", OnConflict::Keep), ("destroyed_at", OnConflict::Replace)],
};
/// The name that the fingerprint key is wrapped under.
const FINGERPRINTS: &str = "fingerprints";
/// Keys asked for in one statement.
const FETCHED_AT_ONCE: usize = 10_000;

/// The keys of all actors; clones share the cache.
#[derive(Clone)]
pub struct KeyStore {
    db: Db,
    mint: Mint,
    master: Arc<MasterKey>,
    fingerprints: Arc<FingerprintKey>,
    first_start: bool,
    cache: Arc<CachedKeys>,
}

/// What became of an actor's key.
#[derive(Clone)]
pub enum Key {
    /// It opens seals.
    Live(DataKey),
    /// The actor is erased: his seals open to nothing.
    Erased,
}

impl KeyStore {
    /// Opens the schema, makes it at the first start, and checks that `master` is the key that wrapped what is there.
    ///
    /// # Errors
    /// [`KeyError::OtherMasterKey`], or the database's.
    pub async fn open(url: &DbUrl, master: MasterKey, mint: Mint, sizes: PoolSizes) -> Result<Self, KeyError> {
        let db = Db::open(url, None, SCHEMA, Durability::Full, sizes).await?;
        db.run_schema(TABLES).await?;
        let (fingerprints, first_start) = fingerprint_key(&db, &master, &mint).await?;
        let cache = Arc::new(CachedKeys::new(mint.clock().clone()));
        Ok(Self { db, mint, master: Arc::new(master), fingerprints: Arc::new(fingerprints), first_start, cache })
    }

    /// Whether this start made the schema's fingerprint key. On a journal that holds events already, that means the
    /// wrong schema: the caller must refuse.
    pub const fn is_first_start(&self) -> bool {
        self.first_start
    }

    /// The schema, for the position of the key keeper.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The key of the community's fingerprints.
    pub fn fingerprints(&self) -> &FingerprintKey {
        &self.fingerprints
    }

    /// Wraps key material that another schema keeps, called `name`.
    pub fn wrap(&self, name: &str, material: &[u8; 32]) -> Vec<u8> {
        self.master.wrap(name, self.mint.random(), material)
    }

    /// Unwraps what [`KeyStore::wrap`] made under the same name.
    ///
    /// # Errors
    /// [`KeyError::OtherMasterKey`].
    pub fn unwrap_material(&self, name: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        self.master.unwrap_material(name, wrapped).map(Zeroizing::new).map_err(|_| KeyError::OtherMasterKey)
    }

    /// Makes the key of a new actor and stores it, before the append that needs it. The same actor's key again is the one
    /// that is there.
    ///
    /// # Errors
    /// [`KeyError::Erased`] after the actor's erasure, or the database's.
    pub async fn create(&self, actor: ActorId) -> Result<DataKey, KeyError> {
        let key = DataKey::new(self.mint.random());
        let wrapped = self.master.wrap_data_key(actor, self.mint.random(), &key);
        let insert = "INSERT INTO data_keys (actor, wrapped, made_at) VALUES (?, ?, ?)";
        match self.db.execute(insert, vec![actor.into(), wrapped.into(), self.mint.now_ms().into()]).await {
            Ok(_) => {
                self.cache.insert(actor, Key::Live(key.clone()));
                Ok(key)
            }
            Err(error) if error.is_duplicate() => self.live(actor).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the keys of many new actors in one transaction, for communities that are brought in as a whole. Who has a key
    /// keeps it.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_all(&self, actors: &[ActorId]) -> Result<(), KeyError> {
        let now = self.mint.now_ms();
        let row = |&actor: &ActorId| {
            let key = DataKey::new(self.mint.random());
            [actor.into(), self.master.wrap_data_key(actor, self.mint.random(), &key).into(), now.into()]
        };
        let mut tx = self.db.begin().await?;
        tx.insert_ignore("data_keys", ["actor", "wrapped", "made_at"], actors.iter().map(row).collect()).await?;
        Ok(tx.commit().await?)
    }

    /// The keys of these actors: what is not cached by one query.
    ///
    /// # Errors
    /// [`KeyError::Missing`] for an actor that never had one, [`KeyError::BrokenKey`], or the database's.
    pub async fn fetch(&self, actors: &[ActorId]) -> Result<HashMap<ActorId, Key>, KeyError> {
        let mut keys = HashMap::with_capacity(actors.len());
        let mut asked = HashSet::new();
        self.cache.confirm(&self.db).await?;
        for &actor in actors {
            match self.cache.get(actor) {
                Some(key) => drop(keys.insert(actor, key)),
                None => drop(asked.insert(actor)),
            }
        }
        self.read(&asked.into_iter().collect::<Vec<_>>(), &mut keys).await?;
        Ok(keys)
    }

    /// Reads keys past the cache, which then holds them as they are now.
    async fn read(&self, asked: &[ActorId], keys: &mut HashMap<ActorId, Key>) -> Result<(), KeyError> {
        for asked in asked.chunks(FETCHED_AT_ONCE) {
            let (list, args) = padded_in_list(asked.iter().map(|&actor| actor.into()).collect());
            let sql = format!("SELECT actor, wrapped FROM data_keys WHERE actor IN {list}");
            for row in self.db.read(&sql, args).await? {
                let actor: ActorId = row.id(0)?;
                let key = match row.opt_bytes(1)? {
                    None => Key::Erased,
                    Some(wrapped) => {
                        Key::Live(self.master.unwrap_data_key(actor, wrapped).map_err(|_| KeyError::BrokenKey(actor))?)
                    }
                };
                self.cache.insert(actor, key.clone());
                keys.insert(actor, key);
            }
            if let Some(&actor) = asked.iter().find(|actor| !keys.contains_key(actor)) {
                return Err(KeyError::Missing(actor));
            }
        }
        Ok(())
    }

    /// What opens the seals of these events, their keys fetched at once.
    ///
    /// # Errors
    /// As [`KeyStore::fetch`].
    pub async fn opener<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> Result<Opener, KeyError> {
        let mut actors = HashSet::new();
        for event in events {
            event.body.each_seal(&mut |sealed| {
                actors.insert(sealed.actor);
            });
        }
        self.opener_for(&actors.into_iter().collect::<Vec<_>>()).await
    }

    /// What opens seals of these actors.
    ///
    /// # Errors
    /// As [`KeyStore::fetch`].
    pub async fn opener_for(&self, actors: &[ActorId]) -> Result<Opener, KeyError> {
        Ok(Opener::new(self.fetch(actors).await?))
    }

    /// What opens seals of these actors, when all their keys are in memory.
    pub fn opener_at_hand(&self, actors: &[ActorId]) -> Option<Opener> {
        let keys: Option<HashMap<ActorId, Key>> =
            actors.iter().map(|&actor| self.cache.get(actor).map(|key| (actor, key))).collect();
        keys.map(Opener::new)
    }

    /// As [`KeyStore::opener_for`], past the cache: what was destroyed a moment ago, in whatever process, opens nothing.
    ///
    /// # Errors
    /// As [`KeyStore::fetch`].
    pub async fn opener_now(&self, actors: &[ActorId]) -> Result<Opener, KeyError> {
        let mut keys = HashMap::with_capacity(actors.len());
        self.read(actors, &mut keys).await?;
        Ok(Opener::new(keys))
    }

    /// What seals texts of an actor.
    ///
    /// # Errors
    /// [`KeyError::Erased`], or as [`KeyStore::fetch`].
    pub async fn sealer(&self, actor: ActorId) -> Result<Sealer, KeyError> {
        Ok(Sealer::new(actor, self.live(actor).await?))
    }

    /// Forgets a cached key; called at `person.erased`.
    pub fn forget(&self, actor: ActorId) {
        self.cache.forget(actor);
    }

    /// Replaces the actor's key by a tombstone, also where there is none: none can be made afterwards.
    ///
    /// # Errors
    /// [`KeyError::Db`].
    pub async fn destroy(&self, actor: ActorId) -> Result<(), KeyError> {
        let mut tx = self.db.begin().await?;
        self.destroy_in(&mut tx, &[actor]).await?;
        tx.commit().await?;
        self.destroyed(&[actor]).await
    }

    /// When the actor's key was replaced by a tombstone, Unix milliseconds; none while it was not.
    ///
    /// # Errors
    /// [`KeyError::Db`].
    pub async fn destroyed_at(&self, actor: ActorId) -> Result<Option<i64>, KeyError> {
        let select = "SELECT destroyed_at FROM data_keys WHERE actor = ? AND wrapped IS NULL";
        let rows = self.db.read_latest(select, vec![actor.into()]).await?;
        Ok(rows.first().map(|row| row.opt_int(0)).transpose()?.flatten())
    }

    /// What follows the commit of [`KeyStore::destroy_in`]: the keys leave the cache, and an embedded schema's log.
    ///
    /// # Errors
    /// [`KeyError::Db`]; may be repeated.
    pub async fn destroyed(&self, actors: &[ActorId]) -> Result<(), KeyError> {
        for &actor in actors {
            self.forget(actor);
        }
        Ok(self.db.scrub().await?)
    }

    /// Like [`KeyStore::destroy`], in a transaction of [`KeyStore::db`]; after its commit the caller calls
    /// [`KeyStore::destroyed`].
    ///
    /// # Errors
    /// [`DbError`]; the transaction should be rolled back.
    pub async fn destroy_in(&self, tx: &mut Tx, actors: &[ActorId]) -> Result<(), DbError> {
        // As many random bytes first, so that they take the key's place on the page before the row shrinks.
        for &actor in actors {
            let noise: [u8; WRAPPED_BYTES] = self.mint.random();
            let overwrite = "UPDATE data_keys SET wrapped = ? WHERE actor = ? AND wrapped IS NOT NULL";
            tx.execute(overwrite, vec![noise.into(), actor.into()]).await?;
        }
        let now = Value::from(self.mint.now_ms());
        let tombstones = actors.iter().map(|&actor| [actor.into(), Value::Null, now.clone(), now.clone()]).collect();
        tx.upsert(&TOMBSTONE, tombstones).await
    }

    async fn live(&self, actor: ActorId) -> Result<DataKey, KeyError> {
        match self.fetch(&[actor]).await?.remove(&actor) {
            Some(Key::Live(key)) => Ok(key),
            Some(Key::Erased) => Err(KeyError::Erased(actor)),
            None => Err(KeyError::Missing(actor)),
        }
    }
}

/// Nonce, key and tag.
const WRAPPED_BYTES: usize = 24 + 32 + 16;

/// The stored fingerprint key, or a new one; of racing processes the first one's. And whether it is new.
async fn fingerprint_key(db: &Db, master: &MasterKey, mint: &Mint) -> Result<(FingerprintKey, bool), KeyError> {
    let mut first_start = false;
    let select = "SELECT wrapped FROM material WHERE name = ?";
    let mut rows = db.read_latest(select, vec![FINGERPRINTS.into()]).await?;
    if rows.is_empty() {
        let wrapped = master.wrap(FINGERPRINTS, mint.random(), &Zeroizing::new(mint.random()));
        let insert = "INSERT INTO material (name, wrapped) VALUES (?, ?)";
        match db.execute(insert, vec![FINGERPRINTS.into(), wrapped.into()]).await {
            Ok(_) => first_start = true,
            Err(error) if error.is_duplicate() => {}
            Err(error) => return Err(error.into()),
        }
        rows = db.read_latest(select, vec![FINGERPRINTS.into()]).await?;
    }
    let row = rows.first().ok_or(KeyError::OtherMasterKey)?;
    let bytes = master.unwrap_material(FINGERPRINTS, row.bytes(0)?).map_err(|_| KeyError::OtherMasterKey)?;
    Ok((FingerprintKey::new(bytes), first_start))
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Live(_) => "Live(…)",
            Self::Erased => "Erased",
        })
    }
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyStore({:?})", self.db)
    }
}
