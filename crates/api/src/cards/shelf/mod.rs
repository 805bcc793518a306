//! Cards on Redis, behind those that this process has in memory: what one api has read no other need read again.
//!
//! Nobody waits for it: asking ends soon and is given up for a while when Redis does not answer, and filling and taking
//! out are done by tasks of their own. Why a card is never older than what was heard stands in
//! [`aredvi_projectors::cache::CardStore`].

mod changes;
mod written;

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aredvi_events::envelope::Placed;
use aredvi_events::{Clock, Id, Partition, Positions};
use aredvi_projectors::cache::{Cache, Card, CardKey, CardStore};
use aredvi_projectors::facts::follow::Heard;
use aredvi_projectors::runner::{Reached, ViewReader};
use aredvi_projectors::trouble::Trouble;
use tokio::sync::{Notify, mpsc};

use super::kept::Kept;
use changes::{Changes, Taken};
pub use written::Written;

/// How long a page waits for Redis before it asks the views.
const ASK_LIMIT: Duration = Duration::from_millis(50);
/// For how long nobody asks after Redis did not answer.
const REST: Duration = Duration::from_secs(1);
/// Cards that wait to be put; more are not.
const FILLS: usize = 4_096;
/// Cards that are put at once.
const FILLS_AT_ONCE: usize = 128;
/// How long changes are gathered before they are taken out.
const GATHER: Duration = Duration::from_millis(10);
/// Between two tries to take them out.
const RETRY: Duration = Duration::from_millis(200);
/// How often it is said that nothing changed, so that what stands there counts on; less than a card stands.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Cards asked for, by what came of it.
const ASKED: &str = "aredvi_cards_asked_total";

/// The way to the cards that processes share; embedded there are none.
pub struct Shelf {
    store: Option<CardStore>,
    clock: Clock,
    /// Nobody asks before, Unix milliseconds.
    rests_until: AtomicI64,
    fills: mpsc::Sender<Fill>,
    filled: Mutex<Option<mpsc::Receiver<Fill>>>,
    changes: Mutex<Changes>,
    woken: Notify,
}

/// A card on its way.
struct Fill {
    key: CardKey,
    offset: u64,
    through: u64,
    generation: u32,
    /// Written where nobody waits for it.
    write: Box<dyn FnOnce() -> Vec<u8> + Send>,
}

impl Shelf {
    /// Of this cache.
    pub fn new(cache: &Cache) -> Self {
        let (fills, filled) = mpsc::channel(FILLS);
        Self {
            store: cache.cards(),
            clock: cache.clock().clone(),
            rests_until: AtomicI64::new(0),
            fills,
            filled: Mutex::new(Some(filled)),
            changes: Mutex::default(),
            woken: Notify::new(),
        }
    }

    /// Whether other processes share it, as they share the servers behind the views.
    pub(super) const fn is_shared(&self) -> bool {
        self.store.is_some()
    }

    /// The tail begins here.
    pub fn begin(&self, from: &Positions) {
        if self.store.is_some() {
            self.changes().begin(from);
            self.woken.notify_one();
        }
    }

    /// Takes in one event.
    pub fn hear(&self, placed: &Placed) {
        if self.store.is_some() && self.changes().hear(placed) {
            self.woken.notify_one();
        }
    }

    /// Those of `missing` that stand here and are new enough, in one round trip; they are kept in memory too, and are
    /// missing no more.
    pub(super) async fn found<K, V>(
        &self,
        kept: &Kept<K, V>,
        view: &ViewReader,
        missing: &mut Vec<(K, Option<Partition>)>,
    ) -> Vec<(K, Arc<V>)>
    where
        K: Hash + Eq + Copy + Into<Id> + Send + Sync + 'static,
        V: Written + Send + Sync + 'static,
    {
        let Some(store) = self.store.as_ref().filter(|_| !missing.is_empty() && !self.rests()) else { return Vec::new() };
        let Ok(generation) = view.pin().map(|pinned| pinned.generation) else { return Vec::new() };
        let asked: Vec<(CardKey, u64)> = {
            let changes = self.changes();
            let key = |(id, of): &(K, Option<Partition>)| CardKey { kind: V::KIND, id: (*id).into(), of: *of };
            let asked = missing.iter().map(key);
            asked.map(|key| (key, key.of.map_or(0, |partition| changes.taken_out(partition)))).collect()
        };
        let answers = match store.get(&asked, ASK_LIMIT).await {
            Ok(answers) => answers,
            Err(error) => {
                self.rest();
                static UNANSWERED: Trouble = Trouble::new();
                if let Some(told) = UNANSWERED.happened(&error) {
                    let left_out = told.left_out;
                    tracing::warn!(error = told.reason, left_out, "cards cannot be had from the cache; the views are asked");
                }
                count("unanswered", asked.len());
                return Vec::new();
            }
        };
        let read = |((id, of), card): (&(K, Option<Partition>), Option<Card>)| {
            let card = card.filter(|card| card.generation == generation && kept.new_enough(*id, card.offset))?;
            let value = Arc::new(V::read((*id).into(), *of, card.offset, &card.bytes)?);
            kept.put(*id, card.offset, &value);
            Some((*id, value))
        };
        let found: Vec<(K, Arc<V>)> = missing.iter().zip(answers).filter_map(read).collect();
        let ids: HashSet<K> = found.iter().map(|(id, _)| *id).collect();
        missing.retain(|(id, _)| !ids.contains(id));
        count("found", found.len());
        count("missing", missing.len());
        found
    }

    /// Puts a card that was read from its view, when there is room and time; `reached` is how far the view was before it
    /// was read.
    pub(super) fn fill<V>(&self, reached: Option<&Reached>, id: impl Into<Id>, of: Option<Partition>, offset: u64, value: &Arc<V>)
    where
        V: Written + Send + Sync + 'static,
    {
        let Some(reached) = reached.filter(|_| self.store.is_some()) else { return };
        let through = of.map_or(0, |partition| reached.positions.next(partition));
        let (key, value) = (CardKey { kind: V::KIND, id: id.into(), of }, Arc::clone(value));
        let write = Box::new(move || value.write());
        // Without room it is read from the view once more.
        let _: Result<(), _> = self.fills.try_send(Fill { key, offset, through, generation: reached.generation, write });
    }

    /// Puts cards and takes out what changed, until it is dropped.
    pub async fn keep(&self, heard: &Heard) {
        let filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (&self.store, filled) {
            (Some(store), Some(filled)) => {
                tokio::join!(self.put(store, filled), self.sweep(store, heard));
            }
            _ => std::future::pending().await,
        }
    }

    async fn put(&self, store: &CardStore, mut filled: mpsc::Receiver<Fill>) {
        let mut fills = Vec::with_capacity(FILLS_AT_ONCE);
        while filled.recv_many(&mut fills, FILLS_AT_ONCE).await > 0 {
            let card = |fill: Fill| {
                let Fill { key, offset, through, generation, write } = fill;
                (key, Card { offset, through, generation, bytes: write() })
            };
            let cards: Vec<(CardKey, Card)> = fills.drain(..).map(card).collect();
            if self.rests() {
                continue;
            }
            if let Err(error) = store.put(&cards).await {
                self.rest();
                tracing::debug!(error = &error as &dyn std::error::Error, "cards were not put into the cache");
            }
        }
    }

    async fn sweep(&self, store: &CardStore, heard: &Heard) {
        let mut all = true;
        let mut told = false;
        loop {
            if !all {
                all = self.clock.timeout(SWEEP_EVERY, self.woken.notified()).await.is_err();
                self.clock.sleep(GATHER).await;
            }
            let heard = heard.positions();
            let taken: Taken = self.changes().take(all, &heard);
            match store.sweep(&taken.sweeps).await {
                Ok(old) => {
                    self.changes().taken(&taken);
                    (all, told) = (old, false);
                }
                Err(error) => {
                    self.changes().put_back(taken);
                    self.rest();
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "what changed cannot be taken out of the cache yet"
                        );
                    }
                    all = true;
                    self.clock.sleep(RETRY).await;
                }
            }
        }
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests(&self) -> bool {
        self.clock.now_ms() < self.rests_until.load(Ordering::Relaxed)
    }

    fn rest(&self) {
        let until = self.clock.now_ms().saturating_add(i64::try_from(REST.as_millis()).unwrap_or(i64::MAX));
        self.rests_until.store(until, Ordering::Relaxed);
    }
}

fn count(outcome: &'static str, cards: usize) {
    if cards > 0 {
        metrics::counter!(ASKED, "outcome" => outcome).increment(cards as u64);
    }
}
