//! Notifications: every one passes visibility at the moment it is shown or counted.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::notifications::Verb;
use aredvi_events::{CommentId, MediumId, Partition, Positions, Topic};
use aredvi_projectors::facts::Onlooker;
use aredvi_projectors::media::queries::CommentRow;
use aredvi_projectors::notification_feed::queries::Notification as Told;
use aredvi_projectors::visibility::{may_see_card, may_see_subject};
use foldhash::{HashMap, HashSet};

use super::nodes::{Node, sees};
use crate::app::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::shapes::Time;
use crate::shapes::notifications::Notification;
use crate::shapes::stories::ObjectCard as Object;

/// How long a notification waits for `media` to know what it is about, before it is left out.
const MEDIA_LIMIT: Duration = Duration::from_millis(300);

/// What some notifications are about.
struct About {
    nodes: HashMap<MediumId, Arc<Node>>,
    comments: HashMap<CommentId, Arc<CommentRow>>,
}

impl App {
    /// These notifications of the caller's as they are shown, in their order; what he may not see is `None`.
    ///
    /// # Errors
    /// 503 when a view cannot be read.
    pub async fn notification_cards(&self, caller: &Caller, told: &[Told]) -> Result<Vec<Option<Notification>>, Problem> {
        let about = self.about(told).await?;
        let visible: Vec<bool> = {
            let look = self.facts.look(self.mint.now_ms());
            let me = look.by(caller.person());
            told.iter().map(|told| about.visible(&me, told)).collect()
        };
        let shown: Vec<&Told> = told.iter().zip(&visible).filter(|(_, visible)| **visible).map(|(told, _)| told).collect();
        let nodes: HashSet<MediumId> = shown.iter().filter_map(|told| told.medium).collect();
        let nodes = nodes.iter().filter_map(|id| about.nodes.get(id).cloned()).collect();
        let nodes = self.node_cards(caller, nodes).await?;
        let comments: HashSet<CommentId> = shown.iter().filter_map(|told| told.comment).collect();
        let comments = comments.iter().filter_map(|id| about.comments.get(id)).map(|row| CommentRow::clone(row)).collect();
        let comments = self.comment_cards(caller, comments).await?;
        let comments: HashMap<CommentId, _> = comments.into_iter().map(|card| (card.id, card)).collect();
        let actors = self.actor_cards(shown.iter().flat_map(|told| [told.subject, told.actor])).await?;
        let card = |told: &Told| {
            let object = match told.medium {
                Some(medium) => nodes.get(&medium).cloned().map(|card| Object::Node(Box::new(card)))?,
                None => actors.get(&told.actor).cloned().map(Object::Actor)?,
            };
            let comment = match told.comment {
                Some(comment) => Some(comments.get(&comment).cloned()?),
                None => None,
            };
            Some(Notification {
                id: told.id,
                verb: told.verb,
                subject: actors.get(&told.subject).cloned()?,
                object: Some(object),
                comment,
                others_count: 0,
                read: told.read,
                created_at: Time(told.created_at),
            })
        };
        Ok(told.iter().zip(visible).map(|(told, visible)| if visible { card(told) } else { None }).collect())
    }

    /// How many of these the caller has not seen and may see.
    ///
    /// # Errors
    /// 503 when a view cannot be read.
    pub async fn unread(&self, caller: &Caller, mut told: Vec<Told>) -> Result<u64, Problem> {
        told.retain(|told| !told.read);
        let about = self.about(&told).await?;
        let look = self.facts.look(self.mint.now_ms());
        let me = look.by(caller.person());
        let visible = told.iter().filter(|told| about.visible(&me, told));
        Ok(u64::try_from(visible.count()).unwrap_or(u64::MAX))
    }

    /// Nodes and comments; those that `media` is about to know are waited for.
    async fn about(&self, told: &[Told]) -> Result<About, Problem> {
        let media = || told.iter().filter_map(|told| told.medium);
        let ids: HashSet<(CommentId, Option<MediumId>)> =
            told.iter().filter_map(|told| Some((told.comment?, told.medium))).collect();
        let mut nodes = self.nodes(media()).await?;
        let mut comments = self.comment_rows(ids.iter().copied()).await?;
        let of_comments = told.iter().filter(|told| told.comment.is_some_and(|comment| !comments.contains_key(&comment)));
        let of_nodes = told.iter().filter(|told| told.medium.is_some_and(|medium| !nodes.contains_key(&medium)));
        let heard = self.heard.positions();
        let late = of_comments.chain(of_nodes).filter_map(|told| told.medium);
        let late: Positions = late
            .filter(|medium| nodes.get(medium).is_none_or(|node| !node.deleted))
            .map(|medium| Partition::of(Topic::Media, &medium.to_string()))
            .map(|partition| (partition, heard.next(partition)))
            .collect();
        if !late.is_empty() && self.views.media.wait_for(&late, MEDIA_LIMIT).await {
            nodes = self.nodes(media()).await?;
            comments = self.comment_rows(ids).await?;
        }
        Ok(About { nodes, comments })
    }
}

impl About {
    fn visible(&self, me: &Onlooker<'_>, told: &Told) -> bool {
        let viewer = me.viewer();
        if !may_see_subject(viewer, &me.towards(told.subject)) {
            return false;
        }
        let Some(id) = told.medium else {
            return match told.verb {
                // By asking or following he shows himself.
                Verb::ActorRequest | Verb::ActorFollow => true,
                Verb::NoteAdd | Verb::NoteComment | Verb::ActorMention | Verb::ActorMentionComment | Verb::Voteup => {
                    may_see_card(viewer, &me.towards(told.actor))
                }
            };
        };
        let Some(node) = self.nodes.get(&id).filter(|node| !node.deleted && node.body.is_some()) else { return false };
        if !sees(me, node) {
            return false;
        }
        told.comment.is_none_or(|comment| {
            let row = self.comments.get(&comment).filter(|row| !row.deleted && row.body.is_some());
            row.is_some_and(|row| may_see_subject(viewer, &me.towards(row.author)))
        })
    }
}
