//! What each event of `actors` does to its actor's rows.

use std::collections::BTreeSet;

use aredvi_events::actors::{Access, ActorEvent, PersonRegistered, ProfileChanged};
use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::{ActorId, Sealed};
use uuid::Uuid;

use super::rows::{Actor, state};
use super::words;
use crate::accounts::rows::role_bits;
use crate::db::{Tx, Value};
use crate::keys::{KeyError, Opener};
use crate::rows::Rows;
use crate::seen::Seen;
use crate::view::ApplyError;

/// Applies a batch.
pub(super) async fn apply(tx: &mut Tx, events: &[Placed], opener: &Opener) -> Result<(), ApplyError> {
    let events: Vec<(&Placed, &ActorEvent)> = events.iter().filter_map(actor_event).collect();
    let actors = Rows::load(tx, events.iter().map(|(_, event)| event.person())).await?;
    let mut actors = Actors { opener, actors, renamed: BTreeSet::new() };
    for (placed, event) in events {
        actors.fold(placed, event)?;
    }
    actors.write(tx).await
}

fn actor_event(placed: &Placed) -> Option<(&Placed, &ActorEvent)> {
    if let Body::Actors(event) = &placed.event.body { Some((placed, event)) } else { None }
}

/// The actors that a batch speaks of.
struct Actors<'a> {
    opener: &'a Opener,
    actors: Rows<Actor>,
    /// Those whose words are others now.
    renamed: BTreeSet<ActorId>,
}

impl Actors<'_> {
    fn fold(&mut self, placed: &Placed, event: &ActorEvent) -> Result<(), KeyError> {
        if let ActorEvent::PersonRegistered(e) = event {
            return self.register(placed, e);
        }
        if event.is_refusal() {
            return Ok(());
        }
        // Nothing is known of one who was not registered; and after an erasure nothing comes but its receipt.
        let ends = matches!(event, ActorEvent::ErasureCompleted(_));
        let known = self.actors.get(event.person()).filter(|row| ends == (row.state == state::ERASED));
        let repeated = known.is_none_or(|row| row.seen.knows(placed.event.id));
        let Some(row) = self.actors.change(event.person()).filter(|_| !repeated) else { return Ok(()) };
        row.seen.remember(placed.event.id);
        (row.last_part, row.last_offset) = (placed.place.partition.number, placed.place.offset);
        match event {
            ActorEvent::HandleChanged(e) => {
                row.username = open(self.opener, &e.username, placed.event.id)?;
                self.renamed.insert(e.person);
            }
            ActorEvent::PasswordChanged(e) => {
                row.password_changed_at = Some(placed.event.time_ms);
                row.keep_session = e.keep_session;
            }
            ActorEvent::RolesChanged(e) => row.roles = role_bits(&e.roles),
            ActorEvent::ProfileChanged(e) => {
                change_profile(row, placed, e, self.opener)?;
                if e.name.is_some() {
                    self.renamed.insert(e.person);
                }
            }
            ActorEvent::PrivacyChanged(e) => {
                row.access = e.access.unwrap_or(row.access);
                row.allow_follow_requests = e.allow_follow_requests.unwrap_or(row.allow_follow_requests);
            }
            ActorEvent::PersonDisabled(_) => row.state = state::DISABLED,
            ActorEvent::PersonEnabled(_) => row.state = state::ACTIVE,
            ActorEvent::PersonErased(e) => {
                erase(row, placed.event.time_ms);
                self.renamed.insert(e.person);
            }
            ActorEvent::ErasureCompleted(e) => {
                if row.cleared_at.is_none() {
                    row.cleared = serde_json::to_string(&e.cleared).ok();
                    row.cleared_at = Some(placed.event.time_ms);
                }
            }
            ActorEvent::PersonRegistered(_)
            | ActorEvent::RegistrationRefused(_)
            | ActorEvent::RequestRefused(_)
            | ActorEvent::EmailChanged(_) => {}
        }
        Ok(())
    }

    fn register(&mut self, placed: &Placed, e: &PersonRegistered) -> Result<(), KeyError> {
        if self.actors.get(e.person).is_some() {
            return Ok(());
        }
        self.actors.put(Actor {
            actor: e.person,
            username: open(self.opener, &e.username, placed.event.id)?,
            name: open(self.opener, &e.name, placed.event.id)?,
            bio: None,
            language: None,
            time_zone: None,
            access: Access::default(),
            allow_follow_requests: false,
            roles: 0,
            state: state::ACTIVE,
            created_at: placed.event.time_ms,
            password_changed_at: None,
            keep_session: None,
            erased_at: None,
            cleared: None,
            cleared_at: None,
            seen: Seen::default(),
            last_part: placed.place.partition.number,
            last_offset: placed.place.offset,
        });
        self.renamed.insert(e.person);
        Ok(())
    }

    async fn write(self, tx: &mut Tx) -> Result<(), ApplyError> {
        let renamed = self.renamed.iter().filter_map(|&actor| self.actors.get(actor));
        let words: Vec<[Value; 2]> = renamed
            .flat_map(|row| {
                words::of_actor(row.username.as_deref(), row.name.as_deref()).into_iter().map(|word| (row.actor, word))
            })
            .map(|(actor, word)| [actor.into(), word.into()])
            .collect();
        let renamed = self.renamed.into_iter().map(|actor| [actor.into()]).collect();
        self.actors.write(tx).await?;
        tx.delete_in("name_words", ["actor"], renamed).await?;
        Ok(tx.insert_ignore("name_words", ["actor", "word"], words).await?)
    }
}

fn change_profile(row: &mut Actor, placed: &Placed, e: &ProfileChanged, opener: &Opener) -> Result<(), KeyError> {
    if let Some(name) = &e.name {
        row.name = open(opener, name, placed.event.id)?;
    }
    if let Some(bio) = &e.bio {
        row.bio = open(opener, bio, placed.event.id)?.filter(|bio| !bio.is_empty());
    }
    if e.language.is_some() {
        row.language.clone_from(&e.language);
    }
    if e.time_zone.is_some() {
        row.time_zone.clone_from(&e.time_zone);
    }
    Ok(())
}

fn erase(row: &mut Actor, at_ms: i64) {
    row.erased_at = Some(at_ms);
    row.username = None;
    row.name = None;
    row.bio = None;
    row.language = None;
    row.time_zone = None;
    row.roles = 0;
    row.state = state::ERASED;
}

fn open(opener: &Opener, text: &Sealed, event: Uuid) -> Result<Option<String>, KeyError> {
    Ok(opener.open(text, event)?.into_text())
}
