//! What each event of `media` does to the rows of its medium.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::media::{CommentAdded, CommentEdited, MediaEvent, NoteAdded, NoteEdited};
use aredvi_events::{ActorId, CommentId, MediumId, Place, Sealed};
use uuid::Uuid;

use super::rows::{Comment, ITSELF, Node, Subscription, Vote};
use crate::db::{Tx, Value};
use crate::keys::Opener;
use crate::rows::Rows;
use crate::seen::Seen;
use crate::view::{ApplyError, Batch};

/// Tags of one text that are kept.
const MAX_TAGS: usize = 100;
/// Code points of a tag that are kept.
const MAX_TAG: usize = 100;

/// The rows that a batch speaks of.
struct Touched<'a> {
    opener: &'a Opener,
    nodes: Rows<Node>,
    comments: Rows<Comment>,
    votes: Rows<Vote>,
    subscriptions: Rows<Subscription>,
    /// The tags of new and changed texts, by medium and comment.
    tagged: BTreeMap<(MediumId, u64), Vec<String>>,
    /// Texts that had tags before, perhaps.
    retagged: BTreeSet<(MediumId, u64)>,
    wiped: BTreeSet<MediumId>,
}

/// One event, as an arm sees it.
#[derive(Clone, Copy)]
struct Now {
    id: Uuid,
    place: Place,
    time_ms: i64,
}

/// Applies a batch.
pub(super) async fn apply(tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
    let events: Vec<(&Placed, &MediaEvent)> = batch.events.iter().filter_map(media_event).collect();
    let named: Vec<Named> = events.iter().map(|(_, event)| named(event)).collect();
    let mut rows = Touched {
        opener: &batch.opener,
        nodes: Rows::load(tx, named.iter().filter_map(|named| named.medium)).await?,
        comments: Rows::load(tx, named.iter().filter_map(|named| named.comment)).await?,
        votes: Rows::load(tx, named.iter().filter_map(Named::vote)).await?,
        subscriptions: Rows::load(tx, named.iter().flat_map(Named::subscriptions)).await?,
        tagged: BTreeMap::new(),
        retagged: BTreeSet::new(),
        wiped: BTreeSet::new(),
    };
    for (placed, event) in events {
        let now = Now { id: placed.event.id, place: placed.place, time_ms: placed.event.time_ms };
        rows.fold(now, event)?;
    }
    rows.write(tx).await
}

fn media_event(placed: &Placed) -> Option<(&Placed, &MediaEvent)> {
    if let Body::Media(event) = &placed.event.body { Some((placed, event)) } else { None }
}

/// What an event names.
#[derive(Default)]
struct Named {
    medium: Option<MediumId>,
    comment: Option<CommentId>,
    voter: Option<ActorId>,
    people: Vec<ActorId>,
}

impl Named {
    fn vote(&self) -> Option<(MediumId, u64, ActorId)> {
        Some((self.medium?, self.comment.map_or(ITSELF, CommentId::get), self.voter?))
    }

    fn subscriptions(&self) -> impl Iterator<Item = (MediumId, ActorId)> + '_ {
        self.medium.into_iter().flat_map(|medium| self.people.iter().map(move |&person| (medium, person)))
    }
}

fn named(event: &MediaEvent) -> Named {
    let (medium, comment, voter, people) = match event {
        MediaEvent::NoteAdded(e) => (e.medium, None, None, people(e.author, &e.mentions)),
        MediaEvent::NoteEdited(e) => (e.medium, None, None, e.mentions.clone()),
        MediaEvent::AccessChanged(e) => (e.medium, None, None, Vec::new()),
        MediaEvent::MediumDeleted(e) => (e.medium, None, None, Vec::new()),
        MediaEvent::MediumVoted(e) => (e.medium, None, Some(e.voter), vec![e.voter]),
        MediaEvent::MediumUnvoted(e) => (e.medium, None, Some(e.voter), Vec::new()),
        MediaEvent::MediumSubscribed(e) => (e.medium, None, None, vec![e.subscriber]),
        MediaEvent::MediumUnsubscribed(e) => (e.medium, None, None, vec![e.subscriber]),
        MediaEvent::CommentAdded(e) => (e.medium, Some(e.comment), None, people(e.author, &e.mentions)),
        MediaEvent::CommentEdited(e) => (e.medium, Some(e.comment), None, e.mentions.clone()),
        MediaEvent::CommentDeleted(e) => (e.medium, Some(e.comment), None, Vec::new()),
        MediaEvent::CommentVoted(e) => (e.medium, Some(e.comment), Some(e.voter), Vec::new()),
        MediaEvent::CommentUnvoted(e) => (e.medium, Some(e.comment), Some(e.voter), Vec::new()),
    };
    Named { medium: Some(medium), comment, voter, people }
}

fn people(author: ActorId, mentions: &[ActorId]) -> Vec<ActorId> {
    [author].iter().chain(mentions).copied().collect()
}

impl Touched<'_> {
    fn fold(&mut self, now: Now, event: &MediaEvent) -> Result<(), ApplyError> {
        match event {
            MediaEvent::NoteAdded(e) => self.add_note(now, e)?,
            MediaEvent::CommentAdded(e) => self.add_comment(now, e)?,
            MediaEvent::NoteEdited(e) => self.edit_note(now, e)?,
            MediaEvent::CommentEdited(e) => self.edit_comment(now, e)?,
            MediaEvent::AccessChanged(e) => {
                if let Some(node) = self.new_to_node(now, e.medium) {
                    node.access = u32::from(e.access.number());
                }
            }
            MediaEvent::MediumDeleted(e) => self.delete_medium(now, e.medium),
            MediaEvent::CommentDeleted(e) => self.delete_comment(now, e.medium, e.comment),
            MediaEvent::MediumVoted(e) => {
                if self.is_there(e.medium) && self.vote(now, e.medium, ITSELF, e.voter, true) {
                    self.subscribe(e.medium, e.voter, By::Itself);
                }
            }
            MediaEvent::MediumUnvoted(e) => {
                if self.is_there(e.medium) {
                    self.vote(now, e.medium, ITSELF, e.voter, false);
                }
            }
            MediaEvent::CommentVoted(e) => {
                if self.has_comment(e.medium, e.comment) {
                    self.vote(now, e.medium, e.comment.get(), e.voter, true);
                }
            }
            MediaEvent::CommentUnvoted(e) => {
                if self.has_comment(e.medium, e.comment) {
                    self.vote(now, e.medium, e.comment.get(), e.voter, false);
                }
            }
            MediaEvent::MediumSubscribed(e) => self.say_subscribed(now, e.medium, e.subscriber, true),
            MediaEvent::MediumUnsubscribed(e) => self.say_subscribed(now, e.medium, e.subscriber, false),
        }
        Ok(())
    }

    fn add_note(&mut self, now: Now, e: &NoteAdded) -> Result<(), ApplyError> {
        if self.nodes.get(e.medium).is_some() {
            return Ok(());
        }
        let body = self.opener.open(&e.body, now.id)?.into_text();
        self.tag(now, (e.medium, ITSELF), e.hashtags.as_ref())?;
        self.nodes.put(Node {
            id: e.medium,
            owner: e.owner,
            author: e.author,
            access: u32::from(e.access.number()),
            body,
            comment_count: 0,
            vote_count: 0,
            created_at: now.time_ms,
            edited_at: None,
            deleted: false,
            story: e.story,
            seen: Seen::default(),
            last_part: now.place.partition.number,
            last_offset: now.place.offset,
        });
        for person in people(e.author, &e.mentions) {
            self.subscribe(e.medium, person, By::Itself);
        }
        Ok(())
    }

    fn add_comment(&mut self, now: Now, e: &CommentAdded) -> Result<(), ApplyError> {
        if self.comments.get(e.comment).is_some() {
            return Ok(());
        }
        let Some(node) = self.touch(now, e.medium) else { return Ok(()) };
        node.comment_count += 1;
        let body = self.opener.open(&e.body, now.id)?.into_text();
        self.tag(now, (e.medium, e.comment.get()), e.hashtags.as_ref())?;
        self.comments.put(Comment {
            id: e.comment,
            medium: e.medium,
            author: e.author,
            body,
            vote_count: 0,
            created_at: now.time_ms,
            edited_at: None,
            deleted: false,
            story: e.story,
            seen: Seen::default(),
            last_part: now.place.partition.number,
            last_offset: now.place.offset,
        });
        self.subscribe(e.medium, e.author, By::Himself);
        for &person in &e.mentions {
            self.subscribe(e.medium, person, By::Itself);
        }
        Ok(())
    }

    fn edit_note(&mut self, now: Now, e: &NoteEdited) -> Result<(), ApplyError> {
        let body = self.opener.open(&e.body, now.id)?.into_text();
        let Some(node) = self.new_to_node(now, e.medium) else { return Ok(()) };
        node.body = body;
        node.edited_at = Some(now.time_ms);
        self.retagged.insert((e.medium, ITSELF));
        self.tag(now, (e.medium, ITSELF), e.hashtags.as_ref())?;
        for &person in &e.mentions {
            self.subscribe(e.medium, person, By::Itself);
        }
        Ok(())
    }

    fn edit_comment(&mut self, now: Now, e: &CommentEdited) -> Result<(), ApplyError> {
        let body = self.opener.open(&e.body, now.id)?.into_text();
        if !self.has_comment(e.medium, e.comment) {
            return Ok(());
        }
        let Some(comment) = self.comments.change(e.comment).filter(|comment| !comment.seen.knows(now.id)) else {
            return Ok(());
        };
        comment.seen.remember(now.id);
        comment.at(now.place);
        comment.body = body;
        comment.edited_at = Some(now.time_ms);
        self.touch(now, e.medium);
        self.retagged.insert((e.medium, e.comment.get()));
        self.tag(now, (e.medium, e.comment.get()), e.hashtags.as_ref())?;
        for &person in &e.mentions {
            self.subscribe(e.medium, person, By::Itself);
        }
        Ok(())
    }

    fn delete_medium(&mut self, now: Now, medium: MediumId) {
        let Some(node) = self.touch(now, medium) else { return };
        node.deleted = true;
        node.body = None;
        node.comment_count = 0;
        node.vote_count = 0;
        self.comments.remove_if(|comment| comment.medium == medium);
        self.votes.remove_if(|vote| vote.medium == medium);
        self.subscriptions.remove_if(|subscription| subscription.medium == medium);
        self.tagged.retain(|(tagged, _), _| *tagged != medium);
        self.wiped.insert(medium);
    }

    fn delete_comment(&mut self, now: Now, medium: MediumId, comment: CommentId) {
        if !self.has_comment(medium, comment) {
            return;
        }
        if let Some(row) = self.comments.change(comment) {
            row.deleted = true;
            row.body = None;
            row.at(now.place);
        }
        if let Some(node) = self.touch(now, medium) {
            node.comment_count -= 1;
        }
        self.retagged.insert((medium, comment.get()));
        self.tagged.remove(&(medium, comment.get()));
    }

    fn is_there(&self, medium: MediumId) -> bool {
        self.nodes.get(medium).is_some_and(|node| !node.deleted)
    }

    fn has_comment(&self, medium: MediumId, comment: CommentId) -> bool {
        self.is_there(medium) && self.comments.get(comment).is_some_and(|row| row.medium == medium && !row.deleted)
    }

    /// A medium that is there, to change it by an event that is known to be new.
    fn touch(&mut self, now: Now, medium: MediumId) -> Option<&mut Node> {
        let node = self.nodes.change(medium).filter(|node| !node.deleted)?;
        node.at(now.place);
        Some(node)
    }

    /// A medium that is there, to change it itself; none for a repeat.
    fn new_to_node(&mut self, now: Now, medium: MediumId) -> Option<&mut Node> {
        if self.nodes.get(medium).is_none_or(|node| node.seen.knows(now.id)) {
            return None;
        }
        let node = self.touch(now, medium)?;
        node.seen.remember(now.id);
        Some(node)
    }

    /// Whether a vote is new, and not the repeat of one.
    fn vote(&mut self, now: Now, medium: MediumId, comment: u64, voter: ActorId, voted: bool) -> bool {
        let new = || Vote { medium, comment_id: comment, voter, voted: false, seen: Seen::default() };
        let vote = self.votes.change_or((medium, comment, voter), new);
        if vote.seen.knows(now.id) {
            return false;
        }
        vote.seen.remember(now.id);
        let by = i64::from(voted) - i64::from(std::mem::replace(&mut vote.voted, voted));
        let Some(node) = self.touch(now, medium) else { return false };
        match aredvi_events::Id::new(comment) {
            None => node.vote_count += by,
            Some(comment) => {
                if let Some(row) = self.comments.change(comment.into()) {
                    row.vote_count += by;
                    row.at(now.place);
                }
            }
        }
        true
    }

    /// Somebody says himself whether he wants to be told.
    fn say_subscribed(&mut self, now: Now, medium: MediumId, person: ActorId, wanted: bool) {
        if !self.is_there(medium) {
            return;
        }
        let row =
            self.subscriptions.change_or((medium, person), || Subscription { medium, person, wanted, seen: Seen::default() });
        if row.seen.knows(now.id) {
            return;
        }
        row.seen.remember(now.id);
        row.wanted = wanted;
        self.touch(now, medium);
    }

    fn subscribe(&mut self, medium: MediumId, person: ActorId, by: By) {
        let asked_not_to = self.subscriptions.get((medium, person)).is_some_and(|row| !row.wanted);
        if by == By::Himself || !asked_not_to {
            let new = || Subscription { medium, person, wanted: true, seen: Seen::default() };
            self.subscriptions.change_or((medium, person), new).wanted = true;
        }
    }

    fn tag(&mut self, now: Now, of: (MediumId, u64), sealed: Option<&Sealed>) -> Result<(), ApplyError> {
        let text = match sealed {
            Some(sealed) => self.opener.open(sealed, now.id)?.into_text().unwrap_or_default(),
            None => String::new(),
        };
        let tags: Vec<String> = text
            .split(' ')
            .filter(|tag| !tag.is_empty() && tag.chars().count() <= MAX_TAG)
            .take(MAX_TAGS)
            .map(str::to_owned)
            .collect();
        self.tagged.insert(of, tags);
        Ok(())
    }

    async fn write(self, tx: &mut Tx) -> Result<(), ApplyError> {
        self.nodes.write(tx).await?;
        self.comments.write(tx).await?;
        self.votes.write(tx).await?;
        self.subscriptions.write(tx).await?;
        let retagged: Vec<[Value; 2]> =
            self.retagged.into_iter().map(|(medium, comment)| [medium.into(), number(comment)]).collect();
        tx.delete_in("hashtags", ["medium", "comment_id"], retagged).await?;
        let tags: Vec<[Value; 3]> = self
            .tagged
            .into_iter()
            .flat_map(|((medium, comment), tags)| tags.into_iter().map(move |tag| [medium.into(), number(comment), tag.into()]))
            .collect();
        tx.insert_ignore("hashtags", ["medium", "comment_id", "tag"], tags).await?;
        for table in ["comments", "votes", "subscriptions", "hashtags"] {
            tx.delete_in(table, ["medium"], self.wiped.iter().map(|&medium| [medium.into()]).collect()).await?;
        }
        Ok(())
    }
}

/// Who wants somebody to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// He does: by asking, or by commenting.
    Himself,
    /// It follows from what happened; not if he asked not to be told.
    Itself,
}

/// Ids have 63 bits.
const fn number(id: u64) -> Value {
    Value::Int(id.cast_signed())
}
