//! All roles in one process.

use std::sync::Arc;
use std::time::Duration;

use aredvi_api::admin;
use aredvi_notifier::{janitor, key_keeper, ledger, planner as planning};
use aredvi_projectors::control::State;
use aredvi_projectors::runner::Progress;
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::views;
use axum::Router;

use super::facts::Memory;
use super::{api, notifier, operators, planner, projectors};
use crate::cli::Serve;
use crate::operations;
use crate::process::Process;
use crate::views::{LOOK, Readers, SERVE, of_consumers};

/// How long a start waits for the first generations; what is not there then comes later.
const BIRTHS_LIMIT: Duration = Duration::from_secs(3);
/// Between two looks for them.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Whom the process answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Clients and operators.
    Everybody,
    /// Its own subcommand.
    Itself,
}

/// Starts every role, and gives the operators' routes.
///
/// # Errors
/// What could not be started; the process has to be ended.
pub async fn start(process: &mut Process, config: &Serve, answers: Answers) -> anyhow::Result<Router> {
    let deps = process.base.deps(config.work.workers, Progress::default());
    process.take_worker_number().await?;
    projectors::start_sessions(process, Sessions::new(process.base.cache.clone()));
    projectors::start(process, views::all(), &deps);
    let names: Vec<_> = views::all().iter().map(|view| view.name()).collect();
    births(process, &names).await;
    let readers = Readers::open(views::all(), &deps, SERVE).await;
    let listener = match answers {
        Answers::Everybody => Some(api::bind(config.http.listen).await?),
        Answers::Itself => None,
    };
    let address = listener.as_ref().map_or(Ok(config.http.listen), tokio::net::TcpListener::local_addr)?;
    let public_url = config.http.public_url(address);
    let app = api::open(&process.base, &readers, &config.http, public_url.clone())?;
    api::follow(process, &app);
    let memory = Memory { facts: Arc::clone(&app.facts), heard: Arc::clone(&app.heard) };
    let consumers = memory.deps(deps.clone());
    planner::start(process, &consumers);
    notifier::start(process, &consumers, &config.mail, public_url.clone())?;
    births(process, &[planning::NAME, ledger::NAME, janitor::NAME, key_keeper::NAME]).await;
    let readers = readers.and(Readers::open(of_consumers(&consumers), &deps, LOOK).await);
    let mut operations = operations::of(process, deps, readers);
    operations.url = listener.is_some().then(|| format!("http://{address}"));
    operations.others.push(Arc::new(api::Tail(memory.heard)));
    let operations = Arc::new(operations);
    let router = admin::routes(Arc::clone(&operations)).merge(admin::people::routes(Arc::clone(&app)));
    if let Some(listener) = listener {
        operators::start(process, operations, router.clone(), config.admin.admin_listen).await?;
        api::listen(process, &app, listener)?;
    }
    Ok(router)
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
