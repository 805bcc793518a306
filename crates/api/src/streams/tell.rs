//! One connection: tells what waits for it, in order, until its session ends.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::actors::Access;
use aredvi_events::notifications::NotificationRaised;
use aredvi_events::{ActorId, MediumId, Place, StoryId};
use aredvi_projectors::notification_feed::queries as notifications;
use aredvi_projectors::story_feed::queries as stories;
use aredvi_projectors::visibility::{may_see_page, passes};
use axum::response::sse::Event;
use serde::Serialize;
use tokio::sync::mpsc;

use super::note::{Note, Telling};
use super::parted::{NotKnown, Parted};
use super::{At, FOLLOWED, Seat, Turn};
use crate::app::App;
use crate::caller::SignedIn;
use crate::cards::{StoryView, not_serving, sees, unreadable};
use crate::cursor::Kind;
use crate::problem::Problem;
use crate::shapes::notifications::{Notification, Unread};
use crate::shapes::stories::Story;
use crate::sse::{Name, frame, opening};

/// How often it is looked whether the session still stands.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How often a quiet stream says how far it is.
const ID_EVERY: Duration = Duration::from_secs(60);
/// Between two turns, so that what changes often is told once.
const TURN: Duration = Duration::from_millis(50);
/// How long the views may take to hold what is to be told; then the client is told to fetch again.
const VIEWS_LIMIT: Duration = Duration::from_secs(10);
/// The newest stories of a medium that are told anew when it changes.
pub(super) const CHANGED_STORIES: usize = 20;

/// One connection at work.
pub struct Live {
    /// The process.
    pub app: Arc<App>,
    /// Who listens.
    pub me: SignedIn,
    /// His seat.
    pub seat: Seat,
    /// Where frames go; a slow client holds one up.
    pub frames: mpsc::Sender<Event>,
}

/// A story that is gone.
#[derive(Debug, Serialize)]
struct Removed {
    id: StoryId,
}

/// Nothing to say but the name.
#[derive(Debug, Serialize)]
struct Nothing {}

/// What a frame holds.
enum Said {
    Story(Box<Story>),
    Changed(Box<Story>),
    Removed(StoryId),
    Notification(Box<Notification>),
    Count(Unread),
}

/// Nobody listens any more.
struct Gone;

/// What there is to tell cannot be told.
struct Untold;

impl From<Problem> for Untold {
    fn from(_: Problem) -> Self {
        Self
    }
}

impl From<NotKnown> for Untold {
    fn from(_: NotKnown) -> Self {
        Self
    }
}

impl Live {
    /// Tells until the client goes, the session ends, or the process does. `last` is the id that the client says it has.
    pub async fn run(self, last: Option<String>) {
        tokio::select! {
            biased;
            () = self.app.streams.closing.cancelled() => {}
            () = self.session_ends() => {}
            () = self.frames.closed() => {}
            _gone = self.tell(last) => {}
        }
    }

    async fn session_ends(&self) {
        loop {
            let now = self.app.mint.now_ms();
            let session = &self.me.session;
            let stands = self.app.facts.look(now).session_stands(session.person, session.session, session.opened_at);
            if !stands || self.app.near.revoked(session.session) || session.expires_at <= now {
                return;
            }
            self.app.mint.clock().sleep(CHECK_EVERY).await;
        }
    }

    async fn tell(&self, last: Option<String>) -> Result<(), Gone> {
        let mut at = self.begin(last).await?;
        loop {
            match self.seat.take() {
                Turn::Lost(upto) => at = self.reset(upto).await?,
                Turn::Notes(notes, upto) => at = self.turn(at, notes, upto).await?,
            }
            let clock = self.app.mint.clock();
            clock.sleep(TURN).await;
            if clock.timeout(ID_EVERY, self.seat.woken()).await.is_err() {
                self.send(opening(&self.id(&at))).await?;
            }
        }
    }

    /// Opens, and tells what was missed since the client's last frame.
    async fn begin(&self, last: Option<String>) -> Result<At, Gone> {
        let begun = self.seat.begun.clone();
        let Some(last) = last else {
            self.send(opening(&self.id(&begun))).await?;
            return Ok(begun);
        };
        let from: Option<At> = self.app.cursors.decode(Kind::Stream, &last).ok();
        let Some(from) = from.filter(|from| from.person == self.me.person && from.is_whole()) else {
            return self.reset(begun).await;
        };
        match self.app.missed(&from, &begun).await {
            None => self.reset(begun).await,
            Some(notes) => {
                self.send(opening(&self.id(&from))).await?;
                self.turn(from, notes, begun).await
            }
        }
    }

    /// Tells these notes; what `at` includes already is passed over.
    async fn turn(&self, mut at: At, mut notes: Vec<Note>, upto: At) -> Result<At, Gone> {
        notes.retain(|note| !at.positions.includes(note.place));
        if !notes.is_empty() && !self.views_hold(&upto).await {
            return self.reset(upto).await;
        }
        for note in notes {
            // Room first: what is sent is looked up after the client took what was before.
            drop(self.frames.reserve().await.map_err(|_| Gone)?);
            let mut said = Vec::new();
            for telling in note.told {
                match self.say(note.place, telling).await {
                    Ok(some) => said.extend(some),
                    Err(Untold) => return self.reset(upto).await,
                }
            }
            at.positions.include(note.place);
            let id = self.id(&at);
            let count = said.len();
            for (n, said) in said.into_iter().enumerate() {
                // Only the last frame of an event says that all of it was told.
                self.said(if n + 1 == count { &id } else { "" }, said).await?;
            }
        }
        at.positions.union(&upto.positions);
        Ok(at)
    }

    async fn views_hold(&self, upto: &At) -> bool {
        let (app, wanted) = (&self.app, &upto.positions);
        app.heard.wait_for(wanted, &FOLLOWED, app.mint.clock(), VIEWS_LIMIT).await
            && app.views.story_feed.wait_for(wanted, VIEWS_LIMIT).await
            && app.views.media.wait_for(wanted, VIEWS_LIMIT).await
    }

    async fn say(&self, place: Place, telling: Telling) -> Result<Vec<Said>, Untold> {
        match telling {
            Telling::Story(story) => Ok(self.new_story(place, story).await?),
            Telling::Changed(owner, medium) => Ok(self.changed(owner, medium, None).await?),
            Telling::Opened(owner, medium, was) => Ok(self.changed(owner, medium, was).await?),
            Telling::Removed(medium, stories) => Ok(self.removed(medium, stories).await?),
            Telling::Parted(parted) => self.parted(&parted).await,
            Telling::Unfollowed(follower, leader, stories) => {
                // With the leader himself it is told what else he lost.
                let seen = leader != self.me.person && self.sees_page(follower);
                Ok(stories.into_iter().filter(|_| seen).map(Said::Removed).collect())
            }
            Telling::Raised(raised) => Ok(self.raised(place, raised).await?),
            Telling::Count => {
                let (app, me) = (&self.app, &self.me);
                let (newest, _) = app.bells.newest(&app.views.notification_feed, me.person, VIEWS_LIMIT).await?;
                let unread = app.unread(&me.caller, newest.notifications).await?;
                Ok(vec![Said::Count(Unread { unread, more: newest.older })])
            }
        }
    }

    /// A repeat of the event that made it tells nothing.
    async fn new_story(&self, place: Place, story: StoryId) -> Result<Vec<Said>, Problem> {
        let db = self.app.views.story_feed.db().map_err(|e| not_serving(&e))?;
        let rows = stories::stories(&db, &[story]).await.map_err(|e| unreadable(&e))?;
        if !rows.iter().any(|row| row.made_by == place) {
            return Ok(Vec::new());
        }
        let views = self.app.fill(&self.me.caller, &[(story, Some(place))]).await?;
        Ok(views.into_iter().filter_map(shown).map(Said::Story).collect())
    }

    /// The stories of a medium as they are now. Who could see it by its access before, and cannot now, is told so.
    async fn changed(&self, owner: ActorId, medium: MediumId, was: Option<Access>) -> Result<Vec<Said>, Problem> {
        let mut ids = self.app.feed.of_medium(owner, medium);
        ids.truncate(CHANGED_STORIES);
        let wanted: Vec<(StoryId, Option<Place>)> = ids.iter().map(|id| (*id, None)).collect();
        let views = self.app.fill(&self.me.caller, &wanted).await?;
        let saw = was.is_some_and(|was| {
            let look = self.app.facts.look(self.app.mint.now_ms());
            let (viewer, standing) = (look.viewer(Some(self.me.person)), look.standing(Some(self.me.person), owner));
            may_see_page(viewer, &standing) && passes(was, viewer, &standing)
        });
        let said = |(id, view): (StoryId, StoryView)| match shown(view) {
            Some(story) => Some(Said::Changed(story)),
            None => saw.then_some(Said::Removed(id)),
        };
        Ok(ids.into_iter().zip(views).filter_map(said).collect())
    }

    /// Only who might have seen them is told that they are gone.
    async fn removed(&self, id: MediumId, stories: Vec<StoryId>) -> Result<Vec<Said>, Problem> {
        let Some(node) = self.app.nodes([id]).await?.remove(&id) else { return Ok(Vec::new()) };
        let look = self.app.facts.look(self.app.mint.now_ms());
        let seen = sees(&look.by(Some(self.me.person)), &node);
        Ok(stories.into_iter().filter(|_| seen).map(Said::Removed).collect())
    }

    /// What left his feed when he and another were parted: what he could see of the other's page before, and cannot now.
    async fn parted(&self, parted: &Parted) -> Result<Vec<Said>, Untold> {
        let (app, caller) = (&self.app, &self.me.caller);
        let Some(lost) = parted.lost_by(self.me.person)? else { return Ok(Vec::new()) };
        let before = |now| lost.before(now);
        let mut gone = app.seen_before(caller, lost.page, before, lost.stories).await?.ok_or(Untold)?;
        let follows = {
            let look = app.facts.look(app.mint.now_ms());
            let standing = look.standing(Some(self.me.person), lost.page);
            if may_see_page(look.viewer(Some(self.me.person)), &before(standing)) {
                gone.extend(lost.ended);
            }
            look.follows(self.me.person, lost.page)
        };
        if follows {
            let wanted: Vec<(StoryId, Option<Place>)> = gone.iter().map(|id| (*id, None)).collect();
            let views = app.fill(caller, &wanted).await?;
            gone = gone.into_iter().zip(views).filter_map(|(id, view)| shown(view).is_none().then_some(id)).collect();
        }
        Ok(gone.into_iter().map(Said::Removed).collect())
    }

    fn sees_page(&self, owner: ActorId) -> bool {
        let look = self.app.facts.look(self.app.mint.now_ms());
        may_see_page(look.viewer(Some(self.me.person)), &look.standing(Some(self.me.person), owner))
    }

    /// A repeat, and one that was dismissed meanwhile, tell nothing.
    async fn raised(&self, place: Place, raised: NotificationRaised) -> Result<Vec<Said>, Problem> {
        let (app, view) = (&self.app, &self.app.views.notification_feed);
        let here = |told: &notifications::Notification| told.id == raised.notification && told.offset == place.offset;
        let (newest, _) = app.bells.newest(view, self.me.person, VIEWS_LIMIT).await?;
        let mut told: Vec<_> = newest.notifications.into_iter().filter(here).collect();
        if told.is_empty() && newest.older {
            let db = view.db().map_err(|e| not_serving(&e))?;
            let rows = notifications::by_ids(&db, self.me.person, &[raised.notification]).await.map_err(|e| unreadable(&e))?;
            told = rows.into_iter().filter(here).collect();
        }
        let cards = app.notification_cards(&self.me.caller, &told).await?;
        Ok(cards.into_iter().flatten().map(|card| Said::Notification(Box::new(card))).collect())
    }

    async fn said(&self, id: &str, said: Said) -> Result<(), Gone> {
        let made = match said {
            Said::Story(story) => frame(Name::Story, id, &story),
            Said::Changed(story) => frame(Name::StoryChanged, id, &story),
            Said::Removed(story) => frame(Name::StoryRemoved, id, &Removed { id: story }),
            Said::Notification(notification) => frame(Name::Notification, id, &notification),
            Said::Count(count) => frame(Name::NotificationCount, id, &count),
        };
        self.send(made.map_err(|_| Gone)?).await
    }

    async fn reset(&self, at: At) -> Result<At, Gone> {
        let reset = frame(Name::Reset, &self.id(&at), &Nothing {}).map_err(|_| Gone)?;
        self.send(reset).await?;
        Ok(at)
    }

    fn id(&self, at: &At) -> String {
        self.app.cursors.encode(Kind::Stream, at)
    }

    async fn send(&self, frame: Event) -> Result<(), Gone> {
        self.frames.send(frame).await.map_err(|_| Gone)
    }
}

fn shown(view: StoryView) -> Option<Box<Story>> {
    match view {
        StoryView::Shown(story) => Some(story),
        StoryView::Hidden | StoryView::NotYet => None,
    }
}
