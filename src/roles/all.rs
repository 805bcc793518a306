//! All roles in one process.

use std::sync::Arc;
use std::time::Duration;

use aredvi_notifier::{janitor, key_keeper, ledger, planner as planning};
use aredvi_projectors::control::State;
use aredvi_projectors::runner::Progress;
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::views;

use super::api::{Desks, Purpose, Started};
use super::facts::Memory;
use super::{api, notifier, planner, projectors, rebuilds, webhooks};
use crate::cli::Serve;
use crate::process::Process;
use crate::views::{LOOK, Readers, SERVE, of_consumers};

/// How long a start waits for the first generations; what is not there then comes later.
const BIRTHS_LIMIT: Duration = Duration::from_secs(3);
/// Between two looks for them.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Starts every role as far as `purpose` needs it.
///
/// # Errors
/// What could not be started; the process has to be ended.
pub async fn start(process: &mut Process, config: &Serve, purpose: Purpose) -> anyhow::Result<Started> {
    let deps = process.base.deps(config.work.workers, Progress::default());
    process.take_worker_number().await?;
    projectors::start_sessions(process, Sessions::new(process.base.cache.clone()));
    projectors::start(process, views::all(), &deps);
    let names: Vec<_> = views::all().iter().map(|view| view.name()).collect();
    births(process, &names).await;
    rebuilds::of_other_versions(process, &deps).await?;
    let readers = Readers::open(views::all(), &deps, SERVE).await;
    let listener = api::bind(&config.http, purpose).await?;
    let app = api::open(&process.base, &readers, &config.http, listener.as_ref())?;
    api::follow(process, &app);
    let memory = Memory { facts: Arc::clone(&app.facts), heard: Arc::clone(&app.heard) };
    let consumers = memory.deps(deps.clone(), &process.base.cache);
    planner::start(process, &consumers);
    let mut begun = vec![planning::NAME, janitor::NAME, key_keeper::NAME];
    if purpose == Purpose::Serve {
        notifier::start(process, &consumers, &config.mail, app.settings.public_url.clone())?;
        webhooks::start(process, &deps, &config.webhooks);
        begun.push(ledger::NAME);
    }
    births(process, &begun).await;
    let mut kept = of_consumers(&process.base, &consumers).await?;
    // Nobody waits for a view that nobody keeps here.
    kept.retain(|view| begun.contains(&view.name()));
    let readers = readers.and(Readers::open(kept, &deps, LOOK).await);
    let more = webhooks::desk(process, &deps, &config.webhooks).await?;
    let desks = Desks { listen: config.admin.admin_listen, more };
    api::answer(process, app, deps, readers, listener, desks, purpose).await
}

/// Waits until a generation of each of these views serves: at the first start of all, they are just being made.
async fn births(process: &Process, names: &[&str]) {
    let clock = process.base.mint.clock();
    let all_serve = async {
        loop {
            if let Ok(found) = process.base.control.all_generations().await {
                let serves = |name: &&str| found.iter().any(|found| found.view == **name && found.state == State::Serving);
                if names.iter().all(serves) {
                    return;
                }
            }
            clock.sleep(LOOK_EVERY).await;
        }
    };
    if clock.timeout(BIRTHS_LIMIT, all_serve).await.is_err() {
        tracing::warn!("not every view serves yet; see `aredvi views`");
    }
}
