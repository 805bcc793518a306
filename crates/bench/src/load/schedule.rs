//! When requests are to be sent, whatever becomes of those before: at even distances, or as a Poisson process.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

use crate::community::Random;

/// How arrivals are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At even distances.
    Even,
    /// As a Poisson process by this seed.
    Poisson(u64),
}

/// The arrivals of one load, each taken by one connection.
pub struct Schedule {
    began: Instant,
    rate: f64,
    next: Mutex<Next>,
    count: u64,
}

struct Next {
    n: u64,
    /// Seconds after the beginning.
    at: f64,
    random: Option<Random>,
}

impl Schedule {
    /// `rate` arrivals a second for `seconds`, from now on.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
    pub fn new(arrivals: Arrivals, rate: f64, seconds: f64) -> Self {
        let random = match arrivals {
            Arrivals::Even => None,
            Arrivals::Poisson(seed) => Some(Random::new(seed, 0)),
        };
        let next = Mutex::new(Next { n: 0, at: 0.0, random });
        Self { began: Instant::now(), rate, next, count: (rate * seconds).round().max(0.0) as u64 }
    }

    /// The next arrival: its number and when it is due. None when there are no more.
    pub fn take(&self) -> Option<(u64, Instant)> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.n >= self.count {
            return None;
        }
        let (n, at) = (next.n, next.at);
        // The distances of a Poisson process are exponential; 1 - u is in (0, 1].
        let distance = next.random.as_mut().map_or(1.0, |random| -(1.0 - random.unit()).ln());
        next.n += 1;
        next.at += distance / self.rate;
        Some((n, self.began + Duration::from_secs_f64(at)))
    }

    /// How many arrivals are due for longer than this one, which was due at `due`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
    pub fn waiting_since(&self, due: Instant) -> u64 {
        (Instant::now().saturating_duration_since(due).as_secs_f64() * self.rate) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distances(arrivals: Arrivals) -> Vec<f64> {
        let schedule = Schedule::new(arrivals, 1_000.0, 2.0);
        let all: Vec<Instant> = std::iter::from_fn(|| schedule.take()).map(|(_, at)| at).collect();
        assert_eq!(all.len(), 2_000);
        all.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1_000.0).collect()
    }

    #[test]
    fn arrivals_are_even_or_as_a_poisson_process_by_its_seed() {
        assert!(distances(Arrivals::Even).iter().all(|ms| (ms - 1.0).abs() < 0.01));
        let poisson = distances(Arrivals::Poisson(3));
        let mean = poisson.iter().sum::<f64>() / poisson.len() as f64;
        let variance = poisson.iter().map(|ms| (ms - mean).powi(2)).sum::<f64>() / poisson.len() as f64;
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
        assert!((variance - 1.0).abs() < 0.25, "{variance}");
        assert_eq!(poisson, distances(Arrivals::Poisson(3)));
        assert_ne!(poisson, distances(Arrivals::Poisson(4)));
    }
}
