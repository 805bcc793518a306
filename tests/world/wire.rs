//! A wire to an engine that a test can cut, let fall silent, or make slow. It runs on a thread of its own, so that it
//! carries while a test waits for a process.

use std::net::Ipv4Addr;
use std::time::Duration;

use aredvi_events::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// How long each piece takes on a slow wire, each way.
const LATENCY: Duration = Duration::from_millis(100);
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;
/// Connections that fill the queue of a listener which accepts none: the kernel drops what comes after them, as it never
/// answers what is sent to a machine that has gone.
const FILLERS: usize = 4;
/// What is carried at once, in bytes.
const PIECE: usize = 64 * 1024;

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// It arrives.
    All,
    /// It arrives late.
    Late,
    /// Connections are reset, and new ones refused.
    Nothing,
    /// Everything vanishes: connections stand and say nothing, new ones are never answered.
    Silence,
    /// What is asked arrives, and answers vanish.
    Questions,
}

/// A wire.
pub struct Wire {
    carries: watch::Sender<Carries>,
}

#[derive(Clone, Copy)]
enum Way {
    Asked,
    Answered,
}

impl Wire {
    /// From one port of this machine to another.
    pub fn between(port: u16, server: u16) -> Self {
        let carries = watch::Sender::new(Carries::All);
        let carried = carries.subscribe();
        std::thread::spawn(move || super::on_runtime(listen(port, server, carried)));
        Self { carries }
    }

    /// Changes it from now on, for connections that stand too.
    pub fn set(&self, carries: Carries) {
        self.carries.send_replace(carries);
    }
}

/// Ends when the wire is dropped.
async fn listen(port: u16, server: u16, mut carried: watch::Receiver<Carries>) {
    loop {
        let carries = *carried.borrow_and_update();
        let ended = match carries {
            Carries::Nothing => carried.changed().await.is_err(),
            Carries::Silence => {
                let full = listener(port, 0);
                let fillers: Vec<_> =
                    (0..FILLERS).map(|_| tokio::spawn(TcpStream::connect((Ipv4Addr::LOCALHOST, port)))).collect();
                let ended = carried.changed().await.is_err();
                fillers.iter().for_each(tokio::task::JoinHandle::abort);
                drop(full);
                ended
            }
            Carries::All | Carries::Late | Carries::Questions => {
                let open = listener(port, BACKLOG);
                loop {
                    tokio::select! {
                        accepted = open.accept() => {
                            let Ok((client, _)) = accepted else { continue };
                            tokio::spawn(carry(client, server, carried.clone()));
                        }
                        changed = carried.changed() => break changed.is_err(),
                    }
                }
            }
        };
        if ended {
            return;
        }
    }
}

fn listener(port: u16, backlog: u32) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, port).into()).expect("the port");
    socket.listen(backlog).expect("the port")
}

async fn carry(mut client: TcpStream, server: u16, mut carried: watch::Receiver<Carries>) {
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let reset = {
        let (asked, answer) = client.split();
        let (answered, ask) = server.split();
        let (there, back) = (carried.clone(), carried.clone());
        tokio::select! {
            () = pump(asked, ask, Way::Asked, there) => false,
            () = pump(answered, answer, Way::Answered, back) => false,
            _ = carried.wait_for(|carries| *carries == Carries::Nothing) => true,
        }
    };
    if reset {
        let _ = client.set_zero_linger();
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, way: Way, mut carried: watch::Receiver<Carries>) {
    let clock = Clock::default();
    let mut piece = vec![0; PIECE];
    loop {
        let carries = *carried.borrow_and_update();
        let vanishes = carries == Carries::Silence || (carries == Carries::Questions && matches!(way, Way::Answered));
        let read = tokio::select! {
            read = from.read(&mut piece), if !vanishes => read,
            changed = carried.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let Ok(read @ 1..) = read else { return };
        if carries == Carries::Late {
            clock.sleep(LATENCY).await;
        }
        if to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}
