//! What must hold once the storm is over and everybody has caught up.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aredvi_events::media::MediaEvent;
use aredvi_events::{Body, Place, Topic, codec};
use aredvi_projectors::control::{Generation, State};
use aredvi_projectors::db::{Db, Durability, PoolSizes};
use aredvi_projectors::runner::{Parking, Rebuild, RebuildError, generation_schema};
use aredvi_projectors::view::View;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::community::DECIDED;
use crate::play::Stage;
use crate::process::Started;
use crate::reference::{Reference, Repeats, rows_of};
use crate::watch::{look_into, partition, positions, unsigned};

/// The longest until everybody has caught up when nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(200);

type Kept = Result<(), String>;

/// Waits until every generation that is kept up to date has all that is on the log.
pub async fn settle(stage: &Stage, hand: &Started) -> Kept {
    let deadline = stage.sky.clock.now_ms() + i64::try_from(PATIENCE.as_millis()).expect("short");
    loop {
        let behind = behind(stage, hand).await;
        match behind {
            None if stage.log.is_settled() => return Ok(()),
            Some(behind) if stage.sky.clock.now_ms() > deadline => return Err(format!("it does not catch up: {behind}")),
            None | Some(_) => stage.sky.clock.sleep(LOOK_EVERY).await,
        }
    }
}

/// Who has not all that is on the log.
async fn behind(stage: &Stage, hand: &Started) -> Option<String> {
    for view in &stage.views {
        let live = kept(hand, view.as_ref()).await;
        if !live.iter().any(|generation| generation.state == State::Serving) {
            return Some(format!("no generation of {} serves", view.name()));
        }
        let ends = stage.log.ends(view.topics());
        for generation in live {
            let schema = generation_schema(view.name(), generation.n);
            let Ok(found) = look_into(&stage.dir, &schema).and_then(|file| positions(&file)) else {
                return Some(format!("{schema} cannot be looked into"));
            };
            if let Some((partition, end)) = ends.iter().find(|(partition, end)| found.get(partition) != Some(end)) {
                return Some(format!("{schema} is at {:?} of {end} in {partition}", found.get(&partition)));
            }
        }
    }
    None
}

/// The generations that are kept up to date without bound.
async fn kept(hand: &Started, view: &dyn View) -> Vec<Generation> {
    let mut live = hand.deps.control.generations(view.name()).await.expect("generations");
    live.retain(|generation| matches!(generation.state, State::Serving | State::Previous));
    live
}

/// All rows are those of an undisturbed run over the same log; what is put aside is what cannot be applied. Whoever stood
/// still may append once more what follows, until nobody does.
pub async fn agree(stage: &Stage, hand: &Started) -> Kept {
    loop {
        let records = stage.sky.watch.records();
        settle(stage, hand).await?;
        let agreed = agree_now(stage, hand).await;
        if agreed.is_ok() || records == stage.sky.watch.records() {
            return agreed;
        }
    }
}

async fn agree_now(stage: &Stage, hand: &Started) -> Kept {
    for view in &stage.views {
        let url = &hand.deps.sites.of(view.name()).write;
        let wanted = reference(stage, hand, view.as_ref(), Repeats::Applied).await;
        if view.name() != "tally" {
            let once = reference(stage, hand, view.as_ref(), Repeats::LeftOut).await;
            for (table, rows) in &once.rows {
                differs(view.name(), table, "without what was appended again", &wanted.rows[table], rows)?;
            }
        }
        for generation in kept(hand, view.as_ref()).await {
            let schema = generation_schema(view.name(), generation.n);
            let db = Db::open(url, None, &schema, Durability::Normal, PoolSizes::default()).await.map_err(|e| e.chain())?;
            for table in view.tables().iter().filter(|table| !table.compared.is_empty()) {
                differs(
                    &schema,
                    table.name,
                    "undisturbed",
                    &rows_of(&db, table.name, table.compared).await,
                    &wanted.rows[table.name],
                )?;
            }
            db.close().await;
            let parked = parked(stage, &schema)?;
            if parked != wanted.parked {
                return Err(format!("{schema} has put aside {parked:?}, not {:?}", wanted.parked));
            }
        }
        let appended = derived(stage, view.name());
        if let Some(appended) = appended
            && appended != wanted.derived
        {
            let missing: Vec<_> = wanted.derived.difference(&appended).collect();
            let more: Vec<_> = appended.difference(&wanted.derived).collect();
            return Err(format!("what follows from {}: {missing:?} is missing, {more:?} should not be", view.name()));
        }
    }
    Ok(())
}

async fn reference(stage: &Stage, hand: &Started, view: &dyn View, repeats: Repeats) -> Arc<Reference> {
    let worked = (view.name(), repeats, stage.sky.watch.records(), stage.poison.count());
    let known = || stage.references.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reference) = known().get(&worked) {
        return reference.clone();
    }
    let records = stage.log.on(view.topics());
    let url = &hand.deps.sites.of(view.name()).write;
    let reference = Arc::new(Reference::of(view, records, repeats, &stage.poison, &hand.deps.keys, url).await);
    known().insert(worked, reference.clone());
    reference
}

fn differs<T: PartialEq + std::fmt::Debug>(whose: &str, table: &str, how: &str, found: &[T], wanted: &[T]) -> Kept {
    if found == wanted {
        return Ok(());
    }
    let odd = found.iter().filter(|row| !wanted.contains(row)).take(3).collect::<Vec<_>>();
    let missing = wanted.iter().filter(|row| !found.contains(row)).take(3).collect::<Vec<_>>();
    Err(format!("{whose}.{table}: {} rows, {how} {}; it has {odd:?} and lacks {missing:?}", found.len(), wanted.len()))
}

fn parked(stage: &Stage, schema: &str) -> Result<BTreeSet<Place>, String> {
    let read = || -> rusqlite::Result<BTreeSet<Place>> {
        let file = look_into(&stage.dir, schema)?;
        let mut statement = file.prepare("SELECT topic, part, off FROM parked")?;
        let rows = statement.query_map([], |row| Ok(Place { partition: partition(row)?, offset: unsigned(row, 2)? }))?;
        rows.collect()
    };
    read().map_err(|error| error.to_string())
}

/// The ids of all events on the log that followed from a view; `None` of one from which nothing follows.
fn derived(stage: &Stage, view: &str) -> Option<BTreeSet<Uuid>> {
    let decided: Vec<String> = DECIDED.map(|person| person.to_string()).collect();
    let of = |topic, which: &dyn Fn(&str, &Body) -> bool| {
        let records = stage.log.on(&[topic]);
        let events = records.iter().filter_map(|stored| codec::decode(stored).ok());
        events.filter(|placed| which(&placed.event.key, &placed.event.body)).map(|placed| placed.event.id).collect()
    };
    match view {
        "accounts" => Some(of(Topic::Actors, &|key, body| decided.iter().any(|of| of == key) && !matches!(body, Body::Any(_)))),
        "tally" => Some(of(
            Topic::Media,
            &|_, body| matches!(body, Body::Media(MediaEvent::MediumUnsubscribed(unsubscribed)) if unsubscribed.by.is_none()),
        )),
        _ => None,
    }
}

/// What was wrong with some events is mended: their keys are freed, and nothing is put aside any more but what nobody can
/// read, which is given up.
pub async fn mend(stage: &Stage, hand: &Started) -> Kept {
    for view in &stage.views {
        if !view.parks() {
            continue;
        }
        stage.poison.mend(view.name());
        let parking = Parking::new(view.clone(), hand.deps.clone());
        // Each round frees a key, or gives an event up.
        loop {
            let listed = parking.list(None, 1).await.map_err(|error| error.to_string())?;
            let Some(parked) = listed.first() else { break };
            if codec::decode(&parked.stored).is_ok() {
                parking.retry(parked.event).await.map_err(|error| error.to_string())?;
            } else {
                parking.drop(parked.event).await.map_err(|error| error.to_string())?;
                settle(stage, hand).await?;
            }
            stage.sky.clock.sleep(LOOK_EVERY).await;
        }
    }
    settle(stage, hand).await?;
    agree(stage, hand).await
}

/// A rebuild ends equal, whatever was left of earlier ones, and a rollback is current.
pub async fn rebuild(stage: &Stage, hand: &Started, view: &Arc<dyn View>) -> Kept {
    let rebuild = Rebuild::new(view.clone(), hand.deps.clone());
    let stop = CancellationToken::new();
    let deadline = stage.sky.clock.now_ms() + i64::try_from(PATIENCE.as_millis()).expect("short");
    loop {
        match rebuild.rebuild(false, &|_| (), &stop).await {
            Ok(rebuilt) => match rebuilt.comparison {
                Some(found) if !found.is_equal() => return Err(format!("a rebuild of {} made other rows: {found}", view.name())),
                Some(_) | None => break,
            },
            // Whoever began it died, and his lease has to run out.
            Err(RebuildError::Busy { .. }) if stage.sky.clock.now_ms() < deadline => stage.sky.clock.sleep(LOOK_EVERY).await,
            Err(error) => return Err(format!("a rebuild of {} in peace: {error}", view.name())),
        }
    }
    settle(stage, hand).await?;
    agree(stage, hand).await?;
    rebuild.rollback().await.map_err(|error| format!("a rollback of {} in peace: {error}", view.name()))?;
    settle(stage, hand).await?;
    agree(stage, hand).await
}
