//! Measures how far the view is behind, and shows its positions to operators' tools.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aredvi_events::clock::parse_rfc3339;
use aredvi_events::{Positions, Stored, Topic, codec};
use aredvi_journal::Journal;
use futures_util::future::try_join_all;

use super::Sessions;
use super::runner::VIEW;
use crate::behind::Behind;

/// How often it looks.
const ROUND: Duration = Duration::from_secs(1);
/// Every how many looks the positions are published.
const PUBLISH: u64 = 5;
/// The Kafka consumer group that operators' tools see.
const GROUP: &str = "aredvi-sessions";
/// Whose numbers they are.
const LABELS: [(&str, &str); 2] = [("view", VIEW), ("generation", "1")];

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
        let mut behind = Behind::since(clock.now_ms());
        for look in 1_u64.. {
            clock.sleep(ROUND).await;
            let publishes = look.is_multiple_of(PUBLISH);
            if let Ok(positions) = sessions.positions().await
                && let Ok(ends) = journal.ends(&[Topic::Sessions]).await
            {
                behind.look(&positions, &ends, clock.now_ms());
                lag_events(&positions, &ends);
                if publishes && let Err(error) = journal.publish_positions(GROUP, &positions).await {
                    tracing::debug!(view = VIEW, error = &error as &dyn std::error::Error, "positions were not published");
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            let lag_ms = behind.ms(self.newest_ms.load(Ordering::Relaxed), clock.now_ms()) as f64;
            metrics::gauge!("aredvi_projector_lag_ms", "view" => VIEW).set(lag_ms);
            if publishes {
                parked_events(sessions).await;
            }
        }
    }
}

fn lag_events(positions: &Positions, ends: &Positions) {
    let lag: u64 = ends.iter().map(|(partition, end)| end.saturating_sub(positions.next(partition))).sum();
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    metrics::gauge!("aredvi_projector_lag_events", &LABELS).set(lag as f64);
}

/// It parks events, not keys: each counts.
async fn parked_events(sessions: &Sessions) {
    let parked = try_join_all((0..Topic::Sessions.partitions()).map(|partition| sessions.parked(partition))).await;
    if let Ok(parked) = parked {
        let events = parked.iter().map(Vec::len).sum::<usize>();
        metrics::gauge!("aredvi_projector_parked_keys", &LABELS).set(u32::try_from(events).unwrap_or(u32::MAX));
    }
}
