//! What changed and is still to be taken out of the cards that processes share: partition by partition, without a gap.

use std::collections::{BTreeMap, HashMap};

use aredvi_events::actors::ActorEvent;
use aredvi_events::envelope::Placed;
use aredvi_events::media::MediaEvent;
use aredvi_events::{ActorId, Body, Id, MediumId, Partition, Positions};
use aredvi_projectors::cache::{CARD_TOPICS, CardKind, Sweep};

use super::super::comment_of;

/// Changes that wait at most. Past it all are given up, and everything that stood there with them: the sweep begins anew.
const CHANGES: usize = 20_000;

/// What changed since it was taken out.
#[derive(Default)]
pub(super) struct Changes {
    partitions: BTreeMap<Partition, Waiting>,
    waiting: usize,
    /// How often all were given up.
    given_up: u64,
}

#[derive(Default)]
struct Waiting {
    /// Everything below is taken out, or being.
    since: u64,
    heard: u64,
    /// Everything below is surely taken out.
    taken_out: u64,
    changed: HashMap<(CardKind, Id), u64>,
}

/// Changes that are being taken out.
pub(super) struct Taken {
    pub(super) sweeps: Vec<Sweep>,
    given_up: u64,
}

impl Changes {
    /// Everything before `from` is in the views.
    pub(super) fn begin(&mut self, from: &Positions) {
        for partition in Partition::all(&CARD_TOPICS) {
            let at = from.next(partition);
            self.partitions.insert(partition, Waiting { since: at, heard: at, taken_out: at, changed: HashMap::new() });
        }
    }

    /// Takes in one event; whether there is something to tell.
    pub(super) fn hear(&mut self, placed: &Placed) -> bool {
        let Some(waiting) = self.partitions.get_mut(&placed.place.partition) else { return false };
        let offset = placed.place.offset;
        // Heard again after a failure of the tail.
        if offset < waiting.heard {
            return false;
        }
        waiting.heard = offset + 1;
        for card in changed(placed) {
            if waiting.changed.insert(card, offset).is_none() {
                self.waiting += 1;
            }
        }
        if self.waiting > CHANGES {
            self.give_up();
        }
        true
    }

    /// How far a partition's changes are taken out: what was heard since, this process's memory knows.
    pub(super) fn taken_out(&self, partition: Partition) -> u64 {
        self.partitions.get(&partition).map_or(u64::MAX, |waiting| waiting.taken_out)
    }

    /// What is to be taken out now: of every partition, or where something was heard. Up to `heard` all was heard, records
    /// too that are no events.
    pub(super) fn take(&mut self, all: bool, heard: &Positions) -> Taken {
        let mut sweeps = Vec::new();
        for (partition, waiting) in &mut self.partitions {
            waiting.heard = waiting.heard.max(heard.next(*partition));
            if all || waiting.heard > waiting.since {
                let changed: Vec<_> = waiting.changed.drain().map(|((kind, id), offset)| (kind, id, offset)).collect();
                self.waiting -= changed.len();
                sweeps.push(Sweep { partition: *partition, since: waiting.since, heard: waiting.heard, changed });
                waiting.since = waiting.heard;
            }
        }
        Taken { sweeps, given_up: self.given_up }
    }

    /// They are taken out.
    pub(super) fn taken(&mut self, taken: &Taken) {
        for sweep in &taken.sweeps {
            if let Some(waiting) = self.partitions.get_mut(&sweep.partition) {
                waiting.taken_out = waiting.taken_out.max(sweep.heard);
            }
        }
    }

    /// They are not taken out, perhaps.
    pub(super) fn put_back(&mut self, taken: Taken) {
        if taken.given_up != self.given_up {
            return;
        }
        for sweep in taken.sweeps {
            let Some(waiting) = self.partitions.get_mut(&sweep.partition) else { continue };
            waiting.since = sweep.since;
            for (kind, id, offset) in sweep.changed {
                let before = waiting.changed.len();
                let held = waiting.changed.entry((kind, id)).or_insert(offset);
                *held = (*held).max(offset);
                self.waiting += waiting.changed.len() - before;
            }
        }
        if self.waiting > CHANGES {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        for waiting in self.partitions.values_mut() {
            waiting.changed = HashMap::new();
            waiting.since = waiting.heard;
            waiting.taken_out = waiting.heard;
        }
        self.waiting = 0;
        self.given_up += 1;
    }
}

/// The cards that an event changes. Of what it makes there is none yet.
fn changed(placed: &Placed) -> Vec<(CardKind, Id)> {
    match &placed.event.body {
        Body::Actors(ActorEvent::PersonRegistered(_)) | Body::Media(MediaEvent::NoteAdded(_)) => Vec::new(),
        Body::Actors(event) if event.is_refusal() => Vec::new(),
        Body::Actors(_) => {
            let actor = placed.event.key.parse::<ActorId>();
            actor.map(|actor| (CardKind::Actor, actor.into())).into_iter().collect()
        }
        Body::Media(event) => {
            let medium = placed.event.key.parse::<MediumId>().map(|medium| (CardKind::Node, medium.into()));
            let added = matches!(event, MediaEvent::CommentAdded(_));
            let comment = comment_of(event).filter(|_| !added).map(Id::from);
            let of_comment = comment.into_iter().flat_map(|id| [(CardKind::Comment, id), (CardKind::CommentVoters, id)]);
            medium.into_iter().chain(of_comment).collect()
        }
        Body::Identity(_) | Body::Sessions(_) | Body::Graph(_) | Body::Notifications(_) | Body::Deliveries(_) | Body::Any(_) => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use aredvi_events::Topic;

    use super::*;

    const PARTITION: Partition = Partition { topic: Topic::Media, number: 3 };

    fn begun() -> Changes {
        let mut changes = Changes::default();
        changes.begin(&[(PARTITION, 10)].into_iter().collect());
        changes
    }

    fn change(changes: &mut Changes, number: u64, offset: u64) {
        let waiting = changes.partitions.get_mut(&PARTITION).expect("a partition");
        waiting.heard = offset + 1;
        let new = waiting.changed.insert((CardKind::Node, Id::new(number).expect("an id")), offset).is_none();
        changes.waiting += usize::from(new);
    }

    fn only(taken: &Taken) -> &Sweep {
        assert_eq!(taken.sweeps.len(), 1);
        &taken.sweeps[0]
    }

    #[test]
    fn what_could_not_be_taken_out_is_taken_out_with_what_came_since() {
        let mut changes = begun();
        change(&mut changes, 1, 12);
        change(&mut changes, 2, 13);
        let taken = changes.take(false, &Positions::new());
        change(&mut changes, 1, 15);
        changes.put_back(taken);
        assert_eq!(changes.taken_out(PARTITION), 10);
        let taken = changes.take(false, &Positions::new());
        let sweep = only(&taken);
        assert_eq!((sweep.since, sweep.heard, sweep.changed.len()), (10, 16, 2));
        assert!(sweep.changed.contains(&(CardKind::Node, Id::new(1).expect("an id"), 15)));
        changes.taken(&taken);
        assert_eq!((changes.taken_out(PARTITION), changes.waiting), (16, 0));
        assert!(changes.take(false, &Positions::new()).sweeps.is_empty());
    }

    #[test]
    fn past_the_bound_the_sweep_begins_anew_after_all_that_was_given_up() {
        let mut changes = begun();
        change(&mut changes, 1, 12);
        let taken = changes.take(false, &Positions::new());
        change(&mut changes, 2, 20);
        changes.give_up();
        changes.put_back(taken);
        change(&mut changes, 3, 21);
        let taken = changes.take(false, &Positions::new());
        let sweep = only(&taken);
        assert_eq!((sweep.since, sweep.heard, sweep.changed.len()), (21, 22, 1));
        assert_eq!(changes.taken_out(PARTITION), 21, "what was put before does not count");
    }
}
