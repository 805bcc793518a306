//! Opens the api of one process: its readers, and what it holds in memory.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Positions, Topic};
use aredvi_journal::ReadError;
use aredvi_projectors::cache::Cache;
use aredvi_projectors::db::{DbError, PoolSizes};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::{Heard, TOPICS};
use aredvi_projectors::facts::load::Loading;
use aredvi_projectors::runner::{Deps, NotReady, ViewReader, positions_within};
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::story_feed::queries::scan;
use aredvi_projectors::view::View;
use aredvi_projectors::{accounts, actors, graph, media, notification_feed, story_feed};

use crate::app::{App, Settings, Views};
use crate::cursor::Cursors;
use crate::feed::FeedIndex;
use crate::passwords::Passwords;

/// How long a starting api waits for the views to serve.
pub const SERVING_LIMIT: Duration = Duration::from_secs(600);
/// Between two looks.
const SERVING_STEP: Duration = Duration::from_millis(10);
/// Stories of one step of loading.
const STEP: u32 = 5_000;

/// Why an api cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A view does not serve.
    #[error("a view does not serve")]
    NotServing(#[from] NotReady),
    /// A view cannot be read.
    #[error("a view cannot be read")]
    Db(#[from] DbError),
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Journal(#[from] ReadError),
}

impl Views {
    /// Readers of all views that the api asks.
    pub async fn open(deps: &Deps, sizes: PoolSizes) -> Self {
        let open = async |view: &dyn View| ViewReader::open(view, &[view.schema_version()], deps, sizes).await;
        Self {
            accounts: open(&accounts::Accounts).await,
            actors: open(&actors::Actors).await,
            graph: open(&graph::Graph).await,
            media: open(&media::Media).await,
            story_feed: open(&story_feed::StoryFeed).await,
            notification_feed: open(&notification_feed::NotificationFeed).await,
        }
    }

    fn all(&self) -> [&ViewReader; 6] {
        [&self.accounts, &self.actors, &self.graph, &self.media, &self.story_feed, &self.notification_feed]
    }
}

impl App {
    /// Opens the api: waits until the views serve, then loads what it holds in memory. Nothing is answered yet, and
    /// nothing followed: see [`serve`](crate::serve).
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: Settings, deps: &Deps, cache: Cache, views: Views) -> Result<Self, OpenError> {
        let clock = deps.mint.clock();
        for view in views.all() {
            let serving = async {
                while view.db().is_err() {
                    clock.sleep(SERVING_STEP).await;
                    view.reread().await;
                }
            };
            if clock.timeout(SERVING_LIMIT, serving).await.is_err() {
                view.db()?;
            }
        }
        let facts = Arc::new(Facts::new());
        let feed = Arc::new(FeedIndex::new(Arc::clone(&facts), settings.stories_per_owner));
        let heard = Arc::new(Heard::new(load(deps, &views, &facts, &feed).await?));
        Ok(Self {
            mint: deps.mint.clone(),
            journal: deps.journal.clone(),
            keys: deps.keys.clone(),
            sessions: Sessions::new(cache.clone()),
            cache,
            views,
            facts,
            heard,
            feed,
            verdicts: Arc::default(),
            near: Arc::default(),
            cards: Arc::default(),
            cursors: Cursors::new(deps.keys.fingerprints().clone(), deps.journal.id()),
            passwords: Passwords::for_this_machine(deps.mint.clone()),
            settings,
        })
    }
}

/// Fills the facts and the feed index, and says from where to follow: the least of what the snapshots hold, and the end
/// of what only the future matters of.
async fn load(deps: &Deps, views: &Views, facts: &Facts, feed: &FeedIndex) -> Result<Positions, OpenError> {
    let ends = deps.journal.ends(&TOPICS).await?;
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
    loading.fill(facts, &from).await?;
    let mut after = None;
    loop {
        let rows = scan(&mut stories, after, STEP).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.owner, last.id));
        for row in &rows {
            if let Some(object) = row.object() {
                feed.load(row.owner, row.verb, row.id, object, row.access, row.made_by);
            }
        }
    }
    stories.rollback().await?;
    feed.loaded(&from);
    Ok(from)
}
