//! How cards are written, as JSON without names. Another form wants another number; what cannot be read is not there.

use std::sync::Arc;

use aredvi_events::actors::Access;
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, CommentId, Id, MediumId, Partition, Place, StoryId, Topic};
use aredvi_projectors::actors::queries::Card;
use aredvi_projectors::cache::CardKind;
use aredvi_projectors::media::queries::{self as media, CommentRow};
use aredvi_projectors::story_feed::queries::Row;
use aredvi_projectors::visibility::State;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::nodes::Node;

/// Raised whenever a form below changes.
const FORM: u8 = 1;

/// A card that processes share.
pub trait Written: Sized {
    /// What it is of.
    const KIND: CardKind;

    /// As it stands on the shelf.
    fn write(&self) -> Vec<u8>;

    /// As it was written; `of` is the partition of the events that change it, `offset` the last one's.
    fn read(id: Id, of: Option<Partition>, offset: u64, bytes: &[u8]) -> Option<Self>;
}

type ActorForm = (Option<Arc<str>>, Option<Arc<str>>, u8);
type AudienceForm = (Option<Vec<ActorId>>, Option<Vec<ActorId>>);
type NodeForm = (ActorId, ActorId, Access, Option<Arc<str>>, u64, u64, i64, Option<i64>, bool, AudienceForm);
type CommentForm = (MediumId, ActorId, Option<String>, u64, i64, Option<i64>, bool, StoryId);
type StoryForm = (ActorId, Verb, ActorId, Option<MediumId>, Option<ActorId>, Option<CommentId>, i64, Access, (u8, u32, u64));

impl Written for Card {
    const KIND: CardKind = CardKind::Actor;

    fn write(&self) -> Vec<u8> {
        let state = match self.state {
            State::Active => 0,
            State::Disabled => 1,
            State::Erased => 2,
        };
        to_bytes(&(&self.username, &self.name, state))
    }

    fn read(id: Id, of: Option<Partition>, offset: u64, bytes: &[u8]) -> Option<Self> {
        let (username, name, state): ActorForm = from_bytes(bytes)?;
        let state = match state {
            0 => State::Active,
            1 => State::Disabled,
            _ => State::Erased,
        };
        Some(Self { actor: id.into(), username, name, state, last: Place { partition: of?, offset } })
    }
}

impl Written for Node {
    const KIND: CardKind = CardKind::Node;

    fn write(&self) -> Vec<u8> {
        to_bytes(&(
            self.owner,
            self.author,
            self.access,
            &self.body,
            self.comment_count,
            self.vote_count,
            self.created_at,
            self.edited_at,
            self.deleted,
            (&self.voters, &self.subscribers),
        ))
    }

    fn read(id: Id, of: Option<Partition>, offset: u64, bytes: &[u8]) -> Option<Self> {
        let form: NodeForm = from_bytes(bytes)?;
        let (owner, author, access, body, comment_count, vote_count, created_at, edited_at, deleted, audience) = form;
        let row = media::Node {
            id: id.into(),
            owner,
            author,
            access,
            body,
            comment_count,
            vote_count,
            created_at,
            edited_at,
            deleted,
            last: Place { partition: of?, offset },
        };
        let (voters, subscribers) = audience;
        Some(Self { row, voters, subscribers })
    }
}

impl Written for CommentRow {
    const KIND: CardKind = CardKind::Comment;

    fn write(&self) -> Vec<u8> {
        let (edited_at, deleted, story) = (self.edited_at, self.deleted, self.story);
        to_bytes(&(self.medium, self.author, &self.body, self.vote_count, self.created_at, edited_at, deleted, story))
    }

    fn read(id: Id, of: Option<Partition>, offset: u64, bytes: &[u8]) -> Option<Self> {
        let (medium, author, body, vote_count, created_at, edited_at, deleted, story): CommentForm = from_bytes(bytes)?;
        let last = Place { partition: of?, offset };
        Some(Self { id: id.into(), medium, author, body, vote_count, created_at, edited_at, deleted, story, last })
    }
}

/// Who likes a comment.
impl Written for Vec<ActorId> {
    const KIND: CardKind = CardKind::CommentVoters;

    fn write(&self) -> Vec<u8> {
        to_bytes(self)
    }

    fn read(_: Id, _: Option<Partition>, _: u64, bytes: &[u8]) -> Option<Self> {
        from_bytes(bytes)
    }
}

impl Written for Row {
    const KIND: CardKind = CardKind::Story;

    fn write(&self) -> Vec<u8> {
        let Place { partition, offset } = self.made_by;
        let made_by = (partition.topic.number(), partition.number, offset);
        let about = (self.medium, self.actor, self.comment);
        to_bytes(&(self.owner, self.verb, self.subject, about.0, about.1, about.2, self.created_at, self.access, made_by))
    }

    fn read(id: Id, _: Option<Partition>, _: u64, bytes: &[u8]) -> Option<Self> {
        let form: StoryForm = from_bytes(bytes)?;
        let (owner, verb, subject, medium, actor, comment, created_at, access, (topic, number, offset)) = form;
        let made_by = Place { partition: Partition { topic: Topic::from_number(topic)?, number }, offset };
        Some(Self { id: id.into(), owner, verb, subject, medium, actor, comment, created_at, access, made_by })
    }
}

/// Nothing when it cannot be written, which is not put.
fn to_bytes(form: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![FORM];
    match serde_json::to_writer(&mut bytes, form) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (form, json) = bytes.split_first()?;
    (*form == FORM).then(|| serde_json::from_slice(json).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id<T: From<Id>>(number: u64) -> T {
        Id::new(number).expect("an id").into()
    }

    fn place(offset: u64) -> Place {
        Place { partition: Partition { topic: Topic::Media, number: 5 }, offset }
    }

    fn again<T: Written>(card: &T, number: u64) -> Option<T> {
        T::read(id(number), Some(place(0).partition), 9, &card.write())
    }

    #[test]
    fn cards_are_read_as_they_were_written() {
        let name = Some("Zo\u{eb} \u{1f30a}".into());
        let actor = Card { actor: id(1), username: None, name: name.clone(), state: State::Disabled, last: place(9) };
        assert_eq!(again(&actor, 1), Some(actor));
        let mut row = media::Node::fresh(id(2), id(3), id(4), Access::Leaders, "a\nb".to_owned(), 77, place(9));
        (row.vote_count, row.edited_at, row.deleted) = (70, Some(78), true);
        let node = Node { row, voters: None, subscribers: Some(vec![id(4), id(5)]) };
        assert_eq!(again(&node, 2), Some(node));
        let comment = CommentRow::fresh(id(6), id(2), id(4), "c".to_owned(), 79, id(7), place(9));
        assert_eq!(again(&comment, 6), Some(comment));
        let voters: Vec<ActorId> = vec![id(1), id(3)];
        assert_eq!(again(&voters, 6), Some(voters));
        let (owner, subject) = (id(3), id(4));
        let about = (Some(id(2)), None, Some(id(6)));
        let (medium, actor, comment) = about;
        let (verb, access, made_by) = (Verb::NoteComment, Access::Public, place(3));
        let story = Row { id: id(7), owner, verb, subject, medium, actor, comment, created_at: 80, access, made_by };
        assert_eq!(again(&story, 7), Some(story));
    }

    #[test]
    fn what_another_form_wrote_is_not_there() {
        let mut written = vec![id::<ActorId>(1)].write();
        written[0] = FORM + 1;
        assert_eq!(Vec::<ActorId>::read(id(6), None, 9, &written), None);
        assert_eq!(Card::read(id(6), None, 9, b"\x01[1]"), None);
    }
}
