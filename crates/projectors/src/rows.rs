//! The rows of one table that a batch touches: loaded by one query, folded in memory, written by few statements.

use std::collections::BTreeMap;
use std::hash::Hash;

use aredvi_events::actors::Access;
use aredvi_events::fingerprint::Fingerprint;
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, CommentId, MediumId, NotificationId, SessionId, StoryId};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::db::{DbError, Row, Tx, Value};
use crate::seen::Seen;

/// Keys asked for by one query.
const KEYS_PER_QUERY: usize = 512;

/// A row of a table.
pub(crate) trait Stored: Sized + Send + Sync {
    /// The table.
    const TABLE: &'static str;
    /// The columns of the primary key.
    const KEYS: &'static [&'static str];
    /// Every column, those of the primary key first.
    const COLUMNS: &'static [&'static str];
    /// The primary key.
    type Key: Ord + Copy + Hash + Send + Sync;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// The values of [`Stored::KEYS`] in order.
    fn key_values(key: Self::Key) -> Vec<Value>;

    /// Of an answer with [`Stored::COLUMNS`] in order.
    fn read(row: &Row) -> Result<Self, DbError>;

    /// Writes rows in place of what their keys hold.
    fn replace(tx: &mut Tx, rows: Vec<Self>) -> BoxFuture<'_, Result<(), DbError>>;

    /// Writes rows whose keys hold nothing, and leaves the others alone.
    fn insert(tx: &mut Tx, rows: Vec<Self>) -> BoxFuture<'_, Result<(), DbError>>;

    /// Deletes the rows of these keys.
    fn delete(tx: &mut Tx, keys: Vec<Self::Key>) -> BoxFuture<'_, Result<(), DbError>>;
}

/// What a column can hold.
pub(crate) trait Column: Sized {
    /// Of an answer.
    fn read(row: &Row, column: usize) -> Result<Self, DbError>;

    /// For a statement.
    fn value(self) -> Value;
}

/// Declares a row: a struct, and how it is [`Stored`]. Its fields are named as the columns are.
macro_rules! row {
    (
        $(#[$doc:meta])*
        struct $name:ident in $table:literal {
            key { $($(#[$key_doc:meta])* $key:ident: $key_type:ty,)+ }
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(super) struct $name {
            $($(#[$key_doc])* pub(super) $key: $key_type,)+
            $($(#[$field_doc])* pub(super) $field: $type,)*
        }

        impl $name {
            const SHAPE: $crate::db::Upsert = $crate::db::Upsert {
                table: $table,
                keys: &[$(stringify!($key)),+],
                columns: &[$((stringify!($field), $crate::db::OnConflict::Replace)),*],
            };

            fn into_values(self) -> [$crate::db::Value; [$(stringify!($key),)+ $(stringify!($field)),*].len()] {
                [$($crate::rows::Column::value(self.$key),)+ $($crate::rows::Column::value(self.$field)),*]
            }
        }

        #[allow(unused_parens, reason = "a key is one column or several")]
        impl $crate::rows::Stored for $name {
            const TABLE: &'static str = $table;
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];
            const COLUMNS: &'static [&'static str] = &[$(stringify!($key),)+ $(stringify!($field)),*];
            type Key = ($($key_type),+);

            fn key(&self) -> Self::Key {
                ($(self.$key),+)
            }

            fn key_values(($($key),+): Self::Key) -> Vec<$crate::db::Value> {
                vec![$($crate::rows::Column::value($key)),+]
            }

            fn read(row: &$crate::db::Row) -> Result<Self, $crate::db::DbError> {
                let mut columns = 0..;
                let mut next = || columns.next().unwrap_or(usize::MAX);
                Ok(Self {
                    $($key: $crate::rows::Column::read(row, next())?,)+
                    $($field: $crate::rows::Column::read(row, next())?,)*
                })
            }

            fn replace(
                tx: &mut $crate::db::Tx,
                rows: Vec<Self>,
            ) -> futures_util::future::BoxFuture<'_, Result<(), $crate::db::DbError>> {
                rows.iter().for_each(|row| tx.writes($table, &$crate::rows::Stored::key(row)));
                let rows = rows.into_iter().map(Self::into_values).collect();
                Box::pin(tx.upsert(&Self::SHAPE, rows))
            }

            fn insert(
                tx: &mut $crate::db::Tx,
                rows: Vec<Self>,
            ) -> futures_util::future::BoxFuture<'_, Result<(), $crate::db::DbError>> {
                rows.iter().for_each(|row| tx.writes($table, &$crate::rows::Stored::key(row)));
                let rows = rows.into_iter().map(Self::into_values).collect();
                Box::pin(tx.insert_ignore($table, [$(stringify!($key),)+ $(stringify!($field)),*], rows))
            }

            fn delete(
                tx: &mut $crate::db::Tx,
                keys: Vec<Self::Key>,
            ) -> futures_util::future::BoxFuture<'_, Result<(), $crate::db::DbError>> {
                let keys = keys
                    .into_iter()
                    .map(|($($key),+)| [$($crate::rows::Column::value($key)),+])
                    .collect();
                Box::pin(async move { tx.delete_in($table, [$(stringify!($key)),+], keys).await.map(drop) })
            }
        }
    };
}
pub(crate) use row;

/// The rows that a batch touches, by key.
pub(crate) struct Rows<R: Stored> {
    held: BTreeMap<R::Key, Held<R>>,
}

struct Held<R> {
    row: Option<R>,
    stored: bool,
    changed: bool,
}

impl<R> Held<R> {
    const NONE: Self = Self { row: None, stored: false, changed: false };
}

impl<R: Stored> Rows<R> {
    /// None.
    pub(crate) const fn none() -> Self {
        Self { held: BTreeMap::new() }
    }

    /// Those of `keys` that exist.
    pub(crate) async fn load(tx: &mut Tx, keys: impl IntoIterator<Item = R::Key>) -> Result<Self, DbError> {
        let mut rows = Self::none();
        rows.load_more(tx, keys).await?;
        Ok(rows)
    }

    /// Those of `keys` too that exist and are not held.
    pub(crate) async fn load_more(&mut self, tx: &mut Tx, keys: impl IntoIterator<Item = R::Key>) -> Result<(), DbError> {
        let unknown = |key: &R::Key| !self.held.contains_key(key) && tx.may_hold(R::TABLE, key);
        let mut keys: Vec<R::Key> = keys.into_iter().filter(unknown).collect();
        keys.sort_unstable();
        keys.dedup();
        for some in keys.chunks(KEYS_PER_QUERY) {
            // Filled up to a power of two: few different statements, which stay prepared.
            let n = some.len().next_power_of_two();
            let same = some.iter().chain(std::iter::repeat(&some[some.len() - 1])).take(n);
            let values = same.flat_map(|&key| R::key_values(key)).collect();
            let (table, keys) = (tx.dialect().by_primary_key(R::TABLE), tx.dialect().tuple_in(R::KEYS, n));
            self.take_in(tx, &table, &keys, values).await?;
        }
        Ok(())
    }

    /// Takes in the rows of a condition, but for those held already.
    pub(crate) async fn load_where(&mut self, tx: &mut Tx, condition: &str, values: Vec<Value>) -> Result<(), DbError> {
        self.take_in(tx, R::TABLE, condition, values).await
    }

    async fn take_in(&mut self, tx: &mut Tx, table: &str, condition: &str, values: Vec<Value>) -> Result<(), DbError> {
        let sql = format!("SELECT {} FROM {table} WHERE {condition}", R::COLUMNS.join(", "));
        for row in tx.read(&sql, values).await? {
            let row = R::read(&row)?;
            self.held.entry(row.key()).or_insert(Held { row: Some(row), stored: true, changed: false });
        }
        Ok(())
    }

    /// The row of a key.
    pub(crate) fn get(&self, key: R::Key) -> Option<&R> {
        self.held.get(&key).and_then(|held| held.row.as_ref())
    }

    /// Every row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &R> {
        self.held.values().filter_map(|held| held.row.as_ref())
    }

    /// The row of a key, to change it.
    pub(crate) fn change(&mut self, key: R::Key) -> Option<&mut R> {
        let held = self.held.get_mut(&key)?;
        held.changed |= held.row.is_some();
        held.row.as_mut()
    }

    /// The row of a key, to change it; a new one when there is none.
    pub(crate) fn change_or(&mut self, key: R::Key, new: impl FnOnce() -> R) -> &mut R {
        let held = self.held.entry(key).or_insert(Held::NONE);
        held.changed = true;
        held.row.get_or_insert_with(new)
    }

    /// Puts a row in place of what its key held.
    pub(crate) fn put(&mut self, row: R) {
        let held = self.held.entry(row.key()).or_insert(Held::NONE);
        held.changed = true;
        held.row = Some(row);
    }

    /// Takes away the row of a key.
    pub(crate) fn remove(&mut self, key: R::Key) {
        if let Some(held) = self.held.get_mut(&key) {
            held.changed |= held.row.is_some();
            held.row = None;
        }
    }

    /// Takes away the held rows that `which` picks.
    pub(crate) fn remove_if(&mut self, which: impl Fn(&R) -> bool) {
        for held in self.held.values_mut() {
            if held.row.as_ref().is_some_and(&which) {
                held.row = None;
                held.changed = true;
            }
        }
    }

    /// Writes what changed.
    pub(crate) async fn write(self, tx: &mut Tx) -> Result<(), DbError> {
        let mut gone = Vec::new();
        let mut rows = Vec::new();
        for (key, held) in self.held.into_iter().filter(|(_, held)| held.changed) {
            match held.row {
                Some(row) => rows.push(row),
                None if held.stored => gone.push(key),
                None => {}
            }
        }
        if !gone.is_empty() {
            R::delete(tx, gone).await?;
        }
        if !rows.is_empty() {
            R::replace(tx, rows).await?;
        }
        Ok(())
    }
}

macro_rules! numbers {
    ($($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn read(row: &Row, column: usize) -> Result<Self, DbError> {
                row.id(column)
            }

            fn value(self) -> Value {
                self.into()
            }
        }

        impl Column for Option<$type> {
            fn read(row: &Row, column: usize) -> Result<Self, DbError> {
                row.opt_id(column)
            }

            fn value(self) -> Value {
                self.into()
            }
        }
    )*};
}
numbers!(i64, u32, u64, ActorId, CommentId, MediumId, NotificationId, SessionId, StoryId);

macro_rules! columns {
    ($($type:ty: |$row:ident, $column:ident| $read:expr, |$value:ident| $write:expr;)*) => {$(
        impl Column for $type {
            fn read($row: &Row, $column: usize) -> Result<Self, DbError> {
                $read
            }

            fn value(self) -> Value {
                let $value = self;
                $write
            }
        }
    )*};
}
columns! {
    bool: |row, column| Ok(row.int(column)? != 0), |value| value.into();
    Access: |row, column| Ok(Self::from_number(row.int(column)?)), |value| value.number().into();
    Verb: |row, column| {
        Self::from_number(row.int(column)?).ok_or_else(|| mismatch(column, "a verb's number"))
    }, |value| value.number().into();
    String: |row, column| row.text(column).map(str::to_owned), |value| value.into();
    Option<String>: |row, column| Ok(row.opt_text(column)?.map(str::to_owned)), |value| value.into();
    Seen: |row, column| row.bytes(column).map(Self::from_column), |value| value.into_column().into();
    Uuid: |row, column| Self::from_slice(row.bytes(column)?).map_err(|_| mismatch(column, "16 bytes")), |value| value.into();
    Fingerprint: |row, column| {
        row.bytes(column)?.try_into().map(Self).map_err(|_| mismatch(column, "32 bytes"))
    }, |value| value.0.into();
    Option<Fingerprint>: |row, column| {
        if row.opt_bytes(column)?.is_some() { Fingerprint::read(row, column).map(Some) } else { Ok(None) }
    }, |value| value.map(|fingerprint| fingerprint.0).into();
}

fn mismatch(column: usize, expected: &'static str) -> DbError {
    DbError::Column { column, expected, found: "another value".to_owned() }
}
