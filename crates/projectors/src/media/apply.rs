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
                if let Some(node) = self.node(now, e.medium) {
                    node.access = u32::from(e.access.number());
                }
            }
            MediaEvent::MediumDeleted(e) => self.delete_medium(now, e.medium),
            MediaEvent::CommentDeleted(e) => self.delete_comment(now, e.medium, e.comment),
            MediaEvent::MediumVoted(e) => {
                if self.node(now, e.medium).is_some() {
                    self.vote(e.medium, ITSELF, e.voter, true);
                    self.subscribe(e.medium, e.voter, By::Itself);
                }
            }
            MediaEvent::MediumUnvoted(e) => {
                if self.node(now, e.medium).is_some() {
                    self.vote(e.medium, ITSELF, e.voter, false);
                }
            }
            MediaEvent::CommentVoted(e) => {
                if self.comment(now, e.medium, e.comment).is_some() {
                    self.vote(e.medium, e.comment.get(), e.voter, true);
                }
            }
            MediaEvent::CommentUnvoted(e) => {
                if self.comment(now, e.medium, e.comment).is_some() {
                    self.vote(e.medium, e.comment.get(), e.voter, false);
                }
            }
            MediaEvent::MediumSubscribed(e) => {
                if self.node(now, e.medium).is_some() {
                    self.subscribe(e.medium, e.subscriber, By::Himself);
                }
            }
            MediaEvent::MediumUnsubscribed(e) => {
                if self.node(now, e.medium).is_some() {
                    self.subscriptions.put(Subscription { medium: e.medium, person: e.subscriber, wanted: false });
                }
            }
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
        let Some(node) = self.node(now, e.medium) else { return Ok(()) };
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
        let Some(node) = self.node(now, e.medium) else { return Ok(()) };
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
        let Some(comment) = self.comment(now, e.medium, e.comment) else { return Ok(()) };
        comment.body = body;
        comment.edited_at = Some(now.time_ms);
        self.retagged.insert((e.medium, e.comment.get()));
        self.tag(now, (e.medium, e.comment.get()), e.hashtags.as_ref())?;
        for &person in &e.mentions {
            self.subscribe(e.medium, person, By::Itself);
        }
        Ok(())
    }

    fn delete_medium(&mut self, now: Now, medium: MediumId) {
        let Some(node) = self.node(now, medium) else { return };
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
        let Some(row) = self.comment(now, medium, comment) else { return };
        row.deleted = true;
        row.body = None;
        if let Some(node) = self.nodes.change(medium) {
            node.comment_count -= 1;
        }
        self.retagged.insert((medium, comment.get()));
        self.tagged.remove(&(medium, comment.get()));
    }

    /// The medium of an event that is new to it; none for a repeat, and for one that is not there.
    fn node(&mut self, now: Now, medium: MediumId) -> Option<&mut Node> {
        if self.nodes.get(medium).is_none_or(|node| node.deleted || node.seen.knows(now.id)) {
            return None;
        }
        let node = self.nodes.change(medium)?;
        node.seen.remember(now.id);
        node.at(now.place);
        Some(node)
    }

    /// The comment of an event that is new to its medium; none as above.
    fn comment(&mut self, now: Now, medium: MediumId, comment: CommentId) -> Option<&mut Comment> {
        if self.comments.get(comment).is_none_or(|row| row.deleted || row.medium != medium) {
            return None;
        }
        self.node(now, medium)?;
        let row = self.comments.change(comment)?;
        row.at(now.place);
        Some(row)
    }

    fn vote(&mut self, medium: MediumId, comment: u64, voter: ActorId, wanted: bool) {
        let key = (medium, comment, voter);
        if self.votes.get(key).is_some() == wanted {
            return;
        }
        if wanted {
            self.votes.put(Vote { medium, comment_id: comment, voter });
        } else {
            self.votes.remove(key);
        }
        let by = if wanted { 1 } else { -1 };
        match aredvi_events::Id::new(comment) {
            None => {
                if let Some(node) = self.nodes.change(medium) {
                    node.vote_count += by;
                }
            }
            Some(comment) => {
                if let Some(row) = self.comments.change(comment.into()) {
                    row.vote_count += by;
                }
            }
        }
    }

    fn subscribe(&mut self, medium: MediumId, person: ActorId, by: By) {
        let refused = self.subscriptions.get((medium, person)).is_some_and(|row| !row.wanted);
        if by == By::Himself || !refused {
            self.subscriptions.put(Subscription { medium, person, wanted: true });
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
