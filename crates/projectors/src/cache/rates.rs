//! Rate limits: how often somebody may ask within a sliding window.
//!
//! Two counters a key: this window's, and the last one's by the share of it that the sliding window still covers. What
//! is refused does not count.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::error::CacheError;
use super::sqlite::Store;
use super::{Cache, Engine, Scope};

/// The same as [`Window::hit`], for scripts.
pub(crate) const HIT_LUA: &str = include_str!("rates.lua");

static HIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{HIT_LUA}
         local answers = {{}}
         for i = 2, #ARGV, 3 do
           answers[#answers + 1] = hit(KEYS[1] .. ':l:' .. ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[1]))
         end
         return answers"
    ))
});

/// One request, counted under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Unique within its [`Scope`], such as `reads` or `sign-in:203.0.113.7`.
    pub key: String,
    /// How many are allowed within `window`.
    pub limit: u32,
    /// How long the window is; at least a millisecond.
    pub window: Duration,
}

/// What became of a [`Hit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rated {
    /// Whether it is within the limit.
    pub allowed: bool,
    /// How many more are, now.
    pub remaining: u32,
    /// Seconds, at least 1, until the window ends; when refused, until the next is allowed.
    pub reset_after_s: u32,
}

impl Hit {
    /// Adds what `hit` of `rates.lua` takes.
    pub(crate) fn push(&self, script: &mut ScriptInvocation<'_>) {
        script.arg(&self.key).arg(self.limit).arg(self.window_ms());
    }

    fn window_ms(&self) -> i64 {
        i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4)
    }
}

impl Rated {
    /// Reads what `hit` of `rates.lua` returns.
    pub(crate) fn of(allowed: i64, remaining: i64, reset_ms: i64) -> Self {
        Self {
            allowed: allowed == 1,
            remaining: u32::try_from(remaining).unwrap_or(0),
            reset_after_s: u32::try_from((reset_ms.max(1) + 999) / 1000).unwrap_or(u32::MAX),
        }
    }
}

impl Cache {
    /// Counts a request under each of these keys; each is judged alone.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer; the request may have been counted.
    pub async fn hit(&self, scope: Scope, hits: &[Hit]) -> Result<Vec<Rated>, CacheError> {
        let (now, tag) = (self.clock.now_ms(), scope.tag());
        match self.engine() {
            Engine::Redis(redis) => {
                let answers: Vec<(i64, i64, i64)> = redis
                    .script(&HIT, &tag, |script| {
                        script.arg(now);
                        for hit in hits {
                            hit.push(script);
                        }
                    })
                    .await?;
                Ok(answers.into_iter().map(|(allowed, remaining, reset)| Rated::of(allowed, remaining, reset)).collect())
            }
            Engine::Sqlite(sqlite) => {
                let hits = hits.to_vec();
                sqlite.call(move |store| Ok(store.hit(&tag, &hits, now))).await
            }
        }
    }
}

/// Two counters of one key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    index: i64,
    current: u32,
    previous: u32,
    /// When both counters mean nothing any more, Unix milliseconds.
    idle_at: i64,
}

impl Store {
    /// Counts in memory.
    pub(crate) fn hit(&mut self, tag: &str, hits: &[Hit], now: i64) -> Vec<Rated> {
        if self.windows.len() >= self.limits.windows {
            self.windows.retain(|_, window| window.idle_at > now);
        }
        let mut rated = Vec::with_capacity(hits.len());
        for hit in hits {
            let key = format!("{tag}:{}", hit.key);
            if self.windows.len() >= self.limits.windows && !self.windows.contains_key(&key) {
                // Too many ask at once to tell them apart: nobody new is let in.
                rated.push(Rated::of(0, 0, hit.window_ms()));
                continue;
            }
            rated.push(self.windows.entry(key).or_default().hit(hit.limit, hit.window_ms(), now));
        }
        rated
    }
}

impl Window {
    fn hit(&mut self, limit: u32, window_ms: i64, now: i64) -> Rated {
        self.turn(now.div_euclid(window_ms));
        let elapsed_ms = now.saturating_sub(self.index.saturating_mul(window_ms)).max(0);
        let (limit, window, elapsed) = (f64::from(limit), window_ms as f64, elapsed_ms as f64);
        let (current, previous) = (f64::from(self.current), f64::from(self.previous));
        let weighted = previous * (window - elapsed) / window + current;
        if weighted + 1.0 <= limit {
            self.current += 1;
            self.idle_at = now.saturating_add(window_ms.saturating_mul(2));
            return Rated::of(1, (limit - weighted - 1.0).floor() as i64, window_ms - elapsed_ms);
        }
        let wait = if current + 1.0 <= limit {
            window * (1.0 - (limit - 1.0 - current) / previous) - elapsed
        } else {
            let next = if current > 0.0 && limit > 0.0 { window * (1.0 - (limit - 1.0) / current) } else { 0.0 };
            window - elapsed + next
        };
        Rated::of(0, 0, wait.ceil() as i64)
    }

    /// Makes `index` this window's; one from a clock that runs ahead stays.
    fn turn(&mut self, index: i64) {
        if self.index >= index {
            return;
        }
        self.previous = if self.index == index - 1 { self.current } else { 0 };
        self.current = 0;
        self.index = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_last_window_counts_at_half_time() {
        let mut window = Window::default();
        for _ in 0..10 {
            assert!(window.hit(10, 1000, 5_000).allowed);
        }
        assert_eq!(window.hit(10, 1000, 5_500), Rated { allowed: false, remaining: 0, reset_after_s: 1 });
        let allowed = (0..10).filter(|_| window.hit(10, 1000, 6_500).allowed).count();
        assert_eq!(allowed, 5);
    }

    #[test]
    fn a_refusal_tells_when_the_next_is_allowed() {
        for (limit, now) in [(1, 5_000), (3, 5_300), (10, 5_999)] {
            let mut window = Window::default();
            while window.hit(limit, 60_000, now).allowed {}
            let wait = i64::from(window.hit(limit, 60_000, now).reset_after_s) * 1000;
            assert!(window.hit(limit, 60_000, now + wait).allowed, "limit {limit}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_opens_nothing() {
        let mut window = Window::default();
        assert!(window.hit(1, 1000, 9_000).allowed);
        assert!(!window.hit(1, 1000, 5_000).allowed);
    }
}
