//! Somebody else's program that takes webhooks, over real HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its head.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

/// What is answered.
pub enum Reply {
    /// This status, and perhaps a header.
    Status(u16, Option<(&'static str, String)>),
    /// Nothing, ever.
    Silence,
}

type Rule = Arc<dyn Fn(&[Taken]) -> Reply + Send + Sync>;

/// The program; it ends when this is dropped.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::answering(|_| Reply::of(204)).await
    }

    /// One that answers by rule: of all that came so far, the request itself last.
    pub async fn answering(rule: impl Fn(&[Taken]) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), rule).await
    }

    /// One that listens there.
    pub async fn at(address: SocketAddr, rule: impl Fn(&[Taken]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (taken, rule): (Arc<Mutex<Vec<Taken>>>, Rule) = (Arc::default(), Arc::new(rule));
        let kept = Arc::clone(&taken);
        let routes = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let (taken, rule) = (Arc::clone(&kept), Arc::clone(&rule));
            async move {
                let reply = {
                    let mut taken = taken.lock().expect("the taken");
                    taken.push(Taken { headers, body: String::from_utf8(body.to_vec()).expect("UTF-8") });
                    rule(&taken)
                };
                answer(reply).await
            }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.expect("served") });
        Self { address, taken, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Where it is sent to.
    pub fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    /// What came so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("the taken").clone()
    }
}

impl Reply {
    /// This status.
    pub const fn of(status: u16) -> Self {
        Self::Status(status, None)
    }
}

impl Taken {
    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} is missing")).to_str().expect("text")
    }

    /// The event.
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

async fn answer(reply: Reply) -> Response {
    let status = |code| StatusCode::from_u16(code).expect("a status");
    match reply {
        Reply::Status(code, None) => status(code).into_response(),
        Reply::Status(code, Some(header)) => (status(code), [header]).into_response(),
        Reply::Silence => std::future::pending().await,
    }
}
