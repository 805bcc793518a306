//! The role of projectors: a runner for each view, and the projector of `sessions`.

use std::sync::Arc;

use aredvi_projectors::runner::{Deps, Runner};
use aredvi_projectors::sessions::{Sessions, SessionsProjector};
use aredvi_projectors::view::View;

use crate::process::Process;

/// Keeps these views up to date.
pub fn start(process: &mut Process, views: Vec<Arc<dyn View>>, deps: &Deps) {
    for view in views {
        let (name, runner) = (view.name(), Runner::new(view, deps.clone()));
        process.back.start(name, |stop| async move {
            runner.run(stop).await;
            Ok(())
        });
    }
}

/// Keeps the view in the cache up to date.
pub fn start_sessions(process: &mut Process, sessions: Sessions) {
    let projector = SessionsProjector::new(sessions, process.base.journal.clone(), process.base.holder.to_string());
    process.back.start(aredvi_projectors::sessions::VIEW, |stop| async move {
        projector.run(stop).await;
        Ok(())
    });
}
