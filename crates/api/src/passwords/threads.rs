//! Threads that hash, with less claim to the processor than those that answer: a flood of sign-ins slows sign-ins down and
//! nothing else.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;

/// How much they yield to others, nice(2).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
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
        pool.max_blocking_threads(threads).thread_keep_alive(KEPT_FOR).thread_name("passwords").on_thread_start(yield_to_others);
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

fn yield_to_others() {
    // Elsewhere it would be the whole process that yields.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "hashing has as much claim to the processor as answering");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_is_done_by_threads_that_yield() {
        let threads = Threads::new(1).expect("threads");
        let nice = || rustix::process::getpriority_process(None).expect("a priority");
        let here = nice();
        assert_eq!(threads.run(nice).await.expect("done"), here + NICE);
        assert_eq!(nice(), here);
        assert!(threads.run(|| panic!("on purpose")).await.is_err_and(|lost| lost.is_panic()));
        assert_eq!(threads.run(|| 7).await.expect("done"), 7);
    }
}
