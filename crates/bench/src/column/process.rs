//! One process of the real program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aredvi_events::Clock;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long a process may take to say where it listens.
const START_LIMIT: Duration = Duration::from_secs(600);
/// How long it may take to end after it was told to.
const END_LIMIT: Duration = Duration::from_secs(30);
/// Lines of its log that a failure shows.
const SHOWN_LINES: usize = 15;

/// A process that runs; it is killed when this is dropped.
pub struct Process {
    /// What it does.
    pub role: String,
    /// Its id.
    pub pid: u32,
    /// Where it answers clients, `host:port`.
    pub url: Option<String>,
    /// Where it answers operators, `host:port`.
    pub admin: Option<String>,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with nothing of ours in its environment but `env`; its log is written to `logs`.
    ///
    /// # Errors
    /// Why it could not be started.
    pub fn start(role: &str, program: &Path, args: &[String], env: &[(&str, &str)], logs: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(logs)?;
        let log = logs.join(format!("{role}.log"));
        let mut child = command(program)
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}: build it first with `cargo build --release`", program.display()))?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let pid = child.id().context("it ended at once")?;
        Ok(Self { role: role.to_owned(), pid, url: None, admin: None, child, lines, log })
    }

    /// Waits until it said where it listens.
    ///
    /// # Errors
    /// When it does not, or ended.
    pub async fn listens(&mut self, clock: &Clock, clients: bool, operators: bool) -> anyhow::Result<()> {
        while (clients && self.url.is_none()) || (operators && self.admin.is_none()) {
            match clock.timeout(START_LIMIT, self.lines.next_line()).await {
                Ok(Ok(Some(line))) => {
                    if let Some(url) = line.trim().strip_prefix("listening on http://") {
                        self.url = Some(url.to_owned());
                    } else if let Some(url) = line.trim().strip_prefix("admin on http://") {
                        self.admin = Some(url.to_owned());
                    }
                }
                Ok(_) => bail!("{} ended at its start:\n{}", self.role, self.log_end()),
                Err(_) => bail!("{} does not listen after {START_LIMIT:?}:\n{}", self.role, self.log_end()),
            }
        }
        Ok(())
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}:\n{}", self.role, self.log_end()),
        }
    }

    /// Ends it in order, and waits for its end.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn end(mut self, clock: &Clock) -> anyhow::Result<()> {
        let told = Command::new("kill").arg(self.pid.to_string()).stderr(Stdio::null()).status().await;
        if told.is_ok_and(|status| status.success()) && clock.timeout(END_LIMIT, self.child.wait()).await.is_ok() {
            return Ok(());
        }
        self.child.kill().await.with_context(|| format!("{} cannot be ended", self.role))
    }

    fn log_end(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

/// A program that finds nothing of ours in its environment.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AREDVI_") {
            command.env_remove(name);
        }
    }
    command
}
