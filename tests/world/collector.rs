//! A receiver of OTLP in this process: what a collector would get to see.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message as _;

/// A span that arrived.
#[derive(Debug, Clone)]
pub struct Span {
    /// The role of the process that sent it.
    pub role: String,
    /// The trace, in hex.
    pub trace: String,
    /// Its id, in hex.
    pub id: String,
    /// The id of the span that it follows from; empty: none.
    pub parent: String,
    /// Its name, and the topic that it is about.
    pub name: String,
    /// `SPAN_KIND_…` as a number.
    pub kind: i32,
    /// What it says.
    pub says: BTreeMap<String, String>,
}

/// Everything that arrived.
#[derive(Default)]
struct Arrived {
    spans: Vec<Span>,
    bytes: Vec<u8>,
}

/// A receiver that listens until the tests end.
pub struct Receiver {
    /// Where.
    pub url: &'static str,
    arrived: Arc<Mutex<Arrived>>,
}

impl Receiver {
    /// Starts to listen, on a thread of its own: tests block theirs.
    pub fn start() -> Self {
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address")).leak();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&arrived));
        std::thread::spawn(move || {
            super::on_runtime(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await.expect("served");
            });
        });
        Self { url, arrived }
    }

    /// The spans that arrived until now.
    pub fn spans(&self) -> Vec<Span> {
        self.arrived.lock().expect("what arrived").spans.clone()
    }

    /// Whether a text arrived anywhere, in any case of its ASCII letters.
    pub fn holds(&self, text: &str) -> bool {
        let arrived = self.arrived.lock().expect("what arrived");
        arrived.bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    }
}

async fn receive(State(arrived): State<Arc<Mutex<Arrived>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body.clone()).expect("protobuf");
    let mut arrived = arrived.lock().expect("what arrived");
    arrived.bytes.extend_from_slice(&body);
    for of_process in request.resource_spans {
        let process = said(&of_process.resource.expect("a resource").attributes);
        assert_eq!(process["service.name"], "aredvi");
        for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let says = said(&span.attributes);
            let topic = says.get("messaging.destination.name").map(|topic| format!(" {topic}")).unwrap_or_default();
            arrived.spans.push(Span {
                role: process["aredvi.role"].clone(),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: format!("{}{topic}", span.name),
                kind: span.kind,
                says,
            });
        }
    }
    StatusCode::OK
}

fn said(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|said| (said.key.clone(), value(said.value.as_ref()))).collect()
}

fn value(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
