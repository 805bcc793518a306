//! Reads the journal again for who comes back: what he missed, or that it is too much.

use std::time::Duration;

use aredvi_events::codec;
use aredvi_events::{Partition, Positions};
use aredvi_journal::BatchLimits;

use super::At;
use super::note::{Note, concern, settle, takes_away, tellings};
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
                if concern(body).is_none_or(|concern| !self.streams.concerns(from.person, concern)) {
                    continue;
                }
                if takes_away(body) {
                    return None;
                }
                notes.push(Note { place: placed.place, told: tellings(body, &self.feed) });
            }
        }
        settle(&mut notes);
        Some(notes)
    }
}
