//! How far behind the log something is, in time: how long ago it is known to have had all that stood on the log.
//!
//! The age of what was applied last would not say it: one partition may stand still while others go on, and on a quiet
//! log the last event is old.

use aredvi_events::Positions;

/// Looks come every second: below two of them, only the age of what was applied last tells more.
const FINE_MS: i64 = 2_000;

/// What looks at a view and at the log's ends say. Where nobody has looked for long, it is behind.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    reached_ms: i64,
    awaited: Option<(Positions, i64)>,
}

impl Behind {
    /// Nothing is known from before `now_ms`, Unix milliseconds.
    pub const fn since(now_ms: i64) -> Self {
        Self { reached_ms: now_ms, awaited: None }
    }

    /// A look.
    pub fn look(&mut self, positions: &Positions, ends: &Positions, now_ms: i64) {
        let has = |ends: &Positions| ends.iter().all(|(partition, end)| positions.next(partition) >= end);
        if has(ends) {
            *self = Self::since(now_ms);
            return;
        }
        if let Some((awaited, at_ms)) = &self.awaited {
            if !has(awaited) {
                return;
            }
            self.reached_ms = *at_ms;
        }
        self.awaited = Some((ends.clone(), now_ms));
    }

    /// How far, in milliseconds, where what was applied last is of `newest_ms`.
    pub fn ms(&self, newest_ms: i64, now_ms: i64) -> i64 {
        let known = now_ms.saturating_sub(self.reached_ms).max(0);
        if known > FINE_MS { known } else { known.min(now_ms.saturating_sub(newest_ms).max(0)) }
    }
}

#[cfg(test)]
mod tests {
    use aredvi_events::{Partition, Topic};

    use super::*;

    fn at(places: [u64; 2]) -> Positions {
        let partition = |number| Partition { topic: Topic::Media, number };
        Positions::from_iter([(partition(0), places[0]), (partition(1), places[1])])
    }

    #[test]
    fn who_keeps_up_with_a_busy_log_is_not_behind() {
        let mut behind = Behind::since(0);
        for second in 1..100 {
            let now_ms = 1_000 * i64::try_from(second).expect("small");
            behind.look(&at([10 * second, 10 * second]), &at([10 * second + 5, 10 * second + 5]), now_ms);
            assert!(behind.ms(now_ms - 30, now_ms) <= 30);
        }
    }

    #[test]
    fn a_partition_that_stands_still_shows_though_the_others_go_on() {
        let mut behind = Behind::since(0);
        for second in 1..100 {
            behind.look(&at([10 * second, 7]), &at([10 * second, 8]), 1_000 * i64::try_from(second).expect("small"));
        }
        assert_eq!(behind.ms(98_990, 99_000), 99_000);
        behind.look(&at([990, 8]), &at([990, 8]), 100_000);
        assert_eq!(behind.ms(0, 100_000), 0);
    }

    #[test]
    fn a_view_that_nobody_can_look_at_is_behind_and_a_quiet_log_is_no_fault() {
        let mut behind = Behind::since(0);
        behind.look(&at([5, 5]), &at([5, 5]), 3_600_000);
        assert_eq!(behind.ms(0, 3_600_000), 0);
        behind.look(&at([5, 5]), &at([6, 5]), 3_601_000);
        assert_eq!(behind.ms(0, 3_601_000), 1_000);
        assert_eq!(behind.ms(0, 3_660_000), 60_000);
    }
}
