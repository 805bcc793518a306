//! Cards of nodes, and what the viewer may do with them.

use std::collections::HashMap;
use std::sync::Arc;

use aredvi_events::{ActorId, MediumId};
use aredvi_projectors::facts::Look;
use aredvi_projectors::media::queries::{self, Flags};
use aredvi_projectors::visibility::Viewer;

use super::{not_serving, shared, unreadable};
use crate::app::App;
use crate::caller::Caller;
use crate::commands::note::Medium;
use crate::problem::Problem;
use crate::shapes::Time;
use crate::shapes::actors::ActorCard;
use crate::shapes::media::{NodeAction, NodeCard, NodeType, NodeViewer};

pub use aredvi_projectors::media::queries::Node;

/// A node with how its viewer stands to it.
#[derive(Debug, Clone)]
pub struct NodeView {
    /// The node.
    pub node: Arc<Node>,
    /// How the viewer stands to it.
    pub medium: Medium,
    /// Who looks.
    pub viewer: Viewer,
}

impl NodeView {
    /// Whether he may see it.
    pub fn visible(&self) -> bool {
        !self.node.deleted && self.medium.visible(self.viewer)
    }
}

/// How a viewer stands to a medium of this owner and author.
pub fn medium(look: &Look<'_>, person: Option<ActorId>, node: &Node) -> Medium {
    Medium { owner: look.standing(person, node.owner), author: look.standing(person, node.author), access: node.access }
}

impl App {
    /// These nodes, deleted ones too; those that `media` does not know yet are left out.
    ///
    /// # Errors
    /// 503 when `media` cannot be read and not all are kept.
    pub async fn nodes(&self, ids: impl IntoIterator<Item = MediumId>) -> Result<HashMap<MediumId, Arc<Node>>, Problem> {
        let mut nodes: HashMap<MediumId, Arc<Node>> = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            if nodes.contains_key(&id) || missing.contains(&id) {
                continue;
            }
            match self.cards.nodes.get(id) {
                Some(node) => drop(nodes.insert(id, node)),
                None => missing.push(id),
            }
        }
        if !missing.is_empty() {
            let db = self.views.media.db().map_err(|e| not_serving(&e))?;
            for node in queries::nodes(&db, &missing).await.map_err(|e| unreadable(&e))? {
                let node = shared(node);
                self.cards.nodes.put(node.id, node.last.offset, &node);
                nodes.insert(node.id, node);
            }
        }
        Ok(nodes)
    }

    /// One node that the caller may see.
    ///
    /// # Errors
    /// 404 when there is none for him; 503 when `media` cannot be read.
    pub async fn node(&self, caller: &Caller, id: MediumId) -> Result<NodeView, Problem> {
        let node = self.nodes([id]).await?.remove(&id).ok_or_else(Problem::not_found)?;
        let view = self.node_view(caller, node);
        if view.visible() { Ok(view) } else { Err(Problem::not_found()) }
    }

    /// How the caller stands to a node.
    pub fn node_view(&self, caller: &Caller, node: Arc<Node>) -> NodeView {
        let look = self.facts.look(self.mint.now_ms());
        let medium = medium(&look, caller.person(), &node);
        NodeView { node, medium, viewer: look.viewer(caller.person()) }
    }

    /// The cards of these nodes, of those that the caller may see.
    ///
    /// # Errors
    /// 503 when a view cannot be read.
    pub async fn node_cards(&self, caller: &Caller, nodes: Vec<Arc<Node>>) -> Result<HashMap<MediumId, NodeCard>, Problem> {
        let views: Vec<NodeView> = {
            let look = self.facts.look(self.mint.now_ms());
            let viewer = look.viewer(caller.person());
            let view = |node: Arc<Node>| NodeView { medium: medium(&look, caller.person(), &node), node, viewer };
            nodes.into_iter().map(view).filter(NodeView::visible).collect()
        };
        let actors = self.actor_cards(views.iter().flat_map(|view| [view.node.owner, view.node.author])).await?;
        let flags = self.flags(caller, &views).await?;
        let card = |view: &NodeView| Some((view.node.id, card(view, &actors, flags.get(&view.node.id))?));
        Ok(views.iter().filter_map(card).collect())
    }

    /// The card of one node.
    ///
    /// # Errors
    /// 404 when its owner is gone; 503 when a view cannot be read.
    pub async fn node_card(&self, caller: &Caller, node: Arc<Node>) -> Result<NodeCard, Problem> {
        let id = node.id;
        self.node_cards(caller, vec![node]).await?.remove(&id).ok_or_else(Problem::not_found)
    }

    /// The card of a node that its viewer has just made: nothing of it stands in `media` yet.
    ///
    /// # Errors
    /// 503 when `actors` cannot be read.
    pub async fn node_card_unread(&self, caller: &Caller, node: Arc<Node>) -> Result<NodeCard, Problem> {
        let view = self.node_view(caller, node);
        let actors = self.actor_cards([view.node.owner, view.node.author]).await?;
        card(&view, &actors, None).ok_or_else(Problem::not_found)
    }

    async fn flags(&self, caller: &Caller, views: &[NodeView]) -> Result<HashMap<MediumId, Flags>, Problem> {
        let Some(person) = caller.person() else { return Ok(HashMap::new()) };
        let ids: Vec<MediumId> = views.iter().map(|view| view.node.id).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let db = self.views.media.db().map_err(|e| not_serving(&e))?;
        let flags = queries::viewer_flags(&db, person, &ids).await.map_err(|e| unreadable(&e))?;
        Ok(flags.into_iter().map(|flags| (flags.medium, flags)).collect())
    }
}

fn card(view: &NodeView, actors: &HashMap<ActorId, ActorCard>, flags: Option<&Flags>) -> Option<NodeCard> {
    let (node, medium, viewer) = (&view.node, &view.medium, view.viewer);
    let can = [
        (NodeAction::Edit, medium.may_edit(viewer)),
        (NodeAction::Delete, medium.may_delete(viewer)),
        (NodeAction::Comment, medium.may_join_in(viewer)),
        (NodeAction::Vote, medium.may_join_in(viewer)),
    ];
    Some(NodeCard {
        id: node.id,
        r#type: NodeType::Note,
        title: None,
        body: node.body.clone()?,
        author: actors.get(&node.author).cloned(),
        owner: actors.get(&node.owner).cloned()?,
        access: node.access,
        comment_count: node.comment_count,
        vote_count: node.vote_count,
        viewer: viewer.signed_in().then(|| NodeViewer {
            voted: flags.is_some_and(|flags| flags.voted),
            subscribed: flags.is_some_and(|flags| flags.subscribed),
            can: can.iter().filter(|(_, may)| *may).map(|(action, _)| *action).collect(),
        }),
        created_at: Time(node.created_at),
        edited_at: node.edited_at.map(Time),
    })
}
