//! Waits for the decider's answer to a request: the accepted fact or the refusal, as the tail hears it on `actors`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aredvi_events::actors::{ActorEvent, Refusal};
use aredvi_events::envelope::Placed;
use aredvi_events::{Body, Clock, Place};
use aredvi_projectors::facts::follow::Listener;
use tokio::sync::oneshot;
use uuid::Uuid;

/// An answer comes within this, or the request goes on without it.
pub const VERDICT_LIMIT: Duration = Duration::from_secs(5);
/// Requests of one process that wait at once.
const MAX_WAITING: usize = 10_000;

/// What the decider said, and where it stands on `actors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Why it was refused; `None`: accepted.
    pub refusal: Option<Refusal>,
    /// The event that says so.
    pub place: Place,
}

/// Those who wait.
#[derive(Default)]
pub struct Verdicts {
    waiting: Mutex<HashMap<Uuid, oneshot::Sender<Verdict>>>,
}

/// One who waits; giving up is dropping it.
pub struct Waiting {
    request: Uuid,
    answer: oneshot::Receiver<Verdict>,
    verdicts: Arc<Verdicts>,
}

impl Verdicts {
    /// Begins to wait for the answer to `request`: before the request is appended, so that none is missed. `None` when
    /// too many wait.
    pub fn expect(self: &Arc<Self>, request: Uuid) -> Option<Waiting> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.len() >= MAX_WAITING {
            return None;
        }
        waiting.insert(request, sender);
        Some(Waiting { request, answer, verdicts: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, oneshot::Sender<Verdict>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The answer; `None` when [`VERDICT_LIMIT`] passed first.
    pub async fn verdict(mut self, clock: &Clock) -> Option<Verdict> {
        clock.timeout(VERDICT_LIMIT, &mut self.answer).await.ok()?.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.verdicts.lock().remove(&self.request);
    }
}

impl Listener for Verdicts {
    fn hear(&self, placed: &Placed) {
        let Body::Actors(event) = &placed.event.body else { return };
        let Some((request, refusal)) = answered(event) else { return };
        if let Some(sender) = self.lock().remove(&request) {
            // Nobody waits any more when this fails, and that is fine.
            let _gone = sender.send(Verdict { refusal, place: placed.place });
        }
    }
}

fn answered(event: &ActorEvent) -> Option<(Uuid, Option<Refusal>)> {
    match event {
        ActorEvent::PersonRegistered(e) => Some((e.request, None)),
        ActorEvent::HandleChanged(e) => Some((e.request, None)),
        ActorEvent::EmailChanged(e) => Some((e.request, None)),
        ActorEvent::PasswordChanged(e) => Some((e.request, None)),
        ActorEvent::RolesChanged(e) => Some((e.request, None)),
        ActorEvent::PersonErased(e) => Some((e.request, None)),
        ActorEvent::RegistrationRefused(e) => Some((e.request, Some(e.code))),
        ActorEvent::RequestRefused(e) => Some((e.request, Some(e.code))),
        ActorEvent::ProfileChanged(_)
        | ActorEvent::PrivacyChanged(_)
        | ActorEvent::PersonDisabled(_)
        | ActorEvent::PersonEnabled(_)
        | ActorEvent::ErasureCompleted(_) => None,
    }
}
