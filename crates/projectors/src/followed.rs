//! The steps of a batch: each of its events whose trace is exported gets a span for its way into the view.

use aredvi_events::clock::parse_rfc3339;
use aredvi_events::{Stored, codec};
use aredvi_traces::{Step, TRACEPARENT};

/// Where an event is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied<'a> {
    /// The view.
    pub view: &'a str,
    /// Its generation.
    pub generation: u32,
    /// Records of the batch.
    pub batch: usize,
}

impl Applied<'_> {
    /// The step of one record, when its trace is exported and it is young.
    pub fn step(self, stored: &Stored, now_ms: i64) -> Option<Step> {
        let header = |name| codec::header(&stored.record, name);
        let trace = aredvi_traces::sampled(|| header(TRACEPARENT))?;
        let time_ms = header("ce_time").and_then(parse_rfc3339)?;
        if !aredvi_traces::is_young(time_ms, now_ms) {
            return None;
        }
        let span = tracing::info_span!(
            parent: None,
            "project",
            otel.name = %format_args!("project.{}", self.view),
            otel.kind = "consumer",
            otel.status_code = tracing::field::Empty,
            "messaging.operation.type" = "process",
            messaging.operation.name = "project",
            messaging.consumer.group.name = %format_args!("aredvi-{}", self.view),
            messaging.destination.name = stored.place.partition.topic.name(),
            messaging.destination.partition.id = stored.place.partition.number,
            messaging.message.offset = stored.place.offset,
            aredvi.event = header("ce_type"),
            messaging.message.id = header("ce_id"),
            messaging.batch.message_count = self.batch,
            aredvi.view = self.view,
            aredvi.generation = self.generation,
        );
        Some(Step::after(trace, span))
    }
}
