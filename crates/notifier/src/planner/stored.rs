//! The rows of one table that a batch touches: loaded by few queries, changed in memory, written by few statements.

use std::collections::BTreeMap;

use aredvi_projectors::db::{DbError, OnConflict, Row, Tx, Upsert, Value};

/// Keys asked for by one query.
const KEYS_PER_QUERY: usize = 500;

/// A row of a table with a key of `K` columns and `N` in all.
pub(super) trait Stored<const K: usize, const N: usize>: Sized {
    /// How it is written; every column is replaced.
    const SHAPE: Upsert;
    /// The primary key.
    type Key: Ord + Copy;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// A key's columns.
    fn key_values(key: Self::Key) -> [Value; K];

    /// Of a row with the keys and then the columns of the shape.
    fn read(row: &Row) -> Result<Self, DbError>;

    /// The keys and then the columns of the shape.
    fn values(&self) -> [Value; N];
}

/// A shape's column that takes the new value.
pub(super) const fn replace(column: &'static str) -> (&'static str, OnConflict) {
    (column, OnConflict::Replace)
}

/// The rows that a batch touches, by key.
pub(super) struct Rows<R: Stored<K, N>, const K: usize, const N: usize> {
    held: BTreeMap<R::Key, Held<R>>,
}

struct Held<R> {
    row: R,
    changed: bool,
}

impl<R: Stored<K, N>, const K: usize, const N: usize> Rows<R, K, N> {
    /// None.
    pub(super) const fn none() -> Self {
        Self { held: BTreeMap::new() }
    }

    /// Loads those of `keys` that exist.
    pub(super) async fn load(&mut self, tx: &mut Tx, keys: impl Iterator<Item = R::Key>) -> Result<(), DbError> {
        let mut keys: Vec<R::Key> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        for some in keys.chunks(KEYS_PER_QUERY) {
            let columns: Vec<&str> =
                R::SHAPE.keys.iter().chain(R::SHAPE.columns.iter().map(|(column, _)| column)).copied().collect();
            // Filled up to a power of two: few different statements, which stay prepared.
            let n = some.len().next_power_of_two();
            let same = some.iter().chain(std::iter::repeat(&some[some.len() - 1])).take(n);
            let which = tx.dialect().tuple_in(R::SHAPE.keys, n);
            let table = tx.dialect().by_primary_key(R::SHAPE.table);
            let sql = format!("SELECT {} FROM {table} WHERE {which}", columns.join(", "));
            for row in tx.read(&sql, same.flat_map(|&key| R::key_values(key)).collect()).await? {
                let row = R::read(&row)?;
                self.held.insert(row.key(), Held { row, changed: false });
            }
        }
        Ok(())
    }

    /// The row of a key.
    pub(super) fn get(&self, key: R::Key) -> Option<&R> {
        self.held.get(&key).map(|held| &held.row)
    }

    /// The row of a key, to change it.
    pub(super) fn change(&mut self, key: R::Key) -> Option<&mut R> {
        let held = self.held.get_mut(&key)?;
        held.changed = true;
        Some(&mut held.row)
    }

    /// The row of a key, to change it; a new one when there is none.
    pub(super) fn change_or(&mut self, key: R::Key, new: impl FnOnce() -> R) -> &mut R {
        let held = self.held.entry(key).or_insert_with(|| Held { row: new(), changed: true });
        held.changed = true;
        &mut held.row
    }

    /// Adds a row that was not there.
    pub(super) fn put(&mut self, row: R) {
        self.held.insert(row.key(), Held { row, changed: true });
    }

    /// Forgets the held rows that `which` picks; taking them out of the table is the caller's.
    pub(super) fn forget(&mut self, which: impl Fn(&R) -> bool) {
        self.held.retain(|_, held| !which(&held.row));
    }

    /// Writes what changed.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), DbError> {
        let changed = self.held.into_values().filter(|held| held.changed);
        tx.upsert(&R::SHAPE, changed.map(|held| held.row.values()).collect()).await
    }
}
