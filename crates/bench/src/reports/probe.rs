//! A post, and the moment when somebody else sees it: what several reports time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aredvi_events::Clock;
use serde_json::Value;
use tokio::time::Instant;

use crate::load::Recorder;
use crate::load::http::find;
use crate::load::pool::Pool;
use crate::site::People;

/// Somebody who posts and somebody who looks, over HTTP like any client.
#[derive(Clone)]
pub struct Probe {
    /// For waits.
    pub clock: Clock,
    /// Their connections.
    pub pool: Pool,
    /// Who they are.
    pub people: Arc<People>,
}

impl Probe {
    /// Posts a note; its id.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn post(&self, author: usize, body: &str) -> anyhow::Result<String> {
        let (status, answer) = self.pool.ask(&self.people.note(author, body)).await?;
        if status != 201 {
            bail!("a post was answered with {status}");
        }
        let note: Value = serde_json::from_slice(&answer)?;
        Ok(note["id"].as_str().context("a note without an id")?.to_owned())
    }

    /// Whether a page that `reader` reads shows something of this id; a page that is unavailable does not.
    ///
    /// # Errors
    /// When it is answered with anything but 200 and 503.
    pub async fn shows(&self, reader: usize, page: &str, id: &str) -> anyhow::Result<bool> {
        let (status, body) = self.pool.ask(&self.people.get(reader, page)).await?;
        if status != 200 && status != 503 {
            bail!("a page was answered with {status}");
        }
        Ok(status == 200 && find(&body, format!("\"id\":\"{id}\"").as_bytes()).is_some())
    }

    /// Reads a page every `every` until it shows `id`; how long after `since` it was seen. None when that took longer than
    /// `limit`.
    ///
    /// # Errors
    /// As [`Probe::shows`].
    pub async fn seen(
        &self,
        reader: usize,
        page: &str,
        id: &str,
        since: Instant,
        watch: Watch,
    ) -> anyhow::Result<Option<Duration>> {
        loop {
            let shows = self.shows(reader, page, id).await?;
            let after = since.elapsed();
            if after > watch.limit {
                return Ok(None);
            }
            if shows {
                return Ok(Some(after));
            }
            self.clock.sleep(watch.every).await;
        }
    }

    /// Records what [`Probe::seen`] found.
    pub fn record(recorder: &Recorder, seen: anyhow::Result<Option<Duration>>) {
        match seen {
            Ok(Some(after)) => recorder.took(after),
            Ok(None) => recorder.failed("not seen in time"),
            Err(error) => recorder.failed(&error.to_string()),
        }
    }
}

/// How often to look, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// Between two looks.
    pub every: Duration,
    /// At most.
    pub limit: Duration,
}
