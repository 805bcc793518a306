//! `examples/python-consumer` reads the log of a real community with another language's client.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use aredvi_events::{Clock, Mint, Stored};
use aredvi_journal::{Journal, OpenOptions};
use serde_json::json;

use crate::world::column::Column;
use crate::world::log::Log;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime};

/// What the search of an archive answers when there is nothing.
const NOTHING: &str = "at,author,note\r\n";

#[test]
fn production_an_archive_in_python_keeps_what_guests_may_see_and_forgets_the_erased() {
    if !Column::Production.can_run() {
        return;
    }
    let python = python();
    on_runtime(async {
        let site = Mutex::new(Site::start(&Setting::one(Column::Production)));
        let world = World::beside(&site).await;
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        let archive = Archive::of(&site, &python);
        let note = ana.note("Down to the unmistakable river").await;
        ben.post("/v1/notes", json!({"body": "a river for members", "access": "registered"})).await.expect(201);
        let later = ben.note("the lake, \"later\"").await;
        world.settle().await;

        assert_ne!(archive.follow(), 0);
        assert_eq!(archive.follow(), 0, "it goes on where it was");
        assert_eq!(archive.found("RIVER"), [format!("{},Down to the unmistakable river", ana.username)]);
        assert_eq!(archive.found("lake"), [format!("{},\"the lake, \"\"later\"\"\"", ben.username)]);
        assert_eq!(archive.counted(), 2, "two notes that guests may see");

        // What happened meanwhile is taken in; what is on the log once more is not.
        let added = Log::of(&site).find("note.added", "medium", &later).clone();
        ana.patch(format!("/v1/nodes/{note}"), json!({"body": "Down to the unmistakable delta"})).await.expect(200);
        ben.delete(format!("/v1/nodes/{later}")).await.expect(204);
        world.settle().await;
        append_again(&site, added.into_stored().expect("a record")).await;
        assert_ne!(archive.follow(), 0);
        assert_eq!(archive.found("unmistakable"), [format!("{},Down to the unmistakable delta", ana.username)]);
        assert_eq!(archive.run(&["search", "lake"]), NOTHING);

        assert!(archive.holds("unmistakable") && archive.holds(&ana.username));
        ana.post("/v1/me/erasure", json!({"password": ana.password})).await.expect(202);
        world.settle().await;
        assert_ne!(archive.follow(), 0);
        assert_eq!(archive.run(&["search", "unmistakable"]), NOTHING);
        assert!(!archive.holds("unmistakable") && !archive.holds(&ana.username), "the file keeps what was forgotten");

        // An archive that is made anew from the log says the same, though the log holds what was sealed.
        let anew = Archive::of(&site, &python);
        assert_ne!(anew.follow(), 0);
        assert_eq!(anew.run(&["search", "river"]), NOTHING);
        assert_eq!(anew.run(&["days"]), archive.run(&["days"]));
        assert!(!anew.holds("unmistakable") && !anew.holds(&ana.username));
    });
}

/// The interpreter with what the example requires.
fn python() -> PathBuf {
    let made = Command::new(root().join("scripts/python-consumer")).output().expect("scripts/python-consumer");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    PathBuf::from(String::from_utf8(made.stdout).expect("a path").trim())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

async fn append_again(site: &Mutex<Site>, stored: Stored) {
    let url = site.lock().expect("the site").journal().expect("Kafka").parse().expect("a journal");
    let mint = Mint::new(Clock::default());
    let journal = Journal::open(&url, OpenOptions { single_broker: true }, &mint).await.expect("the log");
    journal.append(vec![stored.record]).await.expect("appended");
}

/// An archive of a site.
struct Archive {
    python: PathBuf,
    log: String,
    admin: String,
    token: String,
    dir: tempfile::TempDir,
}

impl Archive {
    fn of(site: &Mutex<Site>, python: &Path) -> Self {
        let site = site.lock().expect("the site");
        let dir = tempfile::tempdir().expect("a directory");
        let name = dir.path().file_name().expect("a name").to_string_lossy().into_owned();
        let issued = site.run(&["admin", "token", "create", &name, "--scope", "seals:open", "--expires", "1"]);
        assert!(issued.status.success(), "{issued:?}");
        let token = String::from_utf8(issued.stdout).expect("a text").trim().to_owned();
        Self { python: python.to_owned(), log: site.journal().expect("Kafka"), admin: site.admins().remove(0), token, dir }
    }

    /// Reads the log to its end; how many events there were.
    fn follow(&self) -> usize {
        let said = self.run(&["follow", "--until-end"]);
        said.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"))
    }

    /// Author and text of the notes with these words.
    fn found(&self, words: &str) -> Vec<String> {
        let said = self.run(&["search", words]);
        let lines = said.lines().skip(1);
        lines.map(|line| line.split_once(',').expect("a time").1.to_owned()).collect()
    }

    /// How many notes there are on all days together.
    fn counted(&self) -> u32 {
        let said = self.run(&["days"]);
        let notes = |line: &str| line.split(',').nth(1).and_then(|notes| notes.parse::<u32>().ok()).expect("a number");
        said.lines().skip(1).map(notes).sum()
    }

    fn holds(&self, text: &str) -> bool {
        let bytes = std::fs::read(self.store()).expect("the archive");
        bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    }

    fn run(&self, words: &[&str]) -> String {
        let output: Output = Command::new(&self.python)
            .arg(root().join("examples/python-consumer/archive.py"))
            .arg("--store")
            .arg(self.store())
            .args(words)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AREDVI_JOURNAL", &self.log)
            .env("AREDVI_ADMIN_URL", &self.admin)
            .env("AREDVI_SERVICE_TOKEN", &self.token)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a text")
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("notes.db")
    }
}
