//! The fenced transaction: position first, then rows, then what follows from them, then the commit.
//!
//! An engine that fails is waited for, and the same events are tried again. An event that fails is found by halving the
//! batch, and is parked with all later ones of its key; a view that never parks refuses it by rule.

use std::sync::Arc;

use aredvi_events::envelope::Placed;
use aredvi_events::{Clock, Positions, Stored, codec};
use aredvi_journal::Journal;
use aredvi_traces::Step;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::db::{Db, DbError, Tx};
use crate::followed::Applied;
use crate::keys::{KeyStore, Opener};
use crate::view::{ApplyError, Batch, Derived, Unusable, View};

use super::batch::{self, Item, What};
use super::failure::{Failure, append_failure, key_failure, refusal};
use super::lease::Lease;
use super::pause::Pause;
use super::progress::Gauge;
use super::{limits, parked, schema};

/// Applies a view's events to one generation.
pub(super) struct Projector {
    pub view: Arc<dyn View>,
    pub journal: Journal,
    pub keys: KeyStore,
    pub clock: Clock,
    pub db: Db,
    pub generation: u32,
    pub max_parked: u64,
    pub gauge: Gauge,
}

/// Why a batch was left.
#[derive(Debug)]
pub(super) enum Left {
    /// Partitions were lost, or are on hold: what is held must be read again.
    Lost,
    /// The view cannot go on.
    Stopped(String),
    /// The process ends.
    Shutdown,
}

impl Projector {
    /// Applies records, which stand in log order within each partition and at the lease's positions.
    pub async fn project(&self, lease: &mut Lease, stored: Vec<Stored>, stop: &CancellationToken) -> Result<(), Left> {
        let journal = self.journal.id();
        let mut items: Vec<Item> = stored.into_iter().map(|stored| Item::read(stored, self.view.name(), journal)).collect();
        let applied = Applied { view: self.view.name(), generation: self.generation, batch: items.len() };
        batch::follow(&mut items, applied, self.clock.now_ms());
        let mut opener = self.opener_for(&items, stop).await?;
        let mut pause = Pause::new(&self.clock);
        let mut from = 0;
        // An event that fails lies before this.
        let mut faulty = 0;
        while from < items.len() {
            let to = if faulty > from { from + (faulty - from).div_ceil(2) } else { end_of_run(&items, from) };
            let span = tracing::info_span!("project", view = self.view.name(), events = to - from);
            let step = async {
                match items[from].what {
                    What::Drop(event) => self.obey_drop(lease, &items[from], event).await,
                    What::Event(_) | What::Taken | What::Nothing | What::Unusable(_) => {
                        self.step(lease, &mut items[from..to], &mut opener).await
                    }
                }
            };
            match step.instrument(span).await {
                Ok(()) => {
                    self.gauge.applied(&items[from..to]);
                    items[from..to].iter_mut().for_each(|item| item.step = None);
                    pause.reset();
                    from = to;
                }
                Err(Failure::Fault(_)) if to - from > 1 => faulty = to,
                Err(Failure::Fault(reason)) => {
                    if !matches!(items[from].what, What::Event(_)) {
                        return Err(Left::Stopped(format!("an event could not be put aside: {reason}")));
                    }
                    items[from].what = What::Unusable(reason);
                    faulty = 0;
                }
                Err(Failure::Again(reason)) => {
                    self.gauge.waiting(reason);
                    pause.wait(stop).await.map_err(|_| Left::Shutdown)?;
                }
                Err(Failure::Lost) => return Err(Left::Lost),
                Err(Failure::Stop(reason)) => return Err(Left::Stopped(reason)),
            }
        }
        Ok(())
    }

    /// One transaction over some items, none of which is a drop of this view.
    async fn step(&self, lease: &mut Lease, items: &mut [Item], opener: &mut Opener) -> Result<(), Failure> {
        let to = batch::positions(items);
        let mut tx = self.db.begin().await?;
        if let Some(written) = lease.written() {
            tx.knows(written);
        }
        let mut taken = Vec::new();
        let outcome = self.work(&mut tx, lease, items, &to, opener, &mut taken).await;
        let ended = match outcome {
            Ok(is_clean) => tx.commit().await.map(|()| is_clean).map_err(|error| Failure::Again(error.chain())),
            Err(failure) => {
                // The connection is closed when this fails, which rolls back as well.
                let _: Result<(), DbError> = tx.rollback().await;
                Err(failure)
            }
        };
        match ended {
            Ok(is_clean) => {
                lease.advanced(&to);
                lease.set_clean(is_clean);
                Ok(())
            }
            Err(failure) => {
                give_back(items, taken);
                Err(failure)
            }
        }
    }

    /// What the transaction does; whether nothing is parked or dropped then.
    async fn work(
        &self,
        tx: &mut Tx,
        lease: &Lease,
        items: &mut [Item],
        to: &Positions,
        opener: &mut Opener,
        taken: &mut Vec<(usize, Placed)>,
    ) -> Result<bool, Failure> {
        if !lease.fence(tx, to).await? {
            return Err(Failure::Lost);
        }
        let (dropped, mut keys) = match lease.is_clean() {
            true => <_>::default(),
            false => (parked::dropped(tx).await?, parked::keys(tx).await?),
        };
        let parks = self.view.parks();
        let mut park = Vec::new();
        let mut derived = Vec::new();
        let mut run = Vec::new();
        for (index, item) in items.iter_mut().enumerate() {
            if dropped.contains(&item.id) {
                continue;
            }
            let key = item.key();
            match &item.what {
                What::Nothing | What::Taken | What::Drop(_) => {}
                What::Event(_) | What::Unusable(_) if keys.contains(&key) => park.push((index, parked::BEHIND.to_owned())),
                What::Event(_) => run.extend(item.take().map(|placed| (index, placed))),
                What::Unusable(reason) if parks => {
                    tracing::warn!(view = self.view.name(), place = %item.stored.place, event = %item.id, reason, "parked");
                    park.push((index, reason.clone()));
                    keys.insert(key);
                }
                What::Unusable(reason) => {
                    let unusable = Unusable { stored: item.stored.clone(), reason: reason.clone() };
                    self.apply(tx, &mut run, opener, taken, &mut derived).await?;
                    tracing::warn!(view = self.view.name(), place = %item.stored.place, event = %item.id, reason, "refused");
                    self.gauge.refused();
                    derived.extend(self.view.refuse(tx, &unusable).await.map_err(refusal)?);
                }
            }
        }
        self.apply(tx, &mut run, opener, taken, &mut derived).await?;
        self.park(tx, items, &park).await?;
        self.append(tx, derived).await?;
        Ok(dropped.is_empty() && keys.is_empty())
    }

    /// Applies a run of events, and keeps them for the case that the transaction fails.
    async fn apply(
        &self,
        tx: &mut Tx,
        run: &mut Vec<(usize, Placed)>,
        opener: &mut Opener,
        taken: &mut Vec<(usize, Placed)>,
        derived: &mut Vec<Derived>,
    ) -> Result<(), Failure> {
        if run.is_empty() {
            return Ok(());
        }
        let (indices, events): (Vec<usize>, Vec<Placed>) = std::mem::take(run).into_iter().unzip();
        let mut batch = Batch { events, opener: std::mem::take(opener), serving: false };
        let applied = self.apply_batch(tx, &mut batch).await;
        // However it ended: what was taken and is not kept here would be missing at the next try.
        *opener = batch.opener;
        taken.extend(indices.into_iter().zip(batch.events));
        derived.extend(applied?);
        Ok(())
    }

    async fn apply_batch(&self, tx: &mut Tx, batch: &mut Batch) -> Result<Vec<Derived>, ApplyError> {
        batch.serving = self.view.asks_whether_serving() && schema::appends(tx).await?;
        self.view.apply(tx, batch).await
    }

    async fn park(&self, tx: &mut Tx, items: &[Item], park: &[(usize, String)]) -> Result<(), Failure> {
        if park.is_empty() {
            return Ok(());
        }
        let there = parked::count(tx).await?;
        if there.saturating_add(u64::try_from(park.len()).unwrap_or(u64::MAX)) > self.max_parked {
            let most = self.max_parked;
            return Err(Failure::Stop(format!("{there} records are parked, and it may hold {most}: retry or drop them")));
        }
        let rows: Vec<_> = park.iter().map(|(index, reason)| (&items[*index], reason.as_str())).collect();
        parked::add(tx, &rows, self.clock.now_ms()).await?;
        park.iter().filter_map(|(index, _)| items[*index].step.as_ref()).for_each(Step::failed);
        self.gauge.parked(rows.len());
        Ok(())
    }

    /// Appends what follows from a batch, when the generation is one that appends.
    pub(super) async fn append(&self, tx: &mut Tx, derived: Vec<Derived>) -> Result<(), Failure> {
        if derived.is_empty() || !schema::appends(tx).await? {
            return Ok(());
        }
        append(&self.journal, derived).await
    }

    async fn opener_for(&self, items: &[Item], stop: &CancellationToken) -> Result<Opener, Left> {
        let mut pause = Pause::new(&self.clock);
        loop {
            let events = items.iter().filter_map(|item| match &item.what {
                What::Event(placed) => Some(placed),
                What::Taken | What::Drop(_) | What::Nothing | What::Unusable(_) => None,
            });
            match opener(&*self.view, &self.keys, events).await {
                Ok(opener) => return Ok(opener),
                Err(Failure::Again(reason)) => {
                    self.gauge.waiting(reason);
                    pause.wait(stop).await.map_err(|_| Left::Shutdown)?;
                }
                Err(Failure::Fault(reason) | Failure::Stop(reason)) => return Err(Left::Stopped(reason)),
                Err(Failure::Lost) => return Err(Left::Lost),
            }
        }
    }
}

/// The keys that a view needs to open the seals of some events.
pub(super) async fn opener<'a>(
    view: &dyn View,
    keys: &KeyStore,
    events: impl Iterator<Item = &'a Placed>,
) -> Result<Opener, Failure> {
    if !view.opens_seals() {
        return Ok(Opener::default());
    }
    keys.opener(events.map(|placed| &placed.event)).await.map_err(|error| key_failure(&error))
}

/// Appends derived events in their order.
pub(super) async fn append(journal: &Journal, derived: Vec<Derived>) -> Result<(), Failure> {
    let mut records = Vec::new();
    let mut bytes = 0;
    for Derived { topic, event } in derived {
        let record = codec::encode(topic, &event).map_err(|error| Failure::Stop(error.to_string()))?;
        bytes += record.value.len();
        records.push(record);
        if bytes >= limits::MAX_DERIVED_BYTES {
            bytes = 0;
            journal.append(std::mem::take(&mut records)).await.map_err(|error| append_failure(&error))?;
        }
    }
    journal.append(records).await.map_err(|error| append_failure(&error))?;
    Ok(())
}

/// The end of what one transaction may take from `from` on: a drop of this view stands alone.
fn end_of_run(items: &[Item], from: usize) -> usize {
    let is_drop = |item: &Item| matches!(item.what, What::Drop(_));
    if is_drop(&items[from]) {
        return from + 1;
    }
    items[from..].iter().position(is_drop).map_or(items.len(), |run| from + run)
}

fn give_back(items: &mut [Item], taken: Vec<(usize, Placed)>) {
    for (index, placed) in taken {
        items[index].what = What::Event(placed);
    }
}
