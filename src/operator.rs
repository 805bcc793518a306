//! Asking the admin API: of the server that owns the data directory, or of engines that this process opened itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

/// How long the server may take to answer; what takes longer answers 202 and is asked about again.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// An operator at an admin API.
pub enum Operator {
    /// Of a running server, through its socket.
    Socket(reqwest::Client),
    /// Of this process.
    Here(Router),
}

/// What the admin API refused.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub struct Refused {
    /// Its HTTP status.
    pub status: u16,
    /// Its name, where it has one.
    pub code: String,
    /// Why, in one line.
    said: String,
}

#[derive(serde::Deserialize)]
struct Problem {
    code: String,
    title: String,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

#[derive(serde::Deserialize)]
struct FieldError {
    pointer: String,
    detail: String,
}

impl Operator {
    /// Of the server that listens on this socket.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn at(socket: &Path) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().unix_socket(socket).timeout(ANSWER_LIMIT).build();
        Ok(Self::Socket(client.context("cannot make an HTTP client")?))
    }

    /// Asks.
    ///
    /// # Errors
    /// [`Refused`] with the API's words, or why it could not be asked.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.ask(Method::GET, path, Vec::new()).await?;
        serde_json::from_slice(&answer).with_context(|| format!("the answer to GET {path} is not understood"))
    }

    /// Says something and takes the answer.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let answer = self.ask(Method::POST, path, serde_json::to_vec(body)?).await?;
        serde_json::from_slice(&answer).with_context(|| format!("the answer to POST {path} is not understood"))
    }

    /// Sets something; the answer holds nothing.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn put(&self, path: &str, body: &impl Serialize) -> anyhow::Result<()> {
        self.ask(Method::PUT, path, serde_json::to_vec(body)?).await.map(drop)
    }

    /// Changes something and takes the answer.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let answer = self.ask(Method::PATCH, path, serde_json::to_vec(body)?).await?;
        serde_json::from_slice(&answer).with_context(|| format!("the answer to PATCH {path} is not understood"))
    }

    /// Takes something away; the answer holds nothing.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.ask(Method::DELETE, path, Vec::new()).await.map(drop)
    }

    /// Says something whose answer holds nothing.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn order(&self, path: &str) -> anyhow::Result<()> {
        self.ask(Method::POST, path, Vec::new()).await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let (status, answer) = match self {
            Self::Socket(client) => {
                let request = client.request(method, format!("http://localhost{path}"));
                let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
                let response = request.send().await.map_err(|error| anyhow!(error.without_url()))?;
                (response.status(), response.bytes().await.map_err(|error| anyhow!(error.without_url()))?.to_vec())
            }
            Self::Here(router) => {
                let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
                let response = router.clone().oneshot(request.body(Body::from(body))?).await?;
                let (parts, body) = response.into_parts();
                let body = http_body_util::Limited::new(body, MAX_ANSWER_BYTES).collect().await;
                (parts.status, body.map_err(|error| anyhow!(error))?.to_bytes().to_vec())
            }
        };
        if status.is_success() { Ok(answer) } else { Err(refused(status, &answer).into()) }
    }
}

fn refused(status: StatusCode, answer: &[u8]) -> Refused {
    let (code, said) = match serde_json::from_slice::<Problem>(answer) {
        Err(_) => (String::new(), format!("the server answered {status}")),
        Ok(problem) => {
            let mut said = vec![problem.title.trim_end_matches('.').to_owned()];
            said.extend(problem.detail);
            said.extend(problem.errors.into_iter().map(|error| format!("{}: {}", error.pointer, error.detail)));
            (problem.code, said.join(": "))
        }
    };
    Refused { status: status.as_u16(), code, said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};

    fn api() -> Router {
        let problem = r#"{"code": "invalid", "title": "The request says something that cannot be.", "errors": [{"pointer": "/name", "detail": "too long"}]}"#;
        Router::new()
            .route("/views", get(|| async { axum::Json(vec!["graph"]) }))
            .route("/no", post(move || async move { (StatusCode::UNPROCESSABLE_ENTITY, problem) }))
    }

    async fn asked(operator: &Operator) {
        assert_eq!(operator.get::<Vec<String>>("/views").await.expect("an answer"), ["graph"]);
        let error = operator.order("/no").await.expect_err("refused");
        assert_eq!(error.downcast_ref::<Refused>().map(|refused| refused.status), Some(422));
        assert_eq!(error.to_string(), "The request says something that cannot be: /name: too long");
        let error = operator.get::<()>("/nowhere").await.expect_err("refused");
        assert_eq!(error.to_string(), "the server answered 404 Not Found");
    }

    #[tokio::test]
    async fn an_operator_is_answered_alike_through_a_socket_and_in_the_process() {
        asked(&Operator::Here(api())).await;
        let temp = tempfile::tempdir().expect("a directory");
        let socket = temp.path().join("control.sock");
        let listener = tokio::net::UnixListener::bind(&socket).expect("bound");
        tokio::spawn(axum::serve(listener, api()).into_future());
        asked(&Operator::at(&socket).expect("a client")).await;
    }

    #[tokio::test]
    async fn nobody_at_the_socket_is_an_error_and_no_answer() {
        let temp = tempfile::tempdir().expect("a directory");
        let operator = Operator::at(&temp.path().join("control.sock")).expect("a client");
        assert!(operator.get::<()>("/views").await.expect_err("nobody").downcast_ref::<Refused>().is_none());
    }
}
