//! Threads that hash, with less claim to the processor than those that answer: a flood of sign-ins slows sign-ins down and
//! nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// How much they yield to others, nice(2).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// A number of threads; they end with the last clone.
#[derive(Clone)]
pub(super) struct Threads {
    queue: Sender<Work>,
}

impl Threads {
    /// So many. Their queue is bounded by who may ask.
    pub fn new(threads: usize) -> Self {
        let (queue, work) = channel();
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads {
            let work = Arc::clone(&work);
            let started = std::thread::Builder::new().name("passwords".to_owned()).spawn(move || serve(&work));
            if let Err(error) = started {
                tracing::error!(%error, "a thread that hashes passwords cannot be started");
            }
        }
        Self { queue }
    }

    /// Does `work` on one of them; none when it was lost.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let work = move || {
            // Whoever asked may be gone.
            let _: Result<(), _> = done.send(work());
        };
        self.queue.send(Box::new(work)).ok()?;
        outcome.await.ok()
    }
}

fn serve(work: &Mutex<Receiver<Work>>) {
    // Elsewhere it would be the whole process's.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "hashing has as much claim to the processor as answering");
    }
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("hashing a password panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_is_done_aside_and_one_that_panics_takes_no_thread_with_it() {
        let threads = Threads::new(1);
        let nice = || rustix::process::getpriority_process(None).expect("a priority");
        let here = nice();
        assert_eq!(threads.run(nice).await, Some(here + NICE));
        assert_eq!(nice(), here);
        assert_eq!(threads.run(|| panic!("on purpose")).await, None::<()>);
        assert_eq!(threads.run(|| 7).await, Some(7));
    }
}
