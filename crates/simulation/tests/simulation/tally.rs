//! A view that forgives nothing: each record counts once and in its order, so one that was applied twice, left out or
//! applied out of turn shows in its rows, as it might not in those of views whose folds ignore repeats.

use std::collections::BTreeMap;

use aredvi_events::envelope::Placed;
use aredvi_events::media::{MediaEvent, MediumUnsubscribed};
use aredvi_events::mint::derived_id;
use aredvi_events::{Body, Event, Topic};
use aredvi_projectors::db::{DbError, OnConflict, Tx, Upsert, Value, padded_in_list};
use aredvi_projectors::view::{ApplyError, Batch, Derived, Table, View};
use futures_util::future::BoxFuture;

/// The view.
pub struct Tally;

/// What it counts.
pub const TOPICS: &[Topic] = &[Topic::Graph, Topic::Media, Topic::Notifications];

const TABLES: &[Table] = &[
    Table {
        name: "keys",
        ddl: &["CREATE TABLE keys (record_key VARCHAR(80) NOT NULL, n BIGINT NOT NULL, chain BIGINT NOT NULL, \
                PRIMARY KEY (record_key))"],
        compared: &["record_key", "n", "chain"],
    },
    Table {
        name: "strands",
        ddl: &["CREATE TABLE strands (topic INT NOT NULL, part INT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (topic, part))"],
        compared: &["topic", "part", "n"],
    },
];
const KEYS: Upsert =
    Upsert { table: "keys", keys: &["record_key"], columns: &[("n", OnConflict::Replace), ("chain", OnConflict::Replace)] };
const STRANDS: Upsert = Upsert { table: "strands", keys: &["topic", "part"], columns: &[("n", OnConflict::Add)] };

impl View for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn opens_seals(&self) -> bool {
        false
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Derived>, ApplyError>> {
        Box::pin(async move { Ok(fold(tx, &batch.events).await?) })
    }
}

async fn fold(tx: &mut Tx, events: &[Placed]) -> Result<Vec<Derived>, DbError> {
    let mut keys = standing(tx, events).await?;
    let (mut strands, mut derived) = (Vec::new(), Vec::new());
    for Placed { place, event } in events {
        let (n, chain) = keys.entry(key(place.partition.topic, event)).or_default();
        *n += 1;
        *chain = chain.wrapping_mul(0x0100_0000_01b3) ^ i64::try_from(event.id.as_u128() % (1 << 62)).expect("62 bits");
        strands.push([place.partition.topic.number().into(), place.partition.number.into(), Value::Int(1)]);
        if let Body::Media(MediaEvent::MediumVoted(voted)) = &event.body {
            let body = MediumUnsubscribed { by: None, medium: voted.medium, owner: voted.owner, subscriber: voted.voter };
            let event = Event { id: derived_id(event.id, "tallied"), body: body.into(), ..event.clone() };
            derived.push(Derived { topic: Topic::Media, event });
        }
    }
    let rows = keys.into_iter().map(|(key, (n, chain))| [key.into(), n.into(), chain.into()]).collect();
    tx.upsert(&KEYS, rows).await?;
    tx.upsert(&STRANDS, strands).await?;
    Ok(derived)
}

fn key(topic: Topic, event: &Event) -> String {
    format!("{topic} {}", event.key)
}

async fn standing(tx: &mut Tx, events: &[Placed]) -> Result<BTreeMap<String, (i64, i64)>, DbError> {
    let keys: Vec<Value> = events.iter().map(|placed| key(placed.place.partition.topic, &placed.event).into()).collect();
    let (list, args) = padded_in_list(keys);
    let rows = tx.read(&format!("SELECT record_key, n, chain FROM keys WHERE record_key IN {list}"), args).await?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), (row.int(1)?, row.int(2)?)))).collect()
}
