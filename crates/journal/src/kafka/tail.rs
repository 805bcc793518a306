//! A tail: through a consumer of its own while it has far to go, and through the one that all tails share once it is near
//! the end.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, Positions, Stored};
use tokio::time::Instant;

use super::cluster::Cluster;
use super::live::{Live, Seat, Taken};
use super::offsets::Offsets;
use super::reader::Reader;
use super::watch::Watch;
use crate::error::ReadError;
use crate::tail::BatchLimits;

/// A tail with a consumer of its own looks at most this often whether it is near the end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Reads some partitions of the cluster.
pub struct Tail {
    cluster: Cluster,
    offsets: Arc<Offsets>,
    clock: Clock,
    live: Arc<Live>,
    positions: Positions,
    source: Source,
}

enum Source {
    Own(Box<Own>),
    Shared(Seat),
}

struct Own {
    reader: Reader,
    /// Whether it may be near the end: the last batch was not full.
    drained: bool,
    /// When it last looked whether it is.
    looked: Option<Instant>,
    watch: Watch,
}

impl Tail {
    pub async fn open(
        cluster: Cluster,
        offsets: Arc<Offsets>,
        live: Arc<Live>,
        positions: Positions,
        clock: Clock,
    ) -> Result<Self, ReadError> {
        let ends = offsets.check(&positions).await?;
        let source = match live.join(&positions, &ends) {
            Some(seat) => Source::Shared(seat),
            None => Source::own(&cluster, &offsets, &positions, &clock)?,
        };
        Ok(Self { cluster, offsets, clock, live, positions, source })
    }

    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Nothing is awaited between taking events and returning them, so that a dropped call loses none.
    pub async fn next(&mut self, limits: &BatchLimits) -> Result<Vec<Stored>, ReadError> {
        loop {
            match &mut self.source {
                Source::Own(own) => {
                    if own.looks() {
                        let ends = self.offsets.ends(&self.positions).await?;
                        own.looked = Some(Instant::now());
                        if let Some(seat) = self.live.join(&self.positions, &ends) {
                            self.source = Source::Shared(seat);
                            continue;
                        }
                        if own.watch.is_due() {
                            own.watch.renew_if_silent(&mut own.reader, ends);
                        }
                    }
                    let batch = own.reader.next(limits).await?;
                    own.drained = batch.len() < limits.events;
                    for stored in &batch {
                        self.positions.include(stored.place);
                    }
                    return Ok(batch);
                }
                Source::Shared(seat) => match seat.take(&mut self.positions, limits, &self.clock).await {
                    Taken::Events(batch) => return Ok(batch),
                    Taken::Trouble(fault) => {
                        self.offsets.check(&self.positions).await?;
                        return Err(ReadError::Unavailable(fault));
                    }
                    Taken::Missed => {
                        tracing::debug!("a tail was too slow for the shared consumer and goes on with its own");
                        self.offsets.check(&self.positions).await?;
                        self.source = Source::own(&self.cluster, &self.offsets, &self.positions, &self.clock)?;
                    }
                },
            }
        }
    }
}

impl Source {
    fn own(cluster: &Cluster, offsets: &Arc<Offsets>, positions: &Positions, clock: &Clock) -> Result<Self, ReadError> {
        let reader = Reader::open(cluster.clone(), offsets.clone(), positions.clone(), clock.clone())?;
        Ok(Self::Own(Box::new(Own { reader, drained: false, looked: None, watch: Watch::new() })))
    }
}

impl Own {
    fn looks(&self) -> bool {
        self.drained && self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY)
    }
}
