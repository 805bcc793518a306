//! The receipt of an erasure: that every place has been reached, seen and not supposed.
//!
//! A place is the schema of the data keys, the cache's sessions and its cards, and each generation of each view that is
//! kept, those of other programs too. One that is behind, or has parked an event of the person's, holds the receipt back.

use std::time::Duration;

use aredvi_events::Topic;
use aredvi_events::actors::{Cleared, ErasureCompleted};
use aredvi_journal::ReadError;
use aredvi_projectors::cache::{CARD_TOPICS, CacheError};
use aredvi_projectors::db::{Db, DbError};
use aredvi_projectors::keys::KeyError;
use aredvi_projectors::runner::{Everywhere, Kept};

use super::belongings::{self, Removal};
use super::causes::Cause;
use crate::Deps;

/// How long one try waits for the places to be reached; shorter than the sweep's lease.
const REACH: Duration = Duration::from_secs(3);
/// The place of the person's key.
const DATA_KEY: &str = "data_key";
/// The place of cards, where processes share them.
const CARDS: &str = "cards";

/// Why it could not be seen how far an erasure is; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSeen {
    /// The log.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// A schema.
    #[error("a schema cannot be looked at: {}", .0.chain())]
    Db(#[from] DbError),
    /// The data keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The cache.
    #[error("the cache does not say how far it is")]
    Cache(#[from] CacheError),
}

/// The receipts of those `causes` that have reached every place.
pub(super) async fn made_out(deps: &Deps, db: &Db, causes: &[Cause]) -> Result<Vec<(Cause, Removal)>, NotSeen> {
    let mut receipts = Vec::new();
    if causes.is_empty() {
        return Ok(receipts);
    }
    // All that was swept is below these ends.
    let ends = deps.runner.journal.ends(&Topic::ALL).await?;
    let sessions = deps.sessions.positions().await?;
    let sessions_ms = deps.runner.mint.now_ms();
    if !sessions.covers(&ends, &[Topic::Sessions]) {
        return Ok(receipts);
    }
    let cards = deps.sessions.cache().cards();
    if let Some(cards) = &cards
        && !cards.swept().await?.covers(&ends, &CARD_TOPICS)
    {
        return Ok(receipts);
    }
    let cards_ms = cards.map(|_| deps.runner.mint.now_ms());
    let everywhere = Everywhere::open(&deps.runner).await?;
    let reached = everywhere.reaches(&ends, REACH).await;
    everywhere.close().await;
    let Some(kept) = reached? else { return Ok(receipts) };
    for cause in causes {
        let Some(destroyed_ms) = deps.runner.keys.destroyed_at(cause.person).await? else { continue };
        if is_parked(db, cause, &kept).await? {
            continue;
        }
        let mut cleared = vec![
            Cleared { place: DATA_KEY.to_owned(), at_ms: destroyed_ms },
            Cleared { place: aredvi_projectors::sessions::VIEW.to_owned(), at_ms: sessions_ms },
        ];
        cleared.extend(cards_ms.map(|at_ms| Cleared { place: CARDS.to_owned(), at_ms }));
        cleared.extend(kept.iter().map(|kept| Cleared { place: kept.schema.clone(), at_ms: kept.reached_ms }));
        let body = ErasureCompleted { by: Some(cause.person), person: cause.person, cleared }.into();
        let key = cause.person.to_string();
        receipts.push((cause.clone(), Removal { topic: Topic::Actors, what: key.clone(), key, body }));
    }
    Ok(receipts)
}

/// Whether an event that takes away something of the person's, or brought it, is parked anywhere.
async fn is_parked(db: &Db, cause: &Cause, kept: &[Kept]) -> Result<bool, DbError> {
    for key in kept.iter().flat_map(|kept| &kept.parked) {
        if belongings::concerns(db, cause.person, key).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
