//! [`Db`]: one schema.

use std::borrow::Cow;
use std::path::Path;

use sqlx::SqlitePool;

use super::connection::{Connection, READ_LIMIT, STATEMENT_LIMIT};
use super::pool::Pool;
#[cfg(feature = "simulation")]
use super::simulated;
use super::url::is_name;
use super::{DbError, DbUrl, Dialect, Row, Tx, Value, ddl, mysql, sqlite};

/// How many queries readers asked, by schema.
const READS: &str = "aredvi_db_reads_total";

/// A handle to one schema; clones share its connections.
#[derive(Clone)]
pub struct Db {
    schema: String,
    pools: Pools,
}

#[derive(Clone)]
enum Pools {
    MySql {
        write: Pool,
        read: Pool,
    },
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    #[cfg(feature = "simulation")]
    Simulated(simulated::Pool),
}

/// How much a power cut may take from an embedded schema. On a server it is the server's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed: what stands on no journal.
    Full,
    /// The last commits, which are read from the journal again: views.
    Normal,
}

/// Connections to a server that one handle holds at most; embedded schemas have one writer and two readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSizes {
    /// For transactions and single writes.
    pub write: u32,
    /// For reads.
    pub read: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self { write: 4, read: 8 }
    }
}

impl Db {
    /// Opens a schema, and makes it when it is missing. Reads go to `replica`'s copy of it when there is one.
    ///
    /// # Errors
    /// [`DbError`], when the engine cannot be reached or the schema is unfit.
    pub async fn open(
        url: &DbUrl,
        replica: Option<&DbUrl>,
        schema: &str,
        durability: Durability,
        sizes: PoolSizes,
    ) -> Result<Self, DbError> {
        if !is_name(schema) {
            return Err(DbError::Schema { schema: schema.to_owned(), reason: "a name has a-z, A-Z, 0-9 and _" });
        }
        let pools = match url {
            DbUrl::Embedded { dir } => {
                #[cfg(feature = "simulation")]
                if let Some(pool) = simulated::Pool::open(dir, schema).await? {
                    return Ok(Self { schema: schema.to_owned(), pools: Pools::Simulated(pool) });
                }
                let (write, read) = sqlite::pools(dir, schema, durability).await?;
                Pools::Sqlite { write, read }
            }
            DbUrl::MySql { server, prefix } => {
                let database = format!("{prefix}_{schema}");
                mysql::prepare(server, &database).await?;
                let read = match replica {
                    Some(DbUrl::MySql { server, prefix }) => mysql::pool(server, &format!("{prefix}_{schema}"), sizes.read),
                    Some(DbUrl::Embedded { .. }) => {
                        let reason = "a replica is a server, as its source is";
                        return Err(DbError::Schema { schema: schema.to_owned(), reason });
                    }
                    None => mysql::pool(server, &database, sizes.read),
                };
                Pools::MySql { write: mysql::pool(server, &database, sizes.write), read }
            }
        };
        Ok(Self { schema: schema.to_owned(), pools })
    }

    /// Whether the schema is there.
    ///
    /// # Errors
    /// [`DbError`], when that cannot be told.
    pub async fn exists(url: &DbUrl, schema: &str) -> Result<bool, DbError> {
        match url {
            DbUrl::Embedded { dir } => Ok(sqlite::file(&place(dir), schema).exists()),
            DbUrl::MySql { server, prefix } => mysql::exists(server, &format!("{prefix}_{schema}")).await,
        }
    }

    /// Drops a schema with everything in it; nothing when there is none. Handles to it must be [closed](Db::close) first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn drop_schema(url: &DbUrl, schema: &str) -> Result<(), DbError> {
        if !is_name(schema) {
            return Err(DbError::Schema { schema: schema.to_owned(), reason: "a name has a-z, A-Z, 0-9 and _" });
        }
        match url {
            DbUrl::Embedded { dir } => sqlite::remove(&place(dir), schema),
            DbUrl::MySql { server, prefix } => mysql::drop_database(server, &format!("{prefix}_{schema}")).await,
        }
    }

    /// The schema's name.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Which SQL its engine speaks.
    pub const fn dialect(&self) -> Dialect {
        match self.pools {
            Pools::MySql { .. } => Dialect::MySql,
            Pools::Sqlite { .. } => Dialect::Sqlite,
            #[cfg(feature = "simulation")]
            Pools::Simulated(_) => Dialect::Sqlite,
        }
    }

    /// Runs a query, on the replica when there is one. Longer ones than 5 s belong into a [snapshot](Db::snapshot).
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn read(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        metrics::counter!(READS, "schema" => self.schema.clone()).increment(1);
        self.look(sql, args).await
    }

    /// As [`Db::read`], for what is asked over and over to see how far a schema is: it is not counted.
    pub(crate) async fn look(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        let Pools::MySql { .. } = self.pools else { return self.reader().await?.read(sql, args, READ_LIMIT).await };
        // Its connection has gone back when it is asked again.
        let first = self.reader().await?.read(sql, args.clone(), READ_LIMIT).await;
        match first {
            // The server had ended the connection, and nobody knew. What only reads may be asked again, on another.
            Err(error) if error.ended_connection() => self.reader().await?.read(sql, args, READ_LIMIT).await,
            answered => answered,
        }
    }

    /// Runs a query where writes go, for what must not lag behind them.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn read_latest(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        match &self.pools {
            // Readers of a file see every commit.
            Pools::Sqlite { .. } => self.look(sql, args).await,
            #[cfg(feature = "simulation")]
            Pools::Simulated(_) => self.look(sql, args).await,
            Pools::MySql { .. } => self.writer().await?.read(sql, args, READ_LIMIT).await,
        }
    }

    /// Runs one statement that writes, in a transaction of its own; the rows it matched.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn execute(&self, sql: &str, args: Vec<Value>) -> Result<u64, DbError> {
        let mut writer = self.writer().await?;
        let prepared = writer.keeps(args.len());
        writer.execute(sql, args, prepared).await
    }

    /// Begins a transaction that writes: READ COMMITTED on a server, the only one of an embedded schema.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn begin(&self) -> Result<Tx, DbError> {
        // On SQLite a transaction that begins by reading may find, when it first writes, that it read too early.
        let begin = match self.dialect() {
            Dialect::MySql => "START TRANSACTION",
            Dialect::Sqlite => "BEGIN IMMEDIATE",
        };
        Tx::begin(self.writer().await?, &[begin]).await
    }

    /// Begins a transaction that reads the schema as it is now, whatever is written meanwhile; not on the replica.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn snapshot(&self) -> Result<Tx, DbError> {
        match self.dialect() {
            Dialect::MySql => {
                let isolate = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
                let begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
                Ok(Tx::begin(self.writer().await?, &[&mysql::patient(), isolate, begin]).await?.for_once())
            }
            Dialect::Sqlite => {
                let mut tx = Tx::begin(self.reader().await?, &["BEGIN"]).await?;
                // SQLite takes its snapshot at the first read.
                tx.read("SELECT COUNT(*) FROM sqlite_schema", vec![]).await?;
                Ok(tx)
            }
        }
    }

    /// Runs DDL: `CREATE TABLE`, `CREATE INDEX`, each made to pass where it is done already. It takes as long as it takes.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn run_schema(&self, statements: &[&str]) -> Result<(), DbError> {
        let mut connection = self.writer().await?;
        for statement in statements {
            ddl::run(&mut connection, statement).await?;
        }
        Ok(())
    }

    /// Whether the engine answers, on both pools.
    ///
    /// # Errors
    /// [`DbError`] when it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.reader().await?.read("SELECT 1", vec![], READ_LIMIT).await?;
        if let Pools::MySql { .. } = self.pools {
            self.writer().await?.read("SELECT 1", vec![], READ_LIMIT).await?;
        }
        Ok(())
    }

    /// Empties the write-ahead log of an embedded schema, which keeps what was overwritten until then. A server purges its
    /// logs by its own settings.
    ///
    /// # Errors
    /// [`DbError`], also when readers did not let go of the log in time.
    pub async fn scrub(&self) -> Result<(), DbError> {
        if let Pools::Sqlite { .. } = self.pools {
            let rows = self.writer().await?.read("PRAGMA wal_checkpoint(TRUNCATE)", vec![], STATEMENT_LIMIT).await?;
            if rows.first().map_or(Ok(0), |row| row.int(0))? != 0 {
                return Err(DbError::TimedOut(sqlite::BUSY_LIMIT.as_secs()));
            }
        }
        Ok(())
    }

    /// Closes every connection, of all clones.
    pub async fn close(&self) {
        match &self.pools {
            Pools::MySql { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            #[cfg(feature = "simulation")]
            Pools::Simulated(pool) => pool.close().await,
        }
    }

    async fn reader(&self) -> Result<Connection, DbError> {
        Ok(match &self.pools {
            Pools::MySql { read, .. } => Connection::MySql(read.acquire().await?),
            Pools::Sqlite { read, .. } => Connection::Sqlite(read.acquire().await?),
            #[cfg(feature = "simulation")]
            Pools::Simulated(pool) => Connection::Simulated(pool.take(simulated::For::Reading).await?),
        })
    }

    async fn writer(&self) -> Result<Connection, DbError> {
        Ok(match &self.pools {
            Pools::MySql { write, .. } => Connection::MySql(write.acquire().await?),
            Pools::Sqlite { write, .. } => Connection::Sqlite(write.acquire().await?),
            #[cfg(feature = "simulation")]
            Pools::Simulated(pool) => Connection::Simulated(pool.take(simulated::For::Writing).await?),
        })
    }
}

/// Where the files of a directory are.
fn place(dir: &Path) -> Cow<'_, Path> {
    #[cfg(feature = "simulation")]
    if let Some(real) = simulated::real(dir) {
        return Cow::Owned(real);
    }
    Cow::Borrowed(dir)
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({}, {:?})", self.schema, self.dialect())
    }
}
