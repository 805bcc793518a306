//! A wire between us and a server that a test can cut and mend.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It carries everything.
    Whole,
    /// It ends connections, and takes new ones only to end them.
    Cut,
    /// It takes connections and carries nothing any more.
    Silent,
}

/// The wire; its tasks end with it.
pub struct Wire {
    /// Where it is entered.
    pub entry: SocketAddr,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// A whole wire to `server`.
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let entry = listener.local_addr().expect("an address");
        let (state, watched) = watch::channel(State::Whole);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), watched.clone()));
            }
        });
        Self { entry, state, accepting }
    }

    /// Changes what it does from now on.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(mut client: TcpStream, server: String, mut state: watch::Receiver<State>) {
    if *state.borrow() == State::Whole {
        let Ok(mut server) = TcpStream::connect(server).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            changed = state.wait_for(|state| *state != State::Whole) => drop(changed.map(|state| *state)),
        }
    }
    // Silent connections stay open, and stay silent, until the wire is cut.
    if *state.borrow() == State::Silent {
        let _ = state.wait_for(|state| *state == State::Cut).await;
    }
}
