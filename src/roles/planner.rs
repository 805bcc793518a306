//! The role `planner`: who is told of what, and what else follows across keys.

use aredvi_notifier::{Deps, janitor, key_keeper, planner};

use crate::process::Process;

/// Starts the planner, the janitor and the key keeper.
pub fn start(process: &mut Process, deps: &Deps) {
    let (planned, cleaned, kept) = (deps.clone(), deps.clone(), deps.clone());
    process.back.start(planner::NAME, |stop| async move {
        planner::run(planned, stop).await;
        Ok(())
    });
    process.back.start(janitor::NAME, |stop| async move {
        janitor::run(cleaned, stop).await;
        Ok(())
    });
    process.back.start(key_keeper::NAME, |stop| async move {
        key_keeper::run(kept, stop).await;
        Ok(())
    });
}
