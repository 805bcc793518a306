//! The binary: one process, a role per subcommand, all roles without one.
//!
//! It reads the configuration, opens the engines, starts roles and ends them in order. What the roles do stands in the
//! crates.

mod base;
mod cli;
mod commands;
mod config;
mod data_dir;
mod failure;
mod logging;
mod metrics;
mod operator;
mod process;
mod roles;
mod say;
mod signals;

use std::process::ExitCode;

use anyhow::Context as _;
use cli::{Cli, Command};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::told(&error),
    }
}

fn run() -> anyhow::Result<()> {
    let Some(cli) = Cli::read(std::env::args_os())? else { return Ok(()) };
    logging::start(cli.logging())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        match cli.command {
            None => commands::serve::run(cli.serve).await,
            Some(Command::Serve(serve)) => commands::serve::run(serve).await,
            Some(Command::Topics(topics)) => commands::topics::run(topics).await,
            Some(_) => anyhow::bail!("not there yet"),
        }
    })
}
