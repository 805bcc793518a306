//! When a delivery that was not taken is tried again (Standard Webhooks 1.0, "Deliverability and reliability").

use std::time::Duration;

/// Attempts of one delivery; then it is given up, 27 to 33 hours after the first.
pub const MAX_ATTEMPTS: u32 = 8;
/// The pauses between them, in seconds.
const PAUSES_S: [u64; 7] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];
/// The longest wait that a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(10 * 3600);
/// How much longer than it says a pause may be, by chance, so that many do not come back at once.
const JITTER_PERCENT: u64 = 20;

/// How long to wait after `attempts` attempts, not shorter than the receiver asked for; `chance` is random. `None`: it is
/// given up.
pub(super) fn pause_after(attempts: u32, asked: Option<Duration>, chance: u64) -> Option<Duration> {
    let at = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let pause = Duration::from_secs(*PAUSES_S.get(at)?);
    let pause = pause.max(asked.unwrap_or_default().min(LONGEST_ASKED));
    let most_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX) / 100 * JITTER_PERCENT;
    Some(pause.saturating_add(Duration::from_millis(chance % most_ms.saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_attempts_are_spread_over_a_day_and_more() {
        let pauses: Vec<Option<u64>> = (1..=MAX_ATTEMPTS).map(|n| pause_after(n, None, 0).map(|pause| pause.as_secs())).collect();
        let hours = |n: u64| Some(n * 3600);
        assert_eq!(pauses, [Some(5), Some(300), Some(1800), hours(2), hours(5), hours(10), hours(10), None]);
        assert_eq!([pause_after(u32::MAX, None, 0), pause_after(0, None, 0)], [None, None]);
    }

    #[test]
    fn a_receiver_may_ask_for_more_within_bounds_and_never_for_less() {
        let after = |asked| pause_after(2, Some(Duration::from_secs(asked)), 0).map(|pause| pause.as_secs());
        assert_eq!([after(0), after(600), after(u64::MAX)], [Some(300), Some(600), Some(36_000)]);
    }

    #[test]
    fn chance_makes_a_pause_at_most_a_fifth_longer() {
        for chance in [0, 1, 1_000, u64::MAX] {
            let pause = pause_after(1, None, chance).expect("a pause");
            assert!((Duration::from_secs(5)..=Duration::from_secs(6)).contains(&pause), "{pause:?}");
        }
    }
}
