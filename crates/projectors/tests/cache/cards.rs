//! Cards.

use aredvi_events::Id;
use aredvi_projectors::cache::{CARD_TTL_MS, Cache, CardKind, Limits, MAX_CARD_BYTES};

use crate::engines::engines;

fn id(number: u64) -> Id {
    Id::new(number).expect("in range")
}

async fn card(cache: &Cache, number: u64) -> Option<(u64, Vec<u8>)> {
    cache.card_get_many(CardKind::Node, &[id(number)]).await.expect("answers").remove(0)
}

#[tokio::test]
async fn an_older_card_never_replaces_a_newer() {
    for engine in engines("cards").await {
        let cache = engine.open().await;
        assert!(cache.card_put(CardKind::Node, id(1), 9, b"nine").await.expect("answers"));
        assert!(!cache.card_put(CardKind::Node, id(1), 8, b"eight").await.expect("answers"));
        assert_eq!(card(&cache, 1).await, Some((9, b"nine".to_vec())), "{}", engine.name);
        assert!(cache.card_put(CardKind::Node, id(1), 10, b"ten").await.expect("answers"));
        let many = cache.card_get_many(CardKind::Node, &[id(2), id(1)]).await.expect("answers");
        assert_eq!(many, [None, Some((10, b"ten".to_vec()))], "{}", engine.name);
        assert_eq!(cache.card_get_many(CardKind::Actor, &[id(1)]).await.expect("answers"), [None]);
    }
}

#[tokio::test]
async fn a_forgotten_card_is_not_filled_from_before_the_change() {
    for engine in engines("forget").await {
        let cache = engine.open().await;
        cache.card_put(CardKind::Node, id(1), 9, b"nine").await.expect("answers");
        cache.card_forget(CardKind::Node, id(1), 12).await.expect("answers");
        assert_eq!(card(&cache, 1).await, None);
        assert!(!cache.card_put(CardKind::Node, id(1), 11, b"eleven").await.expect("answers"));
        assert!(cache.card_put(CardKind::Node, id(1), 12, b"twelve").await.expect("answers"));
        assert_eq!(card(&cache, 1).await, Some((12, b"twelve".to_vec())), "{}", engine.name);
    }
}

#[tokio::test]
async fn cards_are_bounded_in_size_and_number() {
    for engine in engines("bounds").await {
        // On Redis the bound is shared by 24 hash tags.
        let cache = engine.open_with(Limits { cards: 24, ..Limits::default() }).await;
        assert!(!cache.card_put(CardKind::Node, id(1), 1, &vec![0; MAX_CARD_BYTES + 1]).await.expect("answers"));
        for number in 1..=200 {
            assert!(cache.card_put(CardKind::Node, id(number), 1, b"card").await.expect("answers"));
        }
        let ids: Vec<Id> = (1..=200).map(id).collect();
        let held = cache.card_get_many(CardKind::Node, &ids).await.expect("answers");
        let count = held.iter().flatten().count();
        assert!((1..=24).contains(&count), "{}: {count}", engine.name);
        assert!(held[199].is_some(), "{}", engine.name);
    }
}

#[tokio::test]
async fn an_embedded_card_ends_with_its_time() {
    let engine = engines("ttl").await.remove(0);
    let cache = engine.open().await;
    cache.card_put(CardKind::Node, id(1), 9, b"nine").await.expect("answers");
    engine.clock.shift(CARD_TTL_MS + 1);
    assert_eq!(card(&cache, 1).await, None);
    assert!(cache.card_put(CardKind::Node, id(1), 1, b"one").await.expect("answers"));
}
