//! Cards of comments.

use std::sync::Arc;

use aredvi_events::{ActorId, CommentId, MediumId, Partition};
use aredvi_projectors::media::queries::{self as media, CommentRow};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::nodes::medium;
use super::{not_serving, partition_of, shared, unreadable};
use crate::app::App;
use crate::caller::Caller;
use crate::commands::comment::Comment as Standing;
use crate::problem::Problem;
use crate::shapes::Time;
use crate::shapes::comments::{Comment, CommentAction, CommentViewer};

/// A comment with how its viewer stands to it.
#[derive(Debug, Clone)]
pub struct CommentView {
    /// The comment.
    pub row: CommentRow,
    /// How the viewer stands to it.
    pub standing: Standing,
    /// Who looks.
    pub viewer: aredvi_projectors::visibility::Viewer,
    /// On whose page its medium stands.
    pub owner: aredvi_events::ActorId,
}

impl App {
    /// The cards of these comments, of those that the caller may see, in the order given.
    ///
    /// # Errors
    /// 503 when a view cannot be read.
    pub async fn comment_cards(&self, caller: &Caller, rows: Vec<CommentRow>) -> Result<Vec<Comment>, Problem> {
        let views = self.comment_views(caller, rows).await?;
        let actors = self.actor_cards(views.iter().map(|view| view.row.author)).await?;
        let voted = self.voted(caller, &views).await?;
        let card = |view: &CommentView| {
            Some(Comment {
                id: view.row.id,
                node_id: view.row.medium,
                body: view.row.body.clone()?,
                author: actors.get(&view.row.author).cloned(),
                vote_count: view.row.vote_count,
                viewer: view.viewer.signed_in().then(|| CommentViewer { voted: voted.contains(&view.row.id), can: can(view) }),
                created_at: Time(view.row.created_at),
                edited_at: view.row.edited_at.map(Time),
            })
        };
        Ok(views.iter().filter_map(card).collect())
    }

    /// One comment that the caller may see.
    ///
    /// # Errors
    /// 404 when there is none for him; 503 when `media` cannot be read.
    pub async fn comment(&self, caller: &Caller, id: CommentId) -> Result<CommentView, Problem> {
        let rows = self.comment_rows([(id, None)]).await?.into_values().map(|row| CommentRow::clone(&row)).collect();
        self.comment_views(caller, rows).await?.pop().ok_or_else(Problem::not_found)
    }

    /// These comments, with their media where they are known; deleted ones too. Those that `media` does not know yet are
    /// left out. Visibility is not asked.
    ///
    /// # Errors
    /// 503 when `media` cannot be read and not all are kept, here or in Redis.
    pub async fn comment_rows(
        &self,
        ids: impl IntoIterator<Item = (CommentId, Option<MediumId>)>,
    ) -> Result<HashMap<CommentId, Arc<CommentRow>>, Problem> {
        let mut rows: HashMap<CommentId, Arc<CommentRow>> = HashMap::new();
        let (mut missing, mut unknown) = (Vec::new(), Vec::new());
        for (id, medium) in ids {
            match (self.cards.comments.get(id), medium) {
                (Some(row), _) => drop(rows.insert(id, row)),
                (None, Some(medium)) => missing.push((id, Some(partition_of(medium)))),
                // Where its events stand is not known before it is read.
                (None, None) => unknown.push(id),
            }
        }
        rows.extend(self.cards.shelf.found(&self.cards.comments, &self.views.media, &mut missing).await);
        unknown.extend(missing.into_iter().map(|(id, _)| id));
        if !unknown.is_empty() {
            let reached = self.views.media.reached();
            let db = self.views.media.db().map_err(|e| not_serving(&e))?;
            for row in media::comments_by_id(&db, &unknown).await.map_err(|e| unreadable(&e))? {
                let row = shared(row);
                self.cards.comments.put(row.id, row.last.offset, &row);
                self.cards.shelf.fill(reached.as_deref(), row.id, Some(row.last.partition), row.last.offset, &row);
                rows.insert(row.id, row);
            }
        }
        Ok(rows)
    }

    async fn comment_views(&self, caller: &Caller, rows: Vec<CommentRow>) -> Result<Vec<CommentView>, Problem> {
        let nodes = self.nodes(rows.iter().map(|row| row.medium).collect::<HashSet<MediumId>>()).await?;
        let look = self.facts.look(self.mint.now_ms());
        let (me, viewer) = (caller.person(), look.viewer(caller.person()));
        let view = |row: CommentRow| {
            let node = nodes.get(&row.medium).filter(|node| !node.deleted)?;
            let standing = Standing { medium: medium(&look, me, node), writer: look.standing(me, row.author) };
            let shown = !row.deleted && standing.visible(viewer);
            shown.then(|| CommentView { owner: node.owner, row, standing, viewer })
        };
        Ok(rows.into_iter().filter_map(view).collect())
    }

    async fn voted(&self, caller: &Caller, views: &[CommentView]) -> Result<HashSet<CommentId>, Problem> {
        let Some(person) = caller.person() else { return Ok(HashSet::new()) };
        let rows: Vec<&CommentRow> = views.iter().map(|view| &view.row).collect();
        let (few, many) = self.comment_voters(&rows).await?;
        let votes = few.into_iter().filter(|(_, voters)| voters.binary_search(&person).is_ok());
        let mut voted: HashSet<CommentId> = votes.map(|(id, _)| id).collect();
        if !many.is_empty() {
            let db = self.views.media.db().map_err(|e| not_serving(&e))?;
            voted.extend(media::voted_comments(&db, person, &many).await.map_err(|e| unreadable(&e))?);
        }
        Ok(voted)
    }

    /// Who likes those of the comments that a few like, and the ids of those that more do.
    pub(super) async fn comment_voters(
        &self,
        rows: &[&CommentRow],
    ) -> Result<(HashMap<CommentId, Arc<Vec<ActorId>>>, Vec<CommentId>), Problem> {
        let (mut known, mut few, mut many) = (HashMap::new(), HashMap::new(), Vec::new());
        for row in rows.iter().filter(|row| row.vote_count > 0) {
            match self.cards.comment_voters.get(row.id) {
                Some(voters) => drop(known.insert(row.id, voters)),
                None if row.vote_count > media::AUDIENCE as u64 => many.push(row.id),
                None => drop(few.insert(row.id, row.last)),
            }
        }
        let mut missing: Vec<(CommentId, Option<Partition>)> = few.iter().map(|(id, last)| (*id, Some(last.partition))).collect();
        for (id, voters) in self.cards.shelf.found(&self.cards.comment_voters, &self.views.media, &mut missing).await {
            few.remove(&id);
            known.insert(id, voters);
        }
        if !few.is_empty() {
            let reached = self.views.media.reached();
            let db = self.views.media.db().map_err(|e| not_serving(&e))?;
            let ids: Vec<CommentId> = few.keys().copied().collect();
            for (id, voters) in media::comment_audiences(&db, &ids).await.map_err(|e| unreadable(&e))? {
                let voters = shared(voters);
                if let Some(last) = few.remove(&id) {
                    self.cards.comment_voters.put(id, last.offset, &voters);
                    self.cards.shelf.fill(reached.as_deref(), id, Some(last.partition), last.offset, &voters);
                }
                known.insert(id, voters);
            }
            // More have come to like them meanwhile.
            many.extend(few.into_keys());
        }
        Ok((known, many))
    }
}

fn can(view: &CommentView) -> Vec<CommentAction> {
    let all = [
        (CommentAction::Edit, view.standing.may_edit(view.viewer)),
        (CommentAction::Delete, view.standing.may_delete(view.viewer)),
        (CommentAction::Vote, view.standing.may_vote(view.viewer)),
    ];
    all.into_iter().filter(|(_, may)| *may).map(|(action, _)| action).collect()
}
