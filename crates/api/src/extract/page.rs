//! Which page of a list: `?limit=` and `?cursor=`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Query;
use crate::problem::{FieldError, Problem};

/// How many items a page has when nothing is said.
pub const DEFAULT_LIMIT: usize = 20;
/// The most items of a page.
pub const MAX_LIMIT: usize = 100;

/// Which page of a list. The cursor is read by [`Cursors`](crate::cursor::Cursors).
///
/// # Errors
/// 422 when `limit` is no number from 1 to [`MAX_LIMIT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// The most items, 1 ..= [`MAX_LIMIT`].
    pub limit: usize,
    /// Where the page begins; the list's beginning when there is none.
    pub cursor: Option<String>,
}

/// The same as documented.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// The most items of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(PageParams { limit, cursor }) = Query::from_request_parts(parts, state).await?;
        let limit =
            match limit {
                None => DEFAULT_LIMIT,
                Some(text) => text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
                    FieldError::new("/limit", "out-of-range", format!("must be a number from 1 to {MAX_LIMIT}"))
                })?,
            };
        Ok(Self { limit, cursor: cursor.filter(|cursor| !cursor.is_empty()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn asked(query: &str) -> Result<PageQuery, Problem> {
        let (mut parts, ()) = Request::get(format!("/{query}")).body(()).expect("request").into_parts();
        PageQuery::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_page_has_20_items_and_at_most_100() {
        assert_eq!(asked("").await, Ok(PageQuery { limit: 20, cursor: None }));
        assert_eq!(asked("?limit=100&cursor=abc").await, Ok(PageQuery { limit: 100, cursor: Some("abc".to_owned()) }));
        assert_eq!(asked("?cursor=&limit=1").await, Ok(PageQuery { limit: 1, cursor: None }));
        for limit in ["0", "101", "-1", "x", "", "1e1", "99999999999999999999"] {
            let problem = asked(&format!("?limit={limit}")).await.expect_err("out of range");
            assert_eq!((problem.status.as_u16(), problem.errors[0].pointer.as_ref()), (422, "/limit"), "{limit}");
        }
    }
}
