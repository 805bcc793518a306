//! Cards of actors.

use std::sync::Arc;

use aredvi_events::{ActorId, Partition, Topic};
use aredvi_projectors::actors::queries::{self, Card};
use foldhash::{HashMap, HashMapExt as _};

use super::{not_serving, shared, unreadable};
use crate::app::App;
use crate::problem::Problem;
use crate::shapes::actors::{ActorCard, ActorType};

impl App {
    /// The cards of these actors; whoever was never registered or is erased is left out. Visibility is not asked.
    ///
    /// # Errors
    /// 503 when `actors` cannot be read and not all are kept, here or in Redis.
    pub async fn actor_cards(&self, actors: impl IntoIterator<Item = ActorId>) -> Result<HashMap<ActorId, ActorCard>, Problem> {
        let mut cards: HashMap<ActorId, ActorCard> = HashMap::new();
        let mut missing = Vec::new();
        for actor in actors {
            if cards.contains_key(&actor) || missing.iter().any(|(missing, _)| *missing == actor) {
                continue;
            }
            match self.cards.actors.get(actor) {
                Some(card) => drop(shape(&card).map(|card| cards.insert(actor, card))),
                None => missing.push((actor, Some(Partition::of(Topic::Actors, &actor.to_string())))),
            }
        }
        for (actor, card) in self.cards.shelf.found(&self.cards.actors, &self.views.actors, &mut missing).await {
            drop(shape(&card).map(|card| cards.insert(actor, card)));
        }
        if !missing.is_empty() {
            let reached = self.views.actors.reached();
            let db = self.views.actors.db().map_err(|e| not_serving(&e))?;
            let missing: Vec<ActorId> = missing.into_iter().map(|(actor, _)| actor).collect();
            for card in queries::cards(&db, &missing).await.map_err(|e| unreadable(&e))? {
                let card: Arc<Card> = shared(card);
                self.cards.actors.put(card.actor, card.last.offset, &card);
                self.cards.shelf.fill(reached.as_deref(), card.actor, Some(card.last.partition), card.last.offset, &card);
                if let Some(shape) = shape(&card) {
                    cards.insert(card.actor, shape);
                }
            }
        }
        Ok(cards)
    }

    /// One card, or 404.
    ///
    /// # Errors
    /// 404 for nobody; 503 as [`App::actor_cards`].
    pub async fn actor_card(&self, actor: ActorId) -> Result<ActorCard, Problem> {
        self.actor_cards([actor]).await?.remove(&actor).ok_or_else(Problem::not_found)
    }
}

/// None for the erased, whose name is gone.
fn shape(card: &Card) -> Option<ActorCard> {
    let name = card.name.clone()?;
    Some(ActorCard { id: card.actor, r#type: ActorType::Person, username: card.username.clone(), name, avatar: None })
}
