//! DDL that passes where it is done already.

use super::connection::Connection;
use super::{DbError, Dialect};

/// A key of this name is there already.
const DUPLICATE_KEY_NAME: u16 = 1061;

pub(super) async fn run(connection: &mut Connection, statement: &str) -> Result<(), DbError> {
    let statement = statement.trim();
    match connection.dialect() {
        Dialect::Sqlite => connection.raw(&if_not_exists(statement), false).await,
        Dialect::MySql => {
            // MySQL, unlike MariaDB, knows no CREATE INDEX IF NOT EXISTS: the error says the same.
            let statement = match index(statement) {
                Some((head, rest)) => format!("{head}{}", without_condition(rest)),
                None => if_not_exists(statement),
            };
            match connection.raw(&statement, false).await {
                Err(error) if error.mysql_number() == Some(DUPLICATE_KEY_NAME) => Ok(()),
                other => other,
            }
        }
    }
}

const CONDITION: &str = "IF NOT EXISTS ";
const TABLE: &str = "CREATE TABLE ";
const INDEX: &str = "CREATE INDEX ";

fn if_not_exists(statement: &str) -> String {
    for head in [TABLE, INDEX] {
        if let Some(rest) = after(statement, head) {
            return format!("{head}{CONDITION}{}", without_condition(rest));
        }
    }
    statement.to_owned()
}

fn index(statement: &str) -> Option<(&'static str, &str)> {
    after(statement, INDEX).map(|rest| (INDEX, rest))
}

fn without_condition(rest: &str) -> &str {
    after(rest, CONDITION).unwrap_or(rest)
}

fn after<'a>(text: &'a str, head: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(head.len())?;
    start.eq_ignore_ascii_case(head).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_indexes_are_made_once() {
        assert_eq!(if_not_exists("CREATE TABLE t (a INT)"), "CREATE TABLE IF NOT EXISTS t (a INT)");
        assert_eq!(if_not_exists("create table if not exists t (a INT)"), "CREATE TABLE IF NOT EXISTS t (a INT)");
        assert_eq!(if_not_exists("CREATE INDEX i ON t (a)"), "CREATE INDEX IF NOT EXISTS i ON t (a)");
        assert_eq!(if_not_exists("DROP TABLE t"), "DROP TABLE t");
    }
}
