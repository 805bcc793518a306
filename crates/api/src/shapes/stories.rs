//! Stories: the lines of an actor's page and of the feed.

use aredvi_events::StoryId;
use aredvi_events::notifications::Verb;
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;
use super::actors::ActorCard;
use super::comments::Comment;
use super::media::NodeCard;
use super::names::{IdText, VerbName};

/// One line of an actor's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Story {
    /// Which.
    #[schema(value_type = IdText)]
    pub id: StoryId,
    /// What it tells.
    #[schema(value_type = VerbName)]
    pub verb: Verb,
    /// Who did it.
    pub subject: ActorCard,
    /// On whose page it stands.
    pub owner: ActorCard,
    /// What it was done to.
    #[schema(required)]
    pub object: Option<ObjectCard>,
    /// The comment it tells of.
    #[schema(required)]
    pub comment: Option<Comment>,
    /// When.
    pub created_at: Time,
}

/// What a story or a notification is about; `type` tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ObjectCard {
    /// A medium.
    Node(Box<NodeCard>),
    /// An actor.
    Actor(ActorCard),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::actors::ActorType;
    use aredvi_events::Id;

    #[test]
    fn a_story_of_a_follow_is_written_whole() {
        let card = |id, name: &str| ActorCard {
            id: Id::new(id).expect("in range").into(),
            r#type: ActorType::Person,
            username: Some(name.to_lowercase().into()),
            name: name.into(),
            avatar: None,
        };
        let story = Story {
            id: Id::new(9).expect("in range").into(),
            verb: Verb::ActorFollow,
            subject: card(1, "Ana"),
            owner: card(1, "Ana"),
            object: Some(ObjectCard::Actor(card(2, "Ben"))),
            comment: None,
            created_at: Time(0),
        };
        let ana = serde_json::json!({"id": "1", "type": "person", "username": "ana", "name": "Ana", "avatar": null});
        let ben = serde_json::json!({"id": "2", "type": "person", "username": "ben", "name": "Ben", "avatar": null});
        assert_eq!(
            serde_json::to_value(&story).expect("json"),
            serde_json::json!({
                "id": "9", "verb": "actor_follow", "subject": ana, "owner": ana, "object": ben, "comment": null,
                "created_at": "1970-01-01T00:00:00.000Z",
            })
        );
    }
}
