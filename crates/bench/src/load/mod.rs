//! Load over HTTP.
//!
//! *Open loop*: requests fall due by a schedule that knows nothing of answers, and a latency counts from when the request
//! was due. So a server that stalls shows in every request of that time, and not only in those that were on their way.
//! *Closed loop*: each connection sends its next request when it has its answer: how much can be done at most.

pub mod http;
pub mod outcome;
pub mod pool;
pub mod schedule;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::Clock;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use http::{Answer, Connection};
pub use outcome::{Outcome, Recorder};
pub use schedule::{Arrivals, Schedule};

/// Requests on their way at once in an open loop, each on a connection of its own.
pub const MAX_IN_FLIGHT: usize = 256;
/// Requests that may be due while all connections are taken; a further one is a failure, `overflow`, and is not sent.
pub const MAX_WAITING: u64 = 10_000;
/// How long an answer may take.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What is asked, and what counts as an answer.
pub trait Work: Send + Sync + 'static {
    /// Writes the n-th request.
    fn request(&self, n: u64) -> Vec<u8>;

    /// Whether this is a success.
    fn succeeded(&self, n: u64, answer: &Answer<'_>) -> bool;
}

/// Requests made by a function, which succeed by their status.
pub struct Asks<F> {
    /// Makes the n-th request.
    pub request: F,
    /// The status of a success.
    pub status: u16,
}

impl<F: Fn(u64) -> Vec<u8> + Send + Sync + 'static> Work for Asks<F> {
    fn request(&self, n: u64) -> Vec<u8> {
        (self.request)(n)
    }

    fn succeeded(&self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == self.status
    }
}

/// How much open load, for how long.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// How requests are spread.
    pub arrivals: Arrivals,
    /// Requests a second.
    pub rate: f64,
    /// For how long, in seconds.
    pub seconds: f64,
    /// Requests on their way at once.
    pub connections: usize,
}

impl Open {
    /// A Poisson process, whose seed is the rate's.
    pub const fn new(rate: f64, seconds: f64) -> Self {
        Self { arrivals: Arrivals::Poisson(rate.to_bits()), rate, seconds, connections: MAX_IN_FLIGHT }
    }
}

/// Sends requests by a schedule.
pub async fn open(clock: &Clock, address: SocketAddr, open: Open, work: Arc<dyn Work>) -> Outcome {
    let schedule = Arc::new(Schedule::new(open.arrivals, open.rate, open.seconds));
    let recorder = Arc::new(Recorder::new());
    let began = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..open.connections.min(MAX_IN_FLIGHT) {
        let mut sender = Sender::new(clock.clone(), address, Arc::clone(&work), Arc::clone(&recorder));
        let schedule = Arc::clone(&schedule);
        connections.spawn(async move {
            while let Some((n, due)) = schedule.take() {
                let early = due.saturating_duration_since(Instant::now());
                if !early.is_zero() {
                    sender.clock.sleep(early).await;
                } else if schedule.waiting_since(due) > MAX_WAITING {
                    sender.recorder.failed("overflow");
                    continue;
                }
                sender.send(n, due).await;
            }
        });
    }
    while connections.join_next().await.is_some() {}
    recorder.outcome(began.elapsed())
}

/// Sends a request on each of `connections` as soon as the one before is answered, for `seconds`.
pub async fn closed(clock: &Clock, address: SocketAddr, connections: usize, seconds: f64, work: Arc<dyn Work>) -> Outcome {
    let recorder = Arc::new(Recorder::new());
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(seconds);
    let mut senders = JoinSet::new();
    for first in 0..connections {
        let mut sender = Sender::new(clock.clone(), address, Arc::clone(&work), Arc::clone(&recorder));
        senders.spawn(async move {
            let mut n = first as u64;
            while Instant::now() < end {
                sender.send(n, Instant::now()).await;
                n += connections as u64;
            }
        });
    }
    while senders.join_next().await.is_some() {}
    recorder.outcome(began.elapsed())
}

/// One connection, opened again when it was lost.
struct Sender {
    clock: Clock,
    address: SocketAddr,
    work: Arc<dyn Work>,
    recorder: Arc<Recorder>,
    connection: Option<Connection>,
}

impl Sender {
    fn new(clock: Clock, address: SocketAddr, work: Arc<dyn Work>, recorder: Arc<Recorder>) -> Self {
        Self { clock, address, work, recorder, connection: None }
    }

    async fn send(&mut self, n: u64, due: Instant) {
        let request = self.work.request(n);
        let clock = self.clock.clone();
        let connection = self.connection.take();
        let exchange = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => Connection::open(self.address).await?,
            };
            let answer = connection.exchange(&request).await?;
            let took = due.elapsed();
            if self.work.succeeded(n, &answer) {
                self.recorder.took(took);
            } else {
                self.recorder.failed(&answer.status.to_string());
            }
            Ok::<_, std::io::Error>(connection)
        };
        match clock.timeout(ANSWER_LIMIT, exchange).await {
            Ok(Ok(connection)) => self.connection = Some(connection),
            Ok(Err(error)) => {
                self.recorder.failed(&error.kind().to_string());
                // A server that refuses connections must not be asked in a hot loop.
                self.clock.sleep(REFUSED_FOR).await;
            }
            Err(_) => self.recorder.failed("no answer in time"),
        }
    }
}

/// A pause after a connection was lost.
const REFUSED_FOR: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
