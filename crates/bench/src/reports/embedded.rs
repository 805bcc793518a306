//! The embedded column: one process, no engines. How fast it starts, and what it holds.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aredvi_events::Clock;
use tokio::time::Instant;

use crate::cli::Embedded;
use crate::column::{ask, cost, process::Process, process::command, program};
use crate::engines::Dir;
use crate::report::Section;

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks whether it is ready: what the figure is exact to.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long it is left alone before its memory is read.
const IDLE_FOR: Duration = Duration::from_secs(3);

/// Measures; it needs no engines and no community.
///
/// # Errors
/// When the process does not start.
pub async fn run(clock: &Clock, dir: &Dir, settings: &Embedded) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "embedded",
        &[
            "`aredvi serve` on a new directory, and again on the same one: from the start of the process until `/readyz` says yes, \
             asked every millisecond. Memory is resident memory (VmRSS), three seconds after nothing was asked any more; the demo \
             community is what `aredvi demo` makes.",
        ],
    );
    for run in 0..settings.runs {
        let data = dir.0.join(format!("embedded-{run}"));
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let (new, took) = start(clock, dir, &data).await?;
        section.add("first start of all", "ms", took);
        new.end(clock).await?;
        let (process, took) = start(clock, dir, &data).await?;
        section.aim("start", "ms", "< 300 ms", took);
        clock.sleep(IDLE_FOR).await;
        section.aim("memory, idle", "MiB", "< 60 MB", cost::rss_mib(process.pid).context("it has ended")?);
        let made = command(&program()?).arg("demo").arg("--data").arg(&data).output().await?;
        ensure!(made.status.success(), "aredvi demo: {}", String::from_utf8_lossy(&made.stderr));
        clock.sleep(IDLE_FOR).await;
        section.aim("memory, after the demo community", "MiB", "< 100 MB", cost::rss_mib(process.pid).context("it has ended")?);
        process.end(clock).await?;
        std::fs::remove_dir_all(&data)?;
    }
    Ok(section)
}

/// Starts it; how long it took until it was ready, in milliseconds.
async fn start(clock: &Clock, dir: &Dir, data: &Path) -> anyhow::Result<(Process, f64)> {
    // A port that is free now: it has to be known before the process says anything.
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let args = ["serve", "--listen", &address.to_string(), "--data", &data.display().to_string()].map(str::to_owned);
    let began = Instant::now();
    let mut process = Process::start("serve", &program()?, &args, &[], &dir.logs())?;
    let ready = async {
        while !ask(address, "/readyz").await.is_ok_and(|(status, _)| status == 200) {
            clock.sleep(LOOK_EVERY).await;
        }
        began.elapsed().as_secs_f64() * 1_000.0
    };
    match clock.timeout(START_LIMIT, ready).await {
        Ok(took) => Ok((process, took)),
        Err(late) => {
            process.check()?;
            Err(late).context("it is not ready")
        }
    }
}
