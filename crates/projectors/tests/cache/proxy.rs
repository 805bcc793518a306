//! A wire to Redis that a test can cut.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Carries bytes between clients and a server, until it is cut.
pub struct Proxy {
    port: u16,
    server: String,
    rewrite: Option<(&'static [u8], &'static [u8])>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    cut: Arc<watch::Sender<u64>>,
}

impl Proxy {
    /// A wire to `server`; what the server says has `rewrite.0` replaced by `rewrite.1`, of the same length.
    pub async fn to(server: &str, rewrite: Option<(&'static [u8], &'static [u8])>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let cut = Arc::new(watch::Sender::new(0));
        let proxy = Self { port, server: server.to_owned(), rewrite, accepting: Mutex::new(None), cut };
        proxy.listen(listener);
        proxy
    }

    /// Where clients find it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts what is connected; who connects again is served.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts what is connected and refuses all others.
    pub async fn down(&self) {
        let accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(accepting) = accepting {
            accepting.abort();
            let _ = accepting.await;
        }
        self.cut();
    }

    /// Serves again.
    pub async fn up(&self) {
        self.listen(TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port"));
    }

    fn listen(&self, listener: TcpListener) {
        let (server, rewrite, cut) = (self.server.clone(), self.rewrite, self.cut.clone());
        let accept = async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), rewrite, cut.subscribe()));
            }
        };
        *self.accepting.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokio::spawn(accept));
    }
}

async fn carry(
    client: TcpStream,
    server: String,
    rewrite: Option<(&'static [u8], &'static [u8])>,
    mut cut: watch::Receiver<u64>,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        () = pump(client_read, server_write, None) => {}
        () = pump(server_read, client_write, rewrite) => {}
        _ = cut.changed() => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    rewrite: Option<(&'static [u8], &'static [u8])>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &mut buffer[..read];
        if let Some((what, with)) = rewrite
            && let Some(at) = bytes.windows(what.len()).position(|window| window == what)
        {
            bytes[at..at + with.len()].copy_from_slice(with);
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
