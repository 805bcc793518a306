//! How the names and ids of `events` are documented: that crate knows nothing of OpenAPI.

use utoipa::ToSchema;

/// 63 bits, time-ordered, a decimal string.
#[derive(Debug, ToSchema)]
#[schema(as = Id, value_type = String, pattern = "^[1-9][0-9]{0,18}$", example = "7318349394477056")]
pub struct IdText(#[expect(dead_code, reason = "only documents a type of another crate")] String);

/// Who passes.
#[derive(Debug, ToSchema)]
#[schema(as = Access, rename_all = "snake_case")]
pub enum AccessName {
    /// Everybody, guests too.
    Public,
    /// Any signed-in person.
    Registered,
    /// Who follows the owner, whom the owner follows, his administrators.
    Followers,
    /// Whom the owner follows.
    Leaders,
    /// Who follows the owner and is followed by him.
    Mutuals,
    /// The owner's administrators.
    Admins,
}

/// What a story or a notification tells.
#[derive(Debug, ToSchema)]
#[schema(as = Verb, rename_all = "snake_case")]
pub enum VerbName {
    /// A note was written.
    NoteAdd,
    /// A note was commented on.
    NoteComment,
    /// An actor follows another.
    ActorFollow,
    /// An actor asks to follow.
    ActorRequest,
    /// A medium mentions the reader.
    ActorMention,
    /// A comment mentions the reader.
    ActorMentionComment,
    /// A medium is liked.
    Voteup,
}

/// What a person may do beyond his own things.
#[derive(Debug, ToSchema)]
#[schema(as = Role, rename_all = "snake_case")]
pub enum RoleName {
    /// Passes every access level and block.
    Administrator,
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::actors::Access;
    use aredvi_events::identity::Role;
    use aredvi_events::notifications::Verb;
    use serde::Serialize;
    use utoipa::PartialSchema;

    fn documented<T: PartialSchema>() -> serde_json::Value {
        serde_json::to_value(T::schema()).expect("json")["enum"].clone()
    }

    fn written<T: Serialize>(all: &[T]) -> serde_json::Value {
        serde_json::to_value(all).expect("json")
    }

    #[test]
    fn the_documented_names_are_those_of_the_events() {
        assert_eq!(documented::<AccessName>(), written(&Access::ALL));
        assert_eq!(documented::<VerbName>(), written(&Verb::ALL));
        assert_eq!(documented::<RoleName>(), written(&[Role::Administrator]));
    }
}
