//! A real process on the embedded engines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to end. It is a bound for a machine that is busy with other tests.
const END_LIMIT: Duration = Duration::from_secs(60);

/// A server on a data directory.
pub struct Server {
    child: Child,
    /// Where it answers clients.
    pub url: String,
    /// Where it answers operators.
    pub admin: String,
}

/// The program with these arguments, on its defaults: no setting of this machine reaches it.
pub fn program(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aredvi"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AREDVI_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.args(args).env("AREDVI_DATA", data).env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(data: &Path, args: &[&str]) -> Output {
    program(data, args).output().expect("it runs")
}

/// Runs it to its end with a line on stdin.
pub fn run_with(data: &Path, args: &[&str], line: &str) -> Output {
    let mut command = program(data, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("stdin").write_all(line.as_bytes()).expect("written");
    child.wait_with_output().expect("it runs")
}

/// What it said on stdout.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it said on stderr.
pub fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

impl Server {
    /// Starts one, and waits until it says where it listens.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// As [`Server::start`], with more arguments.
    pub fn start_with(data: &Path, more: &[&str]) -> Self {
        let args = [&["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], more].concat();
        let mut child = program(data, &args).stdout(Stdio::piped()).spawn().expect("it starts");
        let (mut url, mut admin) = (None, None);
        let stdout = child.stdout.take().expect("stdout");
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(at) = line.strip_prefix("admin on ") {
                admin = Some(at.to_owned());
            }
            if let Some(at) = line.strip_prefix("listening on ") {
                url = Some(at.to_owned());
                break;
            }
        }
        Self { child, url: url.expect("a line with its address"), admin: admin.expect("a line with the admin's address") }
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// How it ended.
    pub fn ended(mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            assert!(began.elapsed() < END_LIMIT, "it does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
