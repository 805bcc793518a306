//! A request under way. Its answer is held against the contract before a test sees it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::answer::Answer;
use super::contract::Contract;

/// A request; awaiting it sends it.
#[must_use]
pub struct Ask<'a> {
    pub(super) client: &'a reqwest::Client,
    pub(super) contract: &'a Contract,
    pub(super) url: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

impl<'a> Ask<'a> {
    /// With a body of JSON.
    pub fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// With a body of any kind.
    pub fn text(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Some(body.into());
        self
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_ref()).expect("a value"));
        self
    }

    /// Under an idempotency key.
    pub fn key(self, key: impl AsRef<[u8]>) -> Self {
        self.header("idempotency-key", key)
    }

    /// With the position of another answer.
    pub fn position(self, answer: &Answer) -> Self {
        let position = answer.header("aredvi-position").expect("a position").to_owned();
        self.header("aredvi-position", position)
    }

    /// Sends it. `Err` when no whole answer came.
    pub async fn sent(self) -> reqwest::Result<Answer> {
        let mut request = self.client.request(self.method.clone(), format!("{}{}", self.url, self.path)).headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        let answer = Answer { asked: format!("{} {}{}", self.method, self.url, self.path), status, headers, body };
        if let Some(fault) = fault(self.contract, &self.method, &self.path, &answer) {
            panic!("{fault}\n{answer}");
        }
        Ok(answer)
    }
}

impl<'a> IntoFuture for Ask<'a> {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.sent().await.unwrap_or_else(|error| panic!("no answer: {error:?}")) })
    }
}

fn fault(contract: &Contract, method: &Method, path: &str, answer: &Answer) -> Option<String> {
    let (status, has) = (answer.status, |name: &str| answer.headers.contains_key(name));
    if !path.starts_with("/v1/") || *method == Method::OPTIONS || *method == Method::HEAD {
        return None;
    }
    let Some(operation) = contract.operation(method, path) else {
        let known = status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED;
        return (!known).then(|| "this is not described".to_owned());
    };
    let content_type = answer.header("content-type");
    if let Some(fault) = contract.fault(&operation, status, content_type, &answer.body) {
        return Some(fault);
    }
    let missing = match status.as_u16() {
        200..=299 | 304 if path == "/v1/openapi.json" => None,
        200..=299 | 304 if *method == Method::GET => (!has("aredvi-lag-ms")).then_some("Aredvi-Lag-Ms"),
        200..=299 => (!has("aredvi-position")).then_some("Aredvi-Position"),
        401 => (!has("www-authenticate")).then_some("WWW-Authenticate"),
        429 | 503 => (!has("retry-after")).then_some("Retry-After"),
        _ => None,
    };
    if let Some(missing) = missing {
        return Some(format!("{missing} is missing"));
    }
    let is_problem = status.is_client_error() || status.is_server_error();
    let told = is_problem.then(|| answer.json()["status"].as_u64());
    (told.is_some_and(|told| told != Some(status.as_u16().into()))).then(|| "the body says another status".to_owned())
}
