//! What goes wrong, told as `application/problem+json` (RFC 9457).
//!
//! A problem is said to the client as it stands here: nothing of the inside may get into `detail`. Causes are logged
//! where they are handled.

mod body;
mod kinds;
mod unrouted;

use std::borrow::Cow;
use std::time::Duration;

use axum::http::StatusCode;

pub use body::{CONTENT_TYPE, FieldErrorBody, ProblemBody};
pub use unrouted::{method_not_allowed, not_found, panicked};

/// A refusal or a failure, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its stable name, kebab-case; `type` is `urn:aredvi:problem:` and this.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// What the code means, the same for every occurrence.
    pub title: &'static str,
    /// What is particular to this occurrence.
    pub detail: Option<Cow<'static, str>>,
    /// Which parts of the request are at fault.
    pub errors: Vec<FieldError>,
    /// When to try again, told in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
}

/// One part of a request that is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where: a JSON pointer into the body (RFC 6901), or `/NAME` for a query parameter or header.
    pub pointer: Cow<'static, str>,
    /// What is wrong, kebab-case and stable.
    pub code: &'static str,
    /// The same in words.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// Says what is wrong where.
    pub fn new(pointer: impl Into<Cow<'static, str>>, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

impl Problem {
    /// A problem of no known kind yet; prefer the named constructors.
    pub const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { code, status, title, detail: None, errors: Vec::new(), retry_after: None }
    }

    /// Says what is particular to this occurrence.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::invalid(vec![error])
    }
}
