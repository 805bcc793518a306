//! Which traces are recorded: a share of all, and some of those that a caller asks for. Whatever follows from a request
//! is recorded when the request is.
//!
//! Anybody can set the flag in `traceparent`, and proxies pass it through, so it counts within a bound. A caller chooses
//! his trace's id as well: chance goes by a keyed hash of it, which he cannot know.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// Requests a second that are recorded because their callers ask for it.
const ASKED_PER_SECOND: u32 = 10;

/// Chooses traces.
#[derive(Debug, Clone)]
pub struct Chosen {
    share: f64,
    key: RandomState,
    asked: Arc<Mutex<Asked>>,
}

/// What was recorded in this second because it was asked for.
#[derive(Debug)]
struct Asked {
    since: Instant,
    count: u32,
}

impl Chosen {
    /// Chooses a share of all, from 0 to 1.
    pub fn new(share: f64) -> Self {
        Self { share, key: RandomState::new(), asked: Arc::new(Mutex::new(Asked { since: Instant::now(), count: 0 })) }
    }

    fn by_chance(&self, trace: TraceId) -> bool {
        // Both are exact: 53 bits of the hash, and 1 is above all of them.
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let drawn = (self.key.hash_one(trace.to_bytes()) >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < self.share
    }

    fn as_asked(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.since.elapsed() >= Duration::from_secs(1) {
            *asked = Asked { since: Instant::now(), count: 0 };
        }
        asked.count = asked.count.saturating_add(1);
        asked.count <= ASKED_PER_SECOND
    }
}

impl ShouldSample for Chosen {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        _name: &str,
        kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let parent = parent.filter(|context| context.has_active_span()).map(|context| context.span().span_context().clone());
        let is_from_outside = *kind == SpanKind::Server;
        let chosen = match parent {
            Some(parent) if !is_from_outside => parent.is_sampled(),
            Some(caller) if caller.is_sampled() => self.by_chance(trace) || self.as_asked(),
            Some(_) | None => self.by_chance(trace),
        };
        let decision = if chosen { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};

    fn chosen(chosen: &Chosen, kind: &SpanKind, number: u128, flags: Option<TraceFlags>) -> bool {
        let trace = TraceId::from(number);
        let remote = |flags| SpanContext::new(trace, SpanId::from(7), flags, true, TraceState::NONE);
        let parent = flags.map(|flags| Context::new().with_remote_span_context(remote(flags)));
        let result = chosen.should_sample(parent.as_ref(), trace, "", kind, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn what_follows_from_a_request_is_recorded_as_that_is() {
        let never = Chosen::new(0.0);
        assert!(chosen(&never, &SpanKind::Consumer, 1, Some(TraceFlags::SAMPLED)));
        assert!(!chosen(&Chosen::new(1.0), &SpanKind::Producer, 1, Some(TraceFlags::NOT_SAMPLED)));
    }

    #[test]
    fn callers_are_followed_within_a_bound() {
        let never = Chosen::new(0.0);
        let asked = (1..=1_000).filter(|&n| chosen(&never, &SpanKind::Server, n, Some(TraceFlags::SAMPLED))).count();
        // The test may take more than one second.
        assert!((10..200).contains(&asked), "{asked}");
        assert!(!chosen(&never, &SpanKind::Server, 1, Some(TraceFlags::NOT_SAMPLED)));
        assert!(chosen(&Chosen::new(1.0), &SpanKind::Server, 1, Some(TraceFlags::NOT_SAMPLED)));
    }

    #[test]
    fn a_share_of_all_is_recorded_whatever_ids_callers_choose() {
        let some = Chosen::new(0.1);
        let recorded = (1..=10_000).filter(|&n| chosen(&some, &SpanKind::Server, n, Some(TraceFlags::NOT_SAMPLED))).count();
        assert!((700..1_300).contains(&recorded), "{recorded}");
        let again = (1..=10_000).filter(|&n| chosen(&some, &SpanKind::Server, n, None)).count();
        assert_eq!(recorded, again, "by the trace alone");
    }
}
