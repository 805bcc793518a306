//! What each event does to the stories of its medium or its pair.

use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::media::{CommentAdded, MediaEvent, NoteAdded};
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, MediumId, Place, StoryId};
use uuid::Uuid;

use super::rows::{Medium, Pair, Story};
use crate::db::{Tx, Value, in_list};
use crate::rows::Rows;
use crate::seen::Seen;
use crate::view::ApplyError;

/// Media asked for by one query.
const MEDIA_PER_QUERY: usize = 512;

/// The rows that a batch speaks of.
struct Touched {
    stories: Rows<Story>,
    media: Rows<Medium>,
    pairs: Rows<Pair>,
}

/// One event, as an arm sees it.
#[derive(Clone, Copy)]
struct Now {
    id: Uuid,
    place: Place,
    time_ms: i64,
}

/// Applies a batch.
pub(super) async fn apply(tx: &mut Tx, events: &[Placed]) -> Result<(), ApplyError> {
    let mut rows = Touched::load(tx, events).await?;
    for placed in events {
        let now = Now { id: placed.event.id, place: placed.place, time_ms: placed.event.time_ms };
        match &placed.event.body {
            Body::Media(event) => rows.fold_media(now, event),
            Body::Graph(event) => rows.fold_graph(now, event),
            Body::Identity(_)
            | Body::Actors(_)
            | Body::Sessions(_)
            | Body::Notifications(_)
            | Body::Deliveries(_)
            | Body::Any(_) => {}
        }
    }
    rows.stories.write(tx).await?;
    rows.media.write(tx).await?;
    Ok(rows.pairs.write(tx).await?)
}

impl Touched {
    async fn load(tx: &mut Tx, events: &[Placed]) -> Result<Self, ApplyError> {
        let mut media = Vec::new();
        let mut all_stories_of = Vec::new();
        let mut stories = Vec::new();
        let mut pairs = Vec::new();
        for placed in events {
            match &placed.event.body {
                Body::Media(event) => {
                    media.extend(medium_of(event));
                    match event {
                        MediaEvent::CommentAdded(e) => stories.push(e.story),
                        MediaEvent::CommentDeleted(e) => stories.push(e.story),
                        MediaEvent::AccessChanged(e) => all_stories_of.push(e.medium),
                        MediaEvent::MediumDeleted(e) => all_stories_of.push(e.medium),
                        // Its medium's row tells whether it is new.
                        MediaEvent::NoteAdded(_)
                        | MediaEvent::NoteEdited(_)
                        | MediaEvent::MediumVoted(_)
                        | MediaEvent::MediumUnvoted(_)
                        | MediaEvent::MediumSubscribed(_)
                        | MediaEvent::MediumUnsubscribed(_)
                        | MediaEvent::CommentEdited(_)
                        | MediaEvent::CommentVoted(_)
                        | MediaEvent::CommentUnvoted(_) => {}
                    }
                }
                Body::Graph(event) => {
                    if let Some((one, other)) = pair_of(event) {
                        pairs.extend([(one, other), (other, one)]);
                    }
                }
                Body::Identity(_)
                | Body::Actors(_)
                | Body::Sessions(_)
                | Body::Notifications(_)
                | Body::Deliveries(_)
                | Body::Any(_) => {}
            }
        }
        let media = Rows::load(tx, media).await?;
        let pairs: Rows<Pair> = Rows::load(tx, pairs).await?;
        let mut held = Rows::load(tx, stories.into_iter().chain(pairs.iter().filter_map(|pair| pair.story))).await?;
        all_stories_of.sort_unstable();
        all_stories_of.dedup();
        for some in all_stories_of.chunks(MEDIA_PER_QUERY) {
            // stories_by_medium
            let values: Vec<Value> = some.iter().map(|&medium| medium.into()).collect();
            held.load_where(tx, &format!("medium IN {}", in_list(values.len())), values).await?;
        }
        Ok(Self { stories: held, media, pairs })
    }

    fn fold_media(&mut self, now: Now, event: &MediaEvent) {
        match event {
            MediaEvent::NoteAdded(e) => self.add_note(now, e),
            MediaEvent::CommentAdded(e) => self.add_comment(now, e),
            MediaEvent::CommentDeleted(e) => {
                let told = |story: &Story| story.comment_id == Some(e.comment) && !story.gone;
                if self.stories.get(e.story).is_some_and(told)
                    && let Some(story) = self.stories.change(e.story)
                {
                    story.gone = true;
                    story.last_offset = now.place.offset;
                }
            }
            MediaEvent::AccessChanged(e) => {
                let access = u32::from(e.access.number());
                if self.change_medium(now, e.medium, |medium| medium.access = access) {
                    for story in self.stories_of(e.medium) {
                        if let Some(story) = self.stories.change(story) {
                            story.access = access;
                            story.last_offset = now.place.offset;
                        }
                    }
                }
            }
            MediaEvent::MediumDeleted(e) => {
                if self.change_medium(now, e.medium, |medium| medium.deleted = true) {
                    self.stories.remove_if(|story| story.medium == Some(e.medium));
                }
            }
            MediaEvent::NoteEdited(_)
            | MediaEvent::MediumVoted(_)
            | MediaEvent::MediumUnvoted(_)
            | MediaEvent::MediumSubscribed(_)
            | MediaEvent::MediumUnsubscribed(_)
            | MediaEvent::CommentEdited(_)
            | MediaEvent::CommentVoted(_)
            | MediaEvent::CommentUnvoted(_) => {}
        }
    }

    fn add_note(&mut self, now: Now, e: &NoteAdded) {
        if self.media.get(e.medium).is_some() {
            return;
        }
        let access = u32::from(e.access.number());
        self.media.put(Medium {
            medium: e.medium,
            owner: e.owner,
            access,
            deleted: false,
            seen: Seen::default(),
            last_part: now.place.partition.number,
            last_offset: now.place.offset,
        });
        let story = Story::made(e.story, e.owner, Verb::NoteAdd, e.author, now.time_ms, now.place);
        self.stories.put(Story { medium: Some(e.medium), access, ..story });
    }

    fn add_comment(&mut self, now: Now, e: &CommentAdded) {
        let Some(medium) = self.media.get(e.medium).filter(|medium| !medium.deleted) else { return };
        if self.stories.get(e.story).is_some() {
            return;
        }
        let story = Story::made(e.story, medium.owner, Verb::NoteComment, e.author, now.time_ms, now.place);
        let story = Story { medium: Some(e.medium), comment_id: Some(e.comment), access: medium.access, ..story };
        self.stories.put(story);
    }

    /// Changes a medium that is there; false for a repeat and for one that is not.
    fn change_medium(&mut self, now: Now, medium: MediumId, change: impl FnOnce(&mut Medium)) -> bool {
        if self.media.get(medium).is_none_or(|row| row.deleted || row.seen.knows(now.id)) {
            return false;
        }
        let Some(row) = self.media.change(medium) else { return false };
        row.seen.remember(now.id);
        (row.last_part, row.last_offset) = (now.place.partition.number, now.place.offset);
        change(row);
        true
    }

    fn stories_of(&self, medium: MediumId) -> Vec<StoryId> {
        self.stories.iter().filter(|story| story.medium == Some(medium)).map(|story| story.id).collect()
    }

    fn fold_graph(&mut self, now: Now, event: &GraphEvent) {
        let Some(pair) = pair_of(event).filter(|(one, other)| one != other) else { return };
        if self.pairs.get(pair).is_some_and(|row| row.seen.knows(now.id)) {
            return;
        }
        let row = self.pairs.change_or(pair, || Pair::new(pair));
        row.seen.remember(now.id);
        row.at(now.place);
        match event {
            GraphEvent::Followed(e) => self.follow(now, pair, e.story),
            GraphEvent::Unfollowed(_) => self.unfollow(now, pair),
            GraphEvent::Blocked(_) => {
                self.pairs.change_or(pair, || Pair::new(pair)).blocking = true;
                self.unfollow(now, pair);
                self.unfollow(now, (pair.1, pair.0));
            }
            GraphEvent::Unblocked(_) => self.pairs.change_or(pair, || Pair::new(pair)).blocking = false,
            GraphEvent::FollowRequested(_)
            | GraphEvent::FollowRequestEnded(_)
            | GraphEvent::Subscribed(_)
            | GraphEvent::Unsubscribed(_) => {}
        }
    }

    fn follow(&mut self, now: Now, pair: (ActorId, ActorId), story: StoryId) {
        let blocked = [pair, (pair.1, pair.0)].into_iter().any(|pair| self.pairs.get(pair).is_some_and(|row| row.blocking));
        if blocked || self.pairs.get(pair).is_some_and(|row| row.story.is_some()) {
            return;
        }
        self.pairs.change_or(pair, || Pair::new(pair)).story = Some(story);
        let made = Story::made(story, pair.0, Verb::ActorFollow, pair.0, now.time_ms, now.place);
        self.stories.put(Story { actor: Some(pair.1), ..made });
    }

    fn unfollow(&mut self, now: Now, pair: (ActorId, ActorId)) {
        let Some(story) = self.pairs.get(pair).and_then(|row| row.story) else { return };
        let row = self.pairs.change_or(pair, || Pair::new(pair));
        row.story = None;
        row.at(now.place);
        self.stories.remove(story);
    }
}

fn medium_of(event: &MediaEvent) -> Option<MediumId> {
    match event {
        MediaEvent::NoteAdded(e) => Some(e.medium),
        MediaEvent::CommentAdded(e) => Some(e.medium),
        MediaEvent::AccessChanged(e) => Some(e.medium),
        MediaEvent::MediumDeleted(e) => Some(e.medium),
        MediaEvent::NoteEdited(_)
        | MediaEvent::MediumVoted(_)
        | MediaEvent::MediumUnvoted(_)
        | MediaEvent::MediumSubscribed(_)
        | MediaEvent::MediumUnsubscribed(_)
        | MediaEvent::CommentEdited(_)
        | MediaEvent::CommentDeleted(_)
        | MediaEvent::CommentVoted(_)
        | MediaEvent::CommentUnvoted(_) => None,
    }
}

/// From whom to whom an event goes, if stories depend on it.
const fn pair_of(event: &GraphEvent) -> Option<(ActorId, ActorId)> {
    match event {
        GraphEvent::Followed(e) => Some((e.follower, e.leader)),
        GraphEvent::Unfollowed(e) => Some((e.follower, e.leader)),
        GraphEvent::Blocked(e) => Some((e.blocker, e.blocked)),
        GraphEvent::Unblocked(e) => Some((e.blocker, e.blocked)),
        GraphEvent::FollowRequested(_)
        | GraphEvent::FollowRequestEnded(_)
        | GraphEvent::Subscribed(_)
        | GraphEvent::Unsubscribed(_) => None,
    }
}
