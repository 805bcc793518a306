//! A disk of a few megabytes that a test can fill: a file system in memory. Mounting needs root, or sudo that does not
//! ask; in CI it has to be possible.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::column::in_ci;
use super::keeper::Keeper;

/// The file that takes the room.
const FILLER: &str = "filler";
/// What is written to it at once, in bytes: the size of a page, so that nothing smaller is left.
const BLOCK: usize = 4_096;

/// A disk of its own.
pub struct SmallDisk {
    dir: PathBuf,
    _keeper: Keeper,
}

impl SmallDisk {
    /// Mounts one of so many megabytes; `None`, said aloud, where that is not allowed.
    pub fn of(megabytes: usize) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory").keep();
        let mut keeper = Keeper::start();
        keeper.remove_directory(&dir);
        keeper.unmount(&dir);
        let options = format!("size={megabytes}m,mode=0777");
        if !as_root(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs"], &dir) {
            let why = "a file system cannot be mounted: it needs root, or sudo without a password";
            assert!(!in_ci(), "full disks must be tried in CI: {why}");
            eprintln!("NOT RUN on a full disk: {why}");
            return None;
        }
        Some(Self { dir, _keeper: keeper })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes all room that is left.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.dir.join(FILLER)).expect("a file");
        while file.write_all(&[0; BLOCK]).is_ok() {}
    }

    /// Gives it back.
    pub fn free(&self) {
        std::fs::remove_file(self.dir.join(FILLER)).expect("the filler is removed");
    }
}

/// Takes the disk away from this place; whoever still has a file there keeps it.
pub fn unmount(dir: &Path) {
    as_root(&["umount", "--lazy"], dir);
}

fn as_root(words: &[&str], dir: &Path) -> bool {
    [&[][..], &["sudo", "-n"]].iter().any(|before| {
        let all: Vec<&str> = before.iter().chain(words).copied().collect();
        let mut command = Command::new(all[0]);
        command.args(&all[1..]).arg(dir).stdin(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}
