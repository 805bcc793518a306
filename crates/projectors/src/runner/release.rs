//! Applying what was parked: all of a key's records in order, or those before the first that fails again.

use aredvi_events::envelope::Placed;
use aredvi_events::{Partition, Positions};
use uuid::Uuid;

use crate::db::{DbError, Tx};
use crate::view::{Batch, Derived};

use super::batch::{Item, ParkingKey, What, positions};
use super::failure::Failure;
use super::lease::Lease;
use super::limits::MAX_RELEASED;
use super::project::{Projector, opener};
use super::{parked, schema};

/// Why parked records are applied.
enum Cause<'a> {
    /// The log says that the view gave up an event.
    Drop { lease: &'a Lease, to: &'a Positions, event: Uuid },
    /// An operator says that the fault is mended.
    Retry { partition: Partition, key: &'a ParkingKey },
}

/// What became of a key's parked records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// How many were applied.
    pub applied: usize,
    /// Why the next one was not, when there is one.
    pub fault: Option<String>,
}

/// How many records can be applied, narrowed down by trying.
struct Search {
    all: usize,
    sound: usize,
    faulty: Option<(usize, String)>,
}

impl Search {
    /// How many to try next, and whether that is the answer when they pass.
    fn next(&self) -> (usize, bool) {
        match &self.faulty {
            None => (self.all, true),
            Some((faulty, _)) if self.sound + 1 >= *faulty => (self.sound, true),
            Some((faulty, _)) => (self.sound.midpoint(*faulty), false),
        }
    }
}

impl Projector {
    /// Gives up a parked event: it is forgotten, and the later ones of its key follow in order.
    pub(super) async fn obey_drop(&self, lease: &mut Lease, item: &Item, event: Uuid) -> Result<(), Failure> {
        let to = positions(std::slice::from_ref(item));
        let released = self.release(&Cause::Drop { lease, to: &to, event }).await?;
        lease.advanced(&to);
        lease.set_clean(false);
        tracing::info!(view = self.view.name(), %event, applied = released.applied, "dropped");
        Ok(())
    }

    /// Applies the parked records of a key in order; all must pass, else they stay parked from the failing one on.
    pub(super) async fn retry(&self, partition: Partition, key: &ParkingKey) -> Result<Released, Failure> {
        self.release(&Cause::Retry { partition, key }).await
    }

    async fn release(&self, cause: &Cause<'_>) -> Result<Released, Failure> {
        let mut search = None;
        loop {
            let mut tx = self.db.begin().await?;
            match self.attempt(&mut tx, cause, &mut search).await {
                Ok(Some(released)) => {
                    tx.commit().await.map_err(|error| Failure::Again(error.chain()))?;
                    return Ok(released);
                }
                Ok(None) => tx.rollback().await?,
                Err(failure) => {
                    let _: Result<(), DbError> = tx.rollback().await;
                    match (failure, &mut search) {
                        (Failure::Fault(reason), Some(search)) if search.next().0 > 0 => {
                            search.faulty = Some((search.next().0, reason));
                        }
                        (Failure::Fault(reason), _) => return Err(Failure::Stop(reason)),
                        (other, _) => return Err(other),
                    }
                }
            }
        }
    }

    /// One try; `None` when it passed and more may pass.
    async fn attempt(&self, tx: &mut Tx, cause: &Cause<'_>, search: &mut Option<Search>) -> Result<Option<Released>, Failure> {
        let Some(key) = self.open(tx, cause).await? else { return Ok(Some(Released { applied: 0, fault: None })) };
        if search.is_none() {
            let all = parked::count_of(tx, &key).await?;
            *search = Some(Search { all, sound: 0, faulty: None });
        }
        let Some(search) = search else { return Ok(None) };
        let (limit, last) = search.next();
        let derived = self.apply_parked(tx, &key, limit).await?;
        if !last {
            search.sound = limit;
            return Ok(None);
        }
        let fault = search.faulty.as_ref().map(|(_, reason)| reason.clone());
        if let (Some(reason), Some(next)) = (&fault, parked::of_key(tx, &key, 1).await?.first()) {
            parked::explain(tx, next.stored.place, reason).await?;
        }
        self.append(tx, derived).await?;
        Ok(Some(Released { applied: limit, fault }))
    }

    /// The fence, and the key whose records are free now.
    async fn open(&self, tx: &mut Tx, cause: &Cause<'_>) -> Result<Option<ParkingKey>, Failure> {
        match cause {
            Cause::Retry { partition, key } => {
                schema::lock(tx, *partition).await?;
                Ok(Some((*key).clone()))
            }
            Cause::Drop { lease, to, event } => {
                if !lease.fence(tx, to).await? {
                    return Err(Failure::Lost);
                }
                let Some(key) = parked::key_of(tx, *event).await? else { return Ok(None) };
                parked::remove(tx, &key, *event).await?;
                tx.insert_ignore("dropped", ["event_id"], vec![[(*event).into()]]).await?;
                Ok(Some(key))
            }
        }
    }

    /// Applies the first `limit` parked records of a key and takes them away.
    async fn apply_parked(&self, tx: &mut Tx, key: &ParkingKey, limit: usize) -> Result<Vec<Derived>, Failure> {
        let mut derived = Vec::new();
        let mut left = limit;
        while left > 0 {
            let records = parked::of_key(tx, key, left.min(MAX_RELEASED)).await?;
            let Some(through) = records.last().map(|parked| parked.stored.place.offset) else { break };
            left -= records.len();
            let journal = self.journal.id();
            let mut events: Vec<Placed> = Vec::new();
            for parked in records {
                let mut item = Item::read(parked.stored, self.view.name(), journal);
                match item.take() {
                    Some(placed) => events.push(placed),
                    None => {
                        if let What::Unusable(reason) = item.what {
                            return Err(Failure::Fault(reason));
                        }
                    }
                }
            }
            let opener = opener(&*self.view, &self.keys, events.iter()).await?;
            let serving = schema::appends(tx).await?;
            derived.extend(self.view.apply(tx, &Batch { events, opener, serving }).await?);
            parked::remove_through(tx, key, through).await?;
        }
        Ok(derived)
    }
}
