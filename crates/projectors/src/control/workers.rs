//! Worker numbers: what makes the ids of two processes differ.
//!
//! A holder mints only below its committed `mint_until`, and whoever takes a number starts at its `mint_until`. So no two
//! processes mint the same id, whatever their clocks say and whoever still believes to hold a number.

use std::collections::HashSet;
use std::time::Duration;

use aredvi_events::Mint;
use aredvi_events::mint::Lease;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Control, ControlError};
use crate::db::{DbError, Value};

pub(super) const TABLES: &[&str] =
    &["CREATE TABLE workers (worker INT NOT NULL, holder VARBINARY(16), mint_until BIGINT NOT NULL, PRIMARY KEY (worker))"];

/// How many numbers there are: an id has 10 bits for them.
const WORKERS: u16 = 1 << aredvi_events::id::WORKER_BITS;
/// How far ahead of the clock a holder may mint: how long writes go on while the schema is out of reach.
const HELD_AHEAD: Duration = Duration::from_secs(10 * 60);
/// How often the end is moved on.
const RENEWED_EVERY: Duration = Duration::from_secs(60);
/// It is moved on at once when less than this is left: a clock may jump.
const LEAST_AHEAD_MS: i64 = 5 * 60 * 1_000;
/// How soon a failed renewal is tried again, and how often the clock is looked at.
const RETRIED_EVERY: Duration = Duration::from_secs(2);
/// How long giving the number back may take at shutdown.
const RELEASE_LIMIT: Duration = Duration::from_secs(2);

/// A worker number held by this process.
pub struct WorkerLease {
    control: Control,
    mint: Mint,
    holder: Uuid,
    worker: u16,
    until_ms: i64,
}

/// What came of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The end was moved on.
    Renewed,
    /// Somebody had taken the number over; another one is held now.
    Replaced,
}

/// Up to when ids may have been minted under a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MintedUntil {
    /// The number.
    pub worker: u16,
    /// Unix milliseconds.
    pub until_ms: i64,
}

struct Worker {
    number: u16,
    holder: Option<Vec<u8>>,
    mint_until: i64,
}

impl WorkerLease {
    /// Takes a number and lets `mint` mint under it. `holder` is of this process alone and new at each start.
    ///
    /// # Errors
    /// [`ControlError::NoWorkerFree`], or the database's.
    pub async fn acquire(control: &Control, mint: &Mint, holder: Uuid) -> Result<Self, ControlError> {
        let lease = take(control, mint, holder).await?;
        hold(mint, lease);
        Ok(Self { control: control.clone(), mint: mint.clone(), holder, worker: lease.worker, until_ms: lease.until_ms })
    }

    /// The number.
    pub const fn worker(&self) -> u16 {
        self.worker
    }

    /// Up to when ids may be minted, Unix milliseconds.
    pub const fn until_ms(&self) -> i64 {
        self.until_ms
    }

    /// Moves the end on, or takes another number where this one was taken over.
    ///
    /// # Errors
    /// As [`WorkerLease::acquire`]; what is held stays good up to its end.
    pub async fn renew(&mut self) -> Result<Renewal, ControlError> {
        let until = self.until_ms.max(ahead_of(self.control.now_ms()));
        // The holder is enough of a condition: a renewal whose answer was lost must not look like a takeover.
        let update = "UPDATE workers SET mint_until = ? WHERE worker = ? AND holder = ?";
        let args = vec![until.into(), self.worker.into(), self.holder.into()];
        if self.control.db.execute(update, args).await? == 1 {
            self.until_ms = until;
            self.mint.hold(Lease { worker: self.worker, from_ms: until, until_ms: until });
            return Ok(Renewal::Renewed);
        }
        let lease = take(&self.control, &self.mint, self.holder).await?;
        hold(&self.mint, lease);
        (self.worker, self.until_ms) = (lease.worker, lease.until_ms);
        Ok(Renewal::Replaced)
    }

    /// Renews until `shutdown`, then gives the number back.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let clock = self.mint.clock().clone();
        let (mut failing, mut renewed) = (false, Instant::now());
        loop {
            tokio::select! {
                () = clock.sleep(RETRIED_EVERY) => {}
                () = shutdown.cancelled() => break,
            }
            let left_ms = self.until_ms.saturating_sub(clock.now_ms());
            if !failing && renewed.elapsed() < RENEWED_EVERY && left_ms >= LEAST_AHEAD_MS {
                continue;
            }
            match self.renew().await {
                Ok(Renewal::Renewed) => (failing, renewed) = (false, Instant::now()),
                Ok(Renewal::Replaced) => {
                    (failing, renewed) = (false, Instant::now());
                    tracing::warn!(worker = self.worker, "the worker number was taken over: another one is held now");
                }
                Err(error) => {
                    if !failing {
                        let left_ms = self.until_ms - clock.now_ms();
                        tracing::warn!(worker = self.worker, left_ms, %error, "the worker number is not renewed; writes end with it");
                    }
                    failing = true;
                }
            }
        }
        let worker = self.worker;
        match clock.timeout(RELEASE_LIMIT, self.release()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(worker, error = error.chain(), "the worker number is not given back; it expires"),
            Err(_) => tracing::warn!(worker, "the worker number is not given back; it expires"),
        }
    }

    /// Ends minting and gives the number back. Its `mint_until` stays: the next holder starts there.
    ///
    /// # Errors
    /// [`DbError`]; it expires all the same.
    pub async fn release(self) -> Result<(), DbError> {
        self.mint.release();
        let release = "UPDATE workers SET holder = NULL WHERE worker = ? AND holder = ?";
        self.control.db.execute(release, vec![self.worker.into(), self.holder.into()]).await?;
        Ok(())
    }
}

impl Control {
    /// Up to when ids may have been minted, by worker number.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn minted(&self) -> Result<Vec<MintedUntil>, DbError> {
        let minted = |worker: Worker| MintedUntil { worker: worker.number, until_ms: worker.mint_until };
        Ok(all(self).await?.into_iter().map(minted).collect())
    }

    /// Notes that ids were minted elsewhere, so that nobody here mints them again.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn keep_minted(&self, minted: &MintedUntil) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        let (worker, until) = (Value::from(minted.worker), Value::from(minted.until_ms));
        tx.insert_ignore("workers", ["worker", "mint_until"], vec![[worker.clone(), until.clone()]]).await?;
        let raise = "UPDATE workers SET mint_until = ? WHERE worker = ? AND mint_until < ?";
        tx.execute(raise, vec![until.clone(), worker, until]).await?;
        tx.commit().await
    }
}

/// A lease that replaces what the mint holds, also under the same number: it must start at `from_ms`.
fn hold(mint: &Mint, lease: Lease) {
    mint.release();
    mint.hold(lease);
}

async fn take(control: &Control, mint: &Mint, holder: Uuid) -> Result<Lease, ControlError> {
    // Each lost race means that another process has taken a number.
    for _ in 0..=WORKERS {
        let now = control.now_ms();
        let workers = all(control).await?;
        let used: HashSet<u16> = workers.iter().map(|worker| worker.number).collect();
        let unused: Vec<u16> = (0..WORKERS).filter(|number| !used.contains(number)).collect();
        let lease = if unused.is_empty() {
            let worker = longest_expired(&workers, now).ok_or(ControlError::NoWorkerFree)?;
            take_over(control, worker, holder, now).await?
        } else {
            // Any of them, so that processes that start together do not race for the same.
            let at = usize::from(u16::from_le_bytes(mint.random())) % unused.len();
            take_new(control, unused[at], holder, now).await?
        };
        if let Some(lease) = lease {
            return Ok(lease);
        }
    }
    Err(ControlError::NoWorkerFree)
}

/// The number whose end lies furthest back; else one that was given back before its end.
fn longest_expired(workers: &[Worker], now: i64) -> Option<&Worker> {
    let free = |worker: &&Worker| worker.mint_until <= now || worker.holder.is_none();
    workers.iter().filter(free).min_by_key(|worker| worker.mint_until)
}

async fn take_new(control: &Control, number: u16, holder: Uuid, now: i64) -> Result<Option<Lease>, DbError> {
    let until = ahead_of(now);
    let insert = "INSERT INTO workers (worker, holder, mint_until) VALUES (?, ?, ?)";
    match control.db.execute(insert, vec![number.into(), holder.into(), until.into()]).await {
        Ok(_) => Ok(Some(Lease { worker: number, from_ms: now, until_ms: until })),
        Err(error) if error.is_duplicate() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn take_over(control: &Control, worker: &Worker, holder: Uuid, now: i64) -> Result<Option<Lease>, DbError> {
    let from = worker.mint_until;
    let until = ahead_of(now.max(from));
    // A renewal since we looked has moved the end; another taker too.
    let update = "UPDATE workers SET holder = ?, mint_until = ? WHERE worker = ? AND mint_until = ?";
    let args = vec![holder.into(), until.into(), worker.number.into(), from.into()];
    let taken = control.db.execute(update, args).await? == 1;
    Ok(taken.then_some(Lease { worker: worker.number, from_ms: from, until_ms: until }))
}

async fn all(control: &Control) -> Result<Vec<Worker>, DbError> {
    let rows = control.db.read_latest("SELECT worker, holder, mint_until FROM workers", vec![]).await?;
    rows.iter()
        .map(|row| Ok(Worker { number: row.id(0)?, holder: row.opt_bytes(1)?.map(<[u8]>::to_vec), mint_until: row.int(2)? }))
        .collect()
}

fn ahead_of(ms: i64) -> i64 {
    ms.saturating_add(i64::try_from(HELD_AHEAD.as_millis()).unwrap_or(i64::MAX))
}

impl std::fmt::Debug for WorkerLease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WorkerLease({}, until {})", self.worker, self.until_ms)
    }
}
