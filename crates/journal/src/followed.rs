//! Goes on with the traces that records carry: whoever reads a record follows from its append.

use aredvi_events::{Place, Record, codec};
use aredvi_traces::{MAX_FOLLOWED, Step, TRACEPARENT};

/// The steps of one append, each with the index of its record.
pub(crate) struct Followed(Vec<(usize, Step)>);

impl Followed {
    /// Begins a step for each record whose trace is exported, [`MAX_FOLLOWED`] at most, and has the record carry it on.
    pub fn begin(system: &'static str, records: &mut [Record]) -> Self {
        let followed = records.iter_mut().enumerate().filter_map(|(index, record)| {
            let trace = aredvi_traces::sampled(|| codec::header(record, TRACEPARENT))?;
            let span = tracing::info_span!(
                parent: None,
                "journal.append",
                otel.kind = "producer",
                otel.status_code = tracing::field::Empty,
                messaging.system = system,
                "messaging.operation.type" = "send",
                messaging.operation.name = "append",
                messaging.destination.name = record.topic.name(),
                messaging.destination.partition.id = tracing::field::Empty,
                messaging.message.offset = tracing::field::Empty,
            );
            let step = Step::after(trace, span);
            let (_, carried) = record.headers.iter_mut().find(|(name, _)| name == TRACEPARENT)?;
            *carried = step.traceparent();
            Some((index, step))
        });
        Self(followed.take(MAX_FOLLOWED).collect())
    }

    /// Ends them with the places of the records; without, the append failed.
    pub fn end(self, places: Option<&Vec<Place>>) {
        for (index, step) in self.0 {
            match places.and_then(|places| places.get(index)) {
                Some(place) => {
                    step.span().record("messaging.destination.partition.id", place.partition.number);
                    step.span().record("messaging.message.offset", place.offset);
                }
                None => step.failed(),
            }
        }
    }
}
