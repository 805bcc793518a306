//! Loads what an api process holds in memory.

use std::sync::Arc;

use aredvi_events::{Positions, Topic};
use aredvi_journal::Journal;
use aredvi_projectors::db::{DbError, Tx};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::TOPICS;
use aredvi_projectors::facts::load::{LoadError, Loading};
use aredvi_projectors::runner::positions_within;
use aredvi_projectors::story_feed::queries::scan;
use tokio::task::JoinSet;

use crate::app::{App, Views};
use crate::feed::FeedIndex;

/// Stories of one step of loading.
const STEP: u32 = 5_000;

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
    // Each on a core of its own; the one that is left is dropped when the other fails.
    let mut beside = JoinSet::new();
    let index = Arc::clone(feed);
    beside.spawn(async move { load_stories(stories, &index).await });
    loading.fill(facts, &from).await?;
    while let Some(loaded) = beside.join_next().await {
        loaded.map_err(|_| LoadError::Interrupted)??;
    }
    feed.loaded(&from, &in_facts);
    Ok(from)
}

async fn load_stories(mut stories: Tx, feed: &FeedIndex) -> Result<(), DbError> {
    let mut after = None;
    loop {
        let rows = scan(&mut stories, after, STEP).await?;
        let Some(last) = rows.last() else { return stories.rollback().await };
        after = Some((last.owner, last.id));
        for row in &rows {
            if let Some(object) = row.object() {
                feed.load(row.owner, row.verb, row.id, object, row.access, row.made_by);
            }
        }
    }
}
