//! Measures what Aredvi has to reach, so that anybody can repeat it: a generated community, load that hides no wait, and a
//! report for each target. It uses the release binary as operators do, and changes nothing outside its own prefix.

mod cli;
mod column;
mod community;
mod engines;
mod load;
mod loading;
mod raw;
mod report;
mod reports;
mod site;

use anyhow::Context as _;
use aredvi_events::Clock;
use clap::Parser as _;
use cli::{Cli, Command, Place};
use engines::Engines;

fn main() -> anyhow::Result<()> {
    let Cli { command, place } = Cli::parse();
    // Load is made by one thread, so that it cannot take more than one core; loading a community may have all.
    let mut runtime = match command {
        Command::Measure(_) => tokio::runtime::Builder::new_current_thread(),
        Command::Load(_) | Command::Drop | Command::Bare { .. } => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build().context("cannot start threads")?.block_on(run(command, place))
}

async fn run(command: Command, place: Place) -> anyhow::Result<()> {
    let clock = Clock::default();
    let engines = || Engines::named(&place.prefix);
    match command {
        Command::Load(load) => loading::load(&clock, &engines()?, &place.dir(), load.sizes()).await,
        Command::Drop => loading::forget(&engines()?, &place.dir()).await,
        Command::Bare { bytes } => raw::bare::serve(bytes).await,
        Command::Measure(measure) => reports::run(&clock, &place, measure.reports()).await,
    }
}
