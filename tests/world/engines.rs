//! Takes what a world made away from engines that others use too.

use aredvi_journal::topics;
use aredvi_projectors::db::DbUrl;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

/// Removes what stands under the prefix of this URL. What cannot be reached is left.
pub fn clean(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if url.starts_with("kafka:") {
            if let Ok(url) = url.parse() {
                let _ = topics::delete_prefixed(&url).await;
            }
        } else if url.starts_with("mysql:") {
            if let Ok(DbUrl::MySql { server, prefix }) = url.parse() {
                let _ = drop_databases(&server, &prefix).await;
            }
        } else if let Some((server, prefix)) = url.split_once("?prefix=") {
            let _ = delete_keys(server, prefix).await;
        }
    });
}

async fn drop_databases(server: &sqlx::mysql::MySqlConnectOptions, prefix: &str) -> sqlx::Result<()> {
    let mut connection = server.connect().await?;
    let names = "SELECT CONVERT(schema_name USING utf8mb4) FROM information_schema.schemata WHERE schema_name LIKE ?";
    let like = format!("{}\\_%", prefix.replace('_', "\\_"));
    let names: Vec<String> = sqlx::query_scalar(names).bind(like).fetch_all(&mut connection).await?;
    for name in names {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE `{name}`"))).execute(&mut connection).await?;
    }
    Ok(())
}

/// Removes all keys under a prefix at once, as an emptied server would have none of them; says how many there were.
pub async fn delete_keys(server: &str, prefix: &str) -> redis::RedisResult<usize> {
    let mut connection = redis::Client::open(server)?.get_multiplexed_async_connection().await?;
    let script =
        "local keys = redis.call('KEYS', ARGV[1]) for _, key in ipairs(keys) do redis.call('UNLINK', key) end return #keys";
    redis::Script::new(script).arg(format!("{prefix}:*")).invoke_async(&mut connection).await
}
