//! When a letter that was not taken is tried again.

use std::time::Duration;

/// Attempts of one letter; then it is given up.
pub const MAX_ATTEMPTS: u32 = 8;
/// Before the second attempt; each further pause is four times as long.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// How long to wait after `attempts` attempts; `None`: it is given up.
pub(super) fn pause_after(attempts: u32) -> Option<Duration> {
    if attempts >= MAX_ATTEMPTS {
        return None;
    }
    let factor = 4_u32.saturating_pow(attempts.saturating_sub(1));
    Some(FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<Option<u64>> = (1..=MAX_ATTEMPTS).map(|n| pause_after(n).map(|pause| pause.as_secs())).collect();
        let hours = |n: u64| Some(n * 3600);
        assert_eq!(pauses, [Some(30), Some(120), Some(480), Some(1920), Some(7680), hours(6), hours(6), None]);
        assert_eq!(pause_after(u32::MAX), None);
    }
}
