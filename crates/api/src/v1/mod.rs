//! The routes of `/v1`, one file a feature.

pub mod blocks;
pub mod comments;
pub mod erasures;
pub mod feed;
pub mod follow;
pub mod hashtags;
pub mod me;
pub mod notes;
pub mod notifications;
pub mod people;
pub mod registrations;
pub mod search;
pub mod sessions;
pub mod stream;
pub mod subscriptions;
pub mod votes;

use std::sync::Arc;

use aredvi_events::{ActorId, Id};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::caller::Caller;
use crate::commands::Refusal;
use crate::problem::Problem;

/// All routes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(people::routes())
        .merge(search::routes())
        .merge(registrations::routes())
        .merge(erasures::routes())
        .merge(me::routes())
        .merge(sessions::routes())
        .merge(follow::routes())
        .merge(blocks::routes())
        .merge(notes::routes())
        .merge(comments::routes())
        .merge(votes::routes())
        .merge(subscriptions::routes())
        .merge(hashtags::routes())
        .merge(feed::routes())
        .merge(notifications::routes())
        .merge(stream::routes())
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotVisible => Self::not_found(),
            Refusal::NotAllowed => Self::not_allowed(),
        }
    }
}

/// An actor in the path: an id, or `me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorRef {
    /// By id.
    Id(ActorId),
    /// Whoever asks.
    Me,
    /// No id: nobody.
    Nobody,
}

impl<'de> Deserialize<'de> for ActorRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(if text == "me" { Self::Me } else { text.parse::<Id>().map_or(Self::Nobody, |id| Self::Id(id.into())) })
    }
}

impl ActorRef {
    /// Whom it means to this caller.
    ///
    /// # Errors
    /// 401 when a guest says `me`; 404 for what is no id.
    pub fn resolve(self, caller: &Caller) -> Result<ActorId, Problem> {
        match self {
            Self::Id(actor) => Ok(actor),
            Self::Me => caller.signed_in(),
            Self::Nobody => Err(Problem::not_found()),
        }
    }
}
