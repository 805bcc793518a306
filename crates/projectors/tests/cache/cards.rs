//! Cards, which stand on Redis alone.

use std::time::Duration;

use aredvi_events::{Id, Partition, Topic};
use aredvi_projectors::cache::{CARD_TOPICS, Card, CardKey, CardKind, CardStore, Limits, MAX_CARD_BYTES, Sweep};

use crate::engines::{self, Engine, engines};

/// More than any answer here takes.
const LIMIT: Duration = Duration::from_secs(5);
const PARTITION: Partition = Partition { topic: Topic::Media, number: 7 };

fn id(number: u64) -> Id {
    Id::new(number).expect("in range")
}

fn key(number: u64) -> CardKey {
    CardKey { kind: CardKind::Node, id: id(number), of: Some(PARTITION) }
}

async fn redis(test: &str) -> Option<Engine> {
    engines(test).await.into_iter().find(|engine| engine.name == "redis")
}

async fn store(engine: &Engine) -> CardStore {
    engine.open().await.cards().expect("Redis has cards")
}

/// Puts a card of the event at `offset`, read when its view was at `through`.
async fn put(store: &CardStore, key: CardKey, offset: u64, through: u64) {
    let bytes = format!("{offset}").into_bytes();
    store.put(&[(key, Card { offset, through, generation: 1, bytes })]).await.expect("answers");
}

/// What somebody is answered who has taken out everything below `taken_out`.
async fn card(store: &CardStore, key: CardKey, taken_out: u64) -> Option<String> {
    let card = store.get(&[(key, taken_out)], LIMIT).await.expect("answers").remove(0)?;
    Some(String::from_utf8(card.bytes).expect("a text"))
}

async fn sweep(store: &CardStore, since: u64, heard: u64, changed: &[(u64, u64)]) {
    let changed = changed.iter().map(|(number, offset)| (CardKind::Node, id(*number), *offset)).collect();
    let sweep = Sweep { partition: PARTITION, since, heard, changed };
    while store.sweep(std::slice::from_ref(&sweep)).await.expect("answers") {}
}

#[tokio::test]
async fn an_older_card_never_replaces_a_newer() {
    let Some(engine) = redis("cards").await else { return };
    let store = store(&engine).await;
    sweep(&store, 5, 5, &[]).await;
    put(&store, key(1), 9, 10).await;
    put(&store, key(1), 8, 10).await;
    assert_eq!(card(&store, key(1), 5).await.as_deref(), Some("9"));
    put(&store, key(1), 10, 11).await;
    let asked = [(key(2), 5), (key(1), 5), (CardKey { kind: CardKind::Comment, ..key(1) }, 5)];
    let many = store.get(&asked, LIMIT).await.expect("answers");
    let many: Vec<Option<u64>> = many.into_iter().map(|card| card.map(|card| card.offset)).collect();
    assert_eq!(many, [None, Some(10), None]);
}

#[tokio::test]
async fn what_changed_is_gone_and_no_fill_from_before_brings_it_back() {
    let Some(engine) = redis("forget").await else { return };
    let store = store(&engine).await;
    sweep(&store, 5, 5, &[]).await;
    put(&store, key(1), 9, 10).await;
    put(&store, key(2), 12, 13).await;
    sweep(&store, 5, 13, &[(1, 11), (2, 12)]).await;
    assert_eq!(card(&store, key(1), 13).await, None);
    assert_eq!(card(&store, key(2), 13).await.as_deref(), Some("12"), "it holds its change already");
    put(&store, key(1), 9, 13).await;
    assert_eq!(card(&store, key(1), 13).await, None, "read before the change");
    put(&store, key(1), 11, 12).await;
    assert_eq!(card(&store, key(1), 13).await.as_deref(), Some("11"));
    // Another process takes out the same, later.
    sweep(&store, 7, 13, &[(1, 11)]).await;
    assert_eq!(card(&store, key(1), 13).await.as_deref(), Some("11"));
}

#[tokio::test]
async fn nothing_counts_before_what_changed_is_taken_out() {
    let Some(engine) = redis("unswept").await else { return };
    let store = store(&engine).await;
    put(&store, key(1), 9, 10).await;
    sweep(&store, 5, 10, &[]).await;
    assert_eq!(card(&store, key(1), 10).await, None, "nobody takes out what changes it");
    put(&store, key(1), 9, 10).await;
    assert_eq!(card(&store, key(1), 10).await.as_deref(), Some("9"));
    assert_eq!(card(&store, key(1), 11).await, None, "its asker knows more than is taken out");
}

#[tokio::test]
async fn after_a_gap_what_was_put_before_neither_counts_nor_stays() {
    let Some(engine) = redis("gap").await else { return };
    let store = store(&engine).await;
    sweep(&store, 5, 10, &[]).await;
    for number in 1..=1_000 {
        put(&store, key(number), 3, 9).await;
    }
    assert_eq!(card(&store, key(1), 10).await.as_deref(), Some("3"));
    let gap = Sweep { partition: PARTITION, since: 20, heard: 21, changed: vec![(CardKind::Node, id(1), 20)] };
    assert!(store.sweep(std::slice::from_ref(&gap)).await.expect("answers"), "more is to be cleared than at once");
    assert!(!store.swept().await.expect("answers").covers(&[(PARTITION, 1)].into_iter().collect(), &CARD_TOPICS));
    put(&store, key(2), 3, 19).await;
    put(&store, key(3), 3, 21).await;
    while store.sweep(std::slice::from_ref(&gap)).await.expect("answers") {}
    assert_eq!(card(&store, key(1000), 20).await, None);
    assert_eq!(card(&store, key(2), 20).await, None, "read before the sweep began");
    put(&store, key(1), 19, 21).await;
    assert_eq!(card(&store, key(1), 20).await, None, "the mark stands");
    let swept = store.swept().await.expect("answers");
    assert_eq!((swept.next(PARTITION), swept.next(Partition { number: 8, ..PARTITION })), (21, u64::MAX));
}

#[tokio::test]
async fn an_emptied_cache_is_swept_anew() {
    let Some(engine) = redis("emptied").await else { return };
    let store = store(&engine).await;
    sweep(&store, 5, 10, &[]).await;
    put(&store, key(1), 9, 10).await;
    engines::empty(&engine).await;
    put(&store, key(1), 9, 10).await;
    sweep(&store, 10, 12, &[(1, 11)]).await;
    assert_eq!(card(&store, key(1), 12).await, None);
    put(&store, key(1), 9, 11).await;
    assert_eq!(card(&store, key(1), 12).await, None);
    put(&store, key(1), 11, 12).await;
    assert_eq!(card(&store, key(1), 12).await.as_deref(), Some("11"));
}

#[tokio::test]
async fn cards_are_bounded_in_size_and_number() {
    let Some(engine) = redis("bounds").await else { return };
    // The bound is shared by 72 hash tags.
    let cache = engine.open_with(Limits { cards: 72 * 24, ..Limits::default() }).await;
    let store = cache.cards().expect("Redis has cards");
    let of = None;
    let long = Card { offset: 1, through: 0, generation: 1, bytes: vec![0; MAX_CARD_BYTES + 1] };
    store.put(&[(CardKey { of, ..key(1) }, long)]).await.expect("answers");
    assert_eq!(card(&store, CardKey { of, ..key(1) }, 0).await, None);
    sweep(&store, 0, 1, &[]).await;
    for number in 1..=200 {
        put(&store, key(number), 1, 2).await;
    }
    let asked: Vec<(CardKey, u64)> = (1..=200).map(|number| (key(number), 1)).collect();
    let held = store.get(&asked, LIMIT).await.expect("answers");
    let count = held.iter().flatten().count();
    assert!((1..=24).contains(&count), "{count}");
    assert!(held[199].is_some());
}

#[tokio::test]
async fn an_embedded_cache_has_no_cards() {
    let engine = engines("embedded").await.remove(0);
    assert!(engine.open().await.cards().is_none());
}
