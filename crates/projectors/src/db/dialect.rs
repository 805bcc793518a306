//! The few places where engines' SQL differs.

use super::Value;

/// Which SQL a schema's engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// MySQL, MariaDB, TiDB.
    MySql,
    /// SQLite.
    Sqlite,
}

impl Dialect {
    /// The condition that `columns` equal one of `n` tuples, to be bound in order. Served by an index over the columns.
    pub fn tuple_in(self, columns: &[&str], n: usize) -> String {
        if n == 0 {
            return "1 = 0".to_owned();
        }
        if let [column] = columns {
            return format!("{column} IN {}", in_list(n));
        }
        let tuples = repeated(&in_list(columns.len()), n, ", ");
        match self {
            Self::MySql => format!("({}) IN ({tuples})", columns.join(", ")),
            // SQLite compares tuples with those of a table only.
            Self::Sqlite => format!("({}) IN (VALUES {tuples})", columns.join(", ")),
        }
    }

    /// `table` in the FROM of a query that names rows by their primary key. MySQL and MariaDB would weigh every index of
    /// the table for every tuple: measured on MariaDB 10.11, 512 pairs take 70–120 ms so, and 4 ms when told which.
    pub fn by_primary_key(self, table: &str) -> String {
        match self {
            Self::MySql => format!("{table} FORCE INDEX (PRIMARY)"),
            Self::Sqlite => table.to_owned(),
        }
    }

    /// Placeholders that one statement may have, a little below what the engine takes.
    pub(super) const fn placeholders(self) -> usize {
        match self {
            Self::MySql => 60_000,  // of 65,535
            Self::Sqlite => 30_000, // of 32,766
        }
    }
}

/// `(?, ?, …)` with `n` placeholders; `(NULL)`, which nothing equals, for none.
pub fn in_list(n: usize) -> String {
    if n == 0 { "(NULL)".to_owned() } else { format!("({})", repeated("?", n, ", ")) }
}

/// An `IN` list of `values`, filled up to a power of two with the last one, so that lists of all lengths are few
/// different statements and stay prepared.
pub fn padded_in_list(mut values: Vec<Value>) -> (String, Vec<Value>) {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    (in_list(values.len()), values)
}

pub(super) fn repeated(what: &str, n: usize, between: &str) -> String {
    let mut text = String::with_capacity((what.len() + between.len()) * n);
    for i in 0..n {
        if i > 0 {
            text.push_str(between);
        }
        text.push_str(what);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_as_many_placeholders_as_values() {
        assert_eq!(in_list(0), "(NULL)");
        assert_eq!(in_list(3), "(?, ?, ?)");
        assert_eq!(Dialect::Sqlite.tuple_in(&["a", "b"], 2), "(a, b) IN (VALUES (?, ?), (?, ?))");
        assert_eq!(Dialect::MySql.tuple_in(&["a", "b"], 2), "(a, b) IN ((?, ?), (?, ?))");
        assert_eq!(Dialect::MySql.tuple_in(&["a"], 2), "a IN (?, ?)");
        assert_eq!(Dialect::MySql.by_primary_key("t"), "t FORCE INDEX (PRIMARY)");
        assert_eq!(Dialect::Sqlite.by_primary_key("t"), "t");
    }

    #[test]
    fn a_padded_list_repeats_its_last_value() {
        let (list, values) = padded_in_list(vec![Value::Int(1), Value::Int(2), Value::Int(3)]);
        assert_eq!(list, "(?, ?, ?, ?)");
        assert_eq!(values, [1, 2, 3, 3].map(Value::Int));
        assert_eq!(padded_in_list(vec![]), ("(NULL)".to_owned(), vec![]));
    }
}
