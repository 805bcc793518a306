//! Sign-ins.

use aredvi_events::SessionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::names::IdText;
use super::{Secret, Time};

/// One sign-in on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    /// Which.
    #[schema(value_type = IdText)]
    pub id: SessionId,
    /// Shows who sends a request. Told once, when the session is opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub token: Option<Secret>,
    /// What the device calls itself.
    pub device: String,
    /// When it began.
    pub created_at: Time,
    /// When it was used last, to the minute; null when not known.
    #[schema(required)]
    pub last_seen_at: Option<Time>,
    /// When it ends whatever happens.
    pub expires_at: Time,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `POST /v1/sessions`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct SignIn {
    /// Username or e-mail address.
    pub login: String,
    /// The password.
    pub password: Secret,
}
