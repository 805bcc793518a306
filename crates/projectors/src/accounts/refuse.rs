//! What becomes of a request that cannot be understood: it is refused, if only it says who asks.

use aredvi_events::actors::{Refusal, RegistrationRefused, RequestRefused};
use aredvi_events::clock::parse_rfc3339;
use aredvi_events::codec::{self, Body};
use aredvi_events::identity::verdict_id;
use aredvi_events::{ActorId, Event, JournalId, Origin, Record, Topic};
use aredvi_traces::TRACEPARENT;
use uuid::Uuid;

use super::rows::{Person, Request, refusal_number};
use crate::db::Tx;
use crate::rows::Rows;
use crate::view::{ApplyError, Derived, Unusable};

/// Refuses one request. One that does not say who asks, or when, is passed over.
pub(super) async fn refuse(tx: &mut Tx, unusable: &Unusable) -> Result<Vec<Derived>, ApplyError> {
    let record = &unusable.stored.record;
    let Some(asked) = Asked::read(record) else { return Ok(Vec::new()) };
    let mut requests = Rows::<Request>::load(tx, [asked.request]).await?;
    if requests.get(asked.request).is_some() {
        return Ok(Vec::new());
    }
    requests.put(Request {
        request: asked.request,
        person: asked.person,
        refusal: Some(refusal_number(Refusal::Undecodable)),
        last_part: unusable.stored.place.partition.number,
        last_offset: unusable.stored.place.offset,
    });
    requests.write(tx).await?;
    // A refused registration has its key destroyed: it must not be somebody's.
    let known = Rows::<Person>::load(tx, [asked.person]).await?.get(asked.person).is_some();
    Ok(asked.refused(known).map(|event| Derived { topic: Topic::Actors, event }).into_iter().collect())
}

/// What can be read of a request.
struct Asked {
    request: Uuid,
    person: ActorId,
    time_ms: i64,
    source: JournalId,
    origin: Origin,
    traceparent: Option<String>,
    registration: bool,
}

impl Asked {
    fn read(record: &Record) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(&record.value).ok()?;
        let origin = match codec::header(record, "ce_aredviorigin") {
            Some("import") => Origin::Import,
            Some(_) | None => Origin::Here,
        };
        Some(Self {
            request: codec::event_id(record)?,
            person: value.get("person")?.as_str()?.parse().ok()?,
            time_ms: parse_rfc3339(codec::header(record, "ce_time")?)?,
            source: JournalId(Uuid::parse_str(codec::header(record, "ce_source")?.strip_prefix("urn:aredvi:")?).ok()?),
            origin,
            traceparent: codec::header(record, TRACEPARENT).map(str::to_owned),
            registration: codec::header(record, "ce_type") == Some("registration.requested"),
        })
    }

    fn refused(self, known: bool) -> Option<Event> {
        let (person, request, code) = (self.person, self.request, Refusal::Undecodable);
        let (purpose, body): (&str, Body) = match (self.registration, known) {
            (true, true) => return None,
            (true, false) => ("registration.refused", RegistrationRefused { by: None, person, request, code }.into()),
            (false, _) => ("request.refused", RequestRefused { by: None, person, request, code }.into()),
        };
        Some(Event {
            id: verdict_id(request, purpose),
            key: person.to_string(),
            time_ms: self.time_ms,
            source: self.source,
            origin: self.origin,
            traceparent: self.traceparent,
            body,
        })
    }
}
