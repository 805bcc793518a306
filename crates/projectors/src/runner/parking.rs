//! What operators do about parked records: look, retry, or give one up.

use std::sync::Arc;

use aredvi_events::codec::{EventDropped, Unencodable, encode};
use aredvi_events::{Event, Origin, Place, Record};
use aredvi_journal::{AppendError, ReadError};
use uuid::Uuid;

use crate::cache::CacheError;
use crate::control::State;
use crate::db::{Db, DbError, PoolSizes};
use crate::view::View;

use super::batch::parking_key;
use super::failure::Failure;
use super::parked::{self, Parked};
use super::progress::Progress;
use super::project::Projector;
use super::release::Released;
use super::{Deps, schema};

/// The parked records of one view.
pub struct Parking {
    view: Arc<dyn View>,
    deps: Deps,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ParkingError {
    /// Nothing of this id is parked.
    #[error("`{view}` has parked no event {event}")]
    NotParked {
        /// The view.
        view: String,
        /// The event.
        event: Uuid,
    },
    /// It is parked only because an earlier event of its key is: nobody knows whether anything is wrong with it.
    #[error("{event} only waits behind {behind}, which is parked too: retry or drop that one")]
    Behind {
        /// The event.
        event: Uuid,
        /// The first parked event of its key.
        behind: Uuid,
    },
    /// No generation of this program's schema version serves.
    #[error("no generation of `{0}` that this program knows serves")]
    NotServing(String),
    /// An engine, or the keys.
    #[error("the parked records were not applied: {0}")]
    NotApplied(String),
    /// A database.
    #[error("the database is unavailable: {}", .0.chain())]
    Db(#[from] DbError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The log, which was to be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log, which was to be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The event.
    #[error(transparent)]
    Encode(#[from] Unencodable),
}

impl Parking {
    /// The parked records of a view.
    pub fn new(view: Arc<dyn View>, deps: Deps) -> Self {
        Self { view, deps }
    }

    /// What the serving generation has parked, in the order of places, after `after`.
    ///
    /// # Errors
    /// [`ParkingError::NotServing`] or the database's.
    pub async fn list(&self, after: Option<Place>, limit: usize) -> Result<Vec<Parked>, ParkingError> {
        let db = self.serving().await?;
        let listed = parked::list(&db, after, limit).await;
        db.close().await;
        Ok(listed?)
    }

    /// One parked record of the serving generation.
    ///
    /// # Errors
    /// [`ParkingError::NotParked`], [`ParkingError::NotServing`] or the database's.
    pub async fn show(&self, event: Uuid) -> Result<Parked, ParkingError> {
        let db = self.serving().await?;
        let found = parked::show(&db, event).await;
        db.close().await;
        found?.ok_or_else(|| self.not_parked(event))
    }

    /// Applies the parked records of an event's key in order, in every generation that has it parked; all must pass, else
    /// they stay parked from the failing one on. What became of them, by generation.
    ///
    /// # Errors
    /// [`ParkingError::NotParked`], [`ParkingError::NotApplied`] or the database's.
    pub async fn retry(&self, event: Uuid) -> Result<Vec<(u32, Released)>, ParkingError> {
        let mut released = Vec::new();
        for generation in self.deps.control.generations(self.view.name()).await? {
            if generation.version != self.view.schema_version() || generation.state == State::Dropped {
                continue;
            }
            let n = generation.n;
            // One that is only begun has nothing parked, and opening its schema would make it.
            if !Db::exists(&self.deps.sites.of(self.view.name()).write, &schema::name(self.view.name(), n)).await? {
                continue;
            }
            let db = self.open(n).await?;
            let outcome = match schema::origin_if_born(&db).await {
                Ok(Some(_)) => self.retry_in(&db, n, event).await,
                Ok(None) => Ok(None),
                Err(error) => Err(error.into()),
            };
            db.close().await;
            released.extend(outcome?.map(|outcome| (n, outcome)));
        }
        if released.is_empty() { Err(self.not_parked(event)) } else { Ok(released) }
    }

    /// Gives an event up: writes so on the log, to the event's own topic and key. The projectors obey when they come to
    /// it, and the later events of its key follow. Only the first parked one of a key can be given up: one behind it may
    /// repeat an event that was applied long ago, which every later rebuild would then leave out.
    ///
    /// # Errors
    /// [`ParkingError::NotParked`], [`ParkingError::Behind`], [`ParkingError::Append`] or the database's.
    pub async fn drop(&self, event: Uuid) -> Result<Place, ParkingError> {
        let parked = self.first_of_key(event).await?;
        let places = give_up(&self.deps, self.view.name(), &parked.stored.record, event).await?;
        places.first().copied().ok_or_else(|| self.not_parked(event))
    }

    /// A parked record that none of its key is parked before.
    async fn first_of_key(&self, event: Uuid) -> Result<Parked, ParkingError> {
        let db = self.serving().await?;
        let first = async {
            let Some(found) = parked::show(&db, event).await? else { return Err(self.not_parked(event)) };
            let key = parking_key(found.stored.place.partition.topic, &found.stored.record.key);
            match parked::first_of_key(&db, &key).await? {
                Some(first) if first.event != event => Err(ParkingError::Behind { event, behind: first.event }),
                Some(_) | None => Ok(found),
            }
        };
        let first = first.await;
        db.close().await;
        first
    }

    async fn retry_in(&self, db: &Db, n: u32, event: Uuid) -> Result<Option<Released>, ParkingError> {
        let Some(found) = parked::show(db, event).await? else { return Ok(None) };
        let partition = found.stored.place.partition;
        let key = parking_key(partition.topic, &found.stored.record.key);
        let projector = Projector {
            view: self.view.clone(),
            journal: self.deps.journal.clone(),
            keys: self.deps.keys.clone(),
            clock: self.deps.mint.clock().clone(),
            db: db.clone(),
            generation: n,
            max_parked: self.deps.limits.max_parked,
            gauge: Progress::default().gauge(self.view.name(), n, self.deps.mint.now_ms()),
        };
        projector.retry(partition, &key).await.map(Some).map_err(|failure| match failure {
            Failure::Again(reason) | Failure::Fault(reason) | Failure::Stop(reason) => ParkingError::NotApplied(reason),
            Failure::Lost => ParkingError::NotApplied("its partition was taken away".to_owned()),
        })
    }

    async fn serving(&self) -> Result<Db, ParkingError> {
        let serving = self.deps.control.serving(self.view.name()).await?;
        match serving {
            Some(serving) if serving.version == self.view.schema_version() => self.open(serving.n).await,
            _ => Err(ParkingError::NotServing(self.view.name().to_owned())),
        }
    }

    async fn open(&self, n: u32) -> Result<Db, ParkingError> {
        let site = self.deps.sites.of(self.view.name());
        Ok(schema::open(site, self.view.name(), n, PoolSizes { write: 1, read: 1 }).await?)
    }

    fn not_parked(&self, event: Uuid) -> ParkingError {
        ParkingError::NotParked { view: self.view.name().to_owned(), event }
    }
}

/// Writes on the log, to a record's own topic and key, that a view gives its event up; where.
///
/// # Errors
/// [`ParkingError::Encode`], [`ParkingError::Append`].
pub(crate) async fn give_up(deps: &Deps, view: &str, record: &Record, event: Uuid) -> Result<Vec<Place>, ParkingError> {
    let dropped = Event {
        id: deps.mint.event_id(),
        key: record.key.clone(),
        time_ms: deps.mint.now_ms(),
        source: deps.journal.id(),
        origin: Origin::Here,
        traceparent: None,
        body: EventDropped { by: None, view: view.to_owned(), event }.into(),
    };
    Ok(deps.journal.append(vec![encode(record.topic, &dropped)?]).await?)
}
