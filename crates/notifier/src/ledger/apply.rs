//! What each event of `notifications` and `deliveries` does to the letters.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::deliveries::{Channel, DeliveryEvent};
use aredvi_events::envelope::Placed;
use aredvi_events::notifications::{NotificationEvent, NotificationRaised};
use aredvi_events::{ActorId, Body, NotificationId, Origin, Positions};
use aredvi_projectors::db::{DbError, OnConflict, Tx, Upsert, Value};
use aredvi_projectors::view::{ApplyError, Batch};
use aredvi_traces::Trace;

use super::Ledger;
use super::schema::{MAIL, outcome};
use crate::birth;

/// Letters asked for by one query.
const LETTERS_PER_QUERY: usize = 500;

const RAISED: Upsert = Upsert {
    table: "letters",
    keys: &["recipient", "notification", "channel"],
    columns: &[
        ("due", OnConflict::Replace),
        ("verb", OnConflict::Replace),
        ("subject", OnConflict::Replace),
        ("medium", OnConflict::Replace),
        ("comment_id", OnConflict::Replace),
        ("cause", OnConflict::Replace),
        ("cause_time", OnConflict::Replace),
        ("raised_at", OnConflict::Replace),
        ("traceparent", OnConflict::Replace),
        ("next_attempt", OnConflict::Keep),
    ],
};

const OUTCOME: Upsert =
    Upsert { table: "letters", keys: &["recipient", "notification", "channel"], columns: &[("outcome", OnConflict::Replace)] };

type Key = (ActorId, NotificationId);

/// What a batch says.
#[derive(Default)]
struct Said<'a> {
    raised: BTreeMap<Key, (&'a NotificationRaised, &'a Placed)>,
    seen: BTreeSet<Key>,
    through: Vec<Key>,
    outcomes: BTreeMap<Key, i64>,
}

/// Applies a batch.
pub(super) async fn apply(ledger: &Ledger, tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
    let birth = birth::of(tx, &ledger.birth).await?;
    let mut said = Said::default();
    for placed in &batch.events {
        match &placed.event.body {
            Body::Notifications(event) => said.hear_notification(placed, event, &birth),
            Body::Deliveries(event) => said.hear_delivery(event),
            Body::Identity(_) | Body::Actors(_) | Body::Sessions(_) | Body::Graph(_) | Body::Media(_) | Body::Any(_) => {}
        }
    }
    Ok(said.write(tx).await?)
}

impl<'a> Said<'a> {
    /// Of a notification raised twice, the first counts; what was raised before the birth is no letter.
    fn hear_notification(&mut self, placed: &'a Placed, event: &'a NotificationEvent, birth: &Positions) {
        match event {
            NotificationEvent::NotificationRaised(e) => {
                if !birth.includes(placed.place) && placed.event.origin == Origin::Here {
                    self.raised.entry((e.recipient, e.notification)).or_insert((e, placed));
                }
            }
            NotificationEvent::NotificationsRead(e) => {
                self.seen.extend(e.ids.iter().map(|&id| (e.recipient, id)));
                self.through.extend(e.through.map(|id| (e.recipient, id)));
            }
            NotificationEvent::NotificationDismissed(e) => {
                self.seen.insert((e.recipient, e.notification));
            }
        }
    }

    /// Of two outcomes the last counts.
    fn hear_delivery(&mut self, event: &DeliveryEvent) {
        let (recipient, notification, channel, outcome) = match event {
            DeliveryEvent::DeliverySent(e) => (e.recipient, e.notification, e.channel, outcome::SENT),
            DeliveryEvent::DeliveryFailed(e) => (e.recipient, e.notification, e.channel, outcome::FAILED),
            DeliveryEvent::DeliverySuppressed(e) => (e.recipient, e.notification, e.channel, outcome::SUPPRESSED),
        };
        match channel {
            Channel::Mail => self.outcomes.insert((recipient, notification), outcome),
        };
    }

    async fn write(mut self, tx: &mut Tx) -> Result<(), DbError> {
        let keys: Vec<Key> = self.raised.keys().copied().collect();
        for known in places(tx, &keys).await?.into_keys() {
            self.raised.remove(&known);
        }
        tx.upsert(&RAISED, self.raised.values().map(|(raised, placed)| row(raised, placed)).collect()).await?;
        let outcomes = self.outcomes.iter();
        let outcomes =
            outcomes.map(|((recipient, id), outcome)| [(*recipient).into(), (*id).into(), MAIL.into(), (*outcome).into()]);
        tx.upsert(&OUTCOME, outcomes.collect::<Vec<[Value; 4]>>()).await?;
        self.mark_seen(tx).await
    }

    async fn mark_seen(&self, tx: &mut Tx) -> Result<(), DbError> {
        let seen: Vec<Key> = self.seen.iter().copied().collect();
        for some in seen.chunks(LETTERS_PER_QUERY) {
            let which = tx.dialect().tuple_in(&["recipient", "notification"], some.len());
            let sql = format!("UPDATE letters SET seen = 1 WHERE {which} AND raised_at IS NOT NULL");
            tx.execute(&sql, keys_of(some)).await?;
        }
        let mut through: BTreeMap<ActorId, u64> = BTreeMap::new();
        for ((recipient, _), place) in places(tx, &self.through).await? {
            let furthest = through.entry(recipient).or_default();
            *furthest = (*furthest).max(place);
        }
        for (recipient, place) in through {
            // letters_by_place
            let sql = "UPDATE letters SET seen = 1 WHERE recipient = ? AND seen = 0 AND raised_at <= ?";
            tx.execute(sql, vec![recipient.into(), place.into()]).await?;
        }
        Ok(())
    }
}

/// Where those of `keys` that are known were raised.
async fn places(tx: &mut Tx, keys: &[Key]) -> Result<BTreeMap<Key, u64>, DbError> {
    let mut places = BTreeMap::new();
    for some in keys.chunks(LETTERS_PER_QUERY) {
        let which = tx.dialect().tuple_in(&["recipient", "notification"], some.len());
        let letters = tx.dialect().by_primary_key("letters");
        let sql = format!("SELECT recipient, notification, raised_at FROM {letters} WHERE {which} AND raised_at IS NOT NULL");
        for row in tx.read(&sql, keys_of(some)).await? {
            places.insert((row.id(0)?, row.id(1)?), row.id(2)?);
        }
    }
    Ok(places)
}

fn keys_of(keys: &[Key]) -> Vec<Value> {
    keys.iter().flat_map(|(recipient, id)| [(*recipient).into(), (*id).into()]).collect()
}

fn row(raised: &NotificationRaised, placed: &Placed) -> [Value; 13] {
    [
        raised.recipient.into(),
        raised.notification.into(),
        MAIL.into(),
        1_i64.into(),
        raised.verb.number().into(),
        raised.subject.into(),
        raised.medium.into(),
        raised.comment.into(),
        raised.cause.into(),
        raised.cause_time.into(),
        placed.place.offset.into(),
        placed.event.traceparent.as_deref().and_then(Trace::parse).map(|trace| trace.traceparent()).into(),
        raised.cause_time.into(),
    ]
}
