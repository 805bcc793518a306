//! What a text says to the system: whom it mentions and what it is tagged with. Resolved before the append, so that no
//! consumer reads bodies.

use aredvi_events::{ActorId, Sealed};
use aredvi_projectors::accounts::queries as accounts;
use aredvi_projectors::keys::Sealer;
use uuid::Uuid;

use crate::app::App;
use crate::caller::Caller;
use crate::cards::{not_serving, unreadable};
use crate::commands::mention;
use crate::problem::Problem;
use crate::v1::people::no_key;
use crate::{hashtags, mentions};

/// A text, sealed for one event.
pub struct Said {
    /// The text.
    pub body: Sealed,
    /// Its hashtags, separated by single spaces.
    pub hashtags: Option<Sealed>,
    /// Whom it mentions, of those whom its writer may mention.
    pub mentions: Vec<ActorId>,
}

impl App {
    /// Seals `text` of `author` for the event `event`, its mentions resolved.
    ///
    /// # Errors
    /// 503 when a name or the author's key cannot be looked up.
    pub async fn say(&self, caller: &Caller, author: ActorId, event: Uuid, text: &str) -> Result<Said, Problem> {
        let sealer: Sealer = self.keys.sealer(author).await.map_err(no_key)?;
        let tags = hashtags::parse(text);
        let hashtags = (!tags.is_empty()).then(|| sealer.seal(&self.mint, event, &tags.join(" ")));
        let body = sealer.seal(&self.mint, event, text);
        Ok(Said { body, hashtags, mentions: self.mentioned(caller, text).await? })
    }

    async fn mentioned(&self, caller: &Caller, text: &str) -> Result<Vec<ActorId>, Problem> {
        let names = mentions::parse(text);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let db = self.views.accounts.db().map_err(|e| not_serving(&e))?;
        let mut mentioned = Vec::with_capacity(names.len());
        for name in names {
            let fingerprint = self.keys.fingerprints().username(&name);
            if let Some(person) = accounts::by_username_fp(&db, fingerprint).await.map_err(|e| unreadable(&e))?
                && !mentioned.contains(&person)
            {
                mentioned.push(person);
            }
        }
        mentioned.retain(|&person| {
            let (viewer, standing) = self.standing(caller, person);
            mention::decide(viewer, &standing).is_ok()
        });
        Ok(mentioned)
    }
}
