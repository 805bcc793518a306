//! The newest notifications of recently active people, in memory: for lists and counts without a query.
//!
//! A person's are read from `notification_feed` at first demand and kept by the tail from there on. The two meet without
//! a gap: what is heard while the view is read is noted, and the view is waited for until it holds what was heard before.

mod bell;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aredvi_events::envelope::Placed;
use aredvi_events::notifications::NotificationEvent;
use aredvi_events::{ActorId, Body, NotificationId, Partition, Positions, Topic};
use aredvi_projectors::db::{Db, DbError};
use aredvi_projectors::facts::follow::Listener;
use aredvi_projectors::notification_feed::queries::{greatest, page};
use aredvi_projectors::runner::ViewReader;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::cards::{not_serving, unreadable};
use crate::problem::Problem;
use bell::{ASKED, Bell};
pub use bell::{NEWEST, Newest};

/// People whose newest notifications are held; of more, those whom least happens to are let go.
const PEOPLE: u64 = 20_000;
/// Events of one person that are noted while his notifications are read; past it they are read and not kept.
const NOTED: usize = 1_000;

/// The newest notifications of recently active people.
pub struct Bells {
    people: Cache<ActorId, Arc<Entry>>,
    /// By partition: the next offset to be heard.
    next: Vec<AtomicU64>,
    /// The tail has begun: what is read now can be kept.
    begun: AtomicBool,
}

#[derive(Default)]
struct Entry {
    state: Mutex<State>,
    /// Held by whoever reads the view for this person.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
enum State {
    /// To be read.
    #[default]
    Unread,
    /// Somebody reads; this was heard meanwhile, with its offset.
    Noting(Vec<(u64, NotificationEvent)>),
    /// Kept by the tail.
    Kept(Bell),
}

impl Default for Bells {
    fn default() -> Self {
        let next = Partition::all(&[Topic::Notifications]).iter().map(|_| AtomicU64::new(0)).collect();
        let people = Cache::builder().max_capacity(PEOPLE).eviction_policy(EvictionPolicy::lru()).build();
        Self { people, next, begun: AtomicBool::new(false) }
    }
}

impl Bells {
    /// The tail begins here; before that nothing is kept.
    pub fn begin(&self, from: &Positions) {
        for (partition, position) in from.iter().filter(|(partition, _)| partition.topic == Topic::Notifications) {
            self.heard_to(partition, position);
        }
        self.begun.store(true, Ordering::SeqCst);
    }

    /// A person's newest notifications, with all that was heard of them, and whether that could be had: the view is
    /// waited for at most `limit`.
    ///
    /// # Errors
    /// 503 when they are not held and the view cannot be read.
    pub async fn newest(&self, view: &ViewReader, person: ActorId, limit: Duration) -> Result<(Newest, bool), Problem> {
        let entry = self.entry(person);
        if let Some(newest) = entry.kept() {
            return Ok((newest, true));
        }
        // One reader keeps what he reads; whoever comes meanwhile reads for himself.
        let reading = entry.reading.try_lock().ok().filter(|_| self.begun.load(Ordering::SeqCst));
        if reading.is_some() {
            entry.begin();
        }
        let needed = self.heard_of(person);
        let covered = view.wait_for(&needed, limit).await;
        let db = view.db().map_err(|e| not_serving(&e))?;
        let read = rows(&db, person).await.map_err(|e| unreadable(&e))?;
        if reading.is_some() && covered {
            entry.keep(read.clone());
        }
        Ok((read.newest(), covered))
    }

    /// Whether a person was told this, as far as is held.
    pub fn holds(&self, person: ActorId, id: NotificationId) -> bool {
        self.people.get(&person).is_some_and(|entry| matches!(&*entry.state(), State::Kept(bell) if bell.holds(id)))
    }

    fn heard_to(&self, partition: Partition, position: u64) {
        if let Some(next) = self.next.get(partition.number as usize) {
            next.fetch_max(position, Ordering::SeqCst);
        }
    }

    fn entry(&self, person: ActorId) -> Arc<Entry> {
        self.people.get_with(person, Arc::default)
    }

    /// What was heard of a person's partition: asked after noting began, so that each event is either noted or below.
    fn heard_of(&self, person: ActorId) -> Positions {
        let partition = Partition::of(Topic::Notifications, &person.to_string());
        let next = self.next.get(partition.number as usize).map_or(0, |next| next.load(Ordering::SeqCst));
        [(partition, next)].into_iter().filter(|(_, next)| *next > 0).collect()
    }
}

impl Listener for Bells {
    fn hear(&self, placed: &Placed) {
        let Body::Notifications(event) = &placed.event.body else { return };
        let offset = placed.place.offset;
        self.heard_to(placed.place.partition, offset.saturating_add(1));
        let person = match event {
            NotificationEvent::NotificationRaised(e) => e.recipient,
            NotificationEvent::NotificationsRead(e) => e.recipient,
            NotificationEvent::NotificationDismissed(e) => e.recipient,
        };
        if let Some(entry) = self.people.get(&person) {
            entry.hear(event, offset);
        }
    }
}

impl Entry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> Option<Newest> {
        if let State::Kept(bell) = &*self.state() { Some(bell.newest()) } else { None }
    }

    fn begin(&self) {
        *self.state() = State::Noting(Vec::new());
    }

    /// Keeps what was read, with what was heard meanwhile.
    fn keep(&self, read: Bell) {
        let mut state = self.state();
        let State::Noting(noted) = std::mem::take(&mut *state) else { return };
        let mut bell = read;
        if noted.iter().all(|(offset, event)| bell.hear(event, *offset).is_ok()) {
            *state = State::Kept(bell);
        }
    }

    fn hear(&self, event: &NotificationEvent, offset: u64) {
        let mut state = self.state();
        let lost = match &mut *state {
            State::Unread => false,
            State::Noting(noted) => {
                noted.push((offset, event.clone()));
                noted.len() > NOTED
            }
            State::Kept(bell) => bell.hear(event, offset).is_err(),
        };
        if lost {
            *state = State::Unread;
        }
    }
}

/// The greatest id is asked last: what is raised between the two is in doubt, not taken for new.
async fn rows(db: &Db, person: ActorId) -> Result<Bell, DbError> {
    let rows = page(db, person, None, u32::try_from(ASKED).unwrap_or(u32::MAX)).await?;
    Ok(Bell::of(rows, greatest(db, person).await?))
}
