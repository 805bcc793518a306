//! A write is answered after it is on the disk. The page cache survives `kill -9`, so only the kernel's own word counts:
//! a trace of system calls.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Mutex;

use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime};

/// Switches the fsync of the journal off, for this test alone.
const UNSAFE: (&str, &str) = ("AREDVI_TEST_JOURNAL_SYNCHRONOUS", "OFF");

#[test]
fn embedded_a_note_is_on_the_disk_before_it_is_answered() {
    let Some(calls) = calls_of_a_note(&Setting::one(Column::Embedded)) else { return };
    assert!(synced_before_the_answer(&calls), "no fsync of the journal before the answer:\n{calls}");
}

#[test]
fn embedded_a_missing_fsync_is_noticed() {
    let setting = Setting { env: vec![UNSAFE], ..Setting::one(Column::Embedded) };
    let Some(calls) = calls_of_a_note(&setting) else { return };
    assert!(!synced_before_the_answer(&calls), "an fsync although it is switched off:\n{calls}");
}

/// The system calls from before a note is sent until after it is answered; `None` where they cannot be traced.
fn calls_of_a_note(setting: &Setting) -> Option<String> {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "strace is not installed");
        eprintln!("not run: strace is not installed");
        return None;
    }
    on_runtime(async {
        let site = Mutex::new(Site::start(setting));
        let world = World::beside(&site).await;
        let ana = world.sign_up("Ana").await;
        world.settle().await;
        let directory = tempfile::tempdir().expect("a directory");
        let trace = directory.path().join("calls");
        let process = site.lock().expect("the site").ids()[0];
        let tracer = Tracer::attach(process, &trace);
        ana.note("on the disk").await;
        tracer.detach();
        Some(std::fs::read_to_string(&trace).expect("a trace"))
    })
}

fn synced_before_the_answer(calls: &str) -> bool {
    let answered = calls.lines().position(|line| line.contains("HTTP/1.1 201")).expect("the answer in the trace");
    calls.lines().take(answered).any(|line| line.contains("sync(") && line.contains("journal.db"))
}

/// `strace` beside a process.
struct Tracer {
    strace: Child,
    told: BufReader<ChildStderr>,
}

impl Tracer {
    /// Traces a process and all its threads, from when this returns.
    fn attach(process: u32, trace: &Path) -> Self {
        let mut strace = Command::new("strace")
            .args(["-f", "-y", "-s", "24", "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg", "-o"])
            .arg(trace)
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace");
        let mut told = BufReader::new(strace.stderr.take().expect("its messages"));
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            let read = told.read_line(&mut line).expect("a message of strace");
            assert!(read > 0, "strace may not trace here; it needs the right to ptrace");
        }
        Self { strace, told }
    }

    /// Ends the trace; all of it is written then.
    fn detach(mut self) {
        let sent = Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        // What it says at its end is read, so that it can end.
        for _ in (&mut self.told).lines().map_while(Result::ok) {}
        self.strace.wait().expect("its end");
    }
}
