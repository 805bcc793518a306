//! Rate limits.

use std::time::Duration;

use aredvi_events::Id;
use aredvi_projectors::cache::{Cache, Hit, Scope};

use crate::engines::engines;

const MINUTE: Duration = Duration::from_secs(60);

async fn allowed(cache: &Cache, scope: Scope, limit: u32, times: u32) -> u32 {
    let mut allowed = 0;
    for _ in 0..times {
        let rated = cache.hit(scope, &[Hit { key: "reads".to_owned(), limit, window: MINUTE }]).await.expect("answers");
        allowed += u32::from(rated[0].allowed);
    }
    allowed
}

#[tokio::test]
async fn a_limit_holds_and_slides_with_time() {
    for engine in engines("slides").await {
        // The start of a minute, so that the shares of windows are known.
        engine.clock.shift(60_000 - engine.clock.now_ms() % 60_000);
        let cache = engine.open().await;
        assert_eq!(allowed(&cache, Scope::Guests, 10, 15).await, 10, "{}", engine.name);
        engine.clock.shift(60_000 + 30_000);
        // Half of the last minute's ten still count.
        assert_eq!(allowed(&cache, Scope::Guests, 10, 15).await, 5, "{}", engine.name);
        engine.clock.shift(180_000);
        assert_eq!(allowed(&cache, Scope::Guests, 10, 15).await, 10, "{}", engine.name);
    }
}

#[tokio::test]
async fn a_refusal_says_when_to_come_back() {
    for engine in engines("retry").await {
        engine.clock.shift(60_000 - engine.clock.now_ms() % 60_000);
        let cache = engine.open().await;
        assert_eq!(allowed(&cache, Scope::Guests, 2, 2).await, 2);
        let hit = [Hit { key: "reads".to_owned(), limit: 2, window: MINUTE }];
        let refused = cache.hit(Scope::Guests, &hit).await.expect("answers")[0];
        assert!(!refused.allowed && refused.remaining == 0);
        assert!((61..=90).contains(&refused.reset_after_s), "{}: {refused:?}", engine.name);
        engine.clock.shift(i64::from(refused.reset_after_s) * 1000);
        assert_eq!(allowed(&cache, Scope::Guests, 2, 1).await, 1, "{}", engine.name);
    }
}

#[tokio::test]
async fn several_keys_in_one_call_are_counted_apart() {
    for engine in engines("several").await {
        let cache = engine.open().await;
        let scope = Scope::Person(Id::new(9).expect("in range").into());
        let hits = [("reads", 3), ("writes", 1)].map(|(key, limit)| Hit { key: key.to_owned(), limit, window: MINUTE });
        let first = cache.hit(scope, &hits).await.expect("answers");
        assert_eq!(first.iter().map(|r| (r.allowed, r.remaining)).collect::<Vec<_>>(), [(true, 2), (true, 0)]);
        let second = cache.hit(scope, &hits).await.expect("answers");
        assert_eq!(second.iter().map(|r| r.allowed).collect::<Vec<_>>(), [true, false], "{}", engine.name);
        let elsewhere = cache.hit(Scope::Guests, &hits).await.expect("answers");
        assert!(elsewhere.iter().all(|r| r.allowed), "{}", engine.name);
    }
}
