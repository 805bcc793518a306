//! Loads what an api process holds in memory.

use std::sync::Arc;

use aredvi_events::{Positions, Topic};
use aredvi_journal::Journal;
use aredvi_projectors::db::Tx;
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::TOPICS;
use aredvi_projectors::facts::load::{LoadError, Loading};
use aredvi_projectors::runner::positions_within;
use aredvi_projectors::story_feed::queries::{Indexed, scan};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::app::{App, Views};
use crate::feed::FeedIndex;

/// Stories of one step of loading.
const STEP: u32 = 5_000;
/// Steps that are read before they are taken in.
const STEPS_AHEAD: usize = 2;

impl App {
    /// Fills what this process holds in memory from the views, and says where its tail begins. Until then nothing private
    /// is visible and the process is not ready.
    ///
    /// # Errors
    /// [`LoadError`], while the views do not serve or an engine is away: try again.
    pub async fn load(&self) -> Result<(), LoadError> {
        let from = load(&self.journal, &self.views, &self.facts, &self.feed).await?;
        self.bells.begin(&from);
        self.streams.begin(&from);
        self.cards.begin(&from);
        self.heard.begin(&from);
        self.read_ahead().await;
        Ok(())
    }
}

/// Fills the facts and the feed index, and says from where to follow: the least of what the snapshots hold, and the end
/// of what only the future matters of.
async fn load(journal: &Journal, views: &Views, facts: &Facts, feed: &Arc<FeedIndex>) -> Result<Positions, LoadError> {
    let ends = journal.ends(&TOPICS).await?;
    let loading = Loading::begin(&views.actors.db()?, &views.graph.db()?).await?;
    let mut stories = views.story_feed.db()?.snapshot().await?;
    let of_stories = positions_within(&mut stories).await?;
    let from: Positions = ends
        .iter()
        .map(|(partition, end)| {
            let next = match partition.topic {
                Topic::Actors => loading.positions().next(partition),
                Topic::Graph => loading.positions().next(partition).min(of_stories.next(partition)),
                Topic::Media => of_stories.next(partition),
                Topic::Identity | Topic::Sessions | Topic::Notifications | Topic::Deliveries => end,
            };
            (partition, next)
        })
        .collect();
    let in_facts = loading.positions().clone();
    // Each on a core of its own, as far as there are cores; those that are left are dropped when one fails.
    let mut beside = JoinSet::new();
    let (read, mut pages) = mpsc::channel(STEPS_AHEAD);
    beside.spawn(read_stories(stories, read));
    let index = Arc::clone(feed);
    beside.spawn(async move {
        while let Some(page) = pages.recv().await {
            index.load_all(&page);
        }
        Ok(())
    });
    loading.fill(facts, &from).await?;
    while let Some(loaded) = beside.join_next().await {
        loaded.map_err(|_| LoadError::Interrupted)??;
    }
    feed.loaded(&from, &in_facts);
    Ok(from)
}

async fn read_stories(mut stories: Tx, read: mpsc::Sender<Vec<Indexed>>) -> Result<(), LoadError> {
    let mut after = None;
    loop {
        let page = scan(&mut stories, after, STEP).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        // Nobody takes them any more when loading was given up.
        read.send(page).await.map_err(|_| LoadError::Interrupted)?;
    }
    Ok(stories.rollback().await?)
}
