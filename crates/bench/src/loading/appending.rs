//! Many records onto the log, some batches at a time.

use std::time::Duration;

use anyhow::{Context as _, bail};
use aredvi_events::{Clock, Record};
use aredvi_journal::{AppendError, Journal};
use tokio::task::JoinSet;

/// Records of one append.
const RECORDS_AT_ONCE: usize = 2_000;
/// Appends on their way at once.
const MAX_APPENDS: usize = 6;
/// Tries of one append: the same events again are the same events.
const TRIES: u32 = 20;
/// Between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long the log may take to be closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);

/// Records on their way to the log. Those of one key may overtake each other when they come far apart.
pub struct Appending {
    clock: Clock,
    journal: Journal,
    batch: Vec<Record>,
    appends: JoinSet<anyhow::Result<()>>,
}

impl Appending {
    /// Nothing yet.
    pub fn new(clock: Clock, journal: Journal) -> Self {
        Self { clock, journal, batch: Vec::with_capacity(RECORDS_AT_ONCE), appends: JoinSet::new() }
    }

    /// Adds a record; waits while too many are on their way.
    ///
    /// # Errors
    /// When an earlier one was not appended.
    pub async fn add(&mut self, record: Record) -> anyhow::Result<()> {
        self.batch.push(record);
        if self.batch.len() >= RECORDS_AT_ONCE {
            self.send().await?;
        }
        Ok(())
    }

    /// Waits for everything, and closes the log.
    ///
    /// # Errors
    /// When something was not appended.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        self.send().await?;
        while let Some(appended) = self.appends.join_next().await {
            appended??;
        }
        Ok(self.journal.close(CLOSE_LIMIT).await?)
    }

    async fn send(&mut self) -> anyhow::Result<()> {
        while self.appends.len() >= MAX_APPENDS {
            self.appends.join_next().await.context("no append is on its way")???;
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(RECORDS_AT_ONCE));
        self.appends.spawn(append(self.clock.clone(), self.journal.clone(), batch));
        Ok(())
    }
}

async fn append(clock: Clock, journal: Journal, records: Vec<Record>) -> anyhow::Result<()> {
    let mut last = None;
    for _ in 0..TRIES {
        match journal.append(records.clone()).await {
            Ok(_) => return Ok(()),
            Err(error @ AppendError::TooLarge) => return Err(error.into()),
            Err(error @ (AppendError::Unavailable(_) | AppendError::Unknown(_))) => last = Some(error),
        }
        clock.sleep(RETRY_AFTER).await;
    }
    match last {
        Some(error) => Err(anyhow::Error::new(error).context(format!("the log took nothing in {TRIES} tries"))),
        None => bail!("nothing was tried"),
    }
}
