//! Somebody who listens to the live stream.

use std::collections::VecDeque;
use std::time::Duration;

use aredvi_events::Clock;
use reqwest::Response;
use serde_json::Value;

use super::person::Person;

/// How long an event may take.
const EVENT_LIMIT: Duration = Duration::from_secs(20);

/// How long a test listens at most: it does other things between two events.
const LISTEN_LIMIT: Duration = Duration::from_secs(600);

/// An open stream.
pub struct Listening {
    response: Response,
    text: String,
    frames: VecDeque<Frame>,
    /// The last id that came.
    pub last_id: String,
}

/// What a stream told.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// `event:`; empty for one that only says how far the stream is.
    pub event: String,
    /// `data:`.
    pub data: Value,
}

impl Person {
    /// Opens a stream, from where another ended if `last` says so, and waits until it stands.
    pub async fn listen(&self, last: Option<&str>) -> Listening {
        let token = self.token.as_ref().expect("a token");
        let mut request = self.client.get(format!("{}/v1/stream", self.urls[0])).bearer_auth(token).timeout(LISTEN_LIMIT);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut listening = Listening { response, text: String::new(), frames: VecDeque::new(), last_id: String::new() };
        while listening.last_id.is_empty() {
            assert!(listening.more().await, "the stream ended");
        }
        listening
    }
}

impl Listening {
    /// The next event.
    pub async fn next(&mut self) -> Frame {
        while self.frames.is_empty() {
            assert!(self.more().await, "the stream ended");
        }
        self.frames.pop_front().expect("a frame")
    }

    /// The next event of this name; others of the same turn are passed over.
    pub async fn next_of(&mut self, event: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame.event == event {
                return frame.data;
            }
        }
    }

    /// Waits until the server ends the stream.
    pub async fn ended(&mut self) {
        while self.more().await {}
    }

    /// Reads on; false at the end.
    async fn more(&mut self) -> bool {
        let read = Clock::default().timeout(EVENT_LIMIT, self.response.chunk()).await.expect("nothing came in time");
        let Ok(Some(bytes)) = read else { return false };
        self.text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((frame, rest)) = self.text.split_once("\n\n") {
            let (frame, rest) = (frame.to_owned(), rest.to_owned());
            self.text = rest;
            self.take(&frame);
        }
        true
    }

    fn take(&mut self, frame: &str) {
        let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
        if let Some(id) = field("id:") {
            self.last_id = id;
        }
        if let (Some(event), Some(data)) = (field("event:"), field("data:")) {
            self.frames.push_back(Frame { event, data: serde_json::from_str(&data).expect("JSON") });
        }
    }
}
