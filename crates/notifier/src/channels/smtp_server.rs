//! A mail server that really speaks SMTP (RFC 5321), for tests: it keeps what it takes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the server answers to the recipients of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes everything.
    Takes,
    /// Has no room for now.
    Busy,
    /// Knows no such mailbox.
    Refuses,
    /// Closes the connection in the middle of the next message, then takes everything.
    HangsUpOnce,
}

/// A running server.
pub struct SmtpServer {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    hang_up: watch::Sender<u64>,
}

/// Letters that are begun and not yet taken.
#[derive(Debug, Default)]
struct AtWork {
    now: usize,
    most: usize,
}

struct Shared {
    mood: Mutex<Mood>,
    taken: Mutex<Vec<String>>,
    at_work: Mutex<AtWork>,
    connections: watch::Sender<(u64, u64)>,
}

impl SmtpServer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = watch::Sender::new((0, 0));
        let shared =
            Arc::new(Shared { mood: Mutex::new(Mood::Takes), taken: Mutex::default(), at_work: Mutex::default(), connections });
        let hang_up = watch::Sender::new(0);
        let (server, hangs) = (Arc::clone(&shared), hang_up.subscribe());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                server.connections.send_modify(|(made, _)| *made += 1);
                let (server, mut hangs) = (Arc::clone(&server), hangs.clone());
                hangs.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = hangs.changed() => {}
                        _ = converse(stream, &server) => {}
                    }
                    server.connections.send_modify(|(_, ended)| *ended += 1);
                });
            }
        });
        Self { address, shared, hang_up }
    }

    /// Changes what it answers.
    pub fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// What it has taken.
    pub fn taken(&self) -> Vec<String> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many letters it had at once, begun and not yet taken, at most.
    pub fn most_at_once(&self) -> usize {
        self.shared.at_work().most
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> u64 {
        self.shared.connections.borrow().0
    }

    /// Closes every connection, and returns when they are closed.
    pub async fn hang_up(&self) {
        let mut connections = self.shared.connections.subscribe();
        self.hang_up.send_modify(|times| *times += 1);
        connections.wait_for(|(made, ended)| made == ended).await.expect("the server runs");
    }
}

impl Shared {
    fn at_work(&self) -> std::sync::MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn converse(stream: TcpStream, server: &Shared) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let mood = *server.mood.lock().unwrap_or_else(PoisonError::into_inner);
        let answer: &[u8] = match (verb.as_str(), mood) {
            ("EHLO", _) => b"250-test\r\n250 8BITMIME\r\n",
            ("RCPT", Mood::Busy) => b"451 later\r\n",
            ("RCPT", Mood::Refuses) => b"550 no such mailbox as yours\r\n",
            ("MAIL", Mood::HangsUpOnce) => {
                *server.mood.lock().unwrap_or_else(PoisonError::into_inner) = Mood::Takes;
                return Ok(());
            }
            ("MAIL", _) => {
                let mut at_work = server.at_work();
                at_work.now += 1;
                at_work.most = at_work.most.max(at_work.now);
                b"250 fine\r\n"
            }
            ("DATA", _) => {
                write.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    message.push_str(line.strip_prefix('.').unwrap_or(&line));
                    message.push('\n');
                }
                server.taken.lock().unwrap_or_else(PoisonError::into_inner).push(message);
                server.at_work().now -= 1;
                b"250 taken\r\n"
            }
            ("QUIT", _) => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 fine\r\n",
        };
        write.write_all(answer).await?;
    }
    Ok(())
}
