//! The trace of a request: taken from its `traceparent` or begun here, known to all that runs for the request, and told to
//! the client and to the journal.

use std::future::Future;

use aredvi_traces::Trace;
use axum::http::HeaderMap;

use crate::headers;

tokio::task_local! {
    static CURRENT: Trace;
}

/// Where a caller stands in a trace, if it says so once and legibly.
pub fn caller(headers: &HeaderMap) -> Option<Trace> {
    let mut callers = headers.get_all(headers::TRACEPARENT).iter();
    match (callers.next(), callers.next()) {
        (Some(value), None) => value.to_str().ok().and_then(Trace::parse),
        (_, _) => None,
    }
}

/// Runs `work` so that [`current`] finds this trace.
pub async fn around<T>(trace: Trace, work: impl Future<Output = T>) -> T {
    CURRENT.scope(trace, work).await
}

/// The trace of the request in work, if there is one.
pub fn current() -> Option<Trace> {
    CURRENT.try_with(|trace| *trace).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_caller_who_names_two_traces_names_none() {
        let value = || HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let mut headers = HeaderMap::from_iter([(headers::TRACEPARENT, value())]);
        assert!(caller(&headers).is_some());
        headers.append(headers::TRACEPARENT, value());
        assert_eq!(caller(&headers), None);
    }
}
