//! Single requests, awaited one by one, on connections that are used again: for probes that must see an answer before they
//! know what to ask next.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use aredvi_events::Clock;
use tokio::sync::Semaphore;

use super::{ANSWER_LIMIT, Connection};

/// Connections; clones share them.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    clock: Clock,
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Pool {
    /// Up to `most` requests at once; further ones wait for their turn.
    pub fn new(clock: &Clock, address: SocketAddr, most: usize) -> Self {
        let (idle, permits) = (Mutex::default(), Semaphore::new(most));
        Self(Arc::new(Shared { clock: clock.clone(), address, idle, permits }))
    }

    /// Status and body of the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        let shared = &*self.0;
        let _permit = shared.permits.acquire().await?;
        let idle = shared.idle().pop();
        let exchange = async {
            let mut connection = match idle {
                Some(connection) => connection,
                None => Connection::open(shared.address).await?,
            };
            let answer = connection.exchange(request).await?;
            let answered = (answer.status, answer.body.to_vec());
            Ok::<_, std::io::Error>((answered, connection))
        };
        let (answered, connection) = shared.clock.timeout(ANSWER_LIMIT, exchange).await.context("no answer in time")??;
        shared.idle().push(connection);
        Ok(answered)
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
