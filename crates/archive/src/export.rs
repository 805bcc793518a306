//! From the log and the keys into a file.

use std::io::Write;

use aredvi_events::{Clock, Positions};
use aredvi_journal::{BatchLimits, Journal};
use aredvi_projectors::control::Control;
use aredvi_projectors::keys::wrapped::WrappedKeys;

use crate::line::{Begin, FORMAT, Line, named};
use crate::{ArchiveError, Writer};

/// What is told while it goes on: records done.
pub type Told<'a> = &'a mut dyn FnMut(u64);

/// What the first line says of records from `from` on.
pub fn begin(journal: &Journal, from: &Positions, clock: &Clock) -> Begin {
    Begin { aredvi: FORMAT, journal: journal.id().0, made_ms: clock.now_ms(), from: named(from) }
}

/// Writes the records between two positions, in the order of each partition.
///
/// # Errors
/// [`ArchiveError`].
pub async fn records<W: Write>(
    journal: &Journal,
    (from, to): (&Positions, &Positions),
    writer: &mut Writer<W>,
    told: Told<'_>,
) -> Result<(), ArchiveError> {
    let mut due = from.clone();
    due.retain(|partition| from.next(partition) < to.next(partition));
    if due.is_empty() {
        return Ok(());
    }
    let (mut tail, mut done) = (journal.tail(&due).await?, 0);
    loop {
        let reached = due.iter().all(|(partition, _)| tail.positions().next(partition) >= to.next(partition));
        if reached {
            return Ok(());
        }
        for stored in tail.next(&BatchLimits::default()).await? {
            if to.includes(stored.place) {
                writer.record(stored)?;
                done += 1;
            }
        }
        told(done);
    }
}

/// Writes every wrapped key, and up to when ids were minted. What is read after the log holds the key of every event.
///
/// # Errors
/// [`ArchiveError`].
pub async fn keys<W: Write>(keys: &WrappedKeys, control: &Control, writer: &mut Writer<W>) -> Result<u64, ArchiveError> {
    for material in keys.material().await? {
        writer.line(&Line::Material(material))?;
    }
    let (mut after, mut count) = (0, 0);
    loop {
        let page = keys.page(after).await?;
        let Some(last) = page.last() else { break };
        after = last.actor.as_i64();
        count += page.len() as u64;
        for key in page {
            writer.line(&Line::Key(key))?;
        }
    }
    for worker in control.minted().await? {
        writer.line(&Line::Worker(worker))?;
    }
    Ok(count)
}

/// Writes everything into one file; how many records and keys that were.
///
/// # Errors
/// [`ArchiveError`].
pub async fn all<W: Write>(
    (journal, wrapped, control): (&Journal, &WrappedKeys, &Control),
    (from, to): (&Positions, &Positions),
    writer: &mut Writer<W>,
    told: Told<'_>,
) -> Result<u64, ArchiveError> {
    records(journal, (from, to), writer, told).await?;
    keys(wrapped, control, writer).await
}
