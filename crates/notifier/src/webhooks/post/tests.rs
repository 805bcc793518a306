//! Requests to receivers of these tests, over real sockets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use aredvi_projectors::webhooks::Lookup;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Every name is found on this machine.
fn here() -> Guard {
    let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(vec![LOOPBACK]) }));
    Guard::with(true, &["127.0.0.0/8".parse().expect("a network")], Clock::default(), lookup)
}

fn letter() -> Letter {
    Letter { id: "msg_1".to_owned(), timestamp_s: 1, signature: "v1,x".to_owned(), body: "{\"x\":1}".to_owned() }
}

/// Reads a request to the end of its body.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let (mut read, mut buffer) = (Vec::new(), [0; 1024]);
    while !read.ends_with(letter().body.as_bytes()) {
        let n = stream.read(&mut buffer).await.expect("a request");
        assert!(n > 0, "the request broke off");
        read.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8(read).expect("UTF-8")
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[tokio::test]
async fn an_https_receiver_is_spoken_to_when_its_certificate_is_believed() {
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example".to_owned()]).expect("a certificate");
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("ciphers");
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key.into()).expect("a key");
    let (listener, port) = listener().await;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let serving = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.expect("a connection");
            // Who does not believe the certificate ends it here.
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            let asked = request(&mut stream).await;
            assert!(asked.starts_with("POST /in?x=1 HTTP/1.1\r\n"), "{asked}");
            assert!(asked.contains("\r\nwebhook-id: msg_1\r\n"), "{asked}");
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.expect("answered");
            stream.shutdown().await.expect("ended");
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let believing = Post::believing(roots, here(), Clock::default());
    let sent = believing.send(&format!("https://hooks.example:{port}/in?x=1"), letter()).await;
    assert_eq!(sent, Ok(Answer { status: 204, retry_after: None }));
    // Of another name, and of nobody whom the world believes.
    assert_eq!(believing.send(&format!("https://other.example:{port}/in?x=1"), letter()).await, Err(NoAnswer("tls")));
    let usual = Post::new(here(), Clock::default());
    assert_eq!(usual.send(&format!("https://hooks.example:{port}/in?x=1"), letter()).await, Err(NoAnswer("tls")));
    serving.abort();
}

#[tokio::test]
async fn an_answer_without_end_has_said_its_status() {
    let (listener, port) = listener().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 429 Slow Down\r\nretry-after: 7\r\n\r\n").await.expect("a head");
        // Until the other side has enough.
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    });
    let post = Post::new(here(), Clock::default());
    let sent = post.send(&format!("http://hooks.example:{port}/"), letter()).await;
    assert_eq!(sent, Ok(Answer { status: 429, retry_after: Some(Duration::from_secs(7)) }));
    serving.await.expect("it was cut off");
}

#[tokio::test]
async fn a_name_that_is_another_by_the_time_it_is_sent_to_is_not_spoken_to() {
    let (listener, port) = listener().await;
    let answers = Mutex::new(vec![LOOPBACK, IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14))]);
    let lookup: Lookup = Arc::new(move |_| {
        let next = answers.lock().expect("the answers").pop().unwrap_or(LOOPBACK);
        Box::pin(async move { Ok(vec![next]) })
    });
    let guard = Guard::with(true, &[], Clock::default(), lookup);
    let url = format!("http://rebound.example:{port}/");
    let checked = guard.addresses(&Endpoint::read(&url, true).expect("an address")).await;
    assert!(checked.is_ok(), "public when it was added");
    let sent = Post::new(guard, Clock::default()).send(&url, letter()).await;
    assert_eq!(sent, Err(NoAnswer("address-not-allowed")));
    let nobody = listener.into_std().expect("a listener").accept().expect_err("nobody came");
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}
