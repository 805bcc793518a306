//! A batch: the state is folded, then those are told whom the events name and whose crowds are small.

use aredvi_events::Positions;
use aredvi_projectors::db::{DbError, Tx};
use aredvi_projectors::view::{ApplyError, Batch, Derived};

use super::fanout::{self, CHUNK};
use super::notice::{Crowd, Telling};
use super::state::State;
use super::{Planner, audience, crowd};
use crate::birth;

/// Members of crowds that one batch tells; those of further crowds are told from stored continuations.
const CROWDS_PER_BATCH: usize = 10_000;

/// Applies a batch.
pub(super) async fn apply(planner: &Planner, tx: &mut Tx, batch: &Batch) -> Result<Vec<Derived>, ApplyError> {
    let mut state = State::load(tx, &batch.events).await?;
    let birth = birth::of(tx, &planner.birth).await?;
    let mut tellings = Vec::new();
    for placed in &batch.events {
        let telling = state.fold(placed);
        if batch.serving && !birth.includes(placed.place) && planner.tells(&placed.event) {
            tellings.extend(telling);
        }
    }
    state.write(tx).await?;
    if tellings.is_empty() {
        return Ok(Vec::new());
    }
    tell_crowds(tx, &mut tellings).await?;
    let read: Positions = batch.events.iter().map(|placed| placed.place).collect();
    Ok(audience::told(&planner.asked, &read, &tellings).await?)
}

/// Names the members of small crowds; leaves a continuation for each of the others.
async fn tell_crowds(tx: &mut Tx, tellings: &mut [Telling]) -> Result<(), DbError> {
    let mut crowds: Vec<Crowd> = tellings.iter().filter_map(|telling| telling.crowd).map(|(crowd, _)| crowd).collect();
    crowds.sort_unstable();
    crowds.dedup();
    let small = crowd::small(tx, &crowds, CHUNK, CROWDS_PER_BATCH).await?;
    let mut large = Vec::new();
    for telling in tellings {
        let Some((crowd, verb)) = telling.crowd else { continue };
        if let Some(members) = small.get(&crowd) {
            for &member in members {
                if telling.tells_of_crowd(member) {
                    telling.told.insert(member, verb);
                }
            }
        } else {
            large.push(&*telling);
        }
    }
    fanout::remember(tx, &large).await
}
