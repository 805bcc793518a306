//! Cards of nodes, and what the viewer may do with them.

use std::ops::Deref;
use std::sync::Arc;

use aredvi_events::{ActorId, MediumId, Partition};
use aredvi_projectors::facts::{Look, Onlooker};
use aredvi_projectors::media::queries::{self, Audience, Flags};
use aredvi_projectors::visibility::{Viewer, may_see_medium};
use foldhash::{HashMap, HashMapExt as _};

use super::{not_serving, partition_of, shared, unreadable};
use crate::app::App;
use crate::caller::Caller;
use crate::commands::note::Medium;
use crate::problem::Problem;
use crate::shapes::Time;
use crate::shapes::actors::ActorCard;
use crate::shapes::media::{NodeAction, NodeCard, NodeType, NodeViewer};

/// A node with those who like it and those who are told of it, where they are few: so a viewer's own flags need no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub(super) row: queries::Node,
    /// In the order of their ids; none when they are many.
    pub(super) voters: Option<Vec<ActorId>>,
    /// In the order of their ids; none when they are many.
    pub(super) subscribers: Option<Vec<ActorId>>,
}

impl Node {
    /// With what `media` says of its audience.
    fn new(row: queries::Node, audience: Option<Audience>) -> Self {
        let (voters, subscribers) = audience.map_or((None, None), |audience| (audience.voters, audience.subscribers));
        Self { row, voters, subscribers }
    }

    /// As its writer knows it, who mentions these: they and he are told of what happens to it.
    pub fn fresh(row: queries::Node, mentions: &[ActorId]) -> Self {
        let mut subscribers: Vec<ActorId> = mentions.iter().copied().chain([row.author]).collect();
        subscribers.sort_unstable();
        subscribers.dedup();
        Self { row, voters: Some(Vec::new()), subscribers: Some(subscribers) }
    }

    /// How a person stands to it, where that is known.
    fn flags(&self, person: ActorId) -> Option<Flags> {
        let among = |people: &Option<Vec<ActorId>>| people.as_ref().map(|people| people.binary_search(&person).is_ok());
        Some(Flags { medium: self.row.id, voted: among(&self.voters)?, subscribed: among(&self.subscribers)? })
    }
}

impl Deref for Node {
    type Target = queries::Node;

    fn deref(&self) -> &queries::Node {
        &self.row
    }
}

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
pub(super) fn medium(look: &Look<'_>, person: Option<ActorId>, node: &queries::Node) -> Medium {
    Medium { owner: look.standing(person, node.owner), author: look.standing(person, node.author), access: node.access }
}

/// Whether somebody may see a node that is not deleted.
pub fn sees(onlooker: &Onlooker<'_>, node: &queries::Node) -> bool {
    may_see_medium(onlooker.viewer(), &onlooker.towards(node.owner), &onlooker.towards(node.author), node.access)
}

impl App {
    /// These nodes, deleted ones too; those that `media` does not know yet are left out.
    ///
    /// # Errors
    /// 503 when `media` cannot be read and not all are kept, here or in Redis.
    pub async fn nodes(&self, ids: impl IntoIterator<Item = MediumId>) -> Result<HashMap<MediumId, Arc<Node>>, Problem> {
        let mut nodes: HashMap<MediumId, Arc<Node>> = HashMap::new();
        let mut missing: Vec<(MediumId, Option<Partition>)> = Vec::new();
        for id in ids {
            if nodes.contains_key(&id) || missing.iter().any(|(missing, _)| *missing == id) {
                continue;
            }
            match self.cards.nodes.get(id) {
                Some(node) => drop(nodes.insert(id, node)),
                None => missing.push((id, Some(partition_of(id)))),
            }
        }
        nodes.extend(self.cards.shelf.found(&self.cards.nodes, &self.views.media, &mut missing).await);
        if !missing.is_empty() {
            let reached = self.views.media.reached();
            let missing: Vec<MediumId> = missing.into_iter().map(|(id, _)| id).collect();
            for node in self.read_nodes(&missing).await? {
                let node = shared(node);
                self.cards.nodes.put(node.id, node.last.offset, &node);
                self.cards.shelf.fill(reached.as_deref(), node.id, Some(node.last.partition), node.last.offset, &node);
                nodes.insert(node.id, node);
            }
        }
        Ok(nodes)
    }

    /// The audience is read after the node: at worst it holds what the tail will announce.
    async fn read_nodes(&self, ids: &[MediumId]) -> Result<Vec<Node>, Problem> {
        let db = self.views.media.db().map_err(|e| not_serving(&e))?;
        let rows = queries::nodes(&db, ids).await.map_err(|e| unreadable(&e))?;
        let standing: Vec<&queries::Node> = rows.iter().filter(|row| !row.deleted).collect();
        let audiences = queries::audiences(&db, &standing).await.map_err(|e| unreadable(&e))?;
        let mut audiences: HashMap<MediumId, Audience> =
            audiences.into_iter().map(|audience| (audience.medium, audience)).collect();
        Ok(rows.into_iter().map(|row| (audiences.remove(&row.id), row)).map(|(audience, row)| Node::new(row, audience)).collect())
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
        let card = |view: &NodeView| Some((view.node.id, card(view, &actors, flags.get(&view.node.id).copied())?));
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
        card(&view, &actors, caller.person().and_then(|person| view.node.flags(person))).ok_or_else(Problem::not_found)
    }

    async fn flags(&self, caller: &Caller, views: &[NodeView]) -> Result<HashMap<MediumId, Flags>, Problem> {
        let Some(person) = caller.person() else { return Ok(HashMap::new()) };
        let mut flags = HashMap::with_capacity(views.len());
        let mut unknown = Vec::new();
        for node in views.iter().map(|view| &view.node) {
            match node.flags(person) {
                Some(known) => drop(flags.insert(node.id, known)),
                None => unknown.push(node.id),
            }
        }
        if !unknown.is_empty() {
            let db = self.views.media.db().map_err(|e| not_serving(&e))?;
            let asked = queries::viewer_flags(&db, person, &unknown).await.map_err(|e| unreadable(&e))?;
            flags.extend(asked.into_iter().map(|flags| (flags.medium, flags)));
        }
        Ok(flags)
    }
}

fn card(view: &NodeView, actors: &HashMap<ActorId, ActorCard>, flags: Option<Flags>) -> Option<NodeCard> {
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
