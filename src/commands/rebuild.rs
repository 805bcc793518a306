//! `aredvi rebuild VIEW`: asks for it, and shows how far it is.

use std::time::Duration;

use anyhow::{anyhow, bail};
use aredvi_events::Clock;

use super::views::{View, Work};
use crate::cli::Rebuild;
use crate::operator::{Operator, Refused};
use crate::progress::Progress;
use crate::say::say;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The status of what is in work already: then its progress is shown.
const CONFLICT: u16 = 409;

/// Does it, and waits for its end.
///
/// # Errors
/// Why it came to nothing.
pub async fn run(operator: &Operator, command: &Rebuild, clock: &Clock) -> anyhow::Result<()> {
    let view = &command.view;
    if command.cancel {
        operator.order(&format!("/v1/admin/views/{view}/cancel")).await?;
        say(format_args!("the rebuild of {view} is given up"));
        return Ok(());
    }
    let what = match command {
        Rebuild { rollback: true, .. } => "rollback",
        Rebuild { accept: true, .. } => "switch",
        Rebuild { no_switch: true, .. } => "rebuild?switch=false",
        Rebuild { .. } => "rebuild",
    };
    match operator.order(&format!("/v1/admin/views/{view}/{what}")).await {
        Ok(()) => {}
        Err(error) if error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == CONFLICT) => {
            say(format_args!("{view} is in work already"));
        }
        Err(error) => return Err(error),
    }
    let work = watch(operator, view, clock).await?;
    told(view, work)
}

async fn watch(operator: &Operator, view: &str, clock: &Clock) -> anyhow::Result<Work> {
    let mut progress = Progress::new(view);
    loop {
        let state: View = operator.get(&format!("/v1/admin/views/{view}")).await?;
        let work = state.work.ok_or_else(|| anyhow!("the server has forgotten the rebuild: it was started anew meanwhile"))?;
        if matches!(work.stage.as_str(), "done" | "failed") {
            progress.end();
            return Ok(work);
        }
        progress.show(&work.stage, work.done, work.total, work.rows);
        clock.sleep(LOOK_EVERY).await;
    }
}

fn told(view: &str, work: Work) -> anyhow::Result<()> {
    if let Some(error) = work.error {
        bail!("{error}");
    }
    if let Some(comparison) = work.comparison {
        say(format_args!("compared: {comparison}"));
    }
    if work.kind == "preparation" {
        say(format_args!("the new generation waits: `aredvi rebuild {view}` switches to it, --cancel drops it"));
        return Ok(());
    }
    match (work.generation, work.previous) {
        (Some(n), Some(previous)) => {
            say(format_args!("{view} is served from generation {n} now; --rollback goes back to {previous}"));
        }
        (Some(n), None) => say(format_args!("{view} is served from generation {n} now")),
        (None, _) => say(format_args!("{view} is as it was")),
    }
    Ok(())
}
