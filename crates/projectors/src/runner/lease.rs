//! Which partitions a worker holds.
//!
//! Clocks only decide when a worker may take what another seems to have left. What keeps two workers from applying the
//! same events is the [fence](Lease::fence) alone: an update of exactly the rows that the worker holds, at the offsets
//! that it knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, Mint, Partition, Positions};

use crate::db::{Db, DbError, KeysWritten, Tx, Value};

use super::limits::{FORGET_WORKER, KEYS_PER_EVENT, LEASE, RENEW_EVERY};
use super::schema::partition;

/// One worker's leases of one generation.
pub(super) struct Lease {
    db: Db,
    clock: Clock,
    holder: Value,
    held: BTreeMap<Partition, Held>,
    /// When it last said that it lives, as the clock counts.
    beaten: Option<Duration>,
    is_clean: bool,
    alone: Alone,
}

/// Whether this worker alone has written what follows from its partitions, and which keys.
enum Alone {
    /// It was not asked for.
    Unasked,
    /// Each partition was taken at its beginning. Worth knowing until these positions.
    Since { written: Arc<KeysWritten>, until: Positions },
    /// Somebody else may have written as well, or what it is good for is over.
    Not,
}

/// A held partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// The next offset to read.
    pub next: u64,
    /// The offset not to pass.
    pub hold: Option<u64>,
}

impl Lease {
    /// Holds nothing yet.
    pub fn new(db: Db, mint: &Mint) -> Self {
        let holder = mint.random::<16>().into();
        Self {
            db,
            clock: mint.clock().clone(),
            holder,
            held: BTreeMap::new(),
            beaten: None,
            is_clean: false,
            alone: Alone::Unasked,
        }
    }

    /// The held partitions.
    pub const fn held(&self) -> &BTreeMap<Partition, Held> {
        &self.held
    }

    /// The held partitions that may be read on, with their next offsets.
    pub fn readable(&self) -> Positions {
        let open = |held: &Held| held.hold.is_none_or(|hold| held.next < hold);
        self.held.iter().filter(|(_, held)| open(held)).map(|(&partition, held)| (partition, held.next)).collect()
    }

    /// Says that this worker lives, takes its fair share of the partitions that nobody holds, and gives back what is
    /// above it. Whether what may be read is now another.
    pub async fn round(&mut self) -> Result<bool, DbError> {
        let now = self.clock.now_ms();
        self.beat(now).await?;
        let live = self.db.read_latest("SELECT COUNT(*) FROM workers WHERE seen_until > ?", vec![now.into()]).await?;
        let live = live.first().map(|row| row.id::<usize>(0)).transpose()?.unwrap_or(1).max(1);
        // In an order that gives each worker some of every topic.
        let sql = "SELECT topic, part, holder, lease_until FROM positions ORDER BY part, topic";
        let rows = self.db.read_latest(sql, vec![]).await?;
        let share = rows.len().div_ceil(live);
        let (mut mine, mut free) = (Vec::new(), Vec::new());
        for row in &rows {
            let holder = row.opt_bytes(2)?.map_or(Value::Null, Value::from);
            if holder == self.holder {
                mine.push(partition(row)?);
            } else if holder == Value::Null || row.int(3)? <= now {
                free.push(partition(row)?);
            }
        }
        if mine.len() > share {
            self.release(&mine.split_off(share)).await?;
        } else {
            free.truncate(share - mine.len());
            self.take(&free, now).await?;
        }
        self.reread().await
    }

    /// Rereads what it holds; whether what may be read is now another.
    pub async fn reread(&mut self) -> Result<bool, DbError> {
        let sql = "SELECT topic, part, next, hold FROM positions WHERE holder = ?";
        let rows = self.db.read_latest(sql, vec![self.holder.clone()]).await?;
        let held = rows
            .iter()
            .map(|row| Ok((partition(row)?, Held { next: row.id(2)?, hold: row.opt_id(3)? })))
            .collect::<Result<BTreeMap<_, _>, DbError>>()?;
        let before = self.readable();
        // Whoever held a partition meanwhile and put something aside has moved on in it.
        self.is_clean &= held == self.held;
        let is_ours = |(p, now): (&Partition, &Held)| now.next == 0 || self.held.get(p).is_some_and(|b| b.next == now.next);
        if !held.iter().all(is_ours) {
            self.alone = Alone::Not;
        }
        self.held = held;
        Ok(before != self.readable())
    }

    /// Whether nothing of the held partitions is known to be parked or dropped, so that it need not be asked: only their
    /// holder puts anything aside.
    pub const fn is_clean(&self) -> bool {
        self.is_clean
    }

    /// Notes whether anything is parked or dropped.
    pub fn set_clean(&mut self, is_clean: bool) {
        self.is_clean = is_clean;
        if !is_clean {
            // What is put aside here may be applied by somebody else.
            self.alone = Alone::Not;
        }
    }

    /// Whether it is still to be told how far the log goes, to remember what is written until there.
    pub const fn asks_for_end(&self) -> bool {
        matches!(self.alone, Alone::Unasked)
    }

    /// Remembers what is written until `until`, when that is at least `remember_from` events.
    pub fn remember_until(&mut self, until: Positions, remember_from: u64) {
        let events = self.held.keys().map(|&partition| until.next(partition)).sum::<u64>();
        self.alone = if events < remember_from {
            Alone::Not
        } else {
            Alone::Since { written: Arc::new(KeysWritten::none(events.saturating_mul(KEYS_PER_EVENT))), until }
        };
    }

    /// The keys that were written, when nobody else has written any.
    pub const fn written(&self) -> Option<&Arc<KeysWritten>> {
        match &self.alone {
            Alone::Since { written, .. } => Some(written),
            Alone::Unasked | Alone::Not => None,
        }
    }

    /// Renews every lease in one statement, also of partitions that nothing comes from; whether all are still held.
    pub async fn renew(&self) -> Result<bool, DbError> {
        if self.held.is_empty() {
            return Ok(true);
        }
        let sql = "UPDATE positions SET lease_until = ? WHERE holder = ?";
        let renewed = self.db.execute(sql, vec![self.lease_end().into(), self.holder.clone()]).await?;
        Ok(usize::try_from(renewed).is_ok_and(|renewed| renewed == self.held.len()))
    }

    /// Advances held partitions to their offsets in `to` and renews their leases. It must be the first statement of its
    /// transaction. `false`: one of them was lost or is on hold, and the transaction must be rolled back.
    ///
    /// Those that do not move are left alone, apart from some that make the statement one of few lengths, each of which
    /// stays prepared. While it counts that nobody else has written anything, all are fenced.
    pub async fn fence(&self, tx: &mut Tx, to: &Positions) -> Result<bool, DbError> {
        let held = self.held.iter().map(|(&p, held)| (p, held.next, held.next.max(to.next(p))));
        let (moving, resting): (Vec<_>, Vec<_>) = held.partition(|&(_, old, new)| new > old);
        let fenced = match self.alone {
            Alone::Since { .. } => self.held.len(),
            Alone::Unasked | Alone::Not => moving.len().max(1).next_power_of_two(),
        };
        let fenced: Vec<_> = moving.into_iter().chain(resting).take(fenced).collect();
        if fenced.is_empty() {
            return Ok(false);
        }
        let case = " WHEN topic = ? AND part = ? THEN ?".repeat(fenced.len());
        let rows = vec!["(topic = ? AND part = ? AND next = ? AND (hold IS NULL OR hold >= ?))"; fenced.len()].join(" OR ");
        let sql = format!("UPDATE positions SET lease_until = ?, next = CASE{case} ELSE next END WHERE holder = ? AND ({rows})");
        let mut args = vec![Value::from(self.lease_end())];
        for &(partition, _, new) in &fenced {
            args.extend([partition.topic.number().into(), partition.number.into(), new.into()]);
        }
        args.push(self.holder.clone());
        for &(partition, old, new) in &fenced {
            // A partition that does not move passes any hold.
            let reach = if new > old { new } else { 0 };
            args.extend([partition.topic.number().into(), partition.number.into(), old.into(), reach.into()]);
        }
        let matched = tx.execute(&sql, args).await?;
        Ok(usize::try_from(matched).is_ok_and(|matched| matched == fenced.len()))
    }

    /// Takes note that a fence to `to` was committed.
    pub fn advanced(&mut self, to: &Positions) {
        for (partition, held) in &mut self.held {
            held.next = held.next.max(to.next(*partition));
        }
        if let Alone::Since { until, .. } = &self.alone
            && self.held.iter().all(|(&partition, held)| held.next >= until.next(partition))
        {
            self.alone = Alone::Not;
        }
    }

    /// Gives everything back and leaves.
    pub async fn leave(&mut self) -> Result<(), DbError> {
        let mine: Vec<Partition> = self.held.keys().copied().collect();
        self.held.clear();
        self.release(&mine).await?;
        self.db.execute("DELETE FROM workers WHERE holder = ?", vec![self.holder.clone()]).await.map(drop)
    }

    async fn beat(&mut self, now: i64) -> Result<(), DbError> {
        if self.beaten.is_some_and(|last| self.clock.since().saturating_sub(last) < RENEW_EVERY) {
            return Ok(());
        }
        let seen_until = Value::from(self.lease_end());
        let sql = "UPDATE workers SET seen_until = ? WHERE holder = ?";
        if self.db.execute(sql, vec![seen_until.clone(), self.holder.clone()]).await? == 0 {
            let sql = "INSERT INTO workers (holder, seen_until) VALUES (?, ?)";
            self.db.execute(sql, vec![self.holder.clone(), seen_until]).await?;
            let forgotten = now.saturating_sub(millis(FORGET_WORKER));
            self.db.execute("DELETE FROM workers WHERE seen_until < ?", vec![forgotten.into()]).await?;
        }
        self.beaten = Some(self.clock.since());
        Ok(())
    }

    async fn take(&self, partitions: &[Partition], now: i64) -> Result<(), DbError> {
        if partitions.is_empty() {
            return Ok(());
        }
        let places = self.db.dialect().tuple_in(&["topic", "part"], partitions.len());
        let sql =
            format!("UPDATE positions SET holder = ?, lease_until = ? WHERE (holder IS NULL OR lease_until <= ?) AND {places}");
        let mut args = vec![self.holder.clone(), self.lease_end().into(), now.into()];
        args.extend(tuples(partitions));
        self.db.execute(&sql, args).await.map(drop)
    }

    async fn release(&self, partitions: &[Partition]) -> Result<(), DbError> {
        if partitions.is_empty() {
            return Ok(());
        }
        let places = self.db.dialect().tuple_in(&["topic", "part"], partitions.len());
        let sql = format!("UPDATE positions SET holder = NULL, lease_until = 0 WHERE holder = ? AND {places}");
        let mut args = vec![self.holder.clone()];
        args.extend(tuples(partitions));
        self.db.execute(&sql, args).await.map(drop)
    }

    fn lease_end(&self) -> i64 {
        self.clock.now_ms().saturating_add(millis(LEASE))
    }
}

/// Ends every lease of a generation at once. Whoever holds one all the same notices at the fence.
pub(super) async fn clear(db: &Db) -> Result<(), DbError> {
    db.execute("UPDATE positions SET holder = NULL, lease_until = 0", vec![]).await?;
    db.execute("DELETE FROM workers", vec![]).await.map(drop)
}

fn tuples(partitions: &[Partition]) -> impl Iterator<Item = Value> + '_ {
    partitions.iter().flat_map(|partition| [partition.topic.number().into(), partition.number.into()])
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
