//! Threads that hash and nothing else, so that what they hold for it is held by few and given back soon.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;

/// What they are called.
const NAME: &str = "passwords";
/// How long one waits for more before it ends, and gives back what it holds.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// A number of threads; clones share them.
#[derive(Clone)]
pub(super) struct Threads {
    pool: Arc<Pool>,
}

/// A runtime of which nothing but its threads for blocking work is used.
struct Pool(Option<Runtime>);

impl Threads {
    /// So many at most, each started when there is work for it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let mut pool = Builder::new_current_thread();
        pool.max_blocking_threads(threads).thread_keep_alive(KEPT_FOR).thread_name(NAME);
        Ok(Self { pool: Arc::new(Pool(Some(pool.build()?))) })
    }

    /// Does `work` on one of them.
    ///
    /// # Errors
    /// When it panicked, or when the process ends.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        match &self.pool.0 {
            Some(pool) => pool.spawn_blocking(work).await,
            None => tokio::task::spawn_blocking(work).await,
        }
    }
}

impl Drop for Pool {
    /// Waits for nothing, so that it may be dropped anywhere.
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            pool.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_aside_and_a_panic_takes_no_thread_with_it() {
        let threads = Threads::new(1).expect("threads");
        let name = || std::thread::current().name().map(str::to_owned);
        assert_eq!(threads.run(name).await.expect("done"), Some(NAME.to_owned()));
        assert!(threads.run(|| panic!("on purpose")).await.is_err_and(|lost| lost.is_panic()));
        assert_eq!(threads.run(|| 7).await.expect("done"), 7);
    }
}
