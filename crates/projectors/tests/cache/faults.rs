//! What happens when Redis goes away, or must not be trusted.

use std::time::Duration;

use aredvi_events::Clock;
use aredvi_projectors::cache::{Cache, CacheError, CacheUrl, Hit, Scope};

use crate::engines::{Engine, JOURNAL, engines};
use crate::proxy::Proxy;

/// How long anything may take to come true here.
const LIMIT: Duration = Duration::from_secs(10);

/// The same cache behind a wire; `None` where there is no Redis.
async fn wired(test: &str, rewrite: Option<(&'static [u8], &'static [u8])>) -> Option<(Proxy, CacheUrl, Engine)> {
    let engine = engines(test).await.into_iter().find(|engine| engine.name == "redis")?;
    let url = engine.url.to_string();
    let (server, rest) = url.strip_prefix("redis://").and_then(|url| url.split_once('/')).expect("a redis URL");
    let proxy = Proxy::to(server, rewrite).await;
    let wired = format!("redis://127.0.0.1:{}/{rest}", proxy.port()).parse().expect("a URL");
    Some((proxy, wired, engine))
}

async fn hit(cache: &Cache) -> Result<(), CacheError> {
    let hit = Hit { key: "reads".to_owned(), limit: 1_000, window: LIMIT };
    cache.hit(Scope::Guests, &[hit]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_not_noticed() {
    let Some((proxy, url, engine)) = wired("cut", None).await else { return };
    let cache = Cache::open(&url, JOURNAL, engine.clock.clone()).await.expect("opens");
    for _ in 0..5 {
        hit(&cache).await.expect("the one retry finds a new connection");
        proxy.cut();
    }
    hit(&cache).await.expect("answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_every_call_ends_soon_and_then_it_heals_by_itself() {
    let Some((proxy, url, engine)) = wired("away", None).await else { return };
    let cache = Cache::open(&url, JOURNAL, engine.clock.clone()).await.expect("opens");
    hit(&cache).await.expect("answers");
    proxy.down().await;
    for _ in 0..3 {
        let started = engine.clock.now_ms();
        assert!(hit(&cache).await.is_err());
        assert!(engine.clock.now_ms() - started < 2_000);
    }
    proxy.up().await;
    let heal = async {
        while hit(&cache).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    Clock::default().timeout(LIMIT, heal).await.expect("it heals");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_may_evict_is_refused_in_one_line() {
    let Some((_proxy, url, engine)) = wired("evicts", Some((b":noeviction", b":volatileXX"))).await else { return };
    let refusal = Cache::open(&url, JOURNAL, engine.clock.clone()).await.expect_err("refused").to_string();
    assert_eq!(
        refusal,
        "Redis must never evict: it has maxmemory-policy volatileXX; set `maxmemory-policy noeviction` in its configuration"
    );
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_refused_soon() {
    let url: CacheUrl = "redis://127.0.0.1:1/0".parse().expect("a URL");
    let clock = Clock::default();
    let started = clock.now_ms();
    let refusal = Cache::open(&url, JOURNAL, clock.clone()).await.expect_err("refused");
    assert_eq!(refusal.to_string(), "the cache does not answer");
    assert!(clock.now_ms() - started < 5_000);
}
