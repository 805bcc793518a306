//! What visibility asks, in memory: who is there, who follows and blocks whom, who lets whom in.
//!
//! Loaded from the views, kept by tailing the journal ([`follow`]). Each process that shows or sends something holds one.
//! Follow edges cost four bytes each (ordinals, not ids). An event appended again changes nothing, as in the views; its
//! first append is known while the row is among those that changed last ([`crate::recent`]).

pub mod follow;
pub mod load;

mod table;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aredvi_events::envelope::Placed;
use aredvi_events::{ActorId, Positions, SessionId};

use crate::visibility::{Standing, Viewer};
use table::{Actor, Table};
pub use table::{Between, LoadedActor, LoadedEdge, Privacy, SessionsEnd};

/// Facts further behind than this are trusted for public things and the viewer's own alone.
pub const TRUSTED_FOR_MS: i64 = 5_000;

/// The facts of one process.
#[derive(Default)]
pub struct Facts {
    table: RwLock<Table>,
    fresh_at_ms: AtomicI64,
    loaded: AtomicBool,
}

impl Facts {
    /// None known yet: nothing private is visible.
    pub fn new() -> Self {
        Self::default()
    }

    /// A consistent look at the facts, for answers that ask them many times.
    pub fn look(&self, now_ms: i64) -> Look<'_> {
        Look { table: self.read(), trusted: self.trusted(now_ms) }
    }

    /// Whether they were complete at some time since this process began.
    pub fn loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Whether the facts are loaded and at most [`TRUSTED_FOR_MS`] behind.
    pub fn trusted(&self, now_ms: i64) -> bool {
        self.loaded() && self.behind_ms(now_ms) <= TRUSTED_FOR_MS
    }

    /// How long ago the facts were last known to be at the journal's end, in milliseconds. When that lies in the future the
    /// clock was set back since, and nobody knows how long ago it was: as far from now counts.
    pub fn behind_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.fresh_at_ms.load(Ordering::Acquire)).saturating_abs()
    }

    /// Takes in rows of the view `actors`, read after `positions`: what rows already hold of later events is not taken
    /// in again.
    pub fn load_actors(&self, rows: &[LoadedActor], positions: &Positions) {
        let mut table = self.write();
        for row in rows {
            table.load_actor(row, positions.next(row.last.partition));
        }
    }

    /// Takes in rows of the view `graph`, as [`Facts::load_actors`] does.
    pub fn load_edges(&self, rows: &[LoadedEdge], positions: &Positions) {
        let mut table = self.write();
        for row in rows {
            table.load_edge(row, positions.next(row.last.partition));
        }
    }

    /// Gives back the memory that loading left over.
    pub fn trim(&self) {
        self.write().trim();
    }

    /// Takes in one event, in log order within its partition.
    pub fn apply(&self, placed: &Placed) {
        self.write().apply(placed);
    }

    /// The dense number of an actor in this process, given at first sight: for other in-memory views.
    pub fn ordinal(&self, actor: ActorId) -> u32 {
        let known = self.read().known_ordinal(actor);
        known.unwrap_or_else(|| self.write().ordinal(actor))
    }

    /// The [ordinals](Facts::ordinal) of many.
    pub fn ordinals(&self, actors: impl Iterator<Item = ActorId>) -> Vec<u32> {
        let mut table = self.write();
        actors.map(|actor| table.ordinal(actor)).collect()
    }

    /// Whether `follower` follows `leader`, trusted or not: for other in-memory views that hear the same events.
    pub fn follows(&self, follower: ActorId, leader: ActorId) -> bool {
        self.read().follows(follower, leader)
    }

    /// The facts are complete as of `now_ms`: said by whoever tails the journal, each time it reaches the end.
    pub fn caught_up(&self, now_ms: i64) {
        self.fresh_at_ms.store(now_ms, Ordering::Release);
        self.loaded.store(true, Ordering::Release);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The facts at one moment. Do not hold it across an await.
pub struct Look<'a> {
    table: RwLockReadGuard<'a, Table>,
    trusted: bool,
}

impl Look<'_> {
    /// Whether everything is known, or only what is public and the viewer's own may be shown.
    pub const fn trusted(&self) -> bool {
        self.trusted
    }

    /// How visibility regards `person`. An administrator whose facts are not trusted looks as anybody.
    pub fn viewer(&self, person: Option<ActorId>) -> Viewer {
        match person {
            None => Viewer::Guest,
            Some(person) => Viewer::Person { site_admin: self.trusted && self.table.is_site_admin(person) },
        }
    }

    /// What stands between `viewer` and `actor`.
    pub fn standing(&self, viewer: Option<ActorId>, actor: ActorId) -> Standing {
        self.by(viewer).towards(actor).all()
    }

    /// The facts as `person` looks at them, for answers that ask of many.
    pub fn by(&self, person: Option<ActorId>) -> Onlooker<'_> {
        let known = person.and_then(|person| self.table.find(person));
        Onlooker { table: &self.table, viewer: self.viewer(person), known, trusted: self.trusted }
    }

    /// Whether `follower` follows `leader`, trusted or not.
    pub fn follows(&self, follower: ActorId, leader: ActorId) -> bool {
        self.table.follows(follower, leader)
    }

    /// Whom `actor` follows, in no particular order.
    pub fn leaders(&self, actor: ActorId) -> impl Iterator<Item = ActorId> + '_ {
        self.table.leaders(actor)
    }

    /// The [ordinals](Facts::ordinal) of those whom `actor` follows, ascending.
    pub fn leader_ordinals(&self, actor: ActorId) -> &[u32] {
        self.table.leader_ordinals(actor)
    }

    /// The [ordinal](Facts::ordinal) of an actor that has one.
    pub fn ordinal(&self, actor: ActorId) -> Option<u32> {
        self.table.known_ordinal(actor)
    }

    /// The actor of an [ordinal](Facts::ordinal).
    pub fn actor_at(&self, ordinal: u32) -> Option<ActorId> {
        self.table.actor_at(ordinal)
    }

    /// How many `actor` follows.
    pub fn leader_count(&self, actor: ActorId) -> usize {
        self.table.leader_count(actor)
    }

    /// Whether a session opened at `opened_at` (Unix milliseconds) still stands: its person is active and has not ended
    /// it with a change of password.
    pub fn session_stands(&self, person: ActorId, session: SessionId, opened_at: i64) -> bool {
        self.table.session_stands(person, session, opened_at)
    }

    /// What an actor lets others see and do.
    pub fn privacy(&self, actor: ActorId) -> Privacy {
        self.table.privacy(actor)
    }

    /// Whether `actor` was registered, whatever became of him.
    pub fn knows(&self, actor: ActorId) -> bool {
        self.table.knows(actor)
    }
}

/// One who looks at the facts of one moment.
#[derive(Clone, Copy)]
pub struct Onlooker<'a> {
    table: &'a Table,
    viewer: Viewer,
    known: Option<(u32, &'a Actor)>,
    trusted: bool,
}

impl<'a> Onlooker<'a> {
    /// How visibility regards him.
    pub const fn viewer(&self) -> Viewer {
        self.viewer
    }

    /// What stands between him and an actor.
    pub fn towards(&self, actor: ActorId) -> Between<'a> {
        Between { viewer: self.known, actor: self.table.find(actor), trusted: self.trusted }
    }

    /// As [`Onlooker::towards`], by the actor's [ordinal](Facts::ordinal).
    pub fn towards_ordinal(&self, actor: u32) -> Between<'a> {
        Between { viewer: self.known, actor: self.table.find_at(actor), trusted: self.trusted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn across_a_clock_set_back_facts_are_not_trusted_until_they_are_heard_again() {
        let facts = Facts::new();
        facts.caught_up(1_000_000);
        assert!(facts.trusted(1_000_000 + TRUSTED_FOR_MS));
        assert!(!facts.trusted(1_000_000 - 600_000), "the tail may have died ten minutes ago");
        facts.caught_up(1_000_000 - 600_000);
        assert!(facts.trusted(1_000_000 - 600_000));
    }
}
