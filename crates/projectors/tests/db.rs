//! Schemas behave the same on every engine.

mod engines;

use std::time::Duration;

use aredvi_events::Clock;
use aredvi_projectors::db::{Db, DbError, DbUrl, Durability, OnConflict, PoolSizes, Row, Upsert, Value, padded_in_list};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

const SCHEMA: &[&str] = &[
    "CREATE TABLE counts (thing BIGINT NOT NULL, part INT NOT NULL, n BIGINT NOT NULL, seen BIGINT, born BIGINT,
       PRIMARY KEY (thing, part))",
    "CREATE TABLE texts (id BIGINT NOT NULL, name VARCHAR(100), hash VARBINARY(32), body MEDIUMTEXT, raw BLOB,
       PRIMARY KEY (id))",
    "CREATE INDEX texts_by_name ON texts (name)",
];
const COUNTS: Upsert = Upsert {
    table: "counts",
    keys: &["thing", "part"],
    columns: &[("n", OnConflict::Add), ("seen", OnConflict::Replace), ("born", OnConflict::Keep)],
};

async fn open(url: &DbUrl) -> Db {
    let db = Db::open(url, None, "things", Durability::Normal, PoolSizes::default()).await.expect("open");
    db.run_schema(SCHEMA).await.expect("schema");
    db
}

fn ints(rows: &[Row]) -> Vec<Vec<i64>> {
    rows.iter().map(|row| (0..row.values().len()).map(|i| row.int(i).expect("an integer")).collect()).collect()
}

fn count(thing: i64, part: i64, n: i64, at: i64) -> [Value; 5] {
    [thing, part, n, at, at].map(Value::from)
}

#[tokio::test]
async fn a_schema_is_made_once_and_dropped_whole() {
    engines::each(|url| async move {
        assert!(!Db::exists(&url, "things").await.expect("asked"));
        let db = open(&url).await;
        db.run_schema(SCHEMA).await.expect("again");
        assert!(Db::exists(&url, "things").await.expect("asked"));
        db.ping().await.expect("alive");
        db.execute("INSERT INTO texts (id) VALUES (?)", vec![1.into()]).await.expect("written");
        db.close().await;
        Db::drop_schema(&url, "things").await.expect("dropped");
        Db::drop_schema(&url, "things").await.expect("nothing to drop");
        assert!(!Db::exists(&url, "things").await.expect("asked"));
        let db = open(&url).await;
        assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_make_a_database_at_once_all_find_it_well() {
    for engine in engines::engines() {
        let DbUrl::MySql { .. } = engine.url else { continue };
        for round in 0..20 {
            let name = format!("made{round}");
            let made = (0..8).map(|_| {
                let (url, name) = (engine.url.clone(), name.clone());
                tokio::spawn(async move { Db::open(&url, None, &name, Durability::Normal, PoolSizes::default()).await.map(drop) })
            });
            for made in made.collect::<Vec<_>>() {
                made.await.expect("no panic").expect("opened");
            }
            Db::drop_schema(&engine.url, &name).await.expect("dropped");
        }
    }
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went() {
    engines::each(|url| async move {
        let db = open(&url).await;
        let long = "é𝄞".repeat(100_000);
        let row = [Value::from(i64::MAX), "Ünï 𝄞".into(), [0xff_u8; 32].into(), long.clone().into(), vec![0, 1, 0xfe].into()];
        db.execute("INSERT INTO texts (id, name, hash, body, raw) VALUES (?, ?, ?, ?, ?)", row.to_vec()).await.expect("written");
        db.execute("INSERT INTO texts (id) VALUES (?)", vec![2.into()]).await.expect("written");
        let rows = db.read("SELECT id, name, hash, body, raw FROM texts ORDER BY id DESC", vec![]).await.expect("read");
        assert_eq!(rows[0].values(), row);
        assert_eq!(rows[0].text(3).expect("a text"), long);
        assert_eq!(rows[1].values()[1..], [Value::Null, Value::Null, Value::Null, Value::Null]);
        // Texts compare by their bytes.
        let other_case = db.read("SELECT id FROM texts WHERE name = ?", vec!["ünï 𝄞".into()]).await.expect("read");
        assert_eq!(other_case.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn sums_and_counts_are_integers() {
    engines::each(|url| async move {
        let db = open(&url).await;
        let sql = "SELECT COUNT(*), CAST(SUM(n) AS SIGNED), SUM(n), CAST(COALESCE(SUM(n), 0) AS SIGNED), MAX(n) FROM counts";
        let empty = db.read(sql, vec![]).await.expect("read");
        assert_eq!(empty[0].values(), [0.into(), Value::Null, Value::Null, 0.into(), Value::Null]);
        let mut tx = db.begin().await.expect("begin");
        tx.upsert(&COUNTS, vec![count(1, 0, 5, 1), count(1, 1, 7, 1)]).await.expect("written");
        tx.commit().await.expect("commit");
        assert_eq!(ints(&db.read(sql, vec![]).await.expect("read")), [[2, 12, 12, 12, 7]]);
    })
    .await;
}

#[tokio::test]
async fn an_upsert_keeps_replaces_and_adds() {
    engines::each(|url| async move {
        let db = open(&url).await;
        let mut tx = db.begin().await.expect("begin");
        // The third row meets the first within one statement.
        tx.upsert(&COUNTS, vec![count(1, 0, 5, 100), count(2, 0, 1, 100), count(1, 0, 2, 200)]).await.expect("written");
        tx.upsert(&COUNTS, vec![count(2, 0, -3, 300)]).await.expect("written");
        tx.upsert::<5>(&COUNTS, vec![]).await.expect("nothing to write");
        tx.insert_ignore("counts", ["thing", "part", "n"], vec![[2.into(), 0.into(), 99.into()], [3.into(), 0.into(), 4.into()]])
            .await
            .expect("written");
        tx.commit().await.expect("commit");
        let rows = db.read("SELECT thing, n, seen, born FROM counts WHERE thing < 3 ORDER BY thing", vec![]).await.expect("read");
        assert_eq!(ints(&rows), [[1, 7, 200, 100], [2, -2, 300, 100]]);
        assert_eq!(ints(&db.read("SELECT n FROM counts WHERE thing = ?", vec![3.into()]).await.expect("read")), [[4]]);
    })
    .await;
}

#[tokio::test]
async fn many_rows_are_written_and_deleted_in_chunks() {
    engines::each(|url| async move {
        let db = open(&url).await;
        let mut tx = db.begin().await.expect("begin");
        tx.upsert(&COUNTS, (0..25_003).map(|i| count(i, i % 7, 1, 0)).collect()).await.expect("written");
        let gone = (0..25_003).filter(|i| i % 2 == 0).map(|i| [i, i % 7].map(Value::from)).collect();
        assert_eq!(tx.delete_in("counts", ["thing", "part"], gone).await.expect("deleted"), 12_502);
        assert_eq!(tx.delete_in("counts", ["thing"], vec![[1.into()], [2.into()]]).await.expect("deleted"), 1);
        tx.commit().await.expect("commit");
        let sql = "SELECT COUNT(*), CAST(SUM(n) AS SIGNED), MIN(thing) FROM counts";
        assert_eq!(ints(&db.read(sql, vec![]).await.expect("read")), [[12_500, 12_500, 3]]);
    })
    .await;
}

#[tokio::test]
async fn rows_of_long_texts_fit_into_their_statements() {
    engines::each(|url| async move {
        let db = open(&url).await;
        let texts = Upsert { table: "texts", keys: &["id"], columns: &[("body", OnConflict::Replace)] };
        let mut tx = db.begin().await.expect("begin");
        let long = "x".repeat(1 << 20);
        tx.upsert(&texts, (0..40).map(|i| [i.into(), long.as_str().into()]).collect()).await.expect("written");
        tx.commit().await.expect("commit");
        let sql = "SELECT COUNT(*), CAST(SUM(LENGTH(body)) AS SIGNED) FROM texts";
        assert_eq!(ints(&db.read(sql, vec![]).await.expect("read")), [[40, 40 << 20]]);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_given_up_while_it_begins_leaves_nothing_open() {
    engines::each(|url| async move {
        let db = Db::open(&url, None, "things", Durability::Normal, PoolSizes { write: 1, read: 1 }).await.expect("open");
        db.run_schema(SCHEMA).await.expect("schema");
        for polls in 0..20 {
            let mut begin = Box::pin(db.begin());
            for _ in 0..polls {
                let waiting = futures_util::future::poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    std::task::Poll::Ready(begin.as_mut().poll(cx).is_pending())
                });
                if !waiting.await {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(begin);
            // It would never be committed inside a transaction that somebody left open.
            db.execute("INSERT INTO texts (id) VALUES (?)", vec![polls.into()]).await.expect("written");
            assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), polls as usize + 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_with_an_answer_left_to_read_disturbs_nobody() {
    for engine in engines::engines() {
        let DbUrl::MySql { .. } = engine.url else { continue };
        let one = PoolSizes { write: 1, read: 1 };
        let db = Db::open(&engine.url, None, "things", Durability::Normal, one).await.expect("open");
        let asked = async || ints(&db.read("SELECT CONNECTION_ID(), 7", vec![]).await.expect("read"));
        let first = asked().await;
        assert_eq!(asked().await, first, "the same connection");
        let clock = Clock::default();
        let given_up = clock.timeout(Duration::from_millis(50), db.read("SELECT SLEEP(1), 8", vec![])).await;
        assert!(given_up.is_err(), "its answer is still to come");
        assert_eq!(asked().await[0][1], 7);
        // Whoever closes waits for those who are at it.
        let tx = db.begin().await.expect("begin");
        let (closed, ended) = tokio::join!(
            async {
                db.close().await;
                clock.since()
            },
            async {
                tokio::task::yield_now().await;
                tx.commit().await.expect("commit");
                clock.since()
            }
        );
        assert!(closed >= ended);
        assert!(db.read("SELECT 1", vec![]).await.is_err());
    }
}

#[tokio::test]
async fn a_read_on_a_connection_that_the_server_ended_is_answered_by_another() {
    for engine in engines::engines() {
        let DbUrl::MySql { server, .. } = engine.url.clone() else { continue };
        let one = PoolSizes { write: 1, read: 1 };
        let db = Db::open(&engine.url, None, "things", Durability::Normal, one).await.expect("open");
        let asked = async || ints(&db.read("SELECT CONNECTION_ID()", vec![]).await.expect("read"))[0][0];
        let first = asked().await;
        let mut other = server.connect().await.expect("the server");
        sqlx::raw_sql(AssertSqlSafe(format!("KILL {first}"))).execute(&mut other).await.expect("ended");
        let listed = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {first}");
        while sqlx::query_scalar::<_, i64>(AssertSqlSafe(listed.clone())).fetch_one(&mut other).await.expect("read") > 0 {}
        assert_ne!(asked().await, first);
    }
}

#[tokio::test]
async fn lists_and_tuples_select_what_they_name() {
    engines::each(|url| async move {
        let db = open(&url).await;
        let mut tx = db.begin().await.expect("begin");
        tx.upsert(&COUNTS, (0..10).map(|i| count(i, i % 2, i, 0)).collect()).await.expect("written");
        tx.commit().await.expect("commit");
        let (list, args) = padded_in_list([1, 5, 7, 70, 71].map(Value::from).to_vec());
        let rows = db.read(&format!("SELECT thing FROM counts WHERE thing IN {list} ORDER BY thing"), args).await.expect("read");
        assert_eq!(ints(&rows), [[1], [5], [7]]);
        let pairs = db.dialect().tuple_in(&["thing", "part"], 3);
        let args = [1, 1, 2, 1, 4, 0].map(Value::from).to_vec();
        let rows = db.read(&format!("SELECT thing FROM counts WHERE {pairs} ORDER BY thing"), args).await.expect("read");
        assert_eq!(ints(&rows), [[1], [4]]);
        let none = db.dialect().tuple_in(&["thing", "part"], 0);
        assert_eq!(db.read(&format!("SELECT thing FROM counts WHERE {none}"), vec![]).await.expect("read").len(), 0);
    })
    .await;
}

#[tokio::test]
async fn affected_rows_are_the_rows_matched() {
    engines::each(|url| async move {
        let db = open(&url).await;
        db.execute("INSERT INTO texts (id, name) VALUES (1, 'a'), (2, 'a')", vec![]).await.expect("written");
        let same = db.execute("UPDATE texts SET name = 'a' WHERE id <= ?", vec![2.into()]).await.expect("updated");
        assert_eq!(same, 2, "rows that did not change count too");
        assert_eq!(db.execute("UPDATE texts SET name = 'b' WHERE id = 3", vec![]).await.expect("updated"), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_committed_is_undone() {
    engines::each(|url| async move {
        let db = open(&url).await;
        for i in 0..12 {
            let mut tx = db.begin().await.expect("begin");
            tx.execute("INSERT INTO texts (id) VALUES (?)", vec![i.into()]).await.expect("written");
            assert_eq!(tx.read("SELECT id FROM texts", vec![]).await.expect("own write").len(), 1);
            if i % 2 == 0 {
                drop(tx);
            } else {
                tx.rollback().await.expect("rollback");
            }
        }
        assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_sees_nothing_that_comes_later() {
    engines::each(|url| async move {
        let db = open(&url).await;
        db.execute("INSERT INTO texts (id) VALUES (1)", vec![]).await.expect("written");
        let mut snapshot = db.snapshot().await.expect("snapshot");
        db.execute("INSERT INTO texts (id) VALUES (2)", vec![]).await.expect("written");
        assert_eq!(snapshot.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 1);
        assert!(snapshot.execute("INSERT INTO texts (id) VALUES (3)", vec![]).await.is_err(), "it is read-only");
        snapshot.rollback().await.expect("ended");
        assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 2);
        // The connection it ran on writes again.
        db.execute("INSERT INTO texts (id) VALUES (3)", vec![]).await.expect("written");
    })
    .await;
}

#[tokio::test]
async fn faults_of_a_statement_are_not_taken_for_an_outage() {
    engines::each(|url| async move {
        let db = open(&url).await;
        db.execute("INSERT INTO texts (id, name) VALUES (1, 'secret')", vec![]).await.expect("written");
        let twice = db.execute("INSERT INTO texts (id, name) VALUES (?, ?)", vec![1.into(), "secret".into()]).await;
        let twice = twice.expect_err("a duplicate");
        assert!(twice.is_duplicate() && !twice.is_transient(), "{}", twice.chain());
        let syntax = db.read("SELEC id FROM texts", vec![]).await.expect_err("a syntax error");
        assert!(!syntax.is_transient() && !syntax.is_duplicate(), "{}", syntax.chain());
        let null = db.execute("INSERT INTO counts (thing, part) VALUES (1, 1)", vec![]).await.expect_err("n is missing");
        assert!(!null.is_transient(), "{}", null.chain());
        let width = {
            let mut tx = db.begin().await.expect("begin");
            tx.upsert(&COUNTS, vec![[1, 2].map(Value::from)]).await.expect_err("too few values")
        };
        assert!(matches!(width, DbError::Width { expected: 5, found: 2, .. }));
        for error in [twice, syntax, null] {
            assert!(!format!("{} {error:?}", error.chain()).contains("secret"), "{}", error.chain());
        }
        // A fault inside a transaction undoes its statement alone.
        let mut tx = db.begin().await.expect("begin");
        assert!(tx.execute("INSERT INTO texts (id) VALUES (1)", vec![]).await.is_err());
        tx.execute("INSERT INTO texts (id) VALUES (2)", vec![]).await.expect("written");
        tx.commit().await.expect("commit");
        assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn connections_are_set_as_the_design_says() {
    engines::each(|url| async move {
        let full = Db::open(&url, None, "kept", Durability::Full, PoolSizes::default()).await.expect("open");
        let mut tx = full.begin().await.expect("begin");
        match url {
            DbUrl::Embedded { .. } => {
                for (pragma, value) in [("synchronous", 2), ("secure_delete", 1), ("cache_size", -512)] {
                    let found = tx.read(&format!("PRAGMA {pragma}"), vec![]).await.expect("read");
                    assert_eq!(found[0].int(0).expect("an integer"), value, "{pragma}");
                }
                let mode = tx.read("PRAGMA journal_mode", vec![]).await.expect("read");
                assert_eq!(mode[0].text(0).expect("a text"), "wal");
                let normal = open(&url).await.begin().await.expect("begin").read("PRAGMA synchronous", vec![]).await;
                assert_eq!(normal.expect("read")[0].int(0).expect("an integer"), 1);
            }
            DbUrl::MySql { .. } => {
                let settings = "SELECT @@time_zone, @@collation_connection, @@sql_mode, @@innodb_lock_wait_timeout";
                let row = &tx.read(settings, vec![]).await.expect("read")[0];
                assert_eq!((row.text(0).expect("a text"), row.text(1).expect("a text")), ("+00:00", "utf8mb4_bin"));
                assert!(row.text(2).expect("a text").contains("STRICT_ALL_TABLES"));
                assert_eq!(row.int(3).expect("an integer"), 10);
                // READ COMMITTED: a later statement sees what others have committed since the first.
                full.run_schema(SCHEMA).await.expect("schema");
                assert_eq!(tx.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 0);
                full.execute("INSERT INTO texts (id) VALUES (1)", vec![]).await.expect("written");
                assert_eq!(tx.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 1);
                let long = full.execute("INSERT INTO texts (id, name) VALUES (2, ?)", vec!["x".repeat(101).into()]).await;
                assert!(!long.expect_err("too long is no truncation").is_transient());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn reads_go_to_the_replica_and_the_latest_to_the_source() {
    for engine in engines::engines() {
        let DbUrl::MySql { server, prefix } = engine.url.clone() else { continue };
        let copy = DbUrl::MySql { server, prefix: format!("{prefix}r") };
        open(&copy).await.execute("INSERT INTO texts (id) VALUES (1), (2)", vec![]).await.expect("written");
        open(&engine.url).await;
        let sizes = PoolSizes::default();
        let db = Db::open(&engine.url, Some(&copy), "things", Durability::Normal, sizes).await.expect("open");
        assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 2);
        assert_eq!(db.read_latest("SELECT id FROM texts", vec![]).await.expect("read").len(), 0);
        let file = DbUrl::Embedded { dir: "x".into() };
        let error = Db::open(&engine.url, Some(&file), "things", Durability::Normal, sizes).await.expect_err("a file");
        assert!(matches!(error, DbError::Schema { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_an_outage() {
    let url: DbUrl = "mysql://nobody@127.0.0.1:1/x".parse().expect("a url");
    let error = Db::open(&url, None, "things", Durability::Full, PoolSizes::default()).await.expect_err("nobody listens");
    assert!(error.is_transient(), "{}", error.chain());
}

#[tokio::test]
async fn a_transaction_that_the_server_undid_does_not_commit() {
    for engine in engines::engines() {
        let DbUrl::MySql { .. } = engine.url else { continue };
        let db = open(&engine.url).await;
        db.execute("INSERT INTO texts (id, name) VALUES (1, 'a'), (2, 'a')", vec![]).await.expect("written");
        let update = "UPDATE texts SET name = 'b' WHERE id = ?";
        let (mut one, mut two) = (db.begin().await.expect("begin"), db.begin().await.expect("begin"));
        one.execute(update, vec![1.into()]).await.expect("locked");
        two.execute(update, vec![2.into()]).await.expect("locked");
        let (a, b) = tokio::join!(one.execute(update, vec![2.into()]), two.execute(update, vec![1.into()]));
        let (victim, error, other) = match (a, b) {
            (Err(error), Ok(_)) => (one, error, two),
            (Ok(_), Err(error)) => (two, error, one),
            both => panic!("one of two must be the deadlock's victim: {both:?}"),
        };
        assert!(error.is_transient(), "{}", error.chain());
        let mut victim = victim;
        let after = victim.execute("INSERT INTO texts (id) VALUES (3)", vec![]).await.expect_err("undone");
        assert!(after.is_transient(), "{after}");
        victim.commit().await.expect_err("nothing to commit");
        other.commit().await.expect("commit");
        assert_eq!(db.read("SELECT id FROM texts WHERE name = 'b'", vec![]).await.expect("read").len(), 2);
        assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 2);
    }
}
