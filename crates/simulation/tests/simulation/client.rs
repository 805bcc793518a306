//! The one who appends: whatever was not confirmed is appended again, under the same ids, until it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Topic, codec};
use aredvi_projectors::view::View;
use uuid::Uuid;

use crate::community::{Community, everybody};
use crate::play::Stage;
use crate::process::Started;

/// The longest that the client rests between two appends.
const LONGEST_REST: Duration = Duration::from_millis(350);
/// Happenings of one run.
const HAPPENINGS: std::ops::Range<u64> = 20..90;

/// What was confirmed.
#[derive(Default)]
pub struct Confirmed {
    /// The ids of events, in the order of their appends.
    pub events: Vec<Uuid>,
}

/// Lives through what happens in a community.
pub async fn append(stage: Arc<Stage>, client: Arc<Started>) -> Confirmed {
    let chance = &stage.sky.chance;
    let keys = client.deps.keys.fetch(&everybody()).await.expect("keys");
    let key = |actor| match &keys[&actor] {
        aredvi_projectors::keys::Key::Live(key) => key.clone(),
        aredvi_projectors::keys::Key::Erased => unreachable!("nobody's key is destroyed"),
    };
    let mut community = Community::new(chance, stage.log.id(), key);
    let mut confirmed = Confirmed::default();
    let with_identity = stage.views.iter().any(|view| view.name() == "accounts");
    let poisoned = if chance.comes(50_000) { chance.below(8_000) } else { 0 };
    for _ in 0..HAPPENINGS.start + chance.below(HAPPENINGS.end - HAPPENINGS.start) {
        let mut records = community.next(with_identity);
        while chance.comes(40_000) {
            records.extend(community.next(with_identity));
        }
        for record in &mut records {
            let id = codec::event_id(record).expect("it has one");
            if chance.comes(poisoned) {
                let reading: Vec<&Arc<dyn View>> =
                    stage.views.iter().filter(|view| view.topics().contains(&record.topic)).collect();
                if record.topic != Topic::Identity && chance.comes(20_000) {
                    // Nobody can read it.
                    record.value.truncate(record.value.len() / 2);
                } else if !reading.is_empty() {
                    let view = chance.one_of(&reading).name();
                    stage.sky.note(format!("{view} cannot apply {id}"));
                    stage.poison.add(view, id);
                }
            }
        }
        let ids: Vec<Uuid> = records.iter().filter_map(codec::event_id).collect();
        while client.deps.journal.append(records.clone()).await.is_err() {
            stage.sky.clock.sleep(chance.span(LONGEST_REST)).await;
        }
        confirmed.events.extend(ids);
        stage.sky.clock.sleep(chance.span(LONGEST_REST)).await;
    }
    confirmed
}

impl Confirmed {
    /// Each confirmed event is on the log, and what was confirmed first under a key stands first there.
    pub fn check(&self, stage: &Stage) -> Result<(), String> {
        let records = stage.log.on(&Topic::ALL);
        let mut first = std::collections::BTreeMap::new();
        for stored in &records {
            let id = codec::event_id(&stored.record).ok_or("a record without an id")?;
            first.entry(id).or_insert((stored.place, (stored.record.topic, stored.record.key.clone())));
        }
        let mut last = std::collections::BTreeMap::new();
        for id in &self.events {
            let (place, key) = first.get(id).ok_or_else(|| format!("{id} was confirmed and is not on the log"))?;
            if let Some(before) = last.insert(key.clone(), *place)
                && before.offset > place.offset
            {
                return Err(format!("{id} at {place} stands before what was confirmed before it under its key"));
            }
        }
        let unique: BTreeSet<&Uuid> = self.events.iter().collect();
        if unique.len() == self.events.len() { Ok(()) } else { Err("an id was made twice".to_owned()) }
    }
}
