//! A community is carried away: by backups, made while it is used, and by a file, to other engines.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime, until};

/// How long what was carried may take to be served.
const LIMIT: Duration = Duration::from_secs(60);
const MASTER_KEY: &str = "master.key";

/// People, one of whom will be erased, and a note that all of them spoke of.
struct Lived {
    ana: Person,
    ben: Person,
    erased: Person,
    note: String,
}

/// What a community showed before it was carried away.
struct Before {
    ana: Person,
    ben: Person,
    erased: Person,
    note: String,
    shown: Shown,
}

/// What two people see.
#[derive(Debug, PartialEq)]
struct Shown {
    feed: Vec<Value>,
    bell: Vec<Value>,
    comments: Vec<Value>,
    followers: Vec<Value>,
}

#[test]
fn embedded_a_backup_made_while_it_is_used_is_restored_without_whom_it_forgot() {
    on_runtime(async {
        let site = Mutex::new(Site::start(&Setting::one(Column::Embedded)));
        let world = World::beside(&site).await;
        let (temp, data) = (tempfile::tempdir().expect("a directory"), site.lock().expect("the site").data.clone());
        let backup = temp.path().join("backup");
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        let first = copied(&run(&data, &["backup", text(&backup)]));
        assert!(first.new > 0 && first.new == first.all, "{first:?}");
        let lived = live(&world, ana, ben).await;
        let second = copied(&run(&data, &["backup", text(&backup)]));
        assert!(second.new > 0 && second.all == first.all + second.new, "{second:?}");
        until("nothing happens any more", LIMIT, async || {
            (copied(&run(&data, &["backup", text(&backup)])).new == 0).then_some(())
        })
        .await;
        let before = erase(&world, lived).await;
        assert!(said(&run(&data, &["backup", text(&backup), "--erasures"])).starts_with("1 erasures are noted"));
        assert!(said(&run(&data, &["backup", text(&backup), "--verify"])).contains("is as it was written"));

        let refused = program(&["restore", text(&backup), "--data", text(&data)]);
        assert!(complained(&refused).contains("is in use by another process"), "{refused:?}");
        restored(&Setting::one(Column::Embedded), &data, &backup, &before).await;
        torn(&data, &backup);
    });
}

#[test]
fn production_a_community_moves_from_one_machine_by_a_file() {
    if !Column::Production.can_run() {
        return;
    }
    on_runtime(async {
        let site = Mutex::new(Site::start(&Setting::one(Column::Embedded)));
        let world = World::beside(&site).await;
        let (temp, data) = (tempfile::tempdir().expect("a directory"), site.lock().expect("the site").data.clone());
        let file = temp.path().join("log.ndjson.zst");
        let lived = live(&world, world.sign_up("Ana").await, world.sign_up("Ben").await).await;
        let before = erase(&world, lived).await;
        run(&data, &["journal", "export", text(&file)]);
        let moved = Site::start_on(&Setting::one(Column::Production), |to, flags| {
            without_its_master_key(&["journal", "import", text(&file)], flags);
            copy_master_key(&data, to);
            let import = |flags: &[String]| program(&[&["journal", "import", text(&file)], &*borrowed(flags)].concat());
            let imported = import(flags);
            assert!(imported.status.success() && said(&imported).starts_with("imported: "), "{imported:?}");
            assert_eq!(said(&import(flags)), said(&imported), "a second time changes nothing");
        });
        is_as_before(&Mutex::new(moved), &before).await;
    });
}

/// Restores a backup into an empty site and looks at it.
async fn restored(setting: &Setting, data: &Path, backup: &Path, before: &Before) {
    let site = Site::start_on(setting, |to, flags| {
        without_its_master_key(&["restore", text(backup)], flags);
        copy_master_key(data, to);
        let restored = program(&[&["restore", text(backup)], &*borrowed(flags)].concat());
        assert!(restored.status.success(), "{restored:?}");
        assert!(said(&restored).ends_with("1 erasures applied again\n"), "{restored:?}");
    });
    is_as_before(&Mutex::new(site), before).await;
}

/// The same people see the same with the same tokens; nobody was told again; who was erased is.
async fn is_as_before(site: &Mutex<Site>, before: &Before) {
    let world = World::beside(site).await;
    world.settle().await;
    let (ana, ben, erased) = (world.here(&before.ana), world.here(&before.ben), world.here(&before.erased));
    until("the erased is gone", LIMIT, async || {
        let answer = erased.get("/v1/me").sent().await.ok()?;
        (answer.status == 401).then_some(())
    })
    .await;
    assert_eq!(shown(&ana, &ben, &before.note).await, before.shown);
    world.guest().get(format!("/v1/people/@{}", erased.username)).await.refused(404, "not-found");
    let letters = std::fs::read_dir(world.outbox()).map_or(0, Iterator::count);
    assert_eq!(letters, 0, "nobody is told again");
    let newest = before.shown.feed[0]["id"].as_str().expect("an id").parse::<u64>().expect("a number");
    assert!(ana.note("later").await.parse::<u64>().expect("a number") > newest);
    let sign_in = json!({"login": ben.username, "password": ben.password});
    world.guest().post("/v1/sessions", sign_in).await.expect(201);
}

/// What makes a feed, a bell, comments, and somebody who will be erased.
async fn live(world: &World, ana: Person, ben: Person) -> Lived {
    let erased = world.sign_up("Cem").await;
    for follower in [&ben, &erased] {
        follower.follow(&ana).await;
    }
    let note = ana.note(&format!("Down to the #river, @{}!", ben.username)).await;
    world.settle().await;
    ben.comment(&note, "with pleasure").await;
    erased.comment(&note, "me too").await;
    ana.note("back again").await;
    world.settle().await;
    Lived { ana, ben, erased, note }
}

/// One of them is erased; what the others see from then on.
async fn erase(world: &World, lived: Lived) -> Before {
    let Lived { ana, ben, erased, note } = lived;
    erased.post("/v1/me/erasure", json!({"password": erased.password})).await.expect(202);
    world.settle().await;
    let shown = shown(&ana, &ben, &note).await;
    assert_eq!((shown.comments.len(), shown.followers.len()), (1, 1), "{shown:?}");
    Before { ana, ben, erased, note, shown }
}

async fn shown(ana: &Person, ben: &Person, note: &str) -> Shown {
    let mut feed = ben.all("/v1/feed", 100).await;
    feed.iter_mut().for_each(without_counts);
    let mut bell = ben.all("/v1/notifications", 100).await;
    bell.iter_mut().for_each(without_counts);
    let comments = ben.all(&format!("/v1/nodes/{note}/comments"), 100).await;
    Shown { feed, bell, comments, followers: ana.all("/v1/actors/me/followers", 100).await }
}

/// What an erasure takes from a count is taken with it.
fn without_counts(item: &mut Value) {
    if let Some(object) = item["object"].as_object_mut() {
        object.remove("comment_count");
    }
}

/// A file that was changed is noticed before anything is written.
fn torn(data: &Path, backup: &Path) {
    let log = backup.join("log-000001.ndjson.zst");
    let mut bytes = std::fs::read(&log).expect("the log");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&log, bytes).expect("changed");
    let temp = tempfile::tempdir().expect("a directory");
    let to = temp.path().join("data");
    std::fs::create_dir(&to).expect("made");
    copy_master_key(data, &to);
    let refused = program(&["restore", text(backup), "--data", text(&to)]);
    assert!(!refused.status.success() && complained(&refused).contains("its checksum differs"), "{refused:?}");
}

fn without_its_master_key(args: &[&str], flags: &[String]) {
    let refused = program(&[args, &*borrowed(flags)].concat());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(complained(&refused).contains("the master key is missing"), "{refused:?}");
}

fn copy_master_key(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    std::fs::copy(from.join(MASTER_KEY), to.join(MASTER_KEY)).expect("copied");
}

/// What a backup said.
#[derive(Debug)]
struct Copied {
    new: u64,
    all: u64,
}

fn copied(output: &Output) -> Copied {
    let said = said(output);
    let numbers: Vec<u64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    Copied { new: numbers[0], all: numbers[1] }
}

/// Runs the program beside a server that owns `data`; it must succeed.
fn run(data: &Path, args: &[&str]) -> Output {
    let output = program(&[args, &["--data", text(data)]].concat());
    assert!(output.status.success(), "{args:?}: {output:?}");
    output
}

fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aredvi"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AREDVI_") {
            command.env_remove(name);
        }
    }
    command.args(args).output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
