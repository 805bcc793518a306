//! Schemas on MySQL, MariaDB, TiDB or SQLite behind one small type, so that a view is written once.
//!
//! A view writes its SQL as text with `?` for every value, in the dialect that all engines share:
//!
//! - column types `BIGINT`, `INT`, `VARCHAR(n)`, `VARBINARY(n)`, `TEXT`, `MEDIUMTEXT`, `BLOB`; `PRIMARY KEY (…)` in the
//!   table, other indexes as `CREATE INDEX` of their own;
//! - counts and sums as `CAST(SUM(n) AS SIGNED)`, because MySQL sums to `DECIMAL`;
//! - several rows at once with [`Upsert`], [`Tx::insert_ignore`] and [`Tx::delete_in`]; the few statements that differ
//!   between engines stand in `upsert` and `dialect` alone.
//!
//! Nothing here knows a table, and nobody outside names sqlx.

mod connection;
mod ddl;
mod dialect;
mod error;
mod handle;
mod keys_written;
mod mysql;
mod pool;
#[cfg(feature = "simulation")]
pub mod simulated;
mod sqlite;
mod tx;
mod upsert;
mod url;
mod value;

pub use dialect::{Dialect, in_list, padded_in_list};
pub use error::DbError;
pub use handle::{Db, Durability, PoolSizes};
pub use keys_written::KeysWritten;
pub use tx::Tx;
pub use upsert::{OnConflict, Upsert};
pub use url::{DbUrl, NotADbUrl};
pub use value::{Row, Value};
