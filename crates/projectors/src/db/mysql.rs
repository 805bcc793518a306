//! Connections to MySQL, MariaDB and TiDB.

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, MySqlConnection, Row as _};

use super::DbError;
use super::connection::in_time;
use super::pool::Pool;

/// How long a caller waits for a connection before the database counts as unavailable: a new one takes half a dozen turns
/// with the server.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(2);
/// How long a connection outside the pools may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A connection is replaced after this, so that a moved server or a balancer is noticed.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// A connection that nobody used for this long is closed. sqlx looks as often, so it may have rested for twice as long by
/// then, which is still before the server does it.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// The server ends a connection from which nothing came for this long, in seconds: a process that was cut off in the middle
/// of a transaction must not keep its rows locked for whoever takes its work over.
const SILENCE_SECONDS: u32 = 15;
/// A connection that rested longer is asked whether it lives before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// The same of a snapshot.
const SNAPSHOT_SILENCE_SECONDS: u32 = 8 * 60 * 60;
/// Prepared statements a connection keeps. A server holds 16,382 for all of its connections unless it is told otherwise.
const PREPARED_STATEMENTS: usize = 128;
/// How long a statement waits for a lock of a row, and DDL for one of a table, in seconds.
const LOCK_WAIT_SECONDS: u32 = 10;
const UNKNOWN_DATABASE: u16 = 1049;
/// Texts are compared byte by byte.
const COLLATION: &str = "utf8mb4_bin";

/// READ COMMITTED: a batch decides by rows it has locked and by its own position row, so it needs no repeatable reads,
/// and without gap locks workers that write beside each other do not block or deadlock on neighbouring keys.
fn session() -> String {
    format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
         ONLY_FULL_GROUP_BY,PIPES_AS_CONCAT', innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}, \
         lock_wait_timeout = {LOCK_WAIT_SECONDS}, wait_timeout = {SILENCE_SECONDS}"
    )
}

/// For a snapshot, which locks nothing, and whose reader may have other work between two reads.
pub(super) fn patient() -> String {
    format!("SET SESSION wait_timeout = {SNAPSHOT_SILENCE_SECONDS}")
}

pub(super) fn options(server: &MySqlConnectOptions) -> MySqlConnectOptions {
    server
        .clone()
        .charset("utf8mb4")
        .collation("utf8mb4_bin")
        .timezone(Some("+00:00".to_owned()))
        .statement_cache_capacity(PREPARED_STATEMENTS)
        .disable_statement_logging()
}

/// A pool that connects when it is first used.
pub(super) fn pool(server: &MySqlConnectOptions, database: &str, connections: u32) -> Pool {
    let connections = connections.max(1);
    let pool = MySqlPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_LIMIT)
        .max_lifetime(MAX_LIFETIME)
        .idle_timeout(IDLE_LIMIT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(session())).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(options(server).database(database));
    Pool::of(pool, connections, ACQUIRE_LIMIT)
}

/// Makes the database where it is missing, and checks how it compares texts.
pub(super) async fn prepare(server: &MySqlConnectOptions, database: &str) -> Result<(), DbError> {
    let found = match collation(server, database).await {
        Err(error) if error.mysql_number() == Some(UNKNOWN_DATABASE) => None,
        found => Some(found?),
    };
    if found.as_deref() == Some(COLLATION) {
        return Ok(());
    }
    let mut connection = connect(server, None).await?;
    let create = format!("CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE {COLLATION}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
    // Whoever looks at a database while another process is making it sees the server's collation, and MariaDB may go on
    // believing that. Where no table was made by it, it is put right.
    let count = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_collation <> ?";
    let others: i64 = sqlx::query_scalar(count).bind(database).bind(COLLATION).fetch_one(&mut connection).await?;
    if others > 0 {
        let reason = "its tables must have the collation utf8mb4_bin: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4 COLLATE …";
        return Err(DbError::Schema { schema: database.to_owned(), reason });
    }
    let put_right = format!("ALTER DATABASE `{database}` CHARACTER SET utf8mb4 COLLATE {COLLATION}");
    sqlx::raw_sql(AssertSqlSafe(put_right)).execute(&mut connection).await?;
    let _ = connection.close().await;
    match collation(server, database).await? {
        found if found == COLLATION => Ok(()),
        _ => Err(DbError::Schema { schema: database.to_owned(), reason: "the database must have the collation utf8mb4_bin" }),
    }
}

async fn collation(server: &MySqlConnectOptions, database: &str) -> Result<String, DbError> {
    let mut connection = connect(server, Some(database)).await?;
    let row = sqlx::raw_sql("SELECT @@collation_database").fetch_one(&mut connection).await?;
    let collation = row.try_get_unchecked(0)?;
    let _ = connection.close().await;
    Ok(collation)
}

/// Whether the database is there.
pub(super) async fn exists(server: &MySqlConnectOptions, database: &str) -> Result<bool, DbError> {
    match connect(server, Some(database)).await {
        Ok(connection) => {
            let _ = connection.close().await;
            Ok(true)
        }
        Err(error) if error.mysql_number() == Some(UNKNOWN_DATABASE) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Drops the database with all its tables.
pub(super) async fn drop_database(server: &MySqlConnectOptions, database: &str) -> Result<(), DbError> {
    let mut connection = connect(server, None).await?;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE IF EXISTS `{database}`"))).execute(&mut connection).await?;
    let _ = connection.close().await;
    Ok(())
}

async fn connect(server: &MySqlConnectOptions, database: Option<&str>) -> Result<MySqlConnection, DbError> {
    let options = options(server);
    let options = match database {
        Some(database) => options.database(database),
        None => options,
    };
    in_time(CONNECT_LIMIT, async {
        let mut connection = options.connect().await?;
        // Here a refusal is told; a pool would try again until its limit.
        sqlx::raw_sql(AssertSqlSafe(session())).execute(&mut connection).await?;
        Ok(connection)
    })
    .await
}
