//! Waiting for a condition, never for a time.

use std::time::Duration;

use aredvi_events::Clock;

/// Between two looks.
const STEP: Duration = Duration::from_millis(10);

/// Looks until `condition` gives something, and fails when that takes longer than `limit`.
pub async fn until<T>(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let clock = Clock::default();
    let looking = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            clock.sleep(STEP).await;
        }
    };
    clock.timeout(limit, looking).await.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}
