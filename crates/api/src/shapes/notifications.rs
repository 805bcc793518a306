//! What a person is told.

use aredvi_events::NotificationId;
use aredvi_events::notifications::Verb;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use super::actors::ActorCard;
use super::comments::Comment;
use super::names::{IdText, VerbName};
use super::stories::ObjectCard;
use crate::problem::{FieldError, Problem};

/// The most ids that are marked read by one request.
pub const MAX_READ_IDS: usize = 100;

/// One thing the person is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notification {
    /// Which.
    #[schema(value_type = IdText)]
    pub id: NotificationId,
    /// What it tells.
    #[schema(value_type = VerbName)]
    pub verb: Verb,
    /// Who did it.
    pub subject: ActorCard,
    /// What it was done to.
    #[schema(required)]
    pub object: Option<ObjectCard>,
    /// The comment it tells of.
    #[schema(required)]
    pub comment: Option<Comment>,
    /// How many more did the same and are told of here alone. Always 0: each is told by itself.
    pub others_count: u64,
    /// Whether the person has seen it.
    pub read: bool,
    /// When.
    pub created_at: Time,
}

/// How many notifications are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unread {
    /// Among the newest 100.
    pub unread: u64,
    /// Whether there are older ones, which are not counted.
    pub more: bool,
}

/// `POST /v1/notifications/read`: one of the two.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct MarkRead {
    /// Everything at or before this one in the list's order.
    #[schema(value_type = Option<IdText>)]
    pub through: Option<NotificationId>,
    /// These alone.
    #[schema(value_type = Option<Vec<IdText>>, max_items = 100)]
    pub ids: Option<Vec<NotificationId>>,
}

impl MarkRead {
    /// What is to be marked.
    ///
    /// # Errors
    /// 422 when it says both, neither, or more than [`MAX_READ_IDS`] ids.
    pub fn check(self) -> Result<Read, Problem> {
        match (self.through, self.ids) {
            (Some(through), None) => Ok(Read::Through(through)),
            (None, Some(ids)) if ids.len() <= MAX_READ_IDS => Ok(Read::These(ids)),
            (None, Some(_)) => Err(FieldError::new("/ids", "too-long", format!("must have at most {MAX_READ_IDS} ids")).into()),
            (Some(_), Some(_)) => Err(FieldError::new("/ids", "one-of", "must not stand beside through").into()),
            (None, None) => Err(FieldError::new("/through", "missing", "either through or ids is required").into()),
        }
    }
}

/// What is to be marked read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Everything at or before this one.
    Through(NotificationId),
    /// These alone.
    These(Vec<NotificationId>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::json::parse;

    fn read(body: &str) -> Result<Read, String> {
        let request: MarkRead = parse(body.as_bytes()).map_err(|problem| problem.code.to_owned())?;
        request.check().map_err(|problem| problem.errors[0].pointer.clone().into_owned())
    }

    #[test]
    fn read_marks_go_through_one_or_name_some() {
        let id = |n| NotificationId(aredvi_events::Id::new(n).expect("in range"));
        assert_eq!(read(r#"{"through":"7"}"#), Ok(Read::Through(id(7))));
        assert_eq!(read(r#"{"ids":["7","8"]}"#), Ok(Read::These(vec![id(7), id(8)])));
        assert_eq!(read(r#"{"through":"7","ids":[]}"#), Err("/ids".to_owned()));
        assert_eq!(read("{}"), Err("/through".to_owned()));
        assert_eq!(read(r#"{"through":7}"#), Err("invalid".to_owned()));
        let many = format!("{{\"ids\":[{}]}}", vec!["\"7\""; 101].join(","));
        assert_eq!(read(&many), Err("/ids".to_owned()));
    }
}
