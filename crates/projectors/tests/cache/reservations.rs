//! Idempotency keys.

use aredvi_events::Id;
use aredvi_projectors::cache::{
    Cache, Held, Limits, MAX_PAYLOAD_BYTES, RESERVATION_TTL_MS, Reservation, ReservationKey, Scope, TAKEOVER_MS,
};

use crate::engines::engines;

fn key(name: &str, body: u8) -> ReservationKey {
    ReservationKey::new(Scope::Person(Id::new(7).expect("in range").into()), name, [body; 32]).expect("short")
}

async fn fresh(cache: &Cache, key: &ReservationKey, payload: &[u8]) -> Held {
    let answer = cache.reserve(key, payload).await.expect("answers");
    let Reservation::Fresh(held) = &answer else { panic!("{answer:?}") };
    held.clone()
}

async fn repeat(cache: &Cache, key: &ReservationKey) -> (Held, Vec<u8>) {
    let answer = cache.reserve(key, b"other ids").await.expect("answers");
    let Reservation::Repeat(held, payload) = &answer else { panic!("{answer:?}") };
    (held.clone(), payload.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_fresh() {
    for engine in engines("race").await {
        let cache = engine.open().await;
        let asks: Vec<_> = (0..16_u8)
            .map(|n| {
                let cache = cache.clone();
                tokio::spawn(async move { cache.reserve(&key("k", 1), &[n; 8]).await.expect("answers") })
            })
            .collect();
        let mut answers = Vec::new();
        for ask in asks {
            answers.push(ask.await.expect("no panic"));
        }
        let fresh = answers.iter().filter(|answer| matches!(answer, Reservation::Fresh(_))).count();
        let busy = answers.iter().filter(|answer| matches!(answer, Reservation::InProgress { .. })).count();
        assert_eq!((fresh, busy), (1, 15), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_repeat_gets_what_was_done_until_a_day_has_passed() {
    for engine in engines("done").await {
        let cache = engine.open().await;
        let held = fresh(&cache, &key("k", 1), b"ids").await;
        cache.complete(&held, b"201 ids").await.expect("answers");
        cache.complete(&held, b"another").await.expect("answers");
        cache.release(&held).await.expect("answers");
        assert_eq!(cache.reserve(&key("k", 1), b"x").await.expect("answers"), Reservation::Done(b"201 ids".to_vec()));
        assert_eq!(cache.reserve(&key("k", 2), b"x").await.expect("answers"), Reservation::OtherBody);
        engine.clock.shift(RESERVATION_TTL_MS + 1000);
        fresh(&cache, &key("k", 2), b"x").await;
    }
}

#[tokio::test]
async fn a_refused_write_leaves_nothing() {
    for engine in engines("refused").await {
        let cache = engine.open().await;
        let held = fresh(&cache, &key("k", 1), b"ids").await;
        cache.release(&held).await.expect("answers");
        fresh(&cache, &key("k", 2), b"other").await;
    }
}

#[tokio::test]
async fn after_an_unknown_outcome_the_repeat_writes_the_same_ids() {
    for engine in engines("unknown").await {
        let cache = engine.open().await;
        let held = fresh(&cache, &key("k", 1), b"ids").await;
        cache.mark_unknown(&held).await.expect("answers");
        let (taken, payload) = repeat(&cache, &key("k", 1)).await;
        assert_eq!(payload, b"ids");
        // The first holder comes back late: what it says changes nothing.
        cache.release(&held).await.expect("answers");
        cache.mark_unknown(&held).await.expect("answers");
        let answer = cache.reserve(&key("k", 1), b"third").await.expect("answers");
        assert!(matches!(answer, Reservation::InProgress { .. }), "{}: {answer:?}", engine.name);
        cache.complete(&taken, b"done").await.expect("answers");
        assert_eq!(cache.reserve(&key("k", 1), b"x").await.expect("answers"), Reservation::Done(b"done".to_vec()));
    }
}

#[tokio::test]
async fn a_dead_holders_work_is_taken_over_by_the_next_repeat() {
    for engine in engines("takeover").await {
        let cache = engine.open().await;
        fresh(&cache, &key("k", 1), b"ids").await;
        assert!(matches!(cache.reserve(&key("k", 1), b"x").await, Ok(Reservation::InProgress { .. })));
        engine.clock.shift(TAKEOVER_MS);
        assert_eq!(repeat(&cache, &key("k", 1)).await.1, b"ids");
        assert!(matches!(cache.reserve(&key("k", 1), b"x").await, Ok(Reservation::InProgress { .. })));
    }
}

#[tokio::test]
async fn asking_again_with_the_same_ids_is_the_same_asking() {
    for engine in engines("again").await {
        let cache = engine.open().await;
        let held = fresh(&cache, &key("k", 1), b"ids").await;
        assert_eq!(fresh(&cache, &key("k", 1), b"ids").await, held, "{}", engine.name);
    }
}

#[tokio::test]
async fn when_full_nothing_new_is_reserved_until_something_ends() {
    for engine in engines("full").await {
        // On Redis the bound is shared by 25 hash tags.
        let room = if engine.name == "redis" { 75 } else { 3 };
        let cache = engine.open_with(Limits { reservations: room, ..Limits::default() }).await;
        for n in 0..3 {
            fresh(&cache, &key(&format!("k{n}"), 1), b"ids").await;
        }
        assert_eq!(cache.reserve(&key("k3", 1), b"ids").await.expect("answers"), Reservation::Full, "{}", engine.name);
        let held = fresh(&cache, &key("k0", 1), b"ids").await;
        cache.release(&held).await.expect("answers");
        fresh(&cache, &key("k3", 1), b"ids").await;
        assert_eq!(cache.reserve(&key("k0", 1), b"ids").await.expect("answers"), Reservation::Full, "{}", engine.name);
        engine.clock.shift(RESERVATION_TTL_MS + 1000);
        fresh(&cache, &key("k0", 1), b"ids").await;
    }
}

#[tokio::test]
async fn a_lost_reservation_is_kept_again_when_its_write_is_done() {
    for engine in engines("lost").await {
        let cache = engine.open().await;
        let held = fresh(&cache, &key("k", 1), b"ids").await;
        engine.clock.shift(RESERVATION_TTL_MS + 1000);
        fresh(&cache, &key("elsewhere", 1), b"purges").await;
        cache.complete(&held, b"done").await.expect("answers");
        assert_eq!(cache.reserve(&key("k", 1), b"x").await.expect("answers"), Reservation::Done(b"done".to_vec()));
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused() {
    for engine in engines("long").await {
        let cache = engine.open().await;
        assert!(ReservationKey::new(Scope::Guests, &"k".repeat(65), [0; 32]).is_err());
        assert!(cache.reserve(&key("k", 1), &[0; MAX_PAYLOAD_BYTES + 1]).await.is_err());
    }
}
