//! Parts of the path.

use std::convert::Infallible;
use std::str::FromStr;

use aredvi_events::ActorId;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;

/// Parts of the path. What is no id names nothing: 404.
///
/// # Errors
/// [`Problem::not_found`].
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::not_found()),
        }
    }
}

/// How a path names a person: by id, or by `@username` in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonRef {
    /// By id.
    Id(ActorId),
    /// By username, without the `@`.
    Username(String),
    /// By something that is neither: nobody.
    Nobody,
}

impl FromStr for PersonRef {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix('@') {
            Some(username) if crate::text::is_username(username) => Self::Username(username.to_owned()),
            Some(_) => Self::Nobody,
            None => text.parse().map_or(Self::Nobody, Self::Id),
        })
    }
}

impl<'de> Deserialize<'de> for PersonRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let Ok(person) = text.parse::<Self>();
        Ok(person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::CommentId;
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn asked(path: &str) -> (u16, String) {
        let router = Router::new()
            .route("/pairs/{a}/{b}", get(|Path((a, b)): Path<(ActorId, CommentId)>| async move { format!("{a} {b}") }))
            .route("/people/{who}", get(|Path(who): Path<PersonRef>| async move { format!("{who:?}") }));
        let response = router.oneshot(Request::get(path).body(Body::empty()).expect("request")).await.expect("infallible");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn ids_are_read_and_everything_else_is_not_found() {
        assert_eq!(asked("/pairs/7/9223372036854775807").await, (200, "7 9223372036854775807".to_owned()));
        for path in ["/pairs/7/x", "/pairs/0/1", "/pairs/7/9223372036854775808", "/pairs/%ff/1", "/pairs/-1/1"] {
            let (status, body) = asked(path).await;
            assert_eq!(status, 404, "{path}");
            assert!(body.contains("urn:aredvi:problem:not-found"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_person_is_named_by_id_or_username() {
        assert_eq!(asked("/people/7").await.1, "Id(7)");
        assert_eq!(asked("/people/@Ana_1").await.1, "Username(\"Ana_1\")");
        assert_eq!(asked("/people/%40ana").await.1, "Username(\"ana\")");
        for path in ["/people/@a", "/people/ana", "/people/@"] {
            assert_eq!(asked(path).await.1, "Nobody", "{path}");
        }
    }
}
