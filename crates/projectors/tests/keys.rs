//! Data keys, on every engine.

mod engines;

use std::time::Duration;

use aredvi_events::actors::{Access, PersonErased};
use aredvi_events::envelope::Placed;
use aredvi_events::media::{MediaEvent, NoteAdded};
use aredvi_events::{
    ActorId, Clock, Event, Id, JournalId, MasterKey, MediumId, Mint, Opened, Origin, Partition, Place, Sealed, StoryId, Topic,
};
use aredvi_projectors::db::{DbUrl, PoolSizes};
use aredvi_projectors::facts::follow::Listener as _;
use aredvi_projectors::keys::{Key, KeyError, KeyStore};
use uuid::Uuid;

fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("an id").into()
}

async fn open_with(url: &DbUrl, master: u8) -> Result<KeyStore, KeyError> {
    KeyStore::open(url, MasterKey::new([master; 32]), Mint::new(Clock::default()), PoolSizes::default()).await
}

async fn open(url: &DbUrl) -> KeyStore {
    open_with(url, 7).await.expect("open")
}

/// What every process hears of an erasure.
fn erased(person: ActorId) -> Placed {
    let place = Place { partition: Partition::of(Topic::Actors, &person.to_string()), offset: 9 };
    let body = PersonErased { by: None, person, request: Uuid::nil() };
    let event = Event {
        id: Uuid::from_u128(9),
        key: person.to_string(),
        time_ms: 0,
        source: JournalId(Uuid::nil()),
        origin: Origin::Here,
        traceparent: None,
        body: body.into(),
    };
    Placed { place, event }
}

fn note(event: Uuid, author: ActorId, body: Sealed) -> Event {
    let body = NoteAdded {
        by: Some(author),
        medium: id::<MediumId>(50),
        owner: author,
        author,
        access: Access::Public,
        body,
        hashtags: None,
        mentions: vec![],
        story: id::<StoryId>(51),
    };
    Event {
        id: event,
        key: "50".to_owned(),
        time_ms: 0,
        source: JournalId(Uuid::nil()),
        origin: Origin::Here,
        traceparent: None,
        body: MediaEvent::from(body).into(),
    }
}

#[tokio::test]
async fn what_one_process_seals_another_opens() {
    engines::each(|url| async move {
        let (one, other) = (open(&url).await, open(&url).await);
        let mint = Mint::new(Clock::default());
        let mut events = vec![];
        for author in [id(1), id(2)] {
            one.create(author).await.expect("created");
            let event = mint.event_id();
            let body = one.sealer(author).await.expect("a key").seal(&mint, event, &format!("by {author}"));
            events.push((note(event, author, body.clone()), body));
        }
        let opener = other.opener(events.iter().map(|(event, _)| event)).await.expect("keys");
        for ((event, body), text) in events.iter().zip(["by 1", "by 2"]) {
            assert!(opener.open(body, event.id).expect("opens") == Opened::Text(text.to_owned()));
            let error = opener.open(body, Uuid::nil()).expect_err("another event's seal");
            assert!(error.is_fault_of_event() && !error.is_transient(), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn keys_made_at_once_seal_and_leave_those_that_are_there() {
    engines::each(|url| async move {
        let (store, mint) = (open(&url).await, Mint::new(Clock::default()));
        let event = mint.event_id();
        store.create(id(2)).await.expect("created");
        let before = store.sealer(id(2)).await.expect("a key").seal(&mint, event, "from before");
        store.create_all(&[id(1), id(2), id(3)]).await.expect("created");
        store.create_all(&[id(3)]).await.expect("again");
        let other = open(&url).await;
        let new = other.sealer(id(3)).await.expect("a key").seal(&mint, event, "anew");
        let opener = other.opener_for(&[id(2), id(3)]).await.expect("keys");
        assert_eq!(opener.open(&before, event).expect("opens"), Opened::Text("from before".to_owned()));
        assert_eq!(opener.open(&new, event).expect("opens"), Opened::Text("anew".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn creating_a_key_twice_gives_the_same_key() {
    engines::each(|url| async move {
        let (one, other) = (open(&url).await, open(&url).await);
        let actor = id(1);
        let (first, second) = tokio::join!(one.create(actor), other.create(actor));
        let (first, second) = (first.expect("created"), second.expect("created"));
        let sealed = first.seal(actor, Uuid::nil(), [0; 24], "text");
        assert_eq!(second.open(&sealed, Uuid::nil()).expect("the same key"), "text");
    })
    .await;
}

#[tokio::test]
async fn a_destroyed_key_opens_to_nothing_and_never_comes_back() {
    engines::each(|url| async move {
        let (keeper, reader) = (open(&url).await, open(&url).await);
        let mint = Mint::new(Clock::default());
        let event = mint.event_id();
        keeper.create(id(1)).await.expect("created");
        let body = keeper.sealer(id(1)).await.expect("a key").seal(&mint, event, "a secret");
        let event = note(event, id(1), body.clone());
        assert!(reader.opener([&event]).await.expect("keys").open(&body, event.id).expect("opens") != Opened::Erased);

        keeper.destroy(id(1)).await.expect("destroyed");
        keeper.destroy(id(1)).await.expect("repeatable");
        reader.hear(&erased(id(1)));
        for store in [&keeper, &reader, &open(&url).await] {
            assert!(store.opener([&event]).await.expect("keys").open(&body, event.id).expect("opens") == Opened::Erased);
            assert!(matches!(store.sealer(id(1)).await, Err(KeyError::Erased(_))));
            assert!(matches!(store.create(id(1)).await, Err(KeyError::Erased(_))));
        }
        let row = keeper.db().read("SELECT wrapped FROM data_keys WHERE actor = 1", vec![]).await.expect("read");
        assert_eq!(row[0].opt_bytes(0).expect("bytes or null"), None);

        // Nor can a key be made for somebody who was erased before he had one.
        keeper.destroy(id(2)).await.expect("destroyed");
        assert!(matches!(reader.create(id(2)).await, Err(KeyError::Erased(_))));
    })
    .await;
}

#[tokio::test]
async fn who_hears_of_no_erasure_learns_it_from_the_schema() {
    engines::each(|url| async move {
        let (keeper, reader) = (open(&url).await, open(&url).await);
        keeper.create_all(&[id(1), id(2)]).await.expect("created");
        let is_live = async || {
            let keys = reader.fetch(&[id(1), id(2)]).await.expect("keys");
            [id(1), id(2)].map(|actor| matches!(keys.get(&actor), Some(Key::Live(_))))
        };
        assert_eq!(is_live().await, [true, true]);
        keeper.destroy(id(1)).await.expect("destroyed");
        pass(Duration::from_secs(11)).await;
        assert_eq!(is_live().await, [false, true]);
        // Who fetched nothing for long trusts nothing that is in memory.
        pass(Duration::from_secs(61)).await;
        assert!(reader.opener_at_hand(&[id(2)]).is_none());
        assert_eq!(is_live().await, [false, true]);
        assert!(reader.opener_at_hand(&[id(2)]).is_some());
    })
    .await;
}

/// Lets time pass at once.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_key_that_never_was_is_a_hard_stop() {
    engines::each(|url| async move {
        let store = open(&url).await;
        store.create(id(1)).await.expect("created");
        let error = store.fetch(&[id(1), id(404)]).await.map(drop).expect_err("no such key");
        assert!(matches!(error, KeyError::Missing(actor) if actor == id(404)), "{error}");
        assert!(!error.is_transient() && !error.is_fault_of_event());
    })
    .await;
}

#[tokio::test]
async fn many_keys_come_at_once() {
    engines::each(|url| async move {
        let store = open(&url).await;
        for number in 1..=300 {
            store.create(id(number)).await.expect("created");
        }
        store.destroy(id(7)).await.expect("destroyed");
        let actors: Vec<ActorId> = (1..=300).chain(1..=300).map(id).collect();
        let keys = open(&url).await.fetch(&actors).await.expect("keys");
        assert_eq!(keys.len(), 300);
        assert_eq!(keys.values().filter(|key| matches!(key, Key::Erased)).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_fingerprint_key_is_the_first_processs_for_ever() {
    engines::each(|url| async move {
        let stores = futures_util::future::join_all((0..4).map(|_| open(&url))).await;
        let prints: Vec<_> = stores.iter().map(|store| store.fingerprints().username("ana")).collect();
        assert!(prints.iter().all(|print| *print == prints[0]));
        assert_eq!(stores.iter().filter(|store| store.is_first_start()).count(), 1);
        let later = open(&url).await;
        assert_eq!(later.fingerprints().username("ana"), prints[0]);
        assert!(!later.is_first_start());
    })
    .await;
}

#[tokio::test]
async fn another_master_key_is_refused_at_start() {
    engines::each(|url| async move {
        open(&url).await;
        let error = open_with(&url, 8).await.expect_err("another master key");
        assert!(matches!(error, KeyError::OtherMasterKey) && !error.is_transient());
        open(&url).await;
    })
    .await;
}

#[tokio::test]
async fn keys_out_of_reach_are_an_outage_and_not_missing() {
    let url = "mysql://nobody@127.0.0.1:1/x".parse().expect("a url");
    let error = open_with(&url, 7).await.expect_err("nobody listens");
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn no_file_keeps_a_destroyed_key() {
    let engines = engines::engines();
    let DbUrl::Embedded { dir } = &engines[0].url else { panic!("the embedded engine comes first") };
    let store = open(&engines[0].url).await;
    store.create(id(1)).await.expect("created");
    let wrapped = store.db().read("SELECT wrapped FROM data_keys WHERE actor = 1", vec![]).await.expect("read");
    let wrapped = wrapped[0].bytes(0).expect("bytes").to_vec();
    store.destroy(id(1)).await.expect("destroyed");
    for file in std::fs::read_dir(dir).expect("listed") {
        let path = file.expect("entry").path();
        let bytes = std::fs::read(&path).expect("read");
        assert!(!bytes.windows(wrapped.len()).any(|window| window == wrapped), "{}", path.display());
    }
}
