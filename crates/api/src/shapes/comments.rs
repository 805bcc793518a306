//! Comments on media.

use aredvi_events::{CommentId, MediumId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use super::actors::ActorCard;
use super::names::IdText;

/// A comment, as the viewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Comment {
    /// Which.
    #[schema(value_type = IdText)]
    pub id: CommentId,
    /// On which medium.
    #[schema(value_type = IdText)]
    pub node_id: MediumId,
    /// The text.
    pub body: String,
    /// Who wrote it; null when the author is gone.
    #[schema(required)]
    pub author: Option<ActorCard>,
    /// How many like it.
    pub vote_count: u64,
    /// How the viewer stands to it; null for guests.
    #[schema(required)]
    pub viewer: Option<CommentViewer>,
    /// When it was written.
    pub created_at: Time,
    /// When it was changed last; null if never.
    #[schema(required)]
    pub edited_at: Option<Time>,
}

/// How the viewer stands to a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CommentViewer {
    /// The viewer likes it.
    pub voted: bool,
    /// What the viewer may do.
    pub can: Vec<CommentAction>,
}

/// What may be done with a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommentAction {
    /// Change it.
    Edit,
    /// Take it away.
    Delete,
    /// Like it.
    Vote,
}

/// `POST /v1/nodes/{id}/comments`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct NewComment {
    /// The text.
    #[schema(min_length = 1, max_length = 5000)]
    pub body: String,
}

/// `PATCH /v1/comments/{id}`. What is left out or null stays.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct CommentPatch {
    /// The text.
    #[schema(min_length = 1, max_length = 5000)]
    pub body: Option<String>,
}
