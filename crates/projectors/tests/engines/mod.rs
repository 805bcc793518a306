//! The engines that a test runs on: always SQLite, and the server that `AREDVI_DB` names.

use std::future::Future;

use aredvi_projectors::db::DbUrl;
use sqlx::{AssertSqlSafe, ConnectOptions};

/// A place for schemas that is empty before the test and gone after it.
pub struct Engine {
    /// To open schemas with.
    pub url: DbUrl,
    _dir: Option<tempfile::TempDir>,
}

/// Runs `test` on each engine.
#[allow(dead_code, reason = "not every file of tests runs on all of them")]
pub async fn each<F: Future<Output = ()>>(test: impl Fn(DbUrl) -> F) {
    for engine in engines() {
        eprintln!("on {}", engine.url);
        test(engine.url.clone()).await;
    }
}

/// Every engine there is.
pub fn engines() -> Vec<Engine> {
    let dir = tempfile::tempdir().expect("a directory");
    let mut engines = vec![Engine { url: DbUrl::Embedded { dir: dir.path().to_owned() }, _dir: Some(dir) }];
    match std::env::var("AREDVI_DB") {
        Ok(url) => match url.parse().expect("AREDVI_DB") {
            DbUrl::MySql { server, .. } => {
                let prefix = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..20]);
                engines.push(Engine { url: DbUrl::MySql { server, prefix }, _dir: None });
            }
            DbUrl::Embedded { .. } => panic!("AREDVI_DB names no server"),
        },
        Err(_) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("CI runs the production column: set AREDVI_DB"),
        Err(_) => eprintln!("AREDVI_DB is not set: the production column was NOT run"),
    }
    engines
}

impl Drop for Engine {
    fn drop(&mut self) {
        let DbUrl::MySql { server, prefix } = self.url.clone() else { return };
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut connection = server.connect().await.expect("the server");
                // A test that failed may have left a transaction open, which a DROP would wait for.
                let open = format!("SELECT id FROM information_schema.processlist WHERE db LIKE '{prefix}%'");
                let open: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(open)).fetch_all(&mut connection).await.expect("ids");
                for id in open {
                    let _ = sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}"))).execute(&mut connection).await;
                }
                let names = format!(
                    "SELECT CONVERT(schema_name USING utf8mb4) FROM information_schema.schemata WHERE schema_name LIKE '{prefix}%'"
                );
                let names: Vec<String> =
                    sqlx::query_scalar(AssertSqlSafe(names)).fetch_all(&mut connection).await.expect("names");
                for name in names {
                    let drop = format!("DROP DATABASE `{name}`");
                    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.expect("dropped");
                }
            });
        });
        let _ = cleaning.join();
    }
}
