//! Reads the journal again for who comes back: what he missed, or that it has to be fetched.
//!
//! Deletions, changes of access, and follows that ended are told from what [`Taken`](super::taken::Taken) remembers. To be
//! fetched is what is told nowhere story by story, or not exactly: more or older than the bounds here; what was taken away
//! before this process heard, since neither the event nor a row says which stories those were, unless they came
//! meanwhile too; a medium whose access changed and which lost more than that meanwhile; and what a page lost whose owner
//! and the listener were parted meanwhile. A story that came and went meanwhile may be told as gone.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aredvi_events::codec;
use aredvi_events::media::MediaEvent;
use aredvi_events::{ActorId, Body, MediumId, Partition, Positions};
use aredvi_journal::BatchLimits;

use super::At;
use super::note::{Note, concern, parts, settle, takes_away, tellings};
use crate::app::App;

/// Events of all partitions that are read again at most; past it the client is told to fetch again.
const MISSED_EVENTS: u64 = 20_000;
/// The oldest event that is told again: an hour, in milliseconds.
const MISSED_MS: i64 = 3_600_000;
/// How long reading again may take.
const REREAD_LIMIT: Duration = Duration::from_secs(5);
/// How much is read at once.
const BATCH: BatchLimits = BatchLimits { events: 2_000, bytes: 4 << 20, wait: Duration::from_millis(200) };

impl App {
    /// What concerns a person from `from` up to `until`; `None` when it cannot be told, only fetched.
    pub(crate) async fn missed(&self, from: &At, until: &At) -> Option<Vec<Note>> {
        let gaps: Vec<(Partition, u64, u64)> = until
            .positions
            .iter()
            .filter_map(|(partition, end)| Some((partition, from.positions.get(partition)?, end)))
            .filter(|(_, next, end)| next < end)
            .collect();
        if gaps.is_empty() {
            return Some(Vec::new());
        }
        if gaps.iter().map(|(_, next, end)| end - next).sum::<u64>() > MISSED_EVENTS {
            return None;
        }
        let ends: Positions = gaps.iter().map(|(partition, _, end)| (*partition, *end)).collect();
        let starts: Positions = gaps.iter().map(|(partition, next, _)| (*partition, *next)).collect();
        let reading = async {
            let _turn = self.streams.rereads.acquire().await.ok()?;
            self.reread(from, &starts, &ends).await
        };
        self.mint.clock().timeout(REREAD_LIMIT, reading).await.ok().flatten()
    }

    async fn reread(&self, from: &At, starts: &Positions, ends: &Positions) -> Option<Vec<Note>> {
        let oldest = self.mint.now_ms().saturating_sub(MISSED_MS);
        let mut tail = self.journal.tail(starts).await.ok()?;
        let mut notes = Vec::new();
        let mut losses = Losses::default();
        while ends.iter().any(|(partition, end)| tail.positions().next(partition) < end) {
            for stored in tail.next(&BATCH).await.ok()? {
                if stored.place.offset >= ends.next(stored.place.partition) {
                    continue;
                }
                let Ok(placed) = codec::decode(&stored) else { continue };
                if placed.event.time_ms < oldest {
                    return None;
                }
                let body = &placed.event.body;
                losses.hear(body, from.person);
                if concern(body).is_none_or(|concern| !self.streams.concerns(from.person, concern)) {
                    continue;
                }
                if !losses.are_told_apart(body) {
                    return None;
                }
                let told = match self.streams.taken(placed.place) {
                    _ if !takes_away(body) => tellings(body, &self.feed),
                    Some(told) => told,
                    None if losses.took_what_came_meanwhile(body) => Vec::new(),
                    None => return None,
                };
                notes.push(Note { place: placed.place, told });
            }
        }
        settle(&mut notes);
        losses.are_of_others().then_some(notes)
    }
}

/// What was lost to its readers.
#[derive(Default)]
struct Losses {
    /// Media that lost something, and whether by a change of access.
    media: HashMap<MediumId, bool>,
    /// Media that were made meanwhile.
    new: HashSet<MediumId>,
    /// On whose pages something was lost.
    pages: HashSet<ActorId>,
    /// Who was parted from the listener.
    parted: HashSet<ActorId>,
}

impl Losses {
    /// Takes in an event, whomever it concerns: who was parted from somebody is not concerned by what happens there.
    fn hear(&mut self, body: &Body, listener: ActorId) {
        self.parted.extend(parts(body, listener));
        let Body::Media(event) = body else { return };
        match event {
            MediaEvent::NoteAdded(e) => self.new.extend([e.medium]),
            MediaEvent::AccessChanged(e) => self.pages.extend([e.owner]),
            MediaEvent::MediumDeleted(e) => self.pages.extend([e.owner]),
            MediaEvent::CommentDeleted(e) => self.pages.extend([e.owner]),
            MediaEvent::NoteEdited(_)
            | MediaEvent::MediumVoted(_)
            | MediaEvent::MediumUnvoted(_)
            | MediaEvent::MediumSubscribed(_)
            | MediaEvent::MediumUnsubscribed(_)
            | MediaEvent::CommentAdded(_)
            | MediaEvent::CommentEdited(_)
            | MediaEvent::CommentVoted(_)
            | MediaEvent::CommentUnvoted(_) => {}
        }
    }

    /// Whether no page lost something whose owner was parted from the listener: which of it he had seen is not known.
    fn are_of_others(&self) -> bool {
        self.pages.is_disjoint(&self.parted)
    }

    /// Whether an event deletes what came after the listener had gone: he has nothing of it.
    fn took_what_came_meanwhile(&self, body: &Body) -> bool {
        matches!(body, Body::Media(MediaEvent::MediumDeleted(e)) if self.new.contains(&e.medium))
    }

    /// Takes in an event; false when what it takes away depends on another, since who may see is asked only at the end.
    fn are_told_apart(&mut self, body: &Body) -> bool {
        let (medium, by_access) = match body {
            Body::Media(MediaEvent::AccessChanged(e)) => (e.medium, true),
            Body::Media(MediaEvent::MediumDeleted(e)) => (e.medium, false),
            Body::Media(MediaEvent::CommentDeleted(e)) => (e.medium, false),
            Body::Media(_)
            | Body::Graph(_)
            | Body::Notifications(_)
            | Body::Identity(_)
            | Body::Actors(_)
            | Body::Sessions(_)
            | Body::Deliveries(_)
            | Body::Any(_) => return true,
        };
        self.media.insert(medium, by_access).is_none_or(|earlier| !earlier && !by_access)
    }
}
