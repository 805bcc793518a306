//! Measures how far the view is behind, and shows its positions to operators' tools.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aredvi_events::clock::parse_rfc3339;
use aredvi_events::{Positions, Stored, Topic, codec};
use aredvi_journal::Journal;

use super::Sessions;
use super::runner::VIEW;

/// How often it looks.
const ROUND: Duration = Duration::from_secs(1);
/// Every how many looks the positions are published.
const PUBLISH: u64 = 5;
/// The Kafka consumer group that operators' tools see.
const GROUP: &str = "aredvi-sessions";

/// What the projector of this process has done.
#[derive(Debug, Default)]
pub(super) struct Watch {
    newest_ms: AtomicI64,
}

impl Watch {
    /// These were committed.
    pub(super) fn applied(&self, records: &[Stored]) {
        let events = u64::try_from(records.len()).unwrap_or(u64::MAX);
        metrics::counter!("aredvi_projector_events_total", "view" => VIEW).increment(events);
        metrics::counter!("aredvi_projector_batches_total", "view" => VIEW).increment(1);
        let time = records.last().and_then(|last| codec::header(&last.record, "ce_time")).and_then(parse_rfc3339);
        if let Some(time) = time {
            self.newest_ms.fetch_max(time, Ordering::Relaxed);
        }
    }

    /// Looks for ever; what does not answer is asked again at the next look.
    pub(super) async fn run(&self, sessions: &Sessions, journal: &Journal) {
        let clock = sessions.cache().clock();
        for look in 1_u64.. {
            clock.sleep(ROUND).await;
            let Ok(positions) = sessions.positions().await else { continue };
            let Ok(ends) = journal.ends(&[Topic::Sessions]).await else { continue };
            self.gauge(&positions, &ends, clock.now_ms());
            if look.is_multiple_of(PUBLISH)
                && let Err(error) = journal.publish_positions(GROUP, &positions).await
            {
                tracing::debug!(view = VIEW, error = &error as &dyn std::error::Error, "positions were not published");
            }
        }
    }

    fn gauge(&self, positions: &Positions, ends: &Positions, now: i64) {
        let lag: u64 = ends.iter().map(|(partition, end)| end.saturating_sub(positions.next(partition))).sum();
        let newest = self.newest_ms.load(Ordering::Relaxed);
        let lag_ms = if lag == 0 || newest == 0 { 0 } else { now.saturating_sub(newest).max(0) };
        let labels = [("view", VIEW), ("generation", "1")];
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        {
            metrics::gauge!("aredvi_projector_lag_events", &labels).set(lag as f64);
            metrics::gauge!("aredvi_projector_lag_ms", &labels).set(lag_ms as f64);
        }
    }
}
