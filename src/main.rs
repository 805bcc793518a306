//! The binary: one process, a role per subcommand, all roles without one.
//!
//! It reads the configuration, opens the engines, starts roles and ends them in order. What the roles do stands in the
//! crates.

mod archives;
mod base;
mod cli;
mod commands;
mod config;
mod data_dir;
mod failure;
mod logging;
mod metrics;
mod operations;
mod operator;
mod priority;
mod process;
mod progress;
mod reach;
mod roles;
mod say;
mod signals;
mod table;
mod traces;
mod views;

use std::process::ExitCode;

use anyhow::Context as _;
use cli::{Admin, Cli, Command};
use reach::Reached;
use roles::api::Purpose;
use traces::Traces;

/// Most of what a request allocates is freed by another thread, which glibc's allocator makes wait: measured, home pages
/// are answered half as fast again with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::told(&error),
    }
}

fn run() -> anyhow::Result<()> {
    let Some(cli) = Cli::read(std::env::args_os())? else { return Ok(()) };
    // Before there are other threads, which take it from the one that starts them.
    if let Some(nice) = cli.nice() {
        priority::give_way(nice).context("the priority cannot be changed")?;
    }
    let traces = Traces::open(cli.traces())?;
    logging::start(cli.logging(), &traces)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let outcome = runtime.block_on(run_command(cli));
    traces.close();
    outcome
}

async fn run_command(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        None => commands::serve::run(cli.serve).await,
        Some(Command::Serve(serve)) => commands::serve::run(serve).await,
        Some(Command::Api(api)) => commands::api::run(api).await,
        Some(Command::Projector(projector)) => commands::projector::run(projector).await,
        Some(Command::Planner(planner)) => commands::planner::run(planner).await,
        Some(Command::Notifier(notifier)) => commands::notifier::run(notifier).await,
        Some(Command::Topics(topics)) => commands::topics::run(topics).await,
        Some(Command::Backup(backup)) => commands::backup::run(backup).await,
        Some(Command::Restore(restore)) => commands::restore::run(restore).await,
        Some(Command::Journal(file)) => commands::journal::run(file).await,
        Some(Command::Schema(schema)) => commands::schema::run(&schema),
        Some(Command::Views(server)) => {
            Reached::open(&server, None).await?.run(async |operator| commands::views::run(operator).await).await
        }
        Some(Command::Parked(parked)) => {
            let reached = Reached::open(parked.server(), parked.view()).await?;
            reached.run(async |operator| commands::parked::run(operator, &parked).await).await
        }
        Some(Command::Webhooks(webhooks)) => {
            let reached = Reached::open_webhooks(webhooks.at()).await?;
            reached.run(async |operator| commands::webhooks::run(operator, &webhooks).await).await
        }
        Some(Command::Rebuild(rebuild)) => {
            let (reached, clock) = (Reached::open(&rebuild.server, Some(&rebuild.view)).await?, config::clock()?);
            reached.run(async |operator| commands::rebuild::run(operator, &rebuild, &clock).await).await
        }
        Some(Command::Admin(Admin::Create(create))) => {
            let password = commands::admin::password()?;
            let reached = Reached::open_api(&create.server, Purpose::Operator).await?;
            reached.run(async |operator| commands::admin::create(operator, &create, &password).await).await
        }
        Some(Command::Admin(Admin::Token(token))) => {
            let reached = Reached::open(token.server(), None).await?;
            reached.run(async |operator| commands::token::run(operator, &token).await).await
        }
        Some(Command::Demo(server)) => {
            let reached = Reached::open_api(&server, Purpose::Client).await?;
            reached.run(async |operator| commands::demo::run(operator).await).await
        }
    }
}
