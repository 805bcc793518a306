//! Query parameters.

use std::error::Error;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{FieldError, Problem};

/// Query parameters; unknown ones are ignored.
///
/// # Errors
/// 422 with `/NAME` of the parameter at fault.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(refusal(&rejection)),
        }
    }
}

/// The source says `NAME: what is wrong`, or only what is wrong.
fn refusal(rejection: &dyn Error) -> Problem {
    let words = rejection.source().map(ToString::to_string).unwrap_or_default();
    let missing = words.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    if let Some(name) = missing {
        return FieldError::new(format!("/{name}"), "missing", "is required").into();
    }
    match words.split_once(": ") {
        Some((name, _)) => FieldError::new(format!("/{name}"), "wrong-type", "is not of the right type").into(),
        None => FieldError::new("", "malformed-query", "the query cannot be read").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Search {
        q: String,
        deep: Option<bool>,
    }

    async fn asked(query: &str) -> Result<(String, Option<bool>), Vec<(String, &'static str)>> {
        let (mut parts, ()) = Request::get(format!("/{query}")).body(()).expect("request").into_parts();
        match Query::<Search>::from_request_parts(&mut parts, &()).await {
            Ok(Query(search)) => Ok((search.q, search.deep)),
            Err(problem) => Err(problem.errors.into_iter().map(|e| (e.pointer.into_owned(), e.code)).collect()),
        }
    }

    #[tokio::test]
    async fn a_parameter_at_fault_is_pointed_at() {
        assert_eq!(asked("?q=a%20b&deep=true&x=1").await, Ok(("a b".to_owned(), Some(true))));
        assert_eq!(asked("?deep=true").await, Err(vec![("/q".to_owned(), "missing")]));
        assert_eq!(asked("?q=a&deep=perhaps").await, Err(vec![("/deep".to_owned(), "wrong-type")]));
    }
}
