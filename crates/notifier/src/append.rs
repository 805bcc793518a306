//! Appends derived events.

use aredvi_events::codec::{self, Unencodable};
use aredvi_journal::{AppendError, Journal};
use aredvi_projectors::view::Derived;

/// Events appended at once.
const EVENTS_PER_APPEND: usize = 1_000;

/// Why derived events may not be on the log. Appending them again does no harm: their ids are derived.
#[derive(Debug, thiserror::Error)]
pub enum AppendFailed {
    /// One of them cannot be written.
    #[error(transparent)]
    Encode(#[from] Unencodable),
    /// The journal.
    #[error("the journal did not take derived events")]
    Journal(#[from] AppendError),
}

/// Appends `events` in their order.
///
/// # Errors
/// [`AppendFailed`]; some may be on the log.
pub async fn append(journal: &Journal, events: Vec<Derived>) -> Result<(), AppendFailed> {
    for some in events.chunks(EVENTS_PER_APPEND) {
        let records = some.iter().map(|derived| codec::encode(derived.topic, &derived.event)).collect::<Result<_, _>>()?;
        journal.append(records).await?;
    }
    Ok(())
}
