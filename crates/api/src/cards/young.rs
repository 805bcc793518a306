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
