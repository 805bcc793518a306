//! A client that writes without pause, and repeats under its key what was not answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aredvi_events::Clock;
use serde_json::json;

use crate::world::person::Person;

/// Before an unanswered write is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(50);

/// Writes notes until `stop`; gives the ids and bodies of all that were acknowledged.
pub async fn write(person: Person, name: &str, stop: Arc<AtomicBool>) -> Vec<(String, String)> {
    let (clock, mut acknowledged) = (Clock::default(), Vec::new());
    for number in 0.. {
        let body = format!("{name} {number}");
        loop {
            match person.post("/v1/notes", json!({"body": body})).key(body.replace(' ', "-")).sent().await {
                Ok(answer) if answer.status == 201 => {
                    acknowledged.push((answer.id(), body));
                    break;
                }
                // Nobody answered, or the outcome is not known, or the first try is still in work.
                Ok(answer) => assert!([409, 503].contains(&answer.status.as_u16()), "{answer}"),
                Err(_) => {}
            }
            clock.sleep(REPEAT_AFTER).await;
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    acknowledged
}
