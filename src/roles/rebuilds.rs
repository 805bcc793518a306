//! A program with another schema version than the one that served last makes its own generations before it serves.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use aredvi_projectors::db::DbError;
use aredvi_projectors::runner::{Deps, Rebuild, Stage};
use aredvi_projectors::views;

use crate::process::Process;
use crate::progress::Progress;

/// Rebuilds every view of which a generation of another schema version serves, and shows how far it is.
///
/// # Errors
/// When one cannot be rebuilt, or the process ends meanwhile.
pub async fn of_other_versions(process: &Process, deps: &Deps) -> anyhow::Result<()> {
    for view in views::all() {
        let control = &process.base.control;
        let what = format!("the generations of `{}`", view.name());
        let serving = process.base.patiently(&what, || control.serving(view.name()), DbError::is_transient).await?;
        let Some(found) = serving.filter(|serving| serving.version != view.schema_version()) else { continue };
        let (name, version) = (view.name(), view.schema_version());
        tracing::info!(view = name, found = found.version, version, "another schema version serves: it is rebuilt first");
        let progress = Mutex::new(Progress::new(name));
        let tell = |stage| show(&mut progress.lock().unwrap_or_else(PoisonError::into_inner), stage);
        let rebuilt = Rebuild::new(Arc::clone(&view), deps.clone()).rebuild(false, &tell, &process.shutdown).await;
        progress.lock().unwrap_or_else(PoisonError::into_inner).end();
        rebuilt.with_context(|| format!("cannot rebuild {name}"))?;
    }
    Ok(())
}

fn show(progress: &mut Progress, stage: Stage) {
    match stage {
        Stage::Filling { done, total } => progress.show("filling", Some(done), Some(total), None),
        Stage::Comparing { rows } => progress.show("comparing", None, None, Some(rows)),
        Stage::Switching => progress.show("switching", None, None, None),
    }
}
