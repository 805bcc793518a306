//! Notes and other media.

use std::sync::Arc;

use aredvi_events::actors::Access;
use aredvi_events::{ActorId, MediumId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use super::actors::ActorCard;
use super::names::{AccessName, IdText};

/// A medium with its counts, as the viewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeCard {
    /// Which.
    #[schema(value_type = IdText)]
    pub id: MediumId,
    /// What kind of medium.
    pub r#type: NodeType,
    /// Notes have none.
    #[schema(required)]
    pub title: Option<String>,
    /// The text.
    #[schema(value_type = String)]
    pub body: Arc<str>,
    /// Who wrote it; null when the author is gone.
    #[schema(required)]
    pub author: Option<ActorCard>,
    /// On whose page it stands.
    pub owner: ActorCard,
    /// Who may see it, together with the owner's access.
    #[schema(value_type = AccessName)]
    pub access: Access,
    /// How many comments there are.
    pub comment_count: u64,
    /// How many like it.
    pub vote_count: u64,
    /// How the viewer stands to it; null for guests.
    #[schema(required)]
    pub viewer: Option<NodeViewer>,
    /// When it was written.
    pub created_at: Time,
    /// When it was changed last; null if never.
    #[schema(required)]
    pub edited_at: Option<Time>,
}

/// What kind of medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeType {
    /// A note.
    Note,
}

/// How the viewer stands to a medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeViewer {
    /// The viewer likes it.
    pub voted: bool,
    /// The viewer is told of what happens to it.
    pub subscribed: bool,
    /// What the viewer may do.
    pub can: Vec<NodeAction>,
}

/// What may be done with a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeAction {
    /// Change it.
    Edit,
    /// Take it away.
    Delete,
    /// Comment on it.
    Comment,
    /// Like it.
    Vote,
}

/// `POST /v1/notes`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct NewNote {
    /// The text.
    #[schema(min_length = 1, max_length = 5000)]
    pub body: String,
    /// Who may see it, together with the owner's access; `public` when left out.
    #[serde(default)]
    #[schema(value_type = Option<AccessName>)]
    pub access: Option<Access>,
    /// On whose page it shall stand; one's own when left out.
    #[serde(default)]
    #[schema(value_type = Option<IdText>)]
    pub owner: Option<ActorId>,
}

/// `PATCH /v1/nodes/{id}`. What is left out or null stays.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct NodePatch {
    /// The text.
    #[schema(min_length = 1, max_length = 5000)]
    pub body: Option<String>,
    /// Who may see it.
    #[schema(value_type = Option<AccessName>)]
    pub access: Option<Access>,
}
