//! The home feed, and what stands on an actor's page.

use std::sync::Arc;

use aredvi_events::{ActorId, Id, JournalId, Place, Positions, StoryId, Topic};
use aredvi_projectors::story_feed::queries as stories;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ActorRef;
use crate::answer;
use crate::app::App;
use crate::caller::{Caller, SignedIn};
use crate::cards::{StoryView, not_serving, unreadable};
use crate::cursor::{Kind, Payload};
use crate::extract::{PageQuery, Path};
use crate::feed::Wanted;
use crate::problem::Problem;
use crate::shapes::Page;
use crate::shapes::stories::Story;

/// Looks at the index for one page before it is answered short: stories may be hidden when they are filled in.
const MAX_LOOKS: usize = 4;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(home)).routes(routes!(page))
}

/// One's own stories and those of the people one follows, the newest first.
#[utoipa::path(get, path = "/v1/feed", tag = "feed", params(crate::extract::page::PageParams),
    responses((status = 200, description = "Stories", body = Page<Story>)), security(("token" = []), ("cookie" = [])))]
async fn home(State(app): State<Arc<App>>, me: SignedIn, page: PageQuery) -> Result<Response, Problem> {
    let turn: Option<Turn> = app.cursors.decode_some(Kind::Feed, page.cursor.as_deref())?;
    let freshness = app.fresh(&me.caller, &[&app.views.story_feed, &app.views.media, &app.views.actors]).await?;
    let (items, next) = app.stories(&me.caller, Owners::Home(me.person), turn, page.limit).await?;
    let next = next.map(|turn| app.cursors.encode(Kind::Feed, &turn));
    Ok(answer::read(freshness, Page { items, next }))
}

/// What stands on an actor's page, the newest first.
#[utoipa::path(get, path = "/v1/actors/{id}/stories", tag = "feed", params(("id" = String, Path), crate::extract::page::PageParams),
    responses((status = 200, description = "Stories", body = Page<Story>)))]
async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(actor): Path<ActorRef>,
    page: PageQuery,
) -> Result<Response, Problem> {
    let actor = actor.resolve(&caller)?;
    let turn: Option<Turn> = app.cursors.decode_some(Kind::Stories, page.cursor.as_deref())?;
    let freshness = app.fresh(&caller, &[&app.views.story_feed, &app.views.media, &app.views.actors]).await?;
    app.page_visible(&caller, actor)?;
    let (items, next) = app.stories(&caller, Owners::Page(actor), turn, page.limit).await?;
    let next = next.map(|turn| app.cursors.encode(Kind::Stories, &turn));
    Ok(answer::read(freshness, Page { items, next }))
}

/// Whose outboxes make a list.
#[derive(Debug, Clone, Copy)]
enum Owners {
    /// A person's own and his leaders'.
    Home(ActorId),
    /// One actor's.
    Page(ActorId),
}

/// Where a list goes on: below a story, among what the first page could know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    below: StoryId,
    within: Positions,
}

/// What the index or the rows propose.
struct Proposed {
    story: StoryId,
    made_by: Option<Place>,
    /// It was there at the first page.
    counts: bool,
}

impl App {
    async fn stories(
        &self,
        caller: &Caller,
        owners: Owners,
        turn: Option<Turn>,
        limit: usize,
    ) -> Result<(Vec<Story>, Option<Turn>), Problem> {
        let mut items = Vec::with_capacity(limit);
        let first = turn.is_none();
        let mut below = turn.as_ref().map(|turn| turn.below);
        let mut within = turn.map(|turn| turn.within);
        for _ in 0..MAX_LOOKS {
            let wanted = limit - items.len();
            let (proposed, heard, more) = self.propose(caller, owners, below, within.as_ref(), wanted).await?;
            let within = within.get_or_insert(heard);
            let asked: Vec<_> = proposed.iter().map(|proposed| (proposed.story, proposed.made_by)).collect();
            for (proposed, view) in proposed.iter().zip(self.fill(caller, &asked).await?) {
                match if proposed.counts { view } else { StoryView::Hidden } {
                    StoryView::Shown(story) => items.push(*story),
                    StoryView::Hidden => {}
                    // What the views do not hold yet was not there when the list began: it is on the next one.
                    StoryView::NotYet if first => leave_out(within, proposed.made_by),
                    StoryView::NotYet => {
                        let here = Turn { below: above(proposed.story), within: within.clone() };
                        return Ok((items, Some(here)));
                    }
                }
                below = Some(proposed.story);
            }
            if !more {
                return Ok((items, None));
            }
            if items.len() >= limit {
                break;
            }
        }
        let next = below.zip(within).map(|(below, within)| Turn { below, within });
        Ok((items, next))
    }

    /// The next stories below `below`: from memory where it is complete, from `story_feed` below that. Also what the
    /// index had heard, and whether there may be more.
    async fn propose(
        &self,
        caller: &Caller,
        owners: Owners,
        below: Option<StoryId>,
        within: Option<&Positions>,
        limit: usize,
    ) -> Result<(Vec<Proposed>, Positions, bool), Problem> {
        let (slice, actors) = {
            let look = self.facts.look(self.mint.now_ms());
            let ordinals: Vec<u32> = match owners {
                Owners::Home(me) => look.leader_ordinals(me).iter().copied().chain(look.ordinal(me)).collect(),
                Owners::Page(actor) => look.ordinal(actor).into_iter().collect(),
            };
            let wanted = Wanted { viewer: caller.person(), owners: &ordinals, before: below, within, limit };
            let slice = self.feed.slice(&wanted, &look);
            let actors: Vec<ActorId> = match slice.floor {
                Some(_) => ordinals.iter().filter_map(|&ordinal| look.actor_at(ordinal)).collect(),
                None => Vec::new(),
            };
            (slice, actors)
        };
        let full = slice.candidates.len() >= limit;
        let mut proposed: Vec<Proposed> =
            slice.candidates.iter().map(|c| Proposed { story: c.story, made_by: Some(c.made_by), counts: true }).collect();
        let Some(floor) = slice.floor.filter(|_| !full) else { return Ok((proposed, slice.heard, full)) };
        let from = below.map_or(floor, |below| below.min(floor));
        let db = self.views.story_feed.db().map_err(|e| not_serving(&e))?;
        let left = limit - proposed.len();
        let rows = stories::below(&db, &actors, from, u32::try_from(left).unwrap_or(1)).await.map_err(|e| unreadable(&e))?;
        let more = rows.len() >= left;
        let within = within.unwrap_or(&slice.heard);
        let of_row = |row: &stories::Row| Proposed { story: row.id, made_by: None, counts: within.includes(row.made_by) };
        proposed.extend(rows.iter().map(of_row));
        Ok((proposed, slice.heard, more))
    }
}

/// The list begins before this event.
fn leave_out(within: &mut Positions, made_by: Option<Place>) {
    if let Some(place) = made_by
        && within.includes(place)
    {
        within.set(place.partition, place.offset);
    }
}

/// The least id above a story's: a list that goes on below it begins with that story.
fn above(story: StoryId) -> StoryId {
    Id::new(story.get().saturating_add(1)).map_or(story, StoryId::from)
}

/// The journal is in every cursor already.
const CURSORS_OWN: JournalId = JournalId(uuid::Uuid::nil());

impl Payload for Turn {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.below.get().to_be_bytes().to_vec();
        bytes.extend(self.within.only(&[Topic::Graph, Topic::Media]).to_bytes(CURSORS_OWN));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (below, rest) = bytes.split_first_chunk::<8>()?;
        let below = Id::new(u64::from_be_bytes(*below))?;
        let within = Positions::from_bytes(rest, CURSORS_OWN).ok()??;
        Some(Self { below: below.into(), within })
    }
}
