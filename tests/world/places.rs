//! Everything that a site keeps, as the engines keep it: where a text can be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aredvi_events::{Clock, Mint, Topic};
use aredvi_journal::{BatchLimits, Journal, OpenOptions};
use aredvi_projectors::db::DbUrl;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::column::Engines;

/// Letters that were handed over are the recipient's; the directory stands for the world outside.
const OUTSIDE: &str = "outbox";
/// What a table is read as, a row a text.
const ROW_SEPARATOR: &str = "\u{1}";

/// What stands at each place: a file, a table, a key of the cache, a topic of the log.
pub struct Places(BTreeMap<String, Vec<u8>>);

impl Places {
    /// Everything that a site keeps now, and what its processes said.
    pub async fn of(data: &Path, logs: &[PathBuf], engines: Option<&Engines>) -> Self {
        let mut places = Self(BTreeMap::new());
        places.read_files(data, "data");
        for log in logs {
            places.read_file(log, format!("log of {}", log.display()));
        }
        if let Some(engines) = engines {
            places.read_journal(&engines.journal).await;
            places.read_tables(&engines.db).await;
            places.read_cache(&engines.cache).await;
        }
        places
    }

    /// The places that hold a text, in any case of its ASCII letters.
    pub fn that_hold(&self, text: &str) -> BTreeSet<&str> {
        let text = text.to_ascii_lowercase();
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
        self.0.iter().filter(|(_, bytes)| holds(bytes)).map(|(place, _)| place.as_str()).collect()
    }

    fn read_files(&mut self, dir: &Path, name: &str) {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().expect("its type");
            if kind.is_dir() && entry.file_name() != OUTSIDE {
                self.read_files(&entry.path(), &name);
            } else if kind.is_file() {
                self.read_file(&entry.path(), name);
            }
        }
    }

    /// A file that has gone meanwhile holds nothing.
    fn read_file(&mut self, path: &Path, name: String) {
        self.0.insert(name, std::fs::read(path).unwrap_or_default());
    }

    async fn read_journal(&mut self, url: &str) {
        let mint = Mint::new(Clock::default());
        let url = url.parse().expect("a journal");
        let journal = Journal::open(&url, OpenOptions { single_broker: true }, &mint).await.expect("the log");
        let ends = journal.ends(&Topic::ALL).await.expect("its ends");
        let mut tail = journal.tail(&journal.starts(&Topic::ALL).await.expect("its starts")).await.expect("a reader");
        let mut read = journal.starts(&Topic::ALL).await.expect("its starts");
        while !read.covers(&ends, &Topic::ALL) {
            for stored in tail.next(&BatchLimits::default()).await.expect("records") {
                read.include(stored.place);
                let place = self.0.entry(format!("topic {}", stored.place.partition.topic.name())).or_default();
                place.extend_from_slice(stored.record.key.as_bytes());
                place.extend(stored.record.headers.iter().flat_map(|(_, value)| value.as_bytes()));
                place.extend_from_slice(&stored.record.value);
            }
        }
    }

    async fn read_tables(&mut self, url: &str) {
        let DbUrl::MySql { server, prefix } = url.parse().expect("a database") else { panic!("{url} is no server") };
        let mut connection = server.connect().await.expect("the database");
        let columns = "SELECT CONVERT(table_schema USING utf8mb4), CONVERT(table_name USING utf8mb4),
            CONVERT(GROUP_CONCAT(CONCAT('IFNULL(`', column_name, '`, 0)')) USING utf8mb4)
            FROM information_schema.columns WHERE table_schema LIKE ? GROUP BY table_schema, table_name";
        let like = format!("{}\\_%", prefix.replace('_', "\\_"));
        let tables: Vec<(String, String, String)> =
            sqlx::query_as(columns).bind(like).fetch_all(&mut connection).await.expect("the tables");
        for (schema, table, columns) in tables {
            let rows = format!("SELECT CAST(CONCAT_WS('{ROW_SEPARATOR}', {columns}) AS BINARY) FROM `{schema}`.`{table}`");
            let rows: Vec<Vec<u8>> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut connection).await.expect("rows");
            self.0.insert(format!("table {schema}.{table}"), rows.join(ROW_SEPARATOR.as_bytes()));
        }
    }

    async fn read_cache(&mut self, url: &str) {
        let (server, prefix) = url.split_once("?prefix=").expect("a prefix");
        let client = redis::Client::open(server).expect("a cache");
        let mut connection = client.get_multiplexed_async_connection().await.expect("the cache");
        let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}:*")).query_async(&mut connection).await.expect("keys");
        for key in keys {
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut connection).await.expect("a type");
            let mut read = match kind.as_str() {
                "none" => continue,
                "string" => redis::cmd("GET"),
                "hash" => redis::cmd("HGETALL"),
                "set" => redis::cmd("SMEMBERS"),
                "zset" => redis::cmd("ZRANGE"),
                "list" => redis::cmd("LRANGE"),
                other => panic!("{key} is a {other}"),
            };
            read.arg(&key);
            if ["zset", "list"].contains(&kind.as_str()) {
                read.arg(0).arg(-1);
            }
            let value: redis::Value = read.query_async(&mut connection).await.expect("a value");
            let mut bytes = key.clone().into_bytes();
            flatten(&value, &mut bytes);
            self.0.insert(format!("key {key}"), bytes);
        }
    }
}

fn flatten(value: &redis::Value, into: &mut Vec<u8>) {
    if let redis::Value::BulkString(bytes) = value {
        into.extend_from_slice(bytes);
    } else if let Some(values) = value.as_sequence() {
        values.iter().for_each(|value| flatten(value, into));
    } else {
        into.extend_from_slice(format!("{value:?}").as_bytes());
    }
}
