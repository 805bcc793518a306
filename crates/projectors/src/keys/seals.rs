//! Opening the seals of a batch, and sealing new texts.

use std::collections::HashMap;

use aredvi_events::{ActorId, DataKey, Mint, Opened, Sealed};
use uuid::Uuid;

use super::{Key, KeyError};

/// Opens the seals of one batch of events: their keys are all at hand.
#[derive(Debug, Clone, Default)]
pub struct Opener {
    keys: HashMap<ActorId, Key>,
}

/// Seals texts of one actor.
#[derive(Clone)]
pub struct Sealer {
    actor: ActorId,
    key: DataKey,
}

impl Opener {
    /// One that knows no key, for views that store no text.
    pub fn none() -> Self {
        Self::default()
    }

    /// One that knows these keys.
    pub const fn new(keys: HashMap<ActorId, Key>) -> Self {
        Self { keys }
    }

    /// Opens a seal that the event `event` carries.
    ///
    /// # Errors
    /// [`KeyError::BrokenSeal`] when the seal is not of this event or was damaged; [`KeyError::Missing`] when the event
    /// was not in the batch.
    pub fn open(&self, sealed: &Sealed, event: Uuid) -> Result<Opened, KeyError> {
        match self.keys.get(&sealed.actor) {
            Some(Key::Erased) => Ok(Opened::Erased),
            Some(Key::Live(key)) => match key.open(sealed, event) {
                Ok(text) => Ok(Opened::Text(text)),
                Err(_) => Err(KeyError::BrokenSeal { actor: sealed.actor, event }),
            },
            None => Err(KeyError::Missing(sealed.actor)),
        }
    }
}

impl Sealer {
    /// With a key that [`KeyStore::create`](super::KeyStore::create) made.
    pub const fn new(actor: ActorId, key: DataKey) -> Self {
        Self { actor, key }
    }

    /// Seals a text for the event `event`.
    pub fn seal(&self, mint: &Mint, event: Uuid, text: &str) -> Sealed {
        self.key.seal(self.actor, event, mint.random(), text)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.actor)
    }
}
