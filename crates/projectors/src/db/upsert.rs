//! Statements over many rows, one helper a dialect: the engines share no upsert.
//!
//! MySQL 8's row alias is not MariaDB's, MariaDB's `VALUE()` is not MySQL's; `VALUES(column)` is everybody's.

use super::connection::Connection;
use super::dialect::repeated;
use super::{DbError, Dialect, Value, in_list};

/// Rows of one statement at most, kept prepared at this number: longer ones are hardly faster per row.
const MYSQL_ROWS: usize = 1_000;
/// Smaller on SQLite: a prepared statement costs memory in our own process there.
const SQLITE_ROWS: usize = 100;
/// Up to this many rows each number has its statement kept prepared; above it, in an embedded schema, the full chunk alone.
const PREPARED_ROWS: usize = 8;
/// On a server more rows are written by a few statements of these numbers of rows, all kept prepared: parsing a statement
/// of another length takes longer than asking twice.
const MYSQL_STEPS: [usize; 6] = [500, 200, 100, 50, 25, 12];
/// Values of one statement end soon after this many bytes; MariaDB takes packets of 16 MiB unless it is told otherwise.
const STATEMENT_BYTES: usize = 4 << 20;
/// Tuples of one DELETE; MariaDB turns lists of 1,000 and more into a join with a table of their own.
const DELETED_TUPLES: usize = 500;

/// What becomes of a column when the row is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// It stays as it is.
    Keep,
    /// It takes the new value.
    Replace,
    /// The new value is added to it.
    Add,
}

/// How rows of a table are written where some may be there already.
#[derive(Debug, Clone, Copy)]
pub struct Upsert {
    /// The table.
    pub table: &'static str,
    /// Its primary key; it has no other unique index.
    pub keys: &'static [&'static str],
    /// The other columns written.
    pub columns: &'static [(&'static str, OnConflict)],
}

pub(super) async fn upsert<const N: usize>(
    connection: &mut Connection,
    shape: &Upsert,
    rows: Vec<[Value; N]>,
) -> Result<(), DbError> {
    let expected = shape.keys.len() + shape.columns.len();
    if expected != N {
        return Err(DbError::Width { table: shape.table, expected, found: N });
    }
    let dialect = connection.dialect();
    in_chunks(connection, rows_of(dialect), rows, |n| match dialect {
        Dialect::MySql => mysql(shape, n),
        Dialect::Sqlite => sqlite(shape, n),
    })
    .await
    .map(drop)
}

pub(super) async fn insert_ignore<const N: usize>(
    connection: &mut Connection,
    table: &'static str,
    columns: [&'static str; N],
    rows: Vec<[Value; N]>,
) -> Result<(), DbError> {
    let dialect = connection.dialect();
    in_chunks(connection, rows_of(dialect), rows, |n| {
        let insert = insert(table, columns.iter().copied(), N, n);
        match dialect {
            // INSERT IGNORE would also let pass what does not fit its column.
            Dialect::MySql => format!("{insert} ON DUPLICATE KEY UPDATE {0} = {0}", columns[0]),
            Dialect::Sqlite => format!("{insert} ON CONFLICT DO NOTHING"),
        }
    })
    .await
    .map(drop)
}

pub(super) async fn delete_in<const N: usize>(
    connection: &mut Connection,
    table: &'static str,
    columns: [&'static str; N],
    tuples: Vec<[Value; N]>,
) -> Result<u64, DbError> {
    let dialect = connection.dialect();
    let most = DELETED_TUPLES.min(rows_of(dialect));
    in_chunks(connection, most, tuples, |n| format!("DELETE FROM {table} WHERE {}", dialect.tuple_in(&columns, n))).await
}

/// MySQL, MariaDB, TiDB.
fn mysql(shape: &Upsert, n: usize) -> String {
    let mut sets: Vec<String> = shape
        .columns
        .iter()
        .filter_map(|(column, on_conflict)| match on_conflict {
            OnConflict::Keep => None,
            OnConflict::Replace => Some(format!("{column} = VALUES({column})")),
            OnConflict::Add => Some(format!("{column} = {column} + VALUES({column})")),
        })
        .collect();
    if sets.is_empty() {
        sets.push(format!("{0} = {0}", shape.keys[0]));
    }
    format!("{} ON DUPLICATE KEY UPDATE {}", insert_shape(shape, n), sets.join(", "))
}

fn sqlite(shape: &Upsert, n: usize) -> String {
    let sets: Vec<String> = shape
        .columns
        .iter()
        .filter_map(|(column, on_conflict)| match on_conflict {
            OnConflict::Keep => None,
            OnConflict::Replace => Some(format!("{column} = excluded.{column}")),
            OnConflict::Add => Some(format!("{column} = {column} + excluded.{column}")),
        })
        .collect();
    let insert = insert_shape(shape, n);
    let keys = shape.keys.join(", ");
    if sets.is_empty() {
        format!("{insert} ON CONFLICT ({keys}) DO NOTHING")
    } else {
        format!("{insert} ON CONFLICT ({keys}) DO UPDATE SET {}", sets.join(", "))
    }
}

fn insert_shape(shape: &Upsert, n: usize) -> String {
    let columns = shape.keys.iter().copied().chain(shape.columns.iter().map(|(column, _)| *column));
    insert(shape.table, columns, shape.keys.len() + shape.columns.len(), n)
}

fn insert(table: &str, columns: impl Iterator<Item = &'static str>, width: usize, n: usize) -> String {
    let columns: Vec<&str> = columns.collect();
    format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), repeated(&in_list(width), n, ", "))
}

const fn rows_of(dialect: Dialect) -> usize {
    match dialect {
        Dialect::MySql => MYSQL_ROWS,
        Dialect::Sqlite => SQLITE_ROWS,
    }
}

/// Runs the statement that `sql` makes for n rows, for `rows` in chunks; the rows affected.
async fn in_chunks<const N: usize>(
    connection: &mut Connection,
    most: usize,
    rows: Vec<[Value; N]>,
    sql: impl Fn(usize) -> String,
) -> Result<u64, DbError> {
    let dialect = connection.dialect();
    let most = most.min(dialect.placeholders() / N.max(1)).max(1);
    let full = if rows.len() >= most { sql(most) } else { String::new() };
    let mut rows = rows.into_iter().peekable();
    let mut affected = 0;
    while rows.peek().is_some() {
        let step = step(dialect, most, rows.len());
        let (mut n, mut bytes, mut args) = (0, 0, Vec::with_capacity(N * step));
        while n < step && bytes < STATEMENT_BYTES {
            let Some(row) = rows.next() else { break };
            bytes += row.iter().map(Value::bytes).sum::<usize>();
            args.extend(row);
            n += 1;
        }
        affected += if n == most {
            connection.execute(&full, args, true).await?
        } else {
            let prepared = n <= PREPARED_ROWS || (dialect == Dialect::MySql && n == step);
            connection.execute(&sql(n), args, prepared).await?
        };
    }
    Ok(affected)
}

/// How many of the rows that are left the next statement takes.
fn step(dialect: Dialect, most: usize, left: usize) -> usize {
    if left >= most {
        return most;
    }
    match dialect {
        Dialect::MySql if left > PREPARED_ROWS => {
            MYSQL_STEPS.into_iter().find(|&step| step < most && step <= left).unwrap_or(PREPARED_ROWS)
        }
        Dialect::MySql | Dialect::Sqlite => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Upsert = Upsert {
        table: "counts",
        keys: &["thing", "part"],
        columns: &[("n", OnConflict::Add), ("seen", OnConflict::Replace), ("born", OnConflict::Keep)],
    };
    const MARKS: Upsert = Upsert { table: "marks", keys: &["id"], columns: &[("at", OnConflict::Keep)] };

    #[test]
    fn a_server_is_asked_with_few_lengths() {
        let steps = |mut left: usize| {
            let mut steps = Vec::new();
            while left > 0 {
                steps.push(step(Dialect::MySql, 1_000, left));
                left -= steps.last().expect("a step");
            }
            steps
        };
        assert_eq!(steps(2_763), [1_000, 1_000, 500, 200, 50, 12, 1]);
        assert_eq!(steps(11), [8, 3]);
        assert_eq!(step(Dialect::MySql, 20, 19), 12);
        assert_eq!(step(Dialect::Sqlite, 100, 99), 99);
    }

    #[test]
    fn each_dialect_has_its_own_upsert() {
        let insert = "INSERT INTO counts (thing, part, n, seen, born) VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)";
        assert_eq!(mysql(&COUNTS, 2), format!("{insert} ON DUPLICATE KEY UPDATE n = n + VALUES(n), seen = VALUES(seen)"));
        assert_eq!(
            sqlite(&COUNTS, 2),
            format!("{insert} ON CONFLICT (thing, part) DO UPDATE SET n = n + excluded.n, seen = excluded.seen")
        );
        assert_eq!(mysql(&MARKS, 1), "INSERT INTO marks (id, at) VALUES (?, ?) ON DUPLICATE KEY UPDATE id = id");
        assert_eq!(sqlite(&MARKS, 1), "INSERT INTO marks (id, at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING");
    }
}
