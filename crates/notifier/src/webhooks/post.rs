//! One request to a receiver, on a connection of its own to an address that was checked.
//!
//! No redirect is followed, no proxy of the environment is used, no name is looked up after the check.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::Clock;
use aredvi_projectors::webhooks::{Endpoint, Guard};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_util::task::AbortOnDropHandle;

/// How long a connection to one address may take, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a request may take in all, from the lookup to the answer's end.
pub(super) const TOTAL_LIMIT: Duration = Duration::from_secs(20);
/// The most bytes of an answer's head.
const HEAD_BYTES: usize = 16 * 1024;
/// The most bytes of an answer's body that are read; nobody looks at them.
const ANSWER_BYTES: usize = 4 * 1024;
/// What a body is (CloudEvents 1.0, HTTP binding, structured mode).
const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";

/// Sends requests.
#[derive(Clone)]
pub(super) struct Post {
    guard: Guard,
    tls: TlsConnector,
    clock: Clock,
}

/// What is sent.
pub(super) struct Letter {
    /// `webhook-id`.
    pub(super) id: String,
    /// `webhook-timestamp`, Unix seconds.
    pub(super) timestamp_s: i64,
    /// `webhook-signature`.
    pub(super) signature: String,
    /// The event.
    pub(super) body: String,
}

/// What a receiver said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// How long it wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// Why no answer came; a word that names nothing of the inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoAnswer(pub(super) &'static str);

impl Post {
    /// Believes the certificate authorities that Mozilla believes.
    pub(super) fn new(guard: Guard, clock: Clock) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self::believing(roots, guard, clock)
    }

    fn believing(roots: RootCertStore, guard: Guard, clock: Clock) -> Self {
        let provider = Arc::new(crypto::ring::default_provider());
        #[expect(clippy::expect_used, reason = "the provider has the ciphers of these versions")]
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("ciphers");
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Self { guard, tls: TlsConnector::from(Arc::new(config)), clock }
    }

    /// Sends one letter.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn send(&self, url: &str, letter: Letter) -> Result<Answer, NoAnswer> {
        let sent = self.clock.timeout(TOTAL_LIMIT, self.send_in_time(url, letter)).await;
        sent.unwrap_or(Err(NoAnswer("timeout")))
    }

    async fn send_in_time(&self, url: &str, letter: Letter) -> Result<Answer, NoAnswer> {
        let endpoint = Endpoint::read(url, self.guard.allow_http).map_err(|_| NoAnswer("url-not-allowed"))?;
        let addresses = self.guard.addresses(&endpoint).await.map_err(|refused| NoAnswer(refused.code()))?;
        let mut last = NoAnswer("no-address");
        for address in addresses {
            match self.clock.timeout(CONNECT_LIMIT, self.connect(&endpoint, address)).await {
                Ok(Ok(stream)) => return exchange(stream, &endpoint, letter).await,
                Ok(Err(failed)) => last = failed,
                Err(_) => last = NoAnswer("connect-timeout"),
            }
        }
        Err(last)
    }

    async fn connect(&self, endpoint: &Endpoint, address: SocketAddr) -> Result<Box<dyn Stream>, NoAnswer> {
        let tcp = TcpStream::connect(address).await.map_err(|_| NoAnswer("not-connected"))?;
        if !endpoint.is_https() {
            return Ok(Box::new(tcp));
        }
        let name = server_name(endpoint).ok_or(NoAnswer("tls"))?;
        let tls = self.tls.connect(name, tcp).await.map_err(|_| NoAnswer("tls"))?;
        Ok(Box::new(tls))
    }
}

/// TCP or TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn server_name(endpoint: &Endpoint) -> Option<ServerName<'static>> {
    let authority = endpoint.host()?.to_string();
    let name = authority.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_owned();
    ServerName::try_from(name).ok()
}

async fn exchange(stream: Box<dyn Stream>, endpoint: &Endpoint, letter: Letter) -> Result<Answer, NoAnswer> {
    let request = Request::post(endpoint.path_and_query())
        .header(HOST, endpoint.authority())
        .header(CONNECTION, "close")
        .header(CONTENT_TYPE, CLOUD_EVENT)
        .header(USER_AGENT, concat!("aredvi/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", letter.id)
        .header("webhook-timestamp", letter.timestamp_s)
        .header("webhook-signature", letter.signature)
        .body(Full::new(Bytes::from(letter.body)))
        .map_err(|_| NoAnswer("url-not-allowed"))?;
    let mut client = http1::Builder::new();
    client.max_buf_size(HEAD_BYTES);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(|_| NoAnswer("http"))?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = sender.send_request(request).await.map_err(|_| NoAnswer("http"))?;
    let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
    // It is read so that a receiver can finish writing; what is longer, or breaks off, has said its status all the same.
    let _: Result<_, _> = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    Ok(Answer { status, retry_after })
}

/// In seconds; the form with a date is not read, because the receiver's clock is its own.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
