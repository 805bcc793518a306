//! New notes as their events tell them: in memory before any view holds them, so that no page waits for a view or asks
//! one for what this process has just heard.
//!
//! An event that is appended again tells what a note was, not what it is: only what surely begins counts. It is young, it
//! is the first that was heard of its note, and whatever is as young was heard here if it was written.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aredvi_events::envelope::Placed;
use aredvi_events::media::NoteAdded;
use aredvi_events::notifications::Verb;
use aredvi_events::{Clock, Opened};
use aredvi_projectors::keys::KeyStore;
use aredvi_projectors::media::queries::Node as NodeRow;
use aredvi_projectors::story_feed::queries::Row as StoryRow;

use super::nodes::Node;

/// Older events may be repeats of what was written before this process began to listen, in milliseconds.
const YOUNG_MS: i64 = 5_000;
/// How far the clock of whoever wrote may be from this process's, in milliseconds.
const CLOCKS_APART_MS: i64 = 5_000;

/// Makes new notes of the events that add them.
pub struct Young {
    keys: KeyStore,
    clock: Clock,
    /// When the tail began, Unix milliseconds; the end of time before.
    listens_since: AtomicI64,
}

impl Young {
    /// Opens with the keys that are at hand.
    pub fn new(keys: KeyStore, clock: Clock) -> Self {
        Self { keys, clock, listens_since: AtomicI64::new(i64::MAX) }
    }

    /// The tail begins now.
    pub fn begin(&self) {
        self.listens_since.store(self.clock.now_ms(), Ordering::Release);
    }

    /// The note and its story, when the first event that was heard of it adds it and its author's key is at hand.
    pub fn note(&self, placed: &Placed, added: &NoteAdded) -> Option<(Arc<Node>, Arc<StoryRow>)> {
        let (now, made) = (self.clock.now_ms(), placed.event.time_ms);
        let listened = now.saturating_sub(self.listens_since.load(Ordering::Acquire));
        if now.abs_diff(made) > YOUNG_MS.unsigned_abs() || listened < YOUNG_MS + CLOCKS_APART_MS {
            return None;
        }
        let opener = self.keys.opener_at_hand(&[added.body.actor])?;
        // A seal that cannot be opened is the view's to complain of.
        let Ok(Opened::Text(body)) = opener.open(&added.body, placed.event.id) else { return None };
        let row = NodeRow::fresh(added.medium, added.owner, added.author, added.access, body, made, placed.place);
        let story = StoryRow {
            id: added.story,
            owner: added.owner,
            verb: Verb::NoteAdd,
            subject: added.author,
            medium: Some(added.medium),
            actor: None,
            comment: None,
            created_at: made,
            access: added.access,
            made_by: placed.place,
        };
        Some((Arc::new(Node::fresh(row, &added.mentions)), Arc::new(story)))
    }
}

#[cfg(test)]
mod tests {
    use aredvi_events::actors::Access;
    use aredvi_events::media::MediaEvent;
    use aredvi_events::{ActorId, Event, Id, JournalId, MasterKey, Mint, Origin, Partition, Place, Topic};
    use aredvi_projectors::db::{DbUrl, PoolSizes};
    use aredvi_projectors::keys::Sealer;
    use uuid::Uuid;

    use super::*;

    const EVENT: Uuid = Uuid::from_u128(5);

    fn id<T: From<Id>>(number: u64) -> T {
        Id::new(number).expect("in range").into()
    }

    async fn keys(dir: &std::path::Path, clock: &Clock) -> KeyStore {
        let url = DbUrl::Embedded { dir: dir.to_owned() };
        let mint = Mint::seeded(clock.clone(), 1);
        KeyStore::open(&url, MasterKey::new([7; 32]), mint, PoolSizes::default()).await.expect("keys")
    }

    fn added(mint: &Mint, sealer: &Sealer, time_ms: i64) -> (Placed, NoteAdded) {
        let (author, medium) = (id(2), id(9));
        let note = NoteAdded {
            by: Some(author),
            medium,
            owner: id(3),
            author,
            access: Access::Followers,
            body: sealer.seal(mint, EVENT, "Look!"),
            hashtags: None,
            mentions: vec![id(1), author],
            story: id(10),
        };
        let place = Place { partition: Partition::of(Topic::Media, "9"), offset: 4 };
        let (source, origin) = (JournalId(Uuid::from_u128(7)), Origin::Here);
        let body = MediaEvent::from(note.clone()).into();
        (
            Placed { place, event: Event { id: EVENT, key: "9".to_owned(), time_ms, source, origin, traceparent: None, body } },
            note,
        )
    }

    #[tokio::test]
    async fn a_note_is_what_its_event_tells_when_it_surely_begins_there() {
        let (dir, clock) = (tempfile::tempdir().expect("a directory"), Clock::default());
        let keys = keys(dir.path(), &clock).await;
        let mint = Mint::seeded(clock.clone(), 2);
        let author: ActorId = id(2);
        let sealer = Sealer::new(author, keys.create(author).await.expect("a key"));
        let young = Young::new(keys.clone(), clock.clone());
        let now = || added(&mint, &sealer, clock.now_ms());
        let told = |(placed, note): &(Placed, NoteAdded)| young.note(placed, note);
        assert!(told(&now()).is_none(), "it does not listen yet");
        young.begin();
        assert!(told(&now()).is_none(), "an earlier event may be just as young");
        clock.shift(YOUNG_MS + CLOCKS_APART_MS);
        let (node, story) = told(&now()).expect("a note");
        assert_eq!((node.body.as_deref(), node.access, node.owner), (Some("Look!"), Access::Followers, id(3)));
        assert_eq!((&node.voters, &node.subscribers), (&Some(Vec::new()), &Some(vec![id(1), id(2)])));
        assert_eq!((story.id, story.medium, story.subject), (id(10), Some(id(9)), author));
        for late in [YOUNG_MS + 1_000, -YOUNG_MS - 1_000] {
            assert!(told(&added(&mint, &sealer, clock.now_ms() - late)).is_none(), "{late} ms old");
        }
        keys.forget(author);
        assert!(told(&now()).is_none(), "the key is not at hand");
        keys.destroy(author).await.expect("destroyed");
        keys.fetch(&[author]).await.expect("that it is gone");
        assert!(told(&now()).is_none(), "the author is erased");
    }
}
