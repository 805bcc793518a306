use std::collections::BTreeMap;

use aredvi_events::identity::IdentityEvent;
use aredvi_events::{Body, Partition, Topic, codec};
use aredvi_journal::{BatchLimits, OpenOptions};
use aredvi_projectors::db::{DbUrl, PoolSizes};
use aredvi_projectors::keys::master;

use super::*;

/// Every event of a small community, on the embedded column.
#[tokio::test]
async fn a_loaded_community_stands_on_the_log_and_its_seals_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let (clock, mint) = (Clock::default(), Mint::new(Clock::default()));
    let url = format!("sqlite:{}", dir.path().join("journal.db").display()).parse().expect("a journal");
    let open = || Journal::open(&url, OpenOptions::default(), &mint);
    let db = DbUrl::Embedded { dir: dir.path().to_owned() };
    let key = master::master_key(None, Some(dir.path()), &mint).expect("a master key");
    let keys = KeyStore::open(&db, key, mint.clone(), PoolSizes::default()).await.expect("keys");
    let sizes = Sizes { seed: 1, people: 100, leaders: 10, stories: 40, notifications: 30, subscribers: 20 };
    let community = Arc::new(Community::new(sizes));
    let follows: usize = (0..100).map(|person| community.leader_count(person)).sum();
    append(&clock, &open().await.expect("open"), &keys, &community, &mint, "$argon2id$…").await.expect("appended");

    let journal = open().await.expect("open");
    let mut tail = journal.tail(&Partition::all(&Topic::ALL).into_iter().map(|p| (p, 0)).collect()).await.expect("a tail");
    let ends = journal.ends(&Topic::ALL).await.expect("ends");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    while !tail.positions().covers(&ends, &Topic::ALL) {
        for stored in tail.next(&BatchLimits::default()).await.expect("read") {
            let event = codec::decode(&stored).expect("an event").event;
            *counts.entry(event.body.type_name()).or_default() += 1;
            let opener = keys.opener([&event]).await.expect("keys");
            if let Body::Identity(IdentityEvent::RegistrationRequested(requested)) = &event.body {
                let email = opener.open(&requested.email, event.id).expect("opens").into_text().expect("text");
                assert!(email.starts_with("member"), "{email}");
            }
        }
    }
    let expected = [
        ("actor.followed", follows),
        ("actor.subscribed", 20),
        ("journal.created", 1),
        ("medium.voted", 10),
        ("note.added", 40),
        ("notification.raised", 30),
        ("registration.requested", 100),
        ("session.opened", 100),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}
