//! A backup becomes a community again, on empty engines; whoever was erased after it stays erased.

use std::path::Path;

use aredvi_events::identity::ErasureRequested;
use aredvi_events::mint::derived_id;
use aredvi_events::topic::IDENTITY_KEY;
use aredvi_events::{ActorId, Event, JournalId, Origin, Record, Topic, codec};
use uuid::Uuid;

use crate::export::Told;
use crate::import::{Import, Imported, Target};
use crate::manifest::Erasures;
use crate::{ArchiveError, Manifest};

/// The purpose of the ids of erasures that are asked for again.
const AGAIN: &str = "erased-after-backup";

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// What was taken in.
    pub imported: Imported,
    /// Erasures that were applied again.
    pub erased_again: usize,
}

/// Restores the backup in `dir`; what an earlier try did is gone on with.
///
/// # Errors
/// [`ArchiveError`].
pub async fn run(target: Target<'_>, dir: &Path, told: Told<'_>) -> Result<Restored, ArchiveError> {
    let manifest = Manifest::read(dir)?.ok_or_else(|| ArchiveError::NoBackup { path: dir.to_owned() })?;
    manifest.verify(dir)?;
    let (journal, keys, now_ms) = (target.journal, target.keys, target.clock.now_ms());
    let later = Erasures::read(dir)?.filter(|erasures| erasures.journal == manifest.journal);
    let mut import = Import::into(target).await?;
    import.take(manifest.keys.open(dir)?, told).await?;
    for part in &manifest.log {
        import.take(part.open(dir)?, told).await?;
    }
    let imported = import.finish()?;
    // The keys first: from here on nothing of theirs can be read, whatever comes of the rest.
    let live = keys.live_among(&later.map(|erasures| erasures.erased).unwrap_or_default()).await?;
    keys.destroy(&live, now_ms).await?;
    for &person in &live {
        journal.append(vec![asked_again(person, manifest.journal, journal.id(), now_ms)?]).await?;
    }
    Ok(Restored { imported, erased_again: live.len() })
}

/// Its id is the same at every try.
fn asked_again(person: ActorId, backup_of: Uuid, source: JournalId, time_ms: i64) -> Result<Record, ArchiveError> {
    let id = derived_id(backup_of, &format!("{AGAIN}:{person}"));
    let event = Event {
        id,
        key: IDENTITY_KEY.to_owned(),
        time_ms,
        source,
        origin: Origin::Import,
        traceparent: None,
        body: ErasureRequested { by: Some(person), person }.into(),
    };
    let unencodable = |error: codec::Unencodable| ArchiveError::unreadable(Path::new(AGAIN), error.to_string());
    codec::encode(Topic::Identity, &event).map_err(unencodable)
}
