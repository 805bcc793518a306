//! What every request shares: engines, read models, and what this process holds in memory.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Mint, Positions};
use aredvi_journal::Journal;
use aredvi_projectors::cache::Cache;
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::Heard;
use aredvi_projectors::keys::KeyStore;
use aredvi_projectors::runner::ViewReader;
use aredvi_projectors::sessions::Sessions;
use aredvi_projectors::trouble::Trouble;

use crate::admission::Near;
use crate::answer::Freshness;
use crate::bells::Bells;
use crate::caller::Caller;
use crate::cards::Cards;
use crate::cursor::Cursors;
use crate::extract::TrustedProxies;
use crate::feed::FeedIndex;
use crate::middleware::rate_limit::Limits;
use crate::passwords::Passwords;
use crate::problem::Problem;
use crate::streams::Streams;
use crate::verdicts::Verdicts;

/// How long the tail waits for an event before it looks up: younger facts are up to date.
const IDLE_MS: i64 = 600;

/// How an api process is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients reach it, without a slash at the end.
    pub public_url: String,
    /// Whose word about a client's address is believed.
    pub trusted_proxies: TrustedProxies,
    /// How often who may ask for what.
    pub limits: Limits,
    /// Origins of browsers that may send credentials.
    pub cors_origins: Vec<String>,
    /// How long a session lasts, whatever happens.
    pub session_lifetime: Duration,
    /// The newest stories of each owner that memory holds.
    pub stories_per_owner: usize,
}

impl Settings {
    /// The origins that writes by cookie may come from: the public URL's.
    pub fn own_origins(&self) -> Vec<String> {
        let authority = self.public_url.split_once("://").map(|(scheme, rest)| (scheme, rest.split('/').next().unwrap_or(rest)));
        authority.map(|(scheme, authority)| format!("{scheme}://{authority}")).into_iter().collect()
    }
}

/// The read models, each in its own schema.
pub struct Views {
    /// Verdicts, fingerprints, credentials.
    pub accounts: ViewReader,
    /// Profiles.
    pub actors: ViewReader,
    /// Who follows, asks, blocks.
    pub graph: ViewReader,
    /// Nodes, comments, votes, tags.
    pub media: ViewReader,
    /// Each owner's stories.
    pub story_feed: ViewReader,
    /// Each person's notifications.
    pub notification_feed: ViewReader,
}

/// One api process.
pub struct App {
    /// How it is set up.
    pub settings: Settings,
    /// The clock, ids and randomness.
    pub mint: Mint,
    /// The record.
    pub journal: Journal,
    /// Data keys and fingerprints.
    pub keys: KeyStore,
    /// Reservations, rates, cards.
    pub cache: Cache,
    /// Who is signed in.
    pub sessions: Sessions,
    /// The read models.
    pub views: Views,
    /// What visibility asks.
    pub facts: Arc<Facts>,
    /// How far the tail has come.
    pub heard: Arc<Heard>,
    /// Every owner's newest stories.
    pub feed: Arc<FeedIndex>,
    /// The newest notifications of recently active people.
    pub bells: Arc<Bells>,
    /// Who listens to the live stream.
    pub streams: Arc<Streams>,
    /// Answers of the decider.
    pub verdicts: Arc<Verdicts>,
    /// What this process remembers of sessions.
    pub near: Arc<Near>,
    /// Cards of actors and nodes.
    pub cards: Arc<Cards>,
    /// Makes and reads cursors.
    pub cursors: Cursors,
    /// Hashes passwords, a few at once.
    pub passwords: Passwords,
}

impl App {
    /// Waits until these views, and this process's own tail, hold what the caller waits for.
    ///
    /// # Errors
    /// 503 when a view cannot be read at all.
    pub async fn fresh(&self, caller: &Caller, views: &[&ViewReader]) -> Result<Freshness, Problem> {
        let started = self.mint.now_ms();
        let mut stale = false;
        for view in views {
            stale |= !self.covered(view, &caller.wanted, caller.wait, started).await;
        }
        let left = self.left(caller.wait, started);
        stale |= !self.heard.wait_for(&caller.wanted, &aredvi_projectors::facts::follow::TOPICS, self.mint.clock(), left).await;
        let now_ms = self.mint.now_ms();
        stale |= !self.facts.trusted(now_ms);
        // A tail that waits for the next event is not behind.
        let mut lag_ms = self.facts.behind_ms(now_ms).saturating_sub(IDLE_MS).max(0);
        for view in views {
            lag_ms = lag_ms.max(view.lag().ms);
        }
        Ok(Freshness { stale, lag_ms })
    }

    async fn covered(&self, view: &ViewReader, wanted: &Positions, wait: Duration, started: i64) -> bool {
        wanted.is_empty() || view.wait_for(wanted, self.left(wait, started)).await
    }

    fn left(&self, wait: Duration, started: i64) -> Duration {
        let spent = u64::try_from(self.mint.now_ms().saturating_sub(started)).unwrap_or(0);
        wait.saturating_sub(Duration::from_millis(spent))
    }

    /// Keeps what a session has written, so that its next request waits for it on any process. A failure is not the
    /// writer's: he holds the token.
    pub async fn remember_positions(&self, caller: &Caller, appended: &Positions) {
        let Some(session) = &caller.session else { return };
        if let Err(error) = self.sessions.positions_raise(session, appended).await {
            static UNKEPT: Trouble = Trouble::new();
            if let Some(told) = UNKEPT.happened(&error) {
                tracing::warn!(error = told.reason, left_out = told.left_out, "a session's last positions could not be kept");
            }
        }
    }
}
