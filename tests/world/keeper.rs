//! Leaves nothing behind, however the tests end.
//!
//! A keeper is this test program started again. It is told what was started and made; when its input ends, because the
//! world was dropped or the tests were killed, it ends the processes and removes the rest.

use std::io::{BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::{engines, own_engines, small_disk};

/// Set in a keeper's own process.
const I_AM_THE_KEEPER: &str = "AREDVI_TEST_KEEPER";

/// A keeper's other end.
pub struct Keeper {
    process: Child,
    orders: Option<ChildStdin>,
}

impl Keeper {
    /// Starts one.
    pub fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "world::keeper::nothing_is_left_behind", "--nocapture"])
            .env(I_AM_THE_KEEPER, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends the tests must not end it.
            .process_group(0)
            .spawn()
            .expect("a keeper");
        let orders = process.stdin.take();
        Self { process, orders }
    }

    /// A process that leads a group of its own shall end, with its group.
    pub fn end_process(&mut self, id: u32) {
        self.order("process", &id.to_string());
    }

    /// It has ended and was waited for: its id may be another's now.
    pub fn forget_process(&mut self, id: u32) {
        self.order("forget", &id.to_string());
    }

    /// A directory shall go.
    pub fn remove_directory(&mut self, path: &Path) {
        self.order("directory", &path.display().to_string());
    }

    /// A file system that was mounted here shall go.
    pub fn unmount(&mut self, path: &Path) {
        self.order("mount", &path.display().to_string());
    }

    /// What carries this prefix on an engine shall go.
    pub fn clean(&mut self, url: &str) {
        self.order("engine", url);
    }

    /// Engines that were started with this directory shall end.
    pub fn kill_engines(&mut self, dir: &Path) {
        self.order("engines", &dir.display().to_string());
    }

    fn order(&mut self, word: &str, what: &str) {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "{word} {what}").expect("the keeper listens");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.process.wait();
    }
}

/// Reads orders until they end, then obeys: processes first, directories last.
fn keep() {
    let (mut processes, mut directories, mut engines, mut own) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut mounts = Vec::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.split_once(' ') {
            Some(("process", id)) => processes.push(id.to_owned()),
            Some(("forget", id)) => processes.retain(|known| known != id),
            Some(("directory", path)) => directories.push(path.to_owned()),
            Some(("mount", path)) => mounts.push(PathBuf::from(path)),
            Some(("engine", url)) => engines.push(url.to_owned()),
            Some(("engines", dir)) => own.push(PathBuf::from(dir)),
            Some(_) | None => {}
        }
    }
    for id in processes {
        kill_group(&id);
    }
    for url in engines {
        engines::clean(&url);
    }
    for dir in own {
        own_engines::kill(&dir);
    }
    for path in mounts {
        small_disk::unmount(&path);
    }
    for path in directories {
        let _ = std::fs::remove_dir_all(path);
    }
}

fn kill_group(id: &str) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{id}")]).stderr(Stdio::null()).status();
}

#[test]
fn nothing_is_left_behind() {
    if std::env::var_os(I_AM_THE_KEEPER).is_some() {
        return keep();
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut started = Command::new("sleep").arg("1000").process_group(0).spawn().expect("a process");
    let mut keeper = Keeper::start();
    keeper.end_process(started.id());
    keeper.remove_directory(directory.path());
    drop(keeper);
    assert!(!started.wait().expect("it ended").success());
    assert!(!directory.path().exists());
}
