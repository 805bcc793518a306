//! The file of the embedded journal: torn, full, locked, of somebody else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aredvi_events::{Place, Topic};
use aredvi_journal::{APPEND_LIMIT, AppendError, Journal, JournalUrl, OpenError, OpenOptions};
use rusqlite::Connection;

use crate::world::{CLOSING, PATIENCE, World, from_start, read, record, value};

fn path(world: &World) -> PathBuf {
    let JournalUrl::Embedded { path } = &world.url else { panic!("an embedded world") };
    path.clone()
}

fn wal(file: &Path) -> PathBuf {
    file.with_extension("db-wal")
}

async fn opened(world: &World, file: &Path) -> Result<Journal, OpenError> {
    let url = JournalUrl::Embedded { path: file.to_owned() };
    Journal::open(&url, OpenOptions::default(), &world.mint).await
}

async fn refused(world: &World, file: &Path) -> String {
    opened(world, file).await.err().expect("refused").to_string()
}

/// Every record of `media` with its place.
async fn all(journal: &Journal) -> BTreeMap<Place, String> {
    let from = from_start(journal, &[Topic::Media]).await;
    let ends = journal.ends(&[Topic::Media]).await.expect("ends");
    let count: u64 = ends.iter().map(|(partition, end)| end - from.next(partition)).sum();
    let mut tail = journal.tail(&from).await.expect("tails");
    read(&mut tail, count as usize).await.iter().map(|stored| (stored.place, value(stored))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_taken_in_the_middle_of_writes_holds_all_that_was_answered() {
    const APPENDERS: usize = 8;
    let world = World::embedded();
    let journal = world.open().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (answered, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let appenders: Vec<_> = (0..APPENDERS)
        .map(|key| {
            let (journal, stop, answered) = (journal.clone(), stop.clone(), answered.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let place = journal.append(vec![record(Topic::Media, key, n)]).await.expect("appends")[0];
                    answered.send((place, n.to_string())).expect("somebody listens");
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            })
        })
        .collect();
    let mut before = BTreeMap::new();
    for _ in 0..300 {
        let (place, value) = answers.recv().await.expect("answers");
        before.insert(place, value);
    }
    // The file first: nothing is written back from the WAL into it before the WAL has 16 MiB.
    let copy = path(&world).with_file_name("copy.db");
    std::fs::copy(path(&world), &copy).expect("copies");
    std::fs::copy(wal(&path(&world)), wal(&copy)).expect("copies");
    stop.store(true, Ordering::Relaxed);
    for appender in appenders {
        appender.await.expect("appended");
    }

    let copied = opened(&world, &copy).await.expect("opens");
    assert_eq!(copied.id(), journal.id());
    let kept = all(&copied).await;
    for (place, value) in &before {
        assert_eq!(kept.get(place), Some(value), "{place}");
    }
    let original = all(&journal).await;
    assert!(kept.iter().all(|(place, value)| original.get(place) == Some(value)));
    let next = copied.append(vec![record(Topic::Media, 0, "next")]).await.expect("appends")[0];
    assert!(!kept.contains_key(&next));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_last_write_is_left_out_and_the_rest_is_there() {
    let world = World::embedded();
    let journal = world.open().await;
    let mut lengths = Vec::new();
    for n in 0..20 {
        journal.append(vec![record(Topic::Media, 1, n)]).await.expect("appends");
        lengths.push(std::fs::metadata(wal(&path(&world))).expect("a WAL").len());
    }
    for (n, torn_by) in [(19, 1), (19, 3_000), (10, 100)] {
        let copy = path(&world).with_file_name(format!("torn-{n}-{torn_by}.db"));
        std::fs::copy(path(&world), &copy).expect("copies");
        std::fs::copy(wal(&path(&world)), wal(&copy)).expect("copies");
        let torn = std::fs::File::options().write(true).open(wal(&copy)).expect("opens");
        torn.set_len(lengths[n] - torn_by).expect("tears");
        let journal = opened(&world, &copy).await.expect("opens");
        let kept: Vec<_> = all(&journal).await.into_values().collect();
        assert_eq!(kept, (0..n).map(|n| n.to_string()).collect::<Vec<_>>());
        let place = journal.append(vec![record(Topic::Media, 1, "next")]).await.expect("appends")[0];
        assert_eq!(place.offset, n as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_dropped_without_closing_keeps_what_it_answered() {
    let world = World::embedded();
    let journal = world.open().await;
    journal.append((0..50).map(|n| record(Topic::Media, 3, n)).collect()).await.expect("appends");
    drop(journal);
    assert_eq!(all(&world.open().await).await.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_openers_agree_on_the_first_name() {
    let world = World::embedded();
    let (one, two, three) = tokio::join!(world.open(), world.open(), world.open());
    assert_eq!([one.id(), two.id()], [three.id(); 2]);
    let identity = one.ends(&[Topic::Identity]).await.expect("ends");
    assert_eq!(identity.iter().map(|(_, end)| end).collect::<Vec<_>>(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_locked_by_another_program_refuses_writes_in_time_and_loses_none() {
    let world = World::embedded();
    let journal = world.open().await;
    journal.append(vec![record(Topic::Media, 1, 0)]).await.expect("appends");
    let other = Connection::open(path(&world)).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let started = std::time::Instant::now();
    let refused = journal.append(vec![record(Topic::Media, 1, "refused")]).await;
    assert!(started.elapsed() <= APPEND_LIMIT);
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    other.execute_batch("ROLLBACK").expect("unlocks");
    let place = journal.append(vec![record(Topic::Media, 1, 1)]).await.expect("appends")[0];
    assert_eq!(place.offset, 1);
    assert_eq!(all(&journal).await.into_values().collect::<Vec<_>>(), ["0", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_something_else_is_refused_and_stays_as_it_is() {
    let world = World::embedded();
    let text = path(&world).with_file_name("notes.txt");
    std::fs::write(&text, "my notes\n".repeat(1_000)).expect("writes");
    assert_eq!(refused(&world, &text).await, format!("{} is not a journal of Aredvi", text.display()));
    assert_eq!(std::fs::read_to_string(&text).expect("reads"), "my notes\n".repeat(1_000));

    let database = path(&world).with_file_name("other.db");
    Connection::open(&database).and_then(|db| db.execute_batch("CREATE TABLE t (x)")).expect("creates");
    let before = std::fs::read(&database).expect("reads");
    assert_eq!(refused(&world, &database).await, format!("{} is not a journal of Aredvi", database.display()));
    assert_eq!(std::fs::read(&database).expect("reads"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_file_is_refused() {
    let world = World::embedded();
    world.open().await.close(CLOSING).await.expect("closes");
    Connection::open(path(&world)).and_then(|db| db.pragma_update(None, "user_version", 2)).expect("writes");
    let line = format!("the journal {} has format 2; this program knows up to 1", path(&world).display());
    assert_eq!(refused(&world, &path(&world)).await, line);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_refused() {
    let world = World::embedded();
    let journal = world.open().await;
    journal.append((0..2_000).map(|n| record(Topic::Media, n, n)).collect()).await.expect("appends");
    journal.close(CLOSING).await.expect("closes");
    let mut bytes = std::fs::read(path(&world)).expect("reads");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0xaa);
    std::fs::write(path(&world), bytes).expect("writes");
    let line = refused(&world, &path(&world)).await;
    assert!(line.starts_with(&format!("the journal {} is damaged (", path(&world).display())), "{line}");
    assert!(line.ends_with("): restore it from a backup") && !line.contains('\n'), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_where_nothing_can_be_written_is_named() {
    let world = World::embedded();
    let nowhere = path(&world).with_file_name("missing").join("journal.db");
    assert_eq!(refused(&world, &nowhere).await, format!("cannot open the journal {}", nowhere.display()));
    assert_eq!(refused(&world, Path::new("")).await, "the journal needs a file: sqlite:PATH");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_tail_is_woken_by_an_append() {
    let world = World::embedded();
    let journal = world.open().await;
    let mut tail = crate::world::tail_from_end(&journal, &[Topic::Media]).await;
    let waiting = tokio::spawn(async move { read(&mut tail, 1).await });
    journal.append(vec![record(Topic::Media, 1, "woken")]).await.expect("appends");
    let woken = world.mint.clock().timeout(PATIENCE / 2, waiting).await.expect("in time").expect("reads");
    assert_eq!(value(&woken[0]), "woken");
}
