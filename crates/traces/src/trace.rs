//! `traceparent` (W3C Trace Context, section 3.2), read and written.

use std::fmt;

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

/// Where something stands in a trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// The flag of a trace that is recorded (section 3.2.2.5.1).
const SAMPLED: u8 = 1;

impl Trace {
    /// A span of `random` ids in the trace of `caller`, or in a new one that is not sampled.
    pub fn begun(caller: Option<Self>, random: [u8; 24]) -> Self {
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&random[..16]);
        span.copy_from_slice(&random[16..]);
        caller.map_or(Self { trace, span, flags: 0 }, |caller| Self { span, ..caller })
    }

    /// Reads a `traceparent`; one of a later version is read as far as version 00 goes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (head, more) = bytes.split_at_checked(55)?;
        let separated = head[2] == b'-' && head[35] == b'-' && head[52] == b'-';
        let version = hex::<1>(&head[..2])?[0];
        let ended = if version == 0 { more.is_empty() } else { more.first().is_none_or(|&byte| byte == b'-') };
        let trace = hex::<16>(&head[3..35])?;
        let span = hex::<8>(&head[36..52])?;
        let [flags] = hex::<1>(&head[53..])?;
        let valid = separated && ended && version != 0xff && trace != [0; 16] && span != [0; 8];
        valid.then_some(Self { trace, span, flags })
    }

    /// The trace's id: 32 lowercase hex digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace))
    }

    /// As it is sent on: in answers, and in the envelope of the events that follow.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{:016x}-{:02x}", self.trace_id(), u64::from_be_bytes(self.span), self.flags)
    }

    /// Whether it is recorded.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    pub(crate) const fn parts(self) -> (TraceId, SpanId, TraceFlags) {
        (TraceId::from_bytes(self.trace), SpanId::from_bytes(self.span), TraceFlags::new(self.flags & SAMPLED))
    }

    pub(crate) fn from_parts(trace: TraceId, span: SpanId, flags: TraceFlags) -> Self {
        Self { trace: trace.to_bytes(), span: span.to_bytes(), flags: flags.to_u8() }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Only lowercase digits are allowed (section 3.2).
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_caller_s_trace_goes_on_in_a_new_span() {
        let trace = Trace::begun(Trace::parse(CALLER), [7; 24]);
        assert_eq!(trace.traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01");
        assert!(trace.is_sampled());
    }

    #[test]
    fn without_a_usable_caller_a_trace_begins() {
        let begun = "00-07070707070707070707070707070707-0707070707070707-00";
        assert_eq!(Trace::begun(None, [7; 24]).traceparent(), begun);
        for text in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(Trace::parse(text), None, "{text}");
        }
        assert!(Trace::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later").is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in ".{0,80}") {
            let _: Option<Trace> = Trace::parse(&text);
        }
    }
}
