//! Where a stream is: the id of its frames.

use aredvi_events::{ActorId, Id, JournalId, Partition, Positions, Topic};
use uuid::Uuid;

use crate::cursor::Payload;

/// The topics that every stream follows whole; of `notifications` its person's own partition alone.
const WHOLE: [Topic; 2] = [Topic::Graph, Topic::Media];

/// The journal is in every cursor already.
const CURSORS_OWN: JournalId = JournalId(Uuid::nil());

/// How far a person's stream has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Whose.
    pub person: ActorId,
    /// Everything below these is told.
    pub positions: Positions,
}

impl At {
    /// Of what a process has heard.
    pub fn of(person: ActorId, heard: &Positions) -> Self {
        let own = own(person);
        let mut positions = heard.clone();
        positions.retain(|partition| WHOLE.contains(&partition.topic) || partition == own);
        Self { person, positions }
    }

    /// Whether it names every partition that a stream follows.
    pub fn is_whole(&self) -> bool {
        let mut all = Partition::all(&WHOLE).into_iter().chain([own(self.person)]);
        all.all(|partition| self.positions.get(partition).is_some())
    }
}

/// The partition of a person's notifications.
fn own(person: ActorId) -> Partition {
    Partition::of(Topic::Notifications, &person.to_string())
}

impl Payload for At {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.person.get().to_be_bytes().to_vec();
        bytes.extend(self.positions.to_bytes(CURSORS_OWN));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (person, rest) = bytes.split_first_chunk::<8>()?;
        let person = Id::new(u64::from_be_bytes(*person))?.into();
        Some(Self { person, positions: Positions::from_bytes(rest, CURSORS_OWN).ok()?? })
    }
}
