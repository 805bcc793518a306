//! What the database takes at most on one connection, by its own client: the rows of a view's table once more, in the
//! order of the log, into an empty table with the same columns, primary key and indexes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;
use tokio::time::Instant;

use crate::engines::Sql;

/// The client.
const CLIENT: &str = "mariadb";
/// Rows of one INSERT.
const ROWS_AT_ONCE: usize = 1_000;
/// What the database of copies is called, after the prefix.
const COPIES: &str = "raw";

/// A table of a view.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that the log's order follows from.
    pub order: &'static str,
}

/// Rows a second.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// By INSERT of 1,000 rows a statement.
    pub insert: f64,
    /// By LOAD DATA.
    pub load_data: f64,
}

/// Whether the client is installed.
pub async fn has_client() -> bool {
    let asked = Command::new(CLIENT).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    asked.is_ok_and(|status| status.success())
}

/// The rows of a table.
///
/// # Errors
/// When the client fails.
pub async fn count(server: &Sql, schema: &str, table: &str) -> anyhow::Result<u64> {
    let text = ask(server, &format!("SELECT COUNT(*) FROM {}_{schema}.{table}", server.prefix)).await?;
    text.trim().parse().context("no number of rows")
}

/// Copies up to `rows` rows of a table through `file`, both ways.
///
/// # Errors
/// When the client fails.
pub async fn measure(server: &Sql, schema: &str, table: Table, rows: u64, file: &Path) -> anyhow::Result<Measured> {
    let Table { name, order } = table;
    let (from, to) = (format!("{}_{schema}.{name}", server.prefix), format!("{}_{COPIES}.{name}", server.prefix));
    let select = format!("SELECT * FROM {from} ORDER BY {order} LIMIT {rows}");
    let exported = client(server, &select).stdout(File::create(file)?).status().await?;
    ensure!(exported.success(), "the rows of {from} cannot be read");
    let inserts = file.with_extension("sql");
    let count = write_inserts(file, &inserts, &to)?;
    let fresh = format!(
        "CREATE DATABASE IF NOT EXISTS {0}_{COPIES}; DROP TABLE IF EXISTS {to}; CREATE TABLE {to} LIKE {from}",
        server.prefix
    );
    // LIKE takes the keys and the indexes along.
    ask(server, &fresh).await?;
    let began = Instant::now();
    let inserted = client(server, "").stdin(File::open(&inserts)?).stdout(Stdio::null()).status().await?;
    ensure!(inserted.success(), "the rows of {from} cannot be inserted");
    let insert = began.elapsed();
    ask(server, &format!("TRUNCATE TABLE {to}")).await?;
    let began = Instant::now();
    ask(server, &format!("LOAD DATA LOCAL INFILE '{}' INTO TABLE {to}", file.display())).await?;
    let load_data = began.elapsed();
    let copied: u64 = ask(server, &format!("SELECT COUNT(*) FROM {to}")).await?.trim().parse()?;
    ensure!(copied == count, "{copied} of {count} rows were copied");
    ask(server, &format!("DROP DATABASE {}_{COPIES}", server.prefix)).await?;
    std::fs::remove_file(file)?;
    std::fs::remove_file(inserts)?;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let rate = |took: std::time::Duration| count as f64 / took.as_secs_f64().max(1e-6);
    Ok(Measured { insert: rate(insert), load_data: rate(load_data) })
}

/// The rows as statements; how many there are. All columns of these tables are numbers or NULL.
fn write_inserts(rows: &Path, statements: &Path, table: &str) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(File::create(statements)?);
    let mut count = 0;
    for line in BufReader::new(File::open(rows)?).lines() {
        let values = line?.replace('\t', ",").replace("\\N", "NULL");
        match count % ROWS_AT_ONCE {
            0 if count == 0 => write!(out, "INSERT INTO {table} VALUES ({values})")?,
            0 => write!(out, ";\nINSERT INTO {table} VALUES ({values})")?,
            _ => write!(out, ",({values})")?,
        }
        count += 1;
    }
    if count > 0 {
        writeln!(out, ";")?;
    }
    out.flush()?;
    Ok(count as u64)
}

async fn ask(server: &Sql, statements: &str) -> anyhow::Result<String> {
    let output = client(server, statements).output().await.context("the database's client cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.lines().last().unwrap_or("the database's client failed"));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The client, its password out of sight. Without statements it reads them from its input.
fn client(server: &Sql, statements: &str) -> Command {
    let Sql { host, port, user, password, .. } = server;
    let mut command = Command::new(CLIENT);
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--quick", "--local-infile=1"]);
    command.args(["--host", host, "--port", port, "--user", user]).env("MYSQL_PWD", password);
    if !statements.is_empty() {
        command.args(["--execute", statements]);
    }
    command.stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_statements_of_a_thousand() {
        let dir = tempfile::tempdir().expect("a directory");
        let (rows, statements) = (dir.path().join("rows"), dir.path().join("statements"));
        std::fs::write(&rows, "1\t\\N\t3\n".repeat(1_001)).expect("written");
        assert_eq!(write_inserts(&rows, &statements, "t").expect("written"), 1_001);
        let text = std::fs::read_to_string(&statements).expect("read");
        assert!(text.starts_with("INSERT INTO t VALUES (1,NULL,3),(1,NULL,3),"));
        assert!(text.ends_with(";\nINSERT INTO t VALUES (1,NULL,3);\n"));
        assert_eq!(text.matches("(1,NULL,3)").count(), 1_001);
    }
}
