//! What the planner remembers, and what each cause tells: pure once the rows are loaded.

use std::collections::BTreeSet;

use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::media::MediaEvent;
use aredvi_events::notifications::Verb;
use aredvi_events::{ActorId, Body, CommentId, Event, MediumId, NotificationId, Origin};
use aredvi_projectors::db::{DbError, Tx, Value};
use aredvi_projectors::seen::Seen;

use super::notice::{Crowd, Medium, Notice, Telling};
use super::rows::{CommentRow, MediumRow, PairRow, SubscriberRow, VoteRow};
use super::stored::Rows;

/// Texts asked for their mentions by one query.
const TEXTS_PER_QUERY: usize = 500;

/// What may mention people: a medium, or a comment on it.
type Text = (MediumId, Option<CommentId>);

/// The rows that a batch speaks of.
pub(super) struct State {
    media: Rows<MediumRow, 1, 6>,
    comments: Rows<CommentRow, 1, 3>,
    subscribers: Rows<SubscriberRow, 2, 5>,
    votes: Rows<VoteRow, 2, 4>,
    pairs: Rows<PairRow, 2, 7>,
    mentions: BTreeSet<(Text, ActorId)>,
    new_mentions: Vec<(Text, ActorId)>,
    emptied: BTreeSet<MediumId>,
}

impl State {
    /// Nothing known.
    pub(super) fn empty() -> Self {
        Self {
            media: Rows::none(),
            comments: Rows::none(),
            subscribers: Rows::none(),
            votes: Rows::none(),
            pairs: Rows::none(),
            mentions: BTreeSet::new(),
            new_mentions: Vec::new(),
            emptied: BTreeSet::new(),
        }
    }

    /// Loads what `events` speak of.
    pub(super) async fn load(tx: &mut Tx, events: &[Placed]) -> Result<Self, DbError> {
        let mut state = Self::empty();
        let bodies = || events.iter().map(|placed| &placed.event.body);
        let media = || bodies().filter_map(|body| if let Body::Media(event) = body { Some(event) } else { None });
        let graph = || bodies().filter_map(|body| if let Body::Graph(event) = body { Some(event) } else { None });
        state.media.load(tx, media().map(medium_of)).await?;
        state.comments.load(tx, media().filter_map(comment_of)).await?;
        state.subscribers.load(tx, media().flat_map(subscribers_of)).await?;
        state.votes.load(tx, media().filter_map(vote_of)).await?;
        let both = |(one, other)| [(one, other), (other, one)];
        state.pairs.load(tx, graph().map(GraphEvent::pair).flat_map(both)).await?;
        state.load_mentions(tx, media().filter_map(edited_text)).await?;
        Ok(state)
    }

    async fn load_mentions(&mut self, tx: &mut Tx, texts: impl Iterator<Item = Text>) -> Result<(), DbError> {
        let texts: Vec<Text> = texts.collect::<BTreeSet<_>>().into_iter().collect();
        for some in texts.chunks(TEXTS_PER_QUERY) {
            let which = tx.dialect().tuple_in(&["medium", "comment_id"], some.len());
            let sql = format!("SELECT medium, comment_id, mentioned FROM mentions WHERE {which}");
            let args = some.iter().flat_map(|(medium, comment)| [(*medium).into(), comment_column(*comment)]).collect();
            for row in tx.read(&sql, args).await? {
                let comment = (row.int(1)? != 0).then(|| row.id(1)).transpose()?;
                self.mentions.insert(((row.id(0)?, comment), row.id(2)?));
            }
        }
        Ok(())
    }

    /// Writes what changed.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), DbError> {
        if !self.emptied.is_empty() {
            let media = || self.emptied.iter().map(|&medium| [medium.into()]).collect();
            tx.delete_in("subscribers", ["medium"], media()).await?;
            tx.delete_in("votes", ["medium"], media()).await?;
            tx.delete_in("mentions", ["medium"], media()).await?;
        }
        self.media.write(tx).await?;
        self.comments.write(tx).await?;
        self.subscribers.write(tx).await?;
        self.votes.write(tx).await?;
        self.pairs.write(tx).await?;
        let mentions = self.new_mentions.iter().filter(|((medium, _), _)| !self.emptied.contains(medium));
        let rows: Vec<[Value; 3]> =
            mentions.map(|((medium, comment), who)| [(*medium).into(), comment_column(*comment), (*who).into()]).collect();
        tx.insert_ignore("mentions", ["medium", "comment_id", "mentioned"], rows).await
    }

    /// Takes in one event, in log order within its key; what it tells, if anything.
    pub(super) fn fold(&mut self, placed: &Placed) -> Option<Telling> {
        match &placed.event.body {
            Body::Media(event) => self.fold_media(placed, event),
            Body::Graph(event) => self.fold_graph(&placed.event, event),
            Body::Identity(_)
            | Body::Actors(_)
            | Body::Sessions(_)
            | Body::Notifications(_)
            | Body::Deliveries(_)
            | Body::Any(_) => None,
        }
    }

    fn fold_media(&mut self, placed: &Placed, event: &MediaEvent) -> Option<Telling> {
        let offset = placed.place.offset;
        if let MediaEvent::NoteAdded(e) = event {
            if self.media.get(e.medium).is_some() {
                return None;
            }
            let medium = Medium { owner: e.owner, author: e.author, access: e.access, deleted: false };
            self.media.put(MediumRow { id: e.medium, medium, seen: Seen::default() });
            self.subscribe_all((e.medium, offset), [e.author].iter().chain(&e.mentions));
            self.mention((e.medium, None), &e.mentions);
            let notice = self.notice(&placed.event, e.story.0.into(), e.author, e.medium, None)?;
            let telling = Telling::new(notice, e.by)
                .tell(Verb::ActorMention, e.mentions.iter().copied())
                .tell(Verb::NoteAdd, [e.owner])
                .tell_crowd(Verb::NoteAdd, Crowd::OfActor(e.owner));
            return Some(telling);
        }
        let id = medium_of(event);
        let medium = self.media.get(id).map(|row| row.medium).filter(|medium| !medium.deleted)?;
        match event {
            MediaEvent::NoteAdded(_) => None,
            MediaEvent::NoteEdited(e) => {
                let new = self.mention((id, None), &e.mentions);
                self.subscribe_all((id, offset), &new);
                let notice = self.notice(&placed.event, e.notice, medium.author, id, None)?;
                Some(Telling::new(notice, e.by).tell(Verb::ActorMention, new))
            }
            MediaEvent::AccessChanged(e) => {
                let row = self.media.change(id)?;
                if !row.seen.knows(placed.event.id) {
                    row.seen.remember(placed.event.id);
                    row.medium.access = e.access;
                }
                None
            }
            MediaEvent::MediumDeleted(_) => {
                self.media.change(id)?.medium.deleted = true;
                self.emptied.insert(id);
                self.subscribers.forget(|row| row.key.0 == id);
                self.votes.forget(|row| row.key.0 == id);
                None
            }
            MediaEvent::MediumVoted(e) => {
                let first = self.vote((id, e.voter), placed, true);
                self.subscribe_all((id, offset), &[e.voter]);
                let notice = self.notice(&placed.event, e.notice, e.voter, id, None)?;
                first.then(|| Telling::new(notice, e.by).tell(Verb::Voteup, [medium.author, medium.owner]))
            }
            MediaEvent::MediumUnvoted(e) => {
                self.vote((id, e.voter), placed, false);
                None
            }
            MediaEvent::MediumSubscribed(e) => self.want((id, e.subscriber), placed, true),
            MediaEvent::MediumUnsubscribed(e) => self.want((id, e.subscriber), placed, false),
            MediaEvent::CommentAdded(e) => {
                if self.comments.get(e.comment).is_some() {
                    return None;
                }
                self.comments.put(CommentRow { id: e.comment, author: e.author, deleted: false });
                // Who takes part wants to hear of it, even if he once said no.
                self.want((id, e.author), placed, true);
                self.subscribe_all((id, offset), &e.mentions);
                self.mention((id, Some(e.comment)), &e.mentions);
                let notice = self.notice(&placed.event, e.story.0.into(), e.author, id, Some(e.comment))?;
                let telling = Telling::new(notice, e.by)
                    .tell(Verb::ActorMentionComment, e.mentions.iter().copied())
                    .tell(Verb::NoteComment, [medium.owner])
                    .tell_crowd(Verb::NoteComment, Crowd::OfMedium(id, offset));
                Some(telling)
            }
            MediaEvent::CommentEdited(e) => {
                let author = self.comments.get(e.comment).filter(|comment| !comment.deleted)?.author;
                let new = self.mention((id, Some(e.comment)), &e.mentions);
                self.subscribe_all((id, offset), &new);
                let notice = self.notice(&placed.event, e.notice, author, id, Some(e.comment))?;
                Some(Telling::new(notice, e.by).tell(Verb::ActorMentionComment, new))
            }
            MediaEvent::CommentDeleted(e) => {
                self.comments.change(e.comment)?.deleted = true;
                None
            }
            MediaEvent::CommentVoted(_) | MediaEvent::CommentUnvoted(_) => None,
        }
    }

    fn fold_graph(&mut self, event: &Event, what: &GraphEvent) -> Option<Telling> {
        let pair = what.pair();
        let (src, dst) = pair;
        if src == dst {
            return None;
        }
        if let GraphEvent::Followed(_) = what
            && event.origin == Origin::Import
            && self.pairs.get(pair).is_none()
        {
            return None;
        }
        if self.pairs.get(pair).is_some_and(|row| row.seen.knows(event.id)) {
            return None;
        }
        let blocked = [pair, (dst, src)].into_iter().any(|pair| self.pairs.get(pair).is_some_and(|row| row.blocks));
        let row = self.pairs.change_or(pair, || PairRow::new(pair));
        row.seen.remember(event.id);
        match what {
            GraphEvent::Followed(e) => {
                let heard = !blocked && !row.follows;
                row.follows |= heard;
                row.requested &= !heard;
                let notice = about_actor(event, e.story.0.into(), src, dst);
                (heard && e.by == Some(src)).then(|| Telling::new(notice, e.by).tell(Verb::ActorFollow, [dst]))
            }
            GraphEvent::Unfollowed(_) => {
                row.follows = false;
                row.subscribed = false;
                None
            }
            GraphEvent::FollowRequested(e) => {
                let heard = !blocked && !row.follows && !row.requested;
                row.requested |= heard;
                let notice = about_actor(event, e.notice, src, dst);
                heard.then(|| Telling::new(notice, e.by).tell(Verb::ActorRequest, [dst]))
            }
            GraphEvent::FollowRequestEnded(_) => {
                row.requested = false;
                None
            }
            GraphEvent::Blocked(_) => {
                row.blocks = true;
                for pair in [pair, (dst, src)] {
                    if let Some(row) = self.pairs.change(pair) {
                        row.follows = false;
                        row.requested = false;
                        row.subscribed = false;
                    }
                }
                None
            }
            GraphEvent::Unblocked(_) => {
                row.blocks = false;
                None
            }
            GraphEvent::Subscribed(_) => {
                row.subscribed |= !blocked;
                None
            }
            GraphEvent::Unsubscribed(_) => {
                row.subscribed = false;
                None
            }
        }
    }

    fn notice(
        &self,
        event: &Event,
        notification: NotificationId,
        subject: ActorId,
        id: MediumId,
        comment: Option<CommentId>,
    ) -> Option<Notice> {
        let medium = self.media.get(id)?.medium;
        Some(Notice { medium: Some((id, medium)), comment, ..about_actor(event, notification, subject, medium.owner) })
    }

    /// Whether a person is told of what happens to a medium.
    #[cfg(test)]
    pub(super) fn wants(&self, medium: MediumId, person: ActorId) -> bool {
        self.subscribers.get((medium, person)).is_some_and(|row| row.wants)
    }

    /// Subscribes people who have not said yet whether they want to be.
    fn subscribe_all<'a>(&mut self, (medium, since): (MediumId, u64), who: impl IntoIterator<Item = &'a ActorId>) {
        for &who in who {
            let key = (medium, who);
            if self.subscribers.get(key).is_none() {
                self.subscribers.put(SubscriberRow { key, wants: true, since, seen: Seen::default() });
            }
        }
    }

    /// Somebody says himself whether he wants to be told.
    fn want(&mut self, key: (MediumId, ActorId), placed: &Placed, wants: bool) -> Option<Telling> {
        let since = placed.place.offset;
        let row = self.subscribers.change_or(key, || SubscriberRow { key, wants: !wants, since, seen: Seen::default() });
        if !row.seen.knows(placed.event.id) {
            row.seen.remember(placed.event.id);
            if row.wants != wants {
                row.wants = wants;
                row.since = since;
            }
        }
        None
    }

    /// Whether the vote's row changed.
    fn vote(&mut self, key: (MediumId, ActorId), placed: &Placed, stands: bool) -> bool {
        let row = self.votes.change_or(key, || VoteRow { key, stands: false, seen: Seen::default() });
        if row.seen.knows(placed.event.id) {
            return false;
        }
        row.seen.remember(placed.event.id);
        std::mem::replace(&mut row.stands, stands) != stands
    }

    /// Remembers whom a text mentions; those whom it did not mention before.
    fn mention(&mut self, text: Text, mentioned: &[ActorId]) -> Vec<ActorId> {
        let new: Vec<ActorId> = mentioned.iter().copied().filter(|&who| self.mentions.insert((text, who))).collect();
        self.new_mentions.extend(new.iter().map(|&who| (text, who)));
        new
    }
}

fn about_actor(event: &Event, notification: NotificationId, subject: ActorId, actor: ActorId) -> Notice {
    Notice {
        cause: event.id,
        cause_time: event.time_ms,
        source: event.source,
        traceparent: event.traceparent.clone(),
        notification,
        subject,
        actor,
        medium: None,
        comment: None,
    }
}

fn comment_column(comment: Option<CommentId>) -> Value {
    Value::Int(comment.map_or(0, CommentId::as_i64))
}

pub(super) const fn medium_of(event: &MediaEvent) -> MediumId {
    match event {
        MediaEvent::NoteAdded(e) => e.medium,
        MediaEvent::NoteEdited(e) => e.medium,
        MediaEvent::AccessChanged(e) => e.medium,
        MediaEvent::MediumDeleted(e) => e.medium,
        MediaEvent::MediumVoted(e) => e.medium,
        MediaEvent::MediumUnvoted(e) => e.medium,
        MediaEvent::MediumSubscribed(e) => e.medium,
        MediaEvent::MediumUnsubscribed(e) => e.medium,
        MediaEvent::CommentAdded(e) => e.medium,
        MediaEvent::CommentEdited(e) => e.medium,
        MediaEvent::CommentDeleted(e) => e.medium,
        MediaEvent::CommentVoted(e) => e.medium,
        MediaEvent::CommentUnvoted(e) => e.medium,
    }
}

pub(super) const fn comment_of(event: &MediaEvent) -> Option<CommentId> {
    match event {
        MediaEvent::CommentAdded(e) => Some(e.comment),
        MediaEvent::CommentEdited(e) => Some(e.comment),
        MediaEvent::CommentDeleted(e) => Some(e.comment),
        MediaEvent::NoteAdded(_)
        | MediaEvent::NoteEdited(_)
        | MediaEvent::AccessChanged(_)
        | MediaEvent::MediumDeleted(_)
        | MediaEvent::MediumVoted(_)
        | MediaEvent::MediumUnvoted(_)
        | MediaEvent::MediumSubscribed(_)
        | MediaEvent::MediumUnsubscribed(_)
        | MediaEvent::CommentVoted(_)
        | MediaEvent::CommentUnvoted(_) => None,
    }
}

/// The subscriptions that an event may change.
fn subscribers_of(event: &MediaEvent) -> Vec<(MediumId, ActorId)> {
    let (own, mentioned): (Option<ActorId>, &[ActorId]) = match event {
        MediaEvent::NoteAdded(e) => (Some(e.author), &e.mentions),
        MediaEvent::NoteEdited(e) => (None, &e.mentions),
        MediaEvent::CommentAdded(e) => (Some(e.author), &e.mentions),
        MediaEvent::CommentEdited(e) => (None, &e.mentions),
        MediaEvent::MediumVoted(e) => (Some(e.voter), &[]),
        MediaEvent::MediumSubscribed(e) => (Some(e.subscriber), &[]),
        MediaEvent::MediumUnsubscribed(e) => (Some(e.subscriber), &[]),
        MediaEvent::AccessChanged(_)
        | MediaEvent::MediumDeleted(_)
        | MediaEvent::MediumUnvoted(_)
        | MediaEvent::CommentDeleted(_)
        | MediaEvent::CommentVoted(_)
        | MediaEvent::CommentUnvoted(_) => (None, &[]),
    };
    own.iter().chain(mentioned).map(|&who| (medium_of(event), who)).collect()
}

fn vote_of(event: &MediaEvent) -> Option<(MediumId, ActorId)> {
    if let MediaEvent::MediumVoted(e) = event {
        Some((e.medium, e.voter))
    } else if let MediaEvent::MediumUnvoted(e) = event {
        Some((e.medium, e.voter))
    } else {
        None
    }
}

fn edited_text(event: &MediaEvent) -> Option<Text> {
    if let MediaEvent::NoteEdited(e) = event {
        Some((e.medium, None))
    } else if let MediaEvent::CommentEdited(e) = event {
        Some((e.medium, Some(e.comment)))
    } else {
        None
    }
}
