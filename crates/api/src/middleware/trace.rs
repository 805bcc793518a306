//! The trace of a request: taken from its `traceparent` (W3C Trace Context, section 3.2) or begun here, known to all
//! that runs for the request, and told to the client and to the journal.

use std::fmt;
use std::future::Future;

use axum::http::HeaderMap;

use crate::headers;

tokio::task_local! {
    static CURRENT: Trace;
}

/// Where one request stands in a trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

impl Trace {
    /// The trace of a request: its caller's if it names one, else a new one of `random`; always a span of its own.
    pub fn of(headers: &HeaderMap, random: [u8; 24]) -> Self {
        let mut span = [0; 8];
        span.copy_from_slice(&random[16..]);
        let mut callers = headers.get_all(headers::TRACEPARENT).iter();
        let caller = match (callers.next(), callers.next()) {
            (Some(value), None) => value.to_str().ok().and_then(Self::parse),
            (_, _) => None,
        };
        match caller {
            Some(caller) => Self { span, ..caller },
            None => {
                let mut trace = [0; 16];
                trace.copy_from_slice(&random[..16]);
                Self { trace, span, flags: 0 }
            }
        }
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

    /// As it is sent on: in answers, and in the envelope of the events that this request causes.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{:016x}-{:02x}", self.trace_id(), u64::from_be_bytes(self.span), self.flags)
    }

    /// Runs `work` so that [`current`] finds this trace.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

/// The trace of the request in work, if there is one.
pub fn current() -> Option<Trace> {
    CURRENT.try_with(|trace| *trace).ok()
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
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_caller_s_trace_goes_on_in_a_new_span() {
        let headers = HeaderMap::from_iter([(headers::TRACEPARENT, HeaderValue::from_static(CALLER))]);
        let trace = Trace::of(&headers, [7; 24]);
        assert_eq!(trace.traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01");
    }

    #[test]
    fn without_a_usable_caller_a_trace_begins() {
        let begun = "00-07070707070707070707070707070707-0707070707070707-00";
        assert_eq!(Trace::of(&HeaderMap::new(), [7; 24]).traceparent(), begun);
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
