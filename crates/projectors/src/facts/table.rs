//! The facts themselves and how events change them. The rules are those of the views `actors` and `graph`.

use std::collections::HashMap;

use aredvi_events::actors::{Access, ActorEvent};
use aredvi_events::envelope::Placed;
use aredvi_events::graph::GraphEvent;
use aredvi_events::identity::Role;
use aredvi_events::{ActorId, Body, Event, Partition, Place, SessionId};
use foldhash::HashMapExt as _;
use uuid::Uuid;

use crate::recent::Recent;
use crate::seen::Seen;
use crate::visibility::{Standing, Stands, State};

/// Room for this many actors is made at once, so that no growth of the map stops the process while it serves.
const FIRST_CAPACITY: usize = 1 << 17;

/// What an actor lets others see and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Privacy {
    /// Guards what stands on his page.
    pub access: Access,
    /// Those who do not pass may ask to follow.
    pub allows_requests: bool,
}

/// Sessions opened up to `at` end, but for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionsEnd {
    /// Unix milliseconds.
    pub at: i64,
    /// The one that stays.
    pub keep: Option<SessionId>,
}

#[derive(Debug, Clone)]
pub(super) struct Actor {
    id: ActorId,
    registered: bool,
    state: State,
    privacy: Privacy,
    site_admin: bool,
    sessions_end: Option<SessionsEnd>,
    leaders: Vec<u32>,
    blocks: Vec<u32>,
}

/// One actor as the view `actors` holds him.
#[derive(Debug, Clone)]
pub struct LoadedActor {
    /// Who.
    pub id: ActorId,
    /// Whether he is there.
    pub state: State,
    /// What he lets others see and do.
    pub privacy: Privacy,
    /// Whether he administers the site.
    pub site_admin: bool,
    /// Which of his sessions ended with a change of password.
    pub sessions_end: Option<SessionsEnd>,
    /// The newest events of the row; none when it has not changed lately.
    pub seen: Seen,
    /// The last event of the row.
    pub last: Place,
}

/// One directed edge as the view `graph` holds it.
#[derive(Debug, Clone)]
pub struct LoadedEdge {
    /// Who follows or blocks.
    pub from: ActorId,
    /// Whom.
    pub to: ActorId,
    /// `from` follows `to`.
    pub follows: bool,
    /// `from` blocks `to`.
    pub blocks: bool,
    /// The newest events of the follow; none when it has not changed lately.
    pub follow_seen: Seen,
    /// The newest of what else stands between them; none when it has not changed lately.
    pub tie_seen: Seen,
    /// The last event of the row.
    pub last: Place,
}

impl LoadedEdge {
    /// Together with what `tie` holds of the same two.
    pub(crate) fn and_tie(&mut self, tie: Self) {
        self.blocks = tie.blocks;
        self.tie_seen = tie.tie_seen;
        self.last = self.last.max(tie.last);
    }
}

/// A row of a view, by the ordinals of its actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Row {
    /// `actors`.
    Actor(u32),
    /// `edges` of `graph`: who follows whom.
    Edge(u32, u32),
    /// `ties` of `graph`: what else stands from the first to the second.
    Tie(u32, u32),
}

/// What stands between a viewer and an actor, looked up where it is asked: lists of whom one follows are long and lie far
/// apart in memory, and most of what is public needs none of them.
#[derive(Debug, Clone, Copy)]
pub struct Between<'a> {
    /// Of a viewer without facts nothing is known.
    pub(super) viewer: Option<(u32, &'a Actor)>,
    /// An actor without facts was never there.
    pub(super) actor: Option<(u32, &'a Actor)>,
    /// Facts that are not trusted open nothing.
    pub(super) trusted: bool,
}

impl Between<'_> {
    /// All of it.
    pub fn all(&self) -> Standing {
        Standing {
            state: self.state(),
            access: self.access(),
            allows_requests: self.allows_requests(),
            is_self: self.is_self(),
            administers: self.administers(),
            follows: self.follows(),
            followed_by: self.followed_by(),
            blocked_by: self.blocked_by(),
            blocks: self.blocks(),
        }
    }

    /// What the viewer has with another: himself, and the other's ordinal.
    fn asks(&self, asked: impl FnOnce(&Actor, u32) -> bool) -> bool {
        match (self.viewer, self.actor) {
            (Some((here, viewer)), Some((there, _))) => here != there && asked(viewer, there),
            (_, _) => false,
        }
    }

    /// What another has with the viewer: the other, and the viewer's ordinal.
    fn is_asked(&self, asked: impl FnOnce(&Actor, u32) -> bool) -> bool {
        Between { viewer: self.actor, actor: self.viewer, ..*self }.asks(asked)
    }
}

impl Stands for Between<'_> {
    fn state(&self) -> State {
        self.actor.map_or(State::Erased, |(_, actor)| actor.state)
    }

    fn access(&self) -> Access {
        self.actor.map_or_else(Access::default, |(_, actor)| actor.privacy.access)
    }

    fn allows_requests(&self) -> bool {
        self.trusted && self.actor.is_some_and(|(_, actor)| actor.privacy.allows_requests)
    }

    fn is_self(&self) -> bool {
        matches!((self.viewer, self.actor), (Some((here, _)), Some((there, _))) if here == there)
    }

    fn administers(&self) -> bool {
        self.is_self()
    }

    fn follows(&self) -> bool {
        self.trusted && self.asks(|viewer, there| holds(&viewer.leaders, there))
    }

    fn followed_by(&self) -> bool {
        self.trusted && self.is_asked(|actor, here| holds(&actor.leaders, here))
    }

    fn blocked_by(&self) -> bool {
        self.is_asked(|actor, here| holds(&actor.blocks, here))
    }

    fn blocks(&self) -> bool {
        self.asks(|viewer, there| holds(&viewer.blocks, there))
    }
}

#[derive(Debug)]
pub(super) struct Table {
    ordinals: foldhash::HashMap<ActorId, u32>,
    actors: Vec<Actor>,
    /// Rows that were already newer than the positions read before them: events up to these offsets are in them.
    ahead: HashMap<(Partition, String), u64>,
    recent: Recent<Row>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            ordinals: foldhash::HashMap::with_capacity(FIRST_CAPACITY),
            actors: Vec::new(),
            ahead: HashMap::new(),
            recent: Recent::default(),
        }
    }
}

impl Table {
    pub fn load_actor(&mut self, row: &LoadedActor, read_from: u64) {
        self.note_ahead(row.last, read_from, || row.id.to_string());
        let ordinal = self.ordinal(row.id);
        self.recent.load(Row::Actor(ordinal), &row.seen);
        let actor = self.at(ordinal);
        actor.registered = true;
        actor.state = row.state;
        actor.privacy = row.privacy;
        actor.site_admin = row.site_admin;
        actor.sessions_end = row.sessions_end;
    }

    pub fn load_edge(&mut self, row: &LoadedEdge, read_from: u64) {
        self.note_ahead(row.last, read_from, || aredvi_events::topic::pair_key(row.from, row.to));
        let (from, to) = (self.ordinal(row.from), self.ordinal(row.to));
        set(&mut self.at(from).leaders, to, row.follows);
        set(&mut self.at(from).blocks, to, row.blocks);
        self.recent.load(Row::Edge(from, to), &row.follow_seen);
        self.recent.load(Row::Tie(from, to), &row.tie_seen);
    }

    /// Gives back what growing left over.
    pub fn trim(&mut self) {
        for actor in &mut self.actors {
            actor.leaders.shrink_to_fit();
            actor.blocks.shrink_to_fit();
        }
    }

    pub fn apply(&mut self, placed: &Placed) {
        if self.already_loaded(placed) {
            return;
        }
        match &placed.event.body {
            Body::Actors(event) => self.apply_actor(event, &placed.event),
            Body::Graph(event) => self.apply_graph(event, placed.event.id),
            Body::Identity(_)
            | Body::Sessions(_)
            | Body::Media(_)
            | Body::Notifications(_)
            | Body::Deliveries(_)
            | Body::Any(_) => {}
        }
    }

    fn apply_actor(&mut self, event: &ActorEvent, envelope: &Event) {
        if let ActorEvent::PersonRegistered(e) = event {
            let ordinal = self.ordinal(e.person);
            let actor = self.at(ordinal);
            if !actor.registered {
                actor.registered = true;
                actor.state = State::Active;
            }
            return;
        }
        // Nothing is known of one who was not registered; and nothing comes after an erasure.
        let known = self.find(event.person()).filter(|(_, actor)| actor.registered && actor.state != State::Erased);
        let Some((ordinal, _)) = known else { return };
        if !self.recent.is_new(Row::Actor(ordinal), envelope.id) {
            return;
        }
        let actor = self.at(ordinal);
        match event {
            ActorEvent::PrivacyChanged(e) => {
                let privacy = &mut actor.privacy;
                privacy.access = e.access.unwrap_or(privacy.access);
                privacy.allows_requests = e.allow_follow_requests.unwrap_or(privacy.allows_requests);
            }
            ActorEvent::PasswordChanged(e) => {
                actor.sessions_end = Some(SessionsEnd { at: envelope.time_ms, keep: e.keep_session });
            }
            ActorEvent::RolesChanged(e) => actor.site_admin = e.roles.contains(&Role::Administrator),
            ActorEvent::PersonDisabled(_) => actor.state = State::Disabled,
            ActorEvent::PersonEnabled(_) => actor.state = State::Active,
            ActorEvent::PersonErased(_) => {
                actor.state = State::Erased;
                actor.site_admin = false;
            }
            ActorEvent::PersonRegistered(_)
            | ActorEvent::RegistrationRefused(_)
            | ActorEvent::RequestRefused(_)
            | ActorEvent::HandleChanged(_)
            | ActorEvent::EmailChanged(_)
            | ActorEvent::ProfileChanged(_)
            | ActorEvent::ErasureCompleted(_) => {}
        }
    }

    fn apply_graph(&mut self, event: &GraphEvent, id: Uuid) {
        let (one, other) = event.pair();
        if one == other {
            return;
        }
        let (from, to) = (self.ordinal(one), self.ordinal(other));
        let row = match event {
            GraphEvent::Followed(_) | GraphEvent::Unfollowed(_) => Row::Edge(from, to),
            GraphEvent::FollowRequested(_)
            | GraphEvent::FollowRequestEnded(_)
            | GraphEvent::Blocked(_)
            | GraphEvent::Unblocked(_)
            | GraphEvent::Subscribed(_)
            | GraphEvent::Unsubscribed(_) => Row::Tie(from, to),
        };
        if !self.recent.is_new(row, id) {
            return;
        }
        match event {
            GraphEvent::Followed(_) => {
                if !self.blocked_either_way(from, to) {
                    set(&mut self.at(from).leaders, to, true);
                }
            }
            GraphEvent::Unfollowed(_) => set(&mut self.at(from).leaders, to, false),
            GraphEvent::Blocked(_) => {
                set(&mut self.at(from).blocks, to, true);
                set(&mut self.at(from).leaders, to, false);
                set(&mut self.at(to).leaders, from, false);
            }
            GraphEvent::Unblocked(_) => set(&mut self.at(from).blocks, to, false),
            GraphEvent::FollowRequested(_)
            | GraphEvent::FollowRequestEnded(_)
            | GraphEvent::Subscribed(_)
            | GraphEvent::Unsubscribed(_) => {}
        }
    }

    /// Whether `follower` follows `leader`, trusted or not.
    pub fn follows(&self, follower: ActorId, leader: ActorId) -> bool {
        Between { viewer: self.find(follower), actor: self.find(leader), trusted: true }.follows()
    }

    pub fn leaders(&self, actor: ActorId) -> impl Iterator<Item = ActorId> + '_ {
        self.leader_ordinals(actor).iter().filter_map(|&leader| self.actor_at(leader))
    }

    pub fn leader_ordinals(&self, actor: ActorId) -> &[u32] {
        self.find(actor).map(|(_, found)| found.leaders.as_slice()).unwrap_or_default()
    }

    pub fn actor_at(&self, ordinal: u32) -> Option<ActorId> {
        self.actors.get(ordinal as usize).map(|actor| actor.id)
    }

    pub fn known_ordinal(&self, actor: ActorId) -> Option<u32> {
        self.ordinals.get(&actor).copied()
    }

    pub fn leader_count(&self, actor: ActorId) -> usize {
        self.leader_ordinals(actor).len()
    }

    pub fn is_site_admin(&self, person: ActorId) -> bool {
        self.find(person).is_some_and(|(_, found)| found.site_admin && found.state == State::Active)
    }

    pub fn session_stands(&self, person: ActorId, session: SessionId, opened_at: i64) -> bool {
        self.find(person).is_some_and(|(_, found)| {
            found.state == State::Active && found.sessions_end.is_none_or(|end| opened_at > end.at || end.keep == Some(session))
        })
    }

    pub fn privacy(&self, actor: ActorId) -> Privacy {
        self.find(actor).map_or(Privacy { access: Access::Admins, allows_requests: false }, |(_, found)| found.privacy)
    }

    pub fn knows(&self, actor: ActorId) -> bool {
        self.find(actor).is_some_and(|(_, found)| found.registered)
    }

    fn blocked_either_way(&self, one: u32, other: u32) -> bool {
        holds(&self.actors[one as usize].blocks, other) || holds(&self.actors[other as usize].blocks, one)
    }

    fn note_ahead(&mut self, last: Place, read_from: u64, key: impl FnOnce() -> String) {
        if last.offset >= read_from {
            // The rows of one key come one after another.
            let ahead = self.ahead.entry((last.partition, key())).or_default();
            *ahead = last.offset.max(*ahead);
        }
    }

    fn already_loaded(&mut self, placed: &Placed) -> bool {
        if self.ahead.is_empty() {
            return false;
        }
        let key = (placed.place.partition, placed.event.key.clone());
        match self.ahead.get(&key) {
            None => false,
            Some(&ahead) if ahead > placed.place.offset => true,
            Some(_) => {
                let ahead = self.ahead.remove(&key);
                ahead == Some(placed.place.offset)
            }
        }
    }

    pub fn find(&self, actor: ActorId) -> Option<(u32, &Actor)> {
        self.find_at(*self.ordinals.get(&actor)?)
    }

    pub fn find_at(&self, ordinal: u32) -> Option<(u32, &Actor)> {
        Some((ordinal, self.actors.get(ordinal as usize)?))
    }

    fn at(&mut self, ordinal: u32) -> &mut Actor {
        &mut self.actors[ordinal as usize]
    }

    /// Actors become known in any order: an edge may be seen before the registration.
    pub fn ordinal(&mut self, id: ActorId) -> u32 {
        if let Some(&ordinal) = self.ordinals.get(&id) {
            return ordinal;
        }
        let ordinal = u32::try_from(self.actors.len()).unwrap_or(u32::MAX);
        self.ordinals.insert(id, ordinal);
        self.actors.push(Actor {
            id,
            registered: false,
            state: State::Erased,
            privacy: Privacy::default(),
            site_admin: false,
            sessions_end: None,
            leaders: Vec::new(),
            blocks: Vec::new(),
        });
        ordinal
    }
}

fn holds(sorted: &[u32], ordinal: u32) -> bool {
    sorted.binary_search(&ordinal).is_ok()
}

fn set(sorted: &mut Vec<u32>, ordinal: u32, present: bool) {
    match (sorted.binary_search(&ordinal), present) {
        (Err(at), true) => sorted.insert(at, ordinal),
        (Ok(at), false) => {
            sorted.remove(at);
        }
        (Ok(_), true) | (Err(_), false) => {}
    }
}
