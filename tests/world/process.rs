//! One process of the real program.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long a process may take to say where it listens. A debug build on a busy machine creates schemas meanwhile.
pub const START_LIMIT: Duration = Duration::from_secs(90);
/// Another program than the one that was built with the tests: a copy, so that a long run goes on when it is built again.
const PROGRAM: &str = "AREDVI_TEST_PROGRAM";
/// How much of a log a failure shows, in lines.
const SHOWN_LINES: usize = 40;

/// What to start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The name of its log.
    pub name: String,
    /// Subcommand and flags.
    pub args: Vec<String>,
    /// Whether it answers clients.
    pub api: bool,
    /// What it finds in its environment; nothing else of ours.
    pub env: Vec<(&'static str, &'static str)>,
}

/// A process that runs.
pub struct Process {
    /// Where it answers clients, if it does.
    pub url: Option<String>,
    /// Where it answers operators.
    pub admin: String,
    child: Child,
    /// Its log.
    pub log: PathBuf,
    lines: Mutex<Receiver<String>>,
}

impl Process {
    /// The program, with nothing of ours in its environment.
    pub fn program() -> Command {
        let built = || env!("CARGO_BIN_EXE_aredvi").into();
        let mut command = Command::new(std::env::var_os(PROGRAM).unwrap_or_else(built));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AREDVI_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Starts it; it says later where it listens. Its log is written to `dir`.
    pub fn start(start: &Start, dir: &Path) -> Self {
        let mut command = Self::program();
        let log = dir.join(format!("{}.log", start.name));
        let written = File::options().create(true).append(true).open(&log).expect("a log");
        let mut child = command
            .args(&start.args)
            .envs(start.env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(written)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", start.name));
        let stdout = child.stdout.take().expect("its output");
        let (said, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        Self { url: None, admin: String::new(), child, log, lines: Mutex::new(lines) }
    }

    /// Waits until it said where it listens.
    pub fn wait_for_listeners(&mut self, api: bool) {
        while self.admin.is_empty() || (api && self.url.is_none()) {
            match self.lines.get_mut().expect("lines").recv_timeout(START_LIMIT) {
                Ok(line) => {
                    if let Some(url) = line.strip_prefix("listening on ") {
                        self.url = Some(url.trim().to_owned());
                    }
                    if let Some(url) = line.strip_prefix("admin on ") {
                        url.trim().clone_into(&mut self.admin);
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("does not listen after {START_LIMIT:?}:\n{}", log_end(&self.log)),
                Err(RecvTimeoutError::Disconnected) => panic!("ended at its start:\n{}", log_end(&self.log)),
            }
        }
    }

    /// Its id, which is also its group's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it and all its group at once, and waits for its end.
    pub fn kill(&mut self) {
        let group = format!("-{}", self.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM, and waits for its end.
    pub fn terminate(&mut self) -> ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().expect("kill");
        assert!(sent.success(), "it had ended");
        self.child.wait().expect("its status")
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its status")
    }
}

/// The end of a log.
pub fn log_end(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill();
        }
    }
}
