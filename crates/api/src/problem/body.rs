//! A problem as it is written (RFC 9457, section 3).

use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{FieldError, Problem};
use crate::middleware::trace;

/// The media type of problems.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A refusal or a failure (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// `urn:aredvi:problem:` and the code.
    #[schema(value_type = String, example = "urn:aredvi:problem:username-taken")]
    r#type: String,
    /// What went wrong, stable.
    #[schema(value_type = String, example = "username-taken")]
    code: &'a str,
    /// What the code means.
    #[schema(value_type = String)]
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is particular to this occurrence.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// Which parts of the request are at fault.
    #[schema(value_type = Vec<FieldErrorBody>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldErrorBody<'a>>,
    /// The request's trace, to be quoted in a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// One part of a request that is at fault.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldErrorBody<'a> {
    /// A JSON pointer into the body (RFC 6901), or `/NAME` of a query parameter or header.
    #[schema(value_type = String, example = "/username")]
    pointer: &'a str,
    /// What is wrong, stable.
    #[schema(value_type = String, example = "too-long")]
    code: &'a str,
    /// The same in words.
    #[schema(value_type = String)]
    detail: &'a str,
}

impl<'a> From<&'a FieldError> for FieldErrorBody<'a> {
    fn from(error: &'a FieldError) -> Self {
        Self { pointer: &error.pointer, code: error.code, detail: &error.detail }
    }
}

impl Problem {
    /// The body, with the trace of the request in work.
    pub fn body(&self) -> ProblemBody<'_> {
        ProblemBody {
            r#type: format!("urn:aredvi:problem:{}", self.code),
            code: self.code,
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail.as_deref(),
            errors: self.errors.iter().map(FieldErrorBody::from).collect(),
            trace_id: trace::current().map(|trace| trace.trace_id()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response();
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.status == axum::http::StatusCode::UNAUTHORIZED {
            // RFC 9110, section 11.6.1: a 401 names the scheme.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Whole seconds, rounded up, at least one.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn told(problem: Problem) -> (Response<()>, serde_json::Value) {
        let (parts, body) = problem.into_response().into_parts();
        let bytes = body.collect().await.expect("body").to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).expect("json"))
    }

    #[tokio::test]
    async fn a_problem_names_itself_and_the_fields_at_fault() {
        let (response, body) = told(FieldError::new("/username", "too-short", "at least 3 characters").into()).await;
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:aredvi:problem:invalid", "code": "invalid", "status": 422,
                "title": "The request says something that cannot be.",
                "errors": [{"pointer": "/username", "code": "too-short", "detail": "at least 3 characters"}],
            })
        );
    }

    #[tokio::test]
    async fn a_wait_is_told_in_whole_seconds_rounded_up() {
        let (response, body) = told(Problem::rate_limited(Duration::from_millis(2_001))).await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(body["code"], "rate-limited");
        assert_eq!(told(Problem::rate_limited(Duration::ZERO)).await.0.headers()["retry-after"], "1");
    }

    #[tokio::test]
    async fn who_must_sign_in_is_told_how() {
        let (response, _) = told(Problem::sign_in_required()).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
}
