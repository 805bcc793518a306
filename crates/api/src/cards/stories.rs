//! Fills stories in from their rows: the rows decide what the feed index proposed.

use std::sync::Arc;

use aredvi_events::{ActorId, CommentId, MediumId, Place, StoryId};
use aredvi_projectors::media::queries::CommentRow;
use aredvi_projectors::story_feed::queries::{self as stories, Row};
use aredvi_projectors::visibility::{Standing, may_see_card, may_see_medium, may_see_page, may_see_subject};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::{not_serving, shared, unreadable};
use crate::app::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::shapes::Time;
use crate::shapes::comments::Comment;
use crate::shapes::stories::{ObjectCard as Object, Story};

/// What became of a story that the feed index proposed.
#[derive(Debug)]
pub enum StoryView {
    /// It stands.
    Shown(Box<Story>),
    /// It is gone, or not for this viewer.
    Hidden,
    /// Its rows are not there yet: the page ends here.
    NotYet,
}

impl App {
    /// Fills in these stories, in their order. `made_by` is the event that made each, where it is known.
    ///
    /// # Errors
    /// 503 when a view cannot be read.
    pub async fn fill(&self, caller: &Caller, wanted: &[(StoryId, Option<Place>)]) -> Result<Vec<StoryView>, Problem> {
        let rows = self.story_rows(wanted.iter().map(|(id, _)| *id)).await?;
        let media: Vec<MediumId> = rows.values().filter_map(|row| row.medium).collect();
        let nodes = self.nodes(media).await?;
        let node_cards = self.node_cards(caller, nodes.values().cloned().collect()).await?;
        let comments: HashSet<_> = rows.values().filter_map(|row| Some((row.comment?, row.medium))).collect();
        let comments = self.comments(caller, comments.into_iter().collect()).await?;
        let people: Vec<ActorId> =
            rows.values().flat_map(|row| [Some(row.owner), Some(row.subject), row.actor]).flatten().collect();
        let actors = self.actor_cards(people).await?;
        let missing_places: Vec<Place> = wanted
            .iter()
            .filter(|(id, _)| match rows.get(id) {
                None => true,
                Some(row) => row.medium.is_some_and(|medium| !nodes.contains_key(&medium)),
            })
            .filter_map(|(_, place)| *place)
            .collect();
        let passed = self.passed(&missing_places).await;
        let look = self.facts.look(self.mint.now_ms());
        let me = look.by(caller.person());
        let viewer = me.viewer();
        let view = |(id, made_by): &(StoryId, Option<Place>)| {
            let absent = || match made_by {
                Some(place) if !passed.contains(place) => StoryView::NotYet,
                _ => StoryView::Hidden,
            };
            let Some(row) = rows.get(id) else { return absent() };
            if !may_see_page(viewer, &me.towards(row.owner)) || !may_see_subject(viewer, &me.towards(row.subject)) {
                return StoryView::Hidden;
            }
            let object = match (row.medium, row.actor) {
                (Some(medium), _) if !nodes.contains_key(&medium) => return absent(),
                (Some(medium), _) => node_cards.get(&medium).cloned().map(|card| Object::Node(Box::new(card))),
                // The row may be kept from before the follow ended.
                (None, Some(actor)) if !look.follows(row.owner, actor) => None,
                (None, Some(actor)) if may_see_card(viewer, &me.towards(actor)) => actors.get(&actor).cloned().map(Object::Actor),
                (None, _) => None,
            };
            let comment = row.comment.and_then(|comment| comments.get(&comment).cloned());
            if object.is_none() || (row.comment.is_some() && comment.is_none()) {
                return StoryView::Hidden;
            }
            match (actors.get(&row.subject).cloned(), actors.get(&row.owner).cloned()) {
                (Some(subject), Some(owner)) => StoryView::Shown(Box::new(Story {
                    id: *id,
                    verb: row.verb,
                    subject,
                    owner,
                    object,
                    comment,
                    created_at: Time(row.created_at),
                })),
                _ => StoryView::Hidden,
            }
        };
        Ok(wanted.iter().map(view).collect())
    }

    /// Which of these stories the caller could see, when `other` stood to him as `before` says of how he stands now. None
    /// when that is not known, because some are gone.
    ///
    /// # Errors
    /// 503 when a view cannot be read.
    pub async fn seen_before(
        &self,
        caller: &Caller,
        other: ActorId,
        before: impl Fn(Standing) -> Standing,
        ids: &[StoryId],
    ) -> Result<Option<Vec<StoryId>>, Problem> {
        let rows = self.story_rows(ids.iter().copied()).await?;
        let nodes = self.nodes(rows.values().filter_map(|row| row.medium)).await?;
        let look = self.facts.look(self.mint.now_ms());
        let (me, viewer) = (caller.person(), look.viewer(caller.person()));
        let standing = |actor: ActorId| {
            let now = look.standing(me, actor);
            if actor == other { before(now) } else { now }
        };
        let seen = |id: &StoryId| {
            let row = rows.get(id)?;
            let page = may_see_page(viewer, &standing(row.owner)) && may_see_subject(viewer, &standing(row.subject));
            let object = match (row.medium, row.actor) {
                (Some(medium), _) => {
                    let node = nodes.get(&medium)?;
                    may_see_medium(viewer, &standing(node.owner), &standing(node.author), node.access)
                }
                (None, Some(actor)) => may_see_card(viewer, &standing(actor)),
                (None, None) => false,
            };
            Some((*id, page && object))
        };
        let seen: Option<Vec<(StoryId, bool)>> = ids.iter().map(seen).collect();
        Ok(seen.map(|seen| seen.into_iter().filter_map(|(id, seen)| seen.then_some(id)).collect()))
    }

    /// The rows of these stories. A kept one may be gone since: what it is about tells.
    pub(super) async fn story_rows(&self, ids: impl Iterator<Item = StoryId>) -> Result<HashMap<StoryId, Arc<Row>>, Problem> {
        let mut rows = HashMap::with_capacity(ids.size_hint().0);
        let mut missing = Vec::new();
        for id in ids {
            match self.cards.stories.get(id) {
                Some(row) => drop(rows.insert(id, row)),
                None => missing.push((id, None)),
            }
        }
        rows.extend(self.cards.shelf.found(&self.cards.stories, &self.views.story_feed, &mut missing).await);
        if !missing.is_empty() {
            let reached = self.views.story_feed.reached();
            let db = self.views.story_feed.db().map_err(|e| not_serving(&e))?;
            let missing: Vec<StoryId> = missing.into_iter().map(|(id, _)| id).collect();
            for row in stories::stories(&db, &missing).await.map_err(|e| unreadable(&e))? {
                let row = shared(row);
                self.cards.stories.put(row.id, row.made_by.offset, &row);
                self.cards.shelf.fill(reached.as_deref(), row.id, None, row.made_by.offset, &row);
                rows.insert(row.id, row);
            }
        }
        Ok(rows)
    }

    /// Comments with their media, those that the caller may see.
    async fn comments(
        &self,
        caller: &Caller,
        ids: Vec<(CommentId, Option<MediumId>)>,
    ) -> Result<HashMap<CommentId, Comment>, Problem> {
        let rows = self.comment_rows(ids).await?.into_values().map(|row| CommentRow::clone(&row)).collect();
        let cards = self.comment_cards(caller, rows).await?;
        Ok(cards.into_iter().map(|card| (card.id, card)).collect())
    }

    /// Which of these events both `story_feed` and `media` have applied: a story of theirs that is not there is gone.
    async fn passed(&self, places: &[Place]) -> HashSet<Place> {
        if places.is_empty() {
            return HashSet::new();
        }
        let (stories, media) = tokio::join!(self.views.story_feed.known_positions(), self.views.media.known_positions());
        let (Ok(stories), Ok(media)) = (stories, media) else { return HashSet::new() };
        let in_media = |place: &Place| place.partition.topic != aredvi_events::Topic::Media || media.includes(*place);
        places.iter().copied().filter(|place| stories.includes(*place) && in_media(place)).collect()
    }
}
