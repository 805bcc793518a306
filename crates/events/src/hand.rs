//! Time that is turned by hand: for simulations, in which it passes only between two steps and nobody really waits.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Clock;

/// Turns the clocks that were made of it; clones turn the same.
#[derive(Debug, Clone)]
pub struct Hand(Arc<Mutex<Dial>>);

#[derive(Debug)]
struct Dial {
    began_ms: i64,
    turned: Duration,
    next: u64,
    /// Who waits until when, in the order of their waiting.
    alarms: BTreeMap<(Duration, u64), Waker>,
}

/// Somebody who waits.
struct Alarm<'a> {
    hand: &'a Hand,
    at: Duration,
    number: u64,
}

impl Hand {
    /// It stands at `unix_ms`.
    pub fn new(unix_ms: i64) -> Self {
        Self(Arc::new(Mutex::new(Dial { began_ms: unix_ms, turned: Duration::ZERO, next: 0, alarms: BTreeMap::new() })))
    }

    /// A clock that it turns, moved by `offset_ms` milliseconds.
    pub fn clock(&self, offset_ms: i64) -> Clock {
        Clock::of_hand(self, offset_ms)
    }

    /// Turns on to the next moment that somebody waits for, and wakes those who do; whether somebody did.
    pub fn turn(&self) -> bool {
        let mut dial = self.dial();
        let Some(&(next, _)) = dial.alarms.keys().next() else { return false };
        dial.turned = dial.turned.max(next);
        let later = dial.alarms.split_off(&(next, u64::MAX));
        let due = std::mem::replace(&mut dial.alarms, later);
        drop(dial);
        due.into_values().for_each(Waker::wake);
        true
    }

    /// How far it was turned.
    pub fn turned(&self) -> Duration {
        self.dial().turned
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let dial = self.dial();
        dial.began_ms.saturating_add(i64::try_from(dial.turned.as_millis()).unwrap_or(i64::MAX))
    }

    pub(crate) fn alarm(&self, after: Duration) -> impl Future<Output = ()> + Send + '_ {
        let mut dial = self.dial();
        dial.next += 1;
        Alarm { hand: self, at: dial.turned.saturating_add(after), number: dial.next }
    }

    /// What `work` comes to, or `None` when `limit` passed first.
    pub(crate) async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut alarm) = (pin!(work), pin!(self.alarm(limit)));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => alarm.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    fn dial(&self) -> MutexGuard<'_, Dial> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Alarm<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut dial = self.hand.dial();
        if dial.turned >= self.at {
            return Poll::Ready(());
        }
        dial.alarms.insert((self.at, self.number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.hand.dial().alarms.remove(&(self.at, self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_passes_only_when_the_hand_is_turned() {
        let hand = Hand::new(1_000);
        let clock = hand.clock(5);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_secs(3)).await;
                let slept = clock.now_ms();
                let work = std::future::pending::<()>();
                (slept, clock.timeout(Duration::from_secs(2), work).await.is_err(), clock.since())
            }
        });
        assert_eq!((clock.now_ms(), clock.since()), (1_005, Duration::ZERO));
        while !waiting.is_finished() {
            tokio::task::yield_now().await;
            hand.turn();
        }
        assert_eq!(waiting.await.expect("ended"), (4_005, true, Duration::from_secs(5)));
        assert!(!hand.turn(), "nobody waits any more");
    }
}
