//! Reads what the first pages will show before anybody asks: each of them alone would ask the views for all of it.

use std::time::Duration;

use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, CommentId, MediumId, StoryId};
use aredvi_projectors::media::queries::CommentRow;
use futures_util::future::BoxFuture;

use crate::app::App;
use crate::problem::Problem;

/// The newest stories are read ahead, so many: a home page shows the newest of a few hundred people, which lie among them.
const STORIES_AHEAD: usize = 20_000;
/// Stories of one question.
const STORIES_AT_ONCE: usize = 500;
/// What is not read by then is read when it is asked for.
const AHEAD_LIMIT: Duration = Duration::from_secs(5);

impl App {
    /// Reads the cards of the newest stories, and the keys of who wrote them, where a server is asked for them. What cannot
    /// be read is left to whoever asks for it.
    pub fn read_ahead(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if !self.cards.shelf.is_shared() {
                return;
            }
            let clock = self.mint.clock();
            let began = clock.since();
            for some in self.feed.newest(STORIES_AHEAD).chunks(STORIES_AT_ONCE) {
                if clock.since().saturating_sub(began) > AHEAD_LIMIT {
                    return;
                }
                if let Err(problem) = self.read_stories_ahead(some).await {
                    tracing::debug!(?problem, "cards are read when they are asked for");
                    return;
                }
            }
        })
    }

    async fn read_stories_ahead(&self, ids: &[StoryId]) -> Result<(), Problem> {
        let rows = self.story_rows(ids.iter().copied()).await?;
        let media: Vec<MediumId> = rows.values().filter_map(|row| row.medium).collect();
        self.nodes(media).await?;
        let comments: Vec<(CommentId, Option<MediumId>)> =
            rows.values().filter_map(|row| Some((row.comment?, row.medium))).collect();
        let comments = self.comment_rows(comments).await?;
        let liked: Vec<&CommentRow> = comments.values().map(AsRef::as_ref).collect();
        self.comment_voters(&liked).await?;
        let people: Vec<ActorId> =
            rows.values().flat_map(|row| [Some(row.owner), Some(row.subject), row.actor]).flatten().collect();
        self.actor_cards(people).await?;
        let authors: Vec<ActorId> = rows.values().filter(|row| row.verb == Verb::NoteAdd).map(|row| row.subject).collect();
        if let Err(error) = self.keys.fetch(&authors).await {
            tracing::debug!(%error, "keys are read when they are asked for");
        }
        Ok(())
    }
}
