//! One statement on one connection of either engine, with a time limit.

use std::time::Duration;

use aredvi_events::Clock;
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Decode, MySql, Row as _, Sqlite, Type, TypeInfo, ValueRef};

use super::pool::Pooled;
use super::{DbError, Dialect, Row, Value};

/// How long a query outside a transaction may take.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(5);
/// How long another statement may take, DDL apart.
pub(super) const STATEMENT_LIMIT: Duration = Duration::from_secs(60);
/// Statements with more arguments than this are not kept prepared unless they are of a fixed shape. On a server parsing
/// costs more than what it keeps; SQLite keeps it in our own process.
const PREPARED_ARGUMENTS_MYSQL: usize = 2_048;
const PREPARED_ARGUMENTS_SQLITE: usize = 64;

/// A connection taken from a pool; dropped, it goes back.
pub(super) enum Connection {
    MySql(Pooled),
    Sqlite(PoolConnection<Sqlite>),
    #[cfg(feature = "simulation")]
    Simulated(super::simulated::SimulatedConnection),
}

impl Connection {
    pub(super) const fn dialect(&self) -> Dialect {
        match self {
            Self::MySql(_) => Dialect::MySql,
            Self::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => Dialect::Sqlite,
        }
    }

    /// Whether a statement of so many arguments is kept prepared.
    pub(super) const fn keeps(&self, arguments: usize) -> bool {
        match self {
            Self::MySql(_) => arguments <= PREPARED_ARGUMENTS_MYSQL,
            Self::Sqlite(_) => arguments <= PREPARED_ARGUMENTS_SQLITE,
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => arguments <= PREPARED_ARGUMENTS_SQLITE,
        }
    }

    pub(super) async fn read(&mut self, sql: &str, args: Vec<Value>, limit: Duration) -> Result<Vec<Row>, DbError> {
        let prepared = self.keeps(args.len());
        let limit = self.limit(limit);
        let work = async {
            match self {
                Self::MySql(connection) => sqlx::query_with(AssertSqlSafe(sql), mysql_arguments(args)?)
                    .persistent(prepared)
                    .fetch_all(connection.asked()?)
                    .await?
                    .iter()
                    .map(mysql_row)
                    .collect(),
                Self::Sqlite(connection) => sqlx::query_with(AssertSqlSafe(sql), sqlite_arguments(args)?)
                    .persistent(prepared)
                    .fetch_all(&mut **connection)
                    .await?
                    .iter()
                    .map(sqlite_row)
                    .collect(),
                #[cfg(feature = "simulation")]
                Self::Simulated(connection) => connection.read(sql, args).await,
            }
        };
        let result = in_time(limit, work).await;
        self.settle(result)
    }

    /// The rows affected: those matched, whether changed or not, on all engines.
    pub(super) async fn execute(&mut self, sql: &str, args: Vec<Value>, prepared: bool) -> Result<u64, DbError> {
        let limit = self.limit(STATEMENT_LIMIT);
        let work = async {
            Ok(match self {
                Self::MySql(connection) => sqlx::query_with(AssertSqlSafe(sql), mysql_arguments(args)?)
                    .persistent(prepared)
                    .execute(connection.asked()?)
                    .await?
                    .rows_affected(),
                Self::Sqlite(connection) => sqlx::query_with(AssertSqlSafe(sql), sqlite_arguments(args)?)
                    .persistent(prepared)
                    .execute(&mut **connection)
                    .await?
                    .rows_affected(),
                #[cfg(feature = "simulation")]
                Self::Simulated(connection) => connection.execute(sql, args).await?,
            })
        };
        let result = in_time(limit, work).await;
        self.settle(result)
    }

    /// A statement without arguments, never prepared: DDL and transactions. Only the latter are limited in time.
    pub(super) async fn raw(&mut self, sql: &str, limited: bool) -> Result<(), DbError> {
        let limit = self.limit(STATEMENT_LIMIT);
        let work = async {
            let _ = match self {
                Self::MySql(connection) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection.asked()?).await?.rows_affected(),
                Self::Sqlite(connection) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **connection).await?.rows_affected(),
                #[cfg(feature = "simulation")]
                Self::Simulated(connection) => connection.raw(sql).await.map(|()| 0)?,
            };
            Ok(())
        };
        let result = if limited { in_time(limit, work).await } else { work.await };
        self.settle(result)
    }

    /// Closes it when it is dropped, which also rolls back.
    pub(super) fn close_on_drop(&mut self) {
        match self {
            Self::MySql(connection) => connection.close_on_drop(),
            Self::Sqlite(connection) => connection.close_on_drop(),
            #[cfg(feature = "simulation")]
            Self::Simulated(connection) => connection.close(),
        }
    }

    /// How long a statement may take here.
    #[cfg_attr(not(feature = "simulation"), expect(clippy::unused_self, reason = "only a simulation has other limits"))]
    const fn limit(&self, limit: Duration) -> Duration {
        #[cfg(feature = "simulation")]
        if matches!(self, Self::Simulated(_)) {
            // A simulated engine answers at once in any time but its own.
            return Duration::MAX;
        }
        limit
    }

    fn settle<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        if result.as_ref().is_err_and(DbError::spoils_connection) {
            self.close_on_drop();
        } else if let Self::MySql(connection) = self
            && !result.as_ref().is_err_and(DbError::is_transient)
        {
            connection.answered();
        }
        result
    }
}

pub(super) async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    // Only the limit is asked for, so any clock will do.
    match Clock::default().timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(DbError::TimedOut(limit.as_secs())),
    }
}

fn mysql_arguments(args: Vec<Value>) -> Result<MySqlArguments, DbError> {
    let mut bound = MySqlArguments::default();
    bound.reserve(args.len(), args.len() * size_of::<i64>());
    for arg in args {
        match arg {
            Value::Null => bound.add(None::<i64>),
            Value::Int(int) => bound.add(int),
            Value::Text(text) => bound.add(text),
            Value::Bytes(bytes) => bound.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

fn sqlite_arguments(args: Vec<Value>) -> Result<SqliteArguments, DbError> {
    let mut bound = SqliteArguments::default();
    bound.reserve(args.len(), 0);
    for arg in args {
        match arg {
            Value::Null => bound.add(None::<i64>),
            Value::Int(int) => bound.add(int),
            Value::Text(text) => bound.add(text),
            Value::Bytes(bytes) => bound.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

fn mysql_row(row: &MySqlRow) -> Result<Row, DbError> {
    (0..row.len())
        .map(|column| {
            let value = row.try_get_raw(column)?;
            if value.is_null() {
                return Ok(Value::Null);
            }
            let ty = value.type_info().into_owned();
            let failed = |source| sqlx::Error::ColumnDecode { index: column.to_string(), source };
            match ty.name() {
                "BIGINT" | "INT" | "MEDIUMINT" | "SMALLINT" | "TINYINT" | "BOOLEAN" => {
                    Ok(Value::Int(Decode::<MySql>::decode(value).map_err(failed)?))
                }
                "BIGINT UNSIGNED" | "INT UNSIGNED" | "MEDIUMINT UNSIGNED" | "SMALLINT UNSIGNED" | "TINYINT UNSIGNED" => {
                    let number: u64 = Decode::<MySql>::decode(value).map_err(failed)?;
                    Ok(Value::from(number))
                }
                // A sum without a CAST.
                "DECIMAL" => {
                    let digits: &str = Decode::<MySql>::decode(value).map_err(failed)?;
                    digits.parse().map(Value::Int).map_err(|_| unknown(column, "a DECIMAL"))
                }
                "VARCHAR" | "CHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "VARBINARY" | "BINARY" | "TINYBLOB"
                | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => Ok(
                    // The name takes a text that compares by its bytes for bytes; the collation tells them apart.
                    if <str as Type<MySql>>::compatible(&ty) {
                        Value::Text(Decode::<MySql>::decode(value).map_err(failed)?)
                    } else {
                        Value::Bytes(Decode::<MySql>::decode(value).map_err(failed)?)
                    },
                ),
                other => Err(unknown(column, other)),
            }
        })
        .collect::<Result<_, _>>()
        .map(Row)
}

fn sqlite_row(row: &SqliteRow) -> Result<Row, DbError> {
    (0..row.len())
        .map(|column| {
            let value = row.try_get_raw(column)?;
            if value.is_null() {
                return Ok(Value::Null);
            }
            let ty = value.type_info().into_owned();
            let failed = |source| sqlx::Error::ColumnDecode { index: column.to_string(), source };
            match ty.name() {
                "INTEGER" => Ok(Value::Int(Decode::<Sqlite>::decode(value).map_err(failed)?)),
                "TEXT" => Ok(Value::Text(Decode::<Sqlite>::decode(value).map_err(failed)?)),
                "BLOB" => Ok(Value::Bytes(Decode::<Sqlite>::decode(value).map_err(failed)?)),
                other => Err(unknown(column, other)),
            }
        })
        .collect::<Result<_, _>>()
        .map(Row)
}

fn unknown(column: usize, found: &str) -> DbError {
    DbError::Column { column, expected: "an integer, a text or bytes", found: found.to_owned() }
}
