//! Whether two generations hold the same rows.
//!
//! Rows travel in chunks of one table, both sides cut at the same keys. A field that is NULL or an empty text counts as
//! equal to anything: that is how views hold what an erasure took, and it may have taken it on one side only.

use std::collections::HashMap;
use std::fmt;

use crate::db::{DbError, Dialect, Row, Tx, Value};
use crate::view::Table;

use super::limits::COMPARED_ROWS;

/// What differs between two generations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows of the one that serves.
    pub rows: u64,
    /// The tables that differ.
    pub differences: Vec<Difference>,
}

/// How one table differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Rows that only the serving generation has.
    pub missing: u64,
    /// Rows that only the new one has.
    pub added: u64,
    /// Rows that both have, with other values.
    pub changed: u64,
    /// Why it could not be compared, when it could not.
    pub incomparable: Option<String>,
}

impl Comparison {
    /// Whether all rows are equal.
    pub const fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows compared", self.rows)?;
        for difference in &self.differences {
            write!(f, "; `{}`: ", difference.table)?;
            match &difference.incomparable {
                Some(reason) => write!(f, "not comparable: {reason}")?,
                None => {
                    let Difference { missing, added, changed, .. } = difference;
                    write!(f, "{missing} rows missing, {added} more, {changed} changed")?;
                }
            }
        }
        Ok(())
    }
}

/// Compares the tables of two generations, each as its transaction sees it.
pub(super) async fn compare(
    serving: &mut Tx,
    building: &mut Tx,
    tables: &[Table],
    rows: &mut (dyn FnMut(u64) + Send),
) -> Result<Comparison, DbError> {
    let mut comparison = Comparison::default();
    for table in tables.iter().filter(|table| !table.compared.is_empty()) {
        let mut difference = Difference { table: table.name.to_owned(), ..Difference::default() };
        match compare_table(serving, building, table, &mut difference, &mut comparison.rows, rows).await {
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => difference.incomparable = Some(error.chain()),
            Ok(()) => {}
        }
        if difference != (Difference { table: table.name.to_owned(), ..Difference::default() }) {
            comparison.differences.push(difference);
        }
    }
    Ok(comparison)
}

async fn compare_table(
    serving: &mut Tx,
    building: &mut Tx,
    table: &Table,
    difference: &mut Difference,
    total: &mut u64,
    seen: &mut (dyn FnMut(u64) + Send),
) -> Result<(), DbError> {
    let key = primary_key(table)?;
    let mut after: Option<Vec<Value>> = None;
    loop {
        let old = chunk(serving, table, &key, after.as_deref(), None).await?;
        let is_last = old.len() < COMPARED_ROWS;
        let through = if is_last { None } else { old.last().map(|row| row.values()[..key.len()].to_vec()) };
        count(&old, total, seen);
        let mut old: HashMap<&[Value], &Row> = old.iter().map(|row| (&row.values()[..key.len()], row)).collect();
        // The new one may hold more rows than a chunk between two keys.
        let mut from = after.clone();
        loop {
            let new = chunk(building, table, &key, from.as_deref(), through.as_deref()).await?;
            for row in &new {
                match old.remove(&row.values()[..key.len()]) {
                    None => difference.added += 1,
                    Some(held) if !equal(held, row) => difference.changed += 1,
                    Some(_) => {}
                }
            }
            if new.len() < COMPARED_ROWS {
                break;
            }
            from = new.last().map(|row| row.values()[..key.len()].to_vec());
        }
        difference.missing += u64::try_from(old.len()).unwrap_or(u64::MAX);
        if is_last {
            return Ok(());
        }
        after = through;
    }
}

fn count(chunk: &[Row], total: &mut u64, seen: &mut (dyn FnMut(u64) + Send)) {
    *total += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
    seen(*total);
}

/// Rows behind one key, up to and with another, in the key's order.
async fn chunk(
    tx: &mut Tx,
    table: &Table,
    key: &[&str],
    after: Option<&[Value]>,
    through: Option<&[Value]>,
) -> Result<Vec<Row>, DbError> {
    let (mut conditions, mut args) = (Vec::new(), Vec::new());
    for (bound, strict, last) in [(after, ">", ">"), (through, "<", "<=")] {
        if let Some(bound) = bound {
            conditions.push(beyond(tx.dialect(), key, strict, last, bound, &mut args));
        }
    }
    let condition = if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") };
    let (columns, name, order) = (table.compared.join(", "), table.name, key.join(", "));
    let sql = format!("SELECT {columns} FROM {name} WHERE {condition} ORDER BY {order} LIMIT {COMPARED_ROWS}");
    tx.read(&sql, args).await
}

/// The condition that a key lies on one side of a bound, as each engine's index serves it.
fn beyond(dialect: Dialect, key: &[&str], strict: &str, last: &str, bound: &[Value], args: &mut Vec<Value>) -> String {
    match dialect {
        Dialect::Sqlite => {
            args.extend_from_slice(bound);
            format!("({}) {last} ({})", key.join(", "), vec!["?"; key.len()].join(", "))
        }
        Dialect::MySql => {
            let mut alternatives = Vec::new();
            for depth in 0..key.len() {
                let mut terms: Vec<String> = key[..depth].iter().map(|column| format!("{column} = ?")).collect();
                let operator = if depth + 1 == key.len() { last } else { strict };
                terms.push(format!("{} {operator} ?", key[depth]));
                args.extend_from_slice(&bound[..=depth]);
                alternatives.push(format!("({})", terms.join(" AND ")));
            }
            format!("({})", alternatives.join(" OR "))
        }
    }
}

fn equal(one: &Row, other: &Row) -> bool {
    one.values().iter().zip(other.values()).all(|(one, other)| one == other || is_erased(one) || is_erased(other))
}

fn is_erased(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::Int(_) | Value::Bytes(_) => false,
    }
}

/// The columns of a table's primary key, with which `compared` begins.
fn primary_key(table: &Table) -> Result<Vec<&'static str>, DbError> {
    let wrong = |reason| DbError::Schema { schema: table.name.to_owned(), reason };
    let list = |ddl: &&'static str| ddl.split_once("PRIMARY KEY (")?.1.split_once(')').map(|(list, _)| list);
    let list = table.ddl.iter().find_map(list).ok_or_else(|| wrong("the table has no PRIMARY KEY (…)"))?;
    let key: Vec<&str> = list.split(',').map(str::trim).collect();
    if table.compared.starts_with(&key) { Ok(key) } else { Err(wrong("what is compared must begin with the primary key")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table =
        Table { name: "t", ddl: &["CREATE TABLE t (a INT, b INT, c TEXT, PRIMARY KEY (a, b))"], compared: &["a", "b", "c"] };

    #[test]
    fn the_primary_key_is_read_from_the_ddl() {
        assert_eq!(primary_key(&TABLE).expect("a key"), ["a", "b"]);
        assert!(primary_key(&Table { compared: &["b", "a"], ..TABLE }).is_err());
        assert!(primary_key(&Table { ddl: &["CREATE TABLE t (a INT)"], ..TABLE }).is_err());
    }

    #[test]
    fn every_table_of_every_view_can_be_compared_unless_it_has_nothing_to_compare() {
        for view in crate::views::all() {
            for table in view.tables().iter().filter(|table| !table.compared.is_empty()) {
                let key = primary_key(table);
                assert!(key.is_ok(), "{}.{}: {key:?}", view.name(), table.name);
            }
        }
    }

    #[test]
    fn a_bound_is_written_as_each_index_serves_it() {
        let bound = [Value::Int(1), Value::Int(2)];
        let mut args = Vec::new();
        assert_eq!(beyond(Dialect::MySql, &["a", "b"], "<", "<=", &bound, &mut args), "((a < ?) OR (a = ? AND b <= ?))");
        assert_eq!(args, [1, 1, 2].map(Value::Int));
        args.clear();
        assert_eq!(beyond(Dialect::Sqlite, &["a", "b"], ">", ">", &bound, &mut args), "(a, b) > (?, ?)");
        assert_eq!(args, [1, 2].map(Value::Int));
    }

    #[test]
    fn what_an_erasure_took_differs_from_nothing() {
        for (one, other, same) in [("x", "x", true), ("x", "y", false), ("x", "", true), ("", "y", true)] {
            assert_eq!(is_erased(&one.into()) || is_erased(&other.into()) || one == other, same);
        }
    }
}
