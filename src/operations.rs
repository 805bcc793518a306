//! What operators may ask of this process.

use aredvi_api::admin::Operations;
use aredvi_api::admin::rebuild::Works;
use aredvi_projectors::runner::Deps;
use aredvi_projectors::sessions::Sessions;

use crate::process::Process;
use crate::views::Readers;

/// The operations of a process on these views.
pub fn of(process: &Process, deps: Deps, readers: Readers) -> Operations {
    Operations {
        url: None,
        deps,
        views: readers.operated(),
        sessions: Sessions::new(process.base.cache.clone()),
        others: Vec::new(),
        facts: None,
        works: Works::default(),
        metrics: process.metrics.clone(),
    }
}
