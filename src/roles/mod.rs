//! The roles of a process: each a task that runs until it is told to end.

pub mod all;
pub mod api;
pub mod facts;
pub mod notifier;
pub mod operators;
pub mod planner;
pub mod projectors;
pub mod rebuilds;
pub mod webhooks;

use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use aredvi_events::Clock;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Roles at work that end together.
pub struct Roles {
    clock: Clock,
    stop: CancellationToken,
    tasks: JoinSet<Ended>,
}

type Ended = (&'static str, anyhow::Result<()>);

impl Roles {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, stop: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// Starts a role; `run` gets the token that tells it to end.
    pub fn start<F>(&mut self, name: &'static str, run: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let work = run(self.stop.clone());
        self.tasks.spawn(async move { (name, work.await) });
    }

    /// Waits until a role ends that was not told to, and says why; for ever when there is none.
    pub async fn first_end(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok((name, Ok(())))) => anyhow!("the role {name} ended by itself"),
            Some(Ok((name, Err(error)))) => error.context(format!("the role {name} failed")),
            Some(Err(error)) => broken(error),
        }
    }

    /// Tells all to end and waits for them.
    ///
    /// # Errors
    /// The first that failed, or did not end within `limit`.
    pub async fn drain(mut self, limit: Duration) -> anyhow::Result<()> {
        self.stop.cancel();
        let mut outcome = Ok(());
        let clock = self.clock.clone();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                let failed = match ended {
                    Ok((_, Ok(()))) => continue,
                    Ok((name, Err(error))) => error.context(format!("the role {name} failed")),
                    Err(error) => broken(error),
                };
                if outcome.is_ok() {
                    outcome = Err(failed);
                }
            }
        };
        if clock.timeout(limit, all).await.is_err() {
            return Err(anyhow!("roles had work in hand for more than {limit:?} and were cut off"));
        }
        outcome
    }
}

fn broken(error: JoinError) -> anyhow::Error {
    anyhow::Error::new(error).context("a role broke down")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_role_that_fails_is_named_and_the_others_are_drained() {
        let mut roles = Roles::new(Clock::default());
        let (told, mut ended) = tokio::sync::mpsc::unbounded_channel();
        roles.start("planner", async move |stop: CancellationToken| {
            stop.cancelled().await;
            told.send(()).map_err(|error| anyhow!("{error}"))
        });
        roles.start("notifier", async |_| Err(anyhow!("no outbox")));
        let failed = roles.first_end().await;
        assert_eq!(crate::failure::line(&failed), "the role notifier failed: no outbox");
        roles.drain(Duration::from_secs(5)).await.expect("drained");
        assert_eq!(ended.recv().await, Some(()));
    }

    #[tokio::test]
    async fn a_role_that_does_not_end_is_cut_off() {
        let mut roles = Roles::new(Clock::default());
        roles.start("api", async |_| std::future::pending().await);
        let error = roles.drain(Duration::from_millis(1)).await.expect_err("cut off");
        assert_eq!(error.to_string(), "roles had work in hand for more than 1ms and were cut off");
    }
}
