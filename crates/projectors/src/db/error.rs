//! What can go wrong, told apart by what a caller does about it.

use std::error::Error as _;

use sqlx::error::ErrorKind;
use sqlx::mysql::MySqlDatabaseError;

use super::NotADbUrl;

/// A failed statement, connection or decoding. No message holds an argument of a statement.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The engine, not the statement: it is gone, full, locked, read-only or going down. The same may succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Source),
    /// A row of this key is there already.
    #[error("a row of the same key is there already")]
    Duplicate(#[source] Source),
    /// The statement or its data: the same fails again.
    #[error("the database refused the statement")]
    Refused(#[source] Source),
    /// A statement did not answer in time; whether it was carried out is unknown.
    #[error("the database did not answer within {0} s")]
    TimedOut(u64),
    /// An earlier error of the engine has undone the transaction.
    #[error("the transaction was undone by an earlier error")]
    Undone,
    /// A column is not what was asked for.
    #[error("column {column}: expected {expected}, found {found}")]
    Column {
        /// Counted from 0.
        column: usize,
        /// What was asked for.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// Rows and columns of a write do not fit.
    #[error("a row of `{table}` has {expected} values, not {found}")]
    Width {
        /// The table.
        table: &'static str,
        /// Columns.
        expected: usize,
        /// Values.
        found: usize,
    },
    /// A schema cannot be used as it is.
    #[error("schema `{schema}`: {reason}")]
    Schema {
        /// Its name.
        schema: String,
        /// Why.
        reason: &'static str,
    },
    /// A directory or file.
    #[error("cannot use {path}")]
    File {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A database URL.
    #[error(transparent)]
    Url(#[from] NotADbUrl),
}

/// What an engine or its client said, without the values it repeats.
#[derive(Debug, thiserror::Error)]
pub enum Source {
    /// The engine's own words.
    #[error("{code}: {message}")]
    Engine {
        /// MySQL's error number, SQLite's extended result code.
        code: String,
        /// Quoted values are cut out.
        message: String,
    },
    /// The client or the connection.
    #[error(transparent)]
    Client(sqlx::Error),
}

impl DbError {
    /// Whether it is no fault of the statement or its data, so that waiting and trying again is right.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::TimedOut(_) | Self::Undone | Self::File { .. } => true,
            Self::Duplicate(_)
            | Self::Refused(_)
            | Self::Column { .. }
            | Self::Width { .. }
            | Self::Schema { .. }
            | Self::Url(_) => false,
        }
    }

    /// Whether the statement names a table that is not there.
    pub fn is_no_such_table(&self) -> bool {
        self.mysql_number() == Some(MYSQL_NO_SUCH_TABLE)
            || matches!(self, Self::Refused(Source::Engine { message, .. }) if message.starts_with("no such table"))
    }

    /// Whether a plain INSERT met a row of its key.
    pub const fn is_duplicate(&self) -> bool {
        matches!(self, Self::Duplicate(_))
    }

    /// Whether the connection it happened on can no longer be trusted.
    pub(super) const fn spoils_connection(&self) -> bool {
        self.ended_connection() || matches!(self, Self::TimedOut(_))
    }

    /// Whether the connection broke, rather than that the engine answered on it.
    pub(super) const fn ended_connection(&self) -> bool {
        matches!(self, Self::Unavailable(Source::Client(_)))
    }

    /// MySQL's error number.
    pub(super) fn mysql_number(&self) -> Option<u16> {
        match self {
            Self::Unavailable(Source::Engine { code, .. })
            | Self::Duplicate(Source::Engine { code, .. })
            | Self::Refused(Source::Engine { code, .. }) => code.parse().ok(),
            Self::Unavailable(Source::Client(_))
            | Self::Duplicate(Source::Client(_))
            | Self::Refused(Source::Client(_))
            | Self::TimedOut(_)
            | Self::Undone
            | Self::Column { .. }
            | Self::Width { .. }
            | Self::Schema { .. }
            | Self::File { .. }
            | Self::Url(_) => None,
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(engine) = error else {
            let source = Source::Client(error);
            return if source.is_torn() { Self::Unavailable(source) } else { Self::Refused(source) };
        };
        let (source, passing) = match engine.try_downcast_ref::<MySqlDatabaseError>() {
            Some(mysql) => {
                let number = mysql.number();
                let message = without_values(number, mysql.message());
                (Source::Engine { code: number.to_string(), message }, MYSQL_TRANSIENT.contains(&number))
            }
            None => {
                let code = engine.code().unwrap_or_default().into_owned();
                let primary = code.parse::<u32>().unwrap_or_default() & 0xff;
                // SQLite's messages name tables and columns, never values.
                let message = engine.message().to_owned();
                (Source::Engine { code, message }, SQLITE_TRANSIENT.contains(&primary))
            }
        };
        if engine.kind() == ErrorKind::UniqueViolation {
            Self::Duplicate(source)
        } else if passing {
            Self::Unavailable(source)
        } else {
            Self::Refused(source)
        }
    }
}

impl Source {
    /// Whether it is the connection's failure rather than the statement's.
    fn is_torn(&self) -> bool {
        match self {
            // A wrong number of arguments is a `Protocol` to the client, like a torn connection.
            Self::Client(sqlx::Error::Protocol(message)) => !message.contains("parameters"),
            Self::Client(client) => matches!(
                client,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
                    | sqlx::Error::BeginFailed
            ),
            Self::Engine { .. } => false,
        }
    }
}

impl DbError {
    /// Of SQLite's extended result code.
    #[cfg(feature = "simulation")]
    pub(super) fn of_sqlite(source: Source) -> Self {
        let code = match &source {
            Source::Engine { code, .. } => code.parse::<u32>().unwrap_or_default(),
            Source::Client(_) => 0,
        };
        match code {
            SQLITE_PRIMARY_KEY | SQLITE_UNIQUE => Self::Duplicate(source),
            code if SQLITE_TRANSIENT.contains(&(code & 0xff)) => Self::Unavailable(source),
            _ => Self::Refused(source),
        }
    }

    /// The message and its sources in one line, joined by `: `.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

/// MySQL's messages repeat values between single quotes, except where they name our own tables and columns.
fn without_values(number: u16, message: &str) -> String {
    if MYSQL_NAMES_ONLY.contains(&number) {
        return message.to_owned();
    }
    match (message.find('\''), message.rfind('\'')) {
        (Some(first), Some(last)) if first < last => format!("{}'…'{}", &message[..first], &message[last + 1..]),
        _ => message.to_owned(),
    }
}

/// Unknown database, column, table; syntax; no default; NULL where none may be; data too long for a column.
const MYSQL_NAMES_ONLY: &[u16] =
    &[1044, 1045, 1048, 1049, 1050, 1051, 1054, 1061, 1064, 1091, 1146, 1205, 1213, 1290, 1364, 1406];

/// MySQL's number of a table that is not there; SQLite has only its words.
const MYSQL_NO_SUCH_TABLE: u16 = 1146;

/// MySQL's, MariaDB's and TiDB's numbers that are no fault of a statement.
const MYSQL_TRANSIENT: &[u16] = &[
    1020, // record has changed since last read (MariaDB's snapshot isolation)
    1021, 1026, 1030, 1114, // disk full, error writing, error from the storage engine, table full
    1037, 1038, 1041, // out of memory
    1040, 1203, 1226, // too many connections, a user's limit
    1042, 1043, 1047, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, // connection and shutdown
    1044, 1045, 1130, 1142, 1143, 1698, // rights: the operator's to mend
    1049, 1146, // no such database or table: a generation that was dropped, never the fault of an event
    1180, 1412, 1615, // commit failed, definition changed, prepare again
    1205, 1213, 1317, 1613, // lock wait, deadlock, interrupted
    1290, 1792, 1836, // read-only
    1243, // a prepared statement that the server forgot
    1927, 1969, 3024, // killed, statement time exceeded
    8027, 8028, 9001, 9002, 9003, 9004, 9005, 9007, // TiDB: schema changed, placement or storage busy, write conflict
];

/// SQLite's extended result codes of a row whose key is there already.
#[cfg(feature = "simulation")]
const SQLITE_PRIMARY_KEY: u32 = 1555;
#[cfg(feature = "simulation")]
const SQLITE_UNIQUE: u32 = 2067;

/// SQLite's primary result codes that are no fault of a statement.
const SQLITE_TRANSIENT: &[u32] = &[
    5, 6, // busy, locked
    7, 8, 9, 10, // out of memory, read-only, interrupted, I/O
    11, 26, // corrupt, not a database
    13, 14, 15, // full, cannot open, lock protocol
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_out_of_the_engines_words() {
        assert_eq!(without_values(1062, "Duplicate entry 'ana's e-mail' for key 'PRIMARY'"), "Duplicate entry '…'");
        assert_eq!(without_values(1054, "Unknown column 'x' in 'field list'"), "Unknown column 'x' in 'field list'");
        assert_eq!(without_values(9999, "plain"), "plain");
    }

    #[test]
    fn only_what_may_pass_is_transient() {
        assert!(DbError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(DbError::from(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())).is_transient());
        assert!(DbError::TimedOut(30).is_transient());
        assert!(!DbError::from(sqlx::Error::Protocol("expected 2 parameters".to_owned())).is_transient());
        assert!(!DbError::from(sqlx::Error::RowNotFound).is_transient());
    }
}
