//! Who asks, and what he waits for. Made once per request by [`crate::admission`].

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{ActorId, Positions};
use aredvi_projectors::sessions::Session;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::extract::ClientAddress;
use crate::problem::Problem;
use crate::reserved::Reserved;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// His session; `None` for a guest.
    pub session: Option<Session>,
    /// Where he is.
    pub address: ClientAddress,
    /// What his reads must include: his session's writes and the token he sent.
    pub wanted: Positions,
    /// How long his reads may wait for that.
    pub wait: Duration,
    /// His turn to write, when his request has an idempotency key.
    pub reserved: Option<Arc<Reserved>>,
    /// The trace his events belong to.
    pub traceparent: Option<String>,
}

impl Caller {
    /// The person; `None` for a guest.
    pub fn person(&self) -> Option<ActorId> {
        self.session.as_ref().map(|session| session.person)
    }

    /// Somebody who has just signed up: his answer is his own view of himself.
    pub fn acting(person: ActorId, session: &crate::shapes::sessions::Session, wanted: &Positions) -> Self {
        let session = Session { person, session: session.id, opened_at: session.created_at.0, expires_at: session.expires_at.0 };
        Self {
            session: Some(session),
            address: ClientAddress::UNKNOWN,
            wanted: wanted.clone(),
            wait: crate::extract::prefer::MAX_WAIT,
            reserved: None,
            traceparent: None,
        }
    }

    /// The person of a request that needs one.
    ///
    /// # Errors
    /// 401 `sign-in-required` for guests.
    pub fn signed_in(&self) -> Result<ActorId, Problem> {
        self.person().ok_or_else(Problem::sign_in_required)
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::internal)
    }
}

/// A caller who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub person: ActorId,
    /// The session he shows.
    pub session: Session,
    /// The rest.
    pub caller: Caller,
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<Arc<App>>>::from_request_parts(parts, app).await?;
        let session = caller.session.ok_or_else(Problem::sign_in_required)?;
        Ok(Self { person: session.person, session, caller })
    }
}
