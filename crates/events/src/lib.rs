//! What happened in a community: the events of the journal, their keys, topics, envelope and seals.
//!
//! Pure types. Nothing here opens a file, a socket or a database; the only clock and the only source of
//! randomness of the whole system are [`Clock`] and [`Mint`].
//!
//! An event's shape can never be taken back once a log holds it: fields are only added, and a break is a new
//! version with an upcaster in [`codec`].

pub mod actors;
pub mod clock;
pub mod codec;
pub mod deliveries;
pub mod envelope;
mod event;
pub mod fingerprint;
pub mod graph;
pub mod hand;
pub mod id;
pub mod identity;
pub mod media;
pub mod mint;
pub mod notifications;
pub mod place;
pub mod schema;
pub mod sealing;
pub mod sessions;
pub mod structured;
pub mod topic;

pub use clock::Clock;
pub use codec::{Body, Undecodable};
pub use envelope::{Event, Origin, Record, Stored};
pub use id::{ActorId, CommentId, Id, MediumId, NotificationId, SessionId, StoryId};
pub use mint::Mint;
pub use place::{JournalId, Partition, Place, Positions};
pub use sealing::{DataKey, MasterKey, Opened, Sealed};
pub use topic::Topic;
