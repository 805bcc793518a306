//! Puts a community on the log and lets the real projectors make views of it. A loaded one is used again by later runs.

mod appending;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aredvi_api::passwords::Passwords;
use aredvi_events::{ActorId, Clock, Mint};
use aredvi_journal::Journal;
use aredvi_projectors::keys::{Key, KeyStore};
use indicatif::{ProgressBar, ProgressStyle};

use crate::column::Column;
use crate::community::history::{Historian, Keys};
use crate::community::{Community, PASSWORD, Sizes};
use crate::engines::{Dir, Engines};
use appending::Appending;

/// People whose keys are made or fetched at once.
const PEOPLE_AT_ONCE: usize = 5_000;
/// Notes that are sealed at once.
const NOTES_AT_ONCE: u64 = 5_000;
/// How long views may take to apply the whole log.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(6 * 60 * 60);
/// Between two looks at how far they are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The community that is loaded, if there is one.
///
/// # Errors
/// When what the directory holds cannot be read.
pub fn loaded(dir: &Dir) -> anyhow::Result<Option<Sizes>> {
    let file = dir.community();
    if !file.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Some(serde_json::from_str(&text).with_context(|| format!("{} is of something else", file.display()))?))
}

/// Loads a community, in the place of another one; nothing is done when it is loaded already.
///
/// # Errors
/// What could not be loaded.
pub async fn load(clock: &Clock, engines: &Engines, dir: &Dir, sizes: Sizes) -> anyhow::Result<()> {
    if loaded(dir)?.as_ref() == Some(&sizes) {
        eprintln!("this community is loaded already");
        return Ok(());
    }
    forget(engines, dir).await?;
    std::fs::create_dir_all(dir.data())?;
    let mint = Mint::new(clock.clone());
    engines.create_topics(&mint).await?;
    let journal = engines.open_journal(&mint).await?;
    let keys = engines.open_keys(&dir.data(), &mint).await?;
    let community = Arc::new(Community::new(sizes.clone()));
    let hash = Passwords::new(mint.clone(), 1)?.hash(PASSWORD).await?;
    append(clock, &journal, &keys, &community, &mint, &hash).await?;
    keys.db().close().await;
    catch_up(clock, engines, dir).await?;
    std::fs::write(dir.community(), serde_json::to_string_pretty(&sizes)?)?;
    eprintln!("{} people are there", sizes.people);
    Ok(())
}

/// Removes a loaded community.
///
/// # Errors
/// What could not be removed.
pub async fn forget(engines: &Engines, dir: &Dir) -> anyhow::Result<()> {
    // First: what is half removed must not be taken for loaded.
    if dir.community().exists() {
        std::fs::remove_file(dir.community())?;
    }
    engines.wipe().await
}

async fn append(
    clock: &Clock,
    journal: &Journal,
    keys: &KeyStore,
    community: &Arc<Community>,
    mint: &Mint,
    hash: &str,
) -> anyhow::Result<()> {
    let sizes = &community.sizes;
    let people: Vec<usize> = (0..sizes.people).collect();
    let historian = Historian::new(community, journal.id(), mint, keys.fingerprints(), hash);
    let mut log = Appending::new(clock.clone(), journal.clone());

    let shown = Shown::new("people", sizes.people as u64);
    for some in people.chunks(PEOPLE_AT_ONCE) {
        let actors: Vec<ActorId> = some.iter().map(|&person| community.id(person)).collect();
        keys.create_all(&actors).await?;
        let held = held(keys, &actors).await?;
        for &person in some {
            log.add(historian.registration(person, &held)?).await?;
            log.add(historian.session(person)?).await?;
        }
        shown.bar.inc(some.len() as u64);
    }
    shown.finish();

    let edges = people.iter().map(|&person| community.leader_count(person) as u64).sum();
    let shown = Shown::new("follows", edges);
    for person in people {
        for followed in historian.follows(person) {
            log.add(followed?).await?;
        }
        shown.bar.inc(community.leader_count(person) as u64);
    }
    for person in community.subscribers() {
        log.add(historian.subscription(person)?).await?;
    }
    shown.finish();

    let shown = Shown::new("notes", sizes.stories);
    let mut note = 0;
    while note < sizes.stories {
        let some = note..sizes.stories.min(note + NOTES_AT_ONCE);
        let mut authors: Vec<ActorId> = some.clone().map(|note| community.id(historian.author(note))).collect();
        authors.sort_unstable();
        authors.dedup();
        let held = held(keys, &authors).await?;
        for note in some.clone() {
            for record in historian.note(note, &held)? {
                log.add(record).await?;
            }
        }
        shown.bar.inc(some.end - some.start);
        note = some.end;
    }
    shown.finish();

    let shown = Shown::new("notifications", sizes.notifications);
    for n in 0..sizes.notifications {
        log.add(historian.notification(n)?).await?;
        shown.bar.inc(1);
    }
    shown.finish();
    log.finish().await
}

async fn held(keys: &KeyStore, actors: &[ActorId]) -> anyhow::Result<Keys> {
    let fetched = keys.fetch(actors).await?;
    let live = fetched.into_iter().map(|(actor, key)| match key {
        Key::Live(key) => Ok((actor, key)),
        Key::Erased => bail!("actor {actor} is erased: another community stands under this prefix"),
    });
    live.collect()
}

/// Lets every consumer apply the whole log.
async fn catch_up(clock: &Clock, engines: &Engines, dir: &Dir) -> anyhow::Result<()> {
    let mut column = Column::new(clock.clone(), engines.clone(), dir.clone());
    column.start_background().await?;
    let began = tokio::time::Instant::now();
    let mut shown = None;
    loop {
        // A view that does not serve yet is as far behind as can be.
        let lags = column.lags().await?;
        if lags.iter().all(|lag| lag.events < u64::MAX) {
            let behind: u64 = lags.iter().map(|lag| lag.events).sum();
            let bar = &shown.get_or_insert_with(|| Shown::new("views", behind)).bar;
            bar.set_length(bar.length().unwrap_or(0).max(behind));
            bar.set_position(bar.length().unwrap_or(0).saturating_sub(behind));
            if behind == 0 {
                break;
            }
        }
        if began.elapsed() > CATCH_UP_LIMIT {
            bail!("views are behind after {CATCH_UP_LIMIT:?}: {lags:?}");
        }
        clock.sleep(LOOK_EVERY).await;
    }
    if let Some(shown) = shown {
        shown.finish();
    }
    column.end().await
}

/// Shows how far something is: on a terminal as a bar, elsewhere as a line at its end.
struct Shown {
    bar: ProgressBar,
    what: &'static str,
}

impl Shown {
    #[expect(clippy::expect_used, reason = "the template is a constant that every load tries")]
    fn new(what: &'static str, length: u64) -> Self {
        let style = "{msg:>13} {bar:40} {human_pos}/{human_len} {per_sec} {elapsed_precise}";
        let style = ProgressStyle::with_template(style).expect("a template");
        Self { bar: ProgressBar::new(length).with_style(style).with_message(what), what }
    }

    fn finish(self) {
        self.bar.finish();
        if self.bar.is_hidden() {
            eprintln!("{}: {} in {:.0} s", self.what, self.bar.position(), self.bar.elapsed().as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests;
