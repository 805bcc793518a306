//! The door: finds out who asks, counts the request, and gathers what its reads must include.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::envelope::Placed;
use aredvi_events::sessions::SessionEvent;
use aredvi_events::{Body as Happened, Positions, SessionId, Topic};
use aredvi_journal::ReadError;
use aredvi_projectors::cache::{CacheError, Rated, Scope};
use aredvi_projectors::facts::follow::{Listener, TOPICS};
use aredvi_projectors::sessions::{Admit, Admitted, AskedBy, Lookup, Session, Token};
use aredvi_projectors::trouble::Trouble;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::app::App;
use crate::caller::Caller;
use crate::extract::json::whole;
use crate::extract::{ClientAddress, Credential, IdempotencyKey, Wait};
use crate::headers::POSITION;
use crate::middleware::rate_limit::{self, Class};
use crate::middleware::trace;
use crate::problem::Problem;
use crate::reserved::Reserved;
use crate::writing::Plan;

/// Sessions that a process remembers, for when the cache is away.
const REMEMBERED_SESSIONS: u64 = 100_000;
/// How long it remembers one, in seconds: then the cache is asked or nobody.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// What it remembers of a session that is used is renewed after this.
const REMEMBERED_ANEW_AFTER: Duration = Duration::from_secs(10);
/// Between two looks for a session that the view may not hold yet.
const LOOK_UP_STEP: Duration = Duration::from_millis(50);
/// Revocations that a process remembers until the view of the sessions surely has them.
const REMEMBERED_REVOCATIONS: u64 = 100_000;

/// What this process remembers of sessions: those seen lately, and those it heard revoked.
pub struct Near {
    seen: moka::sync::Cache<String, (Session, Instant)>,
    revoked: moka::sync::Cache<SessionId, ()>,
}

impl Default for Near {
    fn default() -> Self {
        let seen = moka::sync::Cache::builder().max_capacity(REMEMBERED_SESSIONS).time_to_live(REMEMBERED_FOR).build();
        Self { seen, revoked: moka::sync::Cache::new(REMEMBERED_REVOCATIONS) }
    }
}

impl Near {
    fn remember(&self, token: &Token, session: Session) {
        let token = token.hash().as_str();
        let renewed = self.seen.get(token).is_some_and(|(_, since)| since.elapsed() < REMEMBERED_ANEW_AFTER);
        if !renewed {
            self.seen.insert(token.to_owned(), (session, Instant::now()));
        }
    }

    fn remembered(&self, token: &Token) -> Option<Session> {
        self.seen.get(token.hash().as_str()).map(|(session, _)| session)
    }

    /// Whether this session was heard revoked.
    pub fn revoked(&self, session: SessionId) -> bool {
        self.revoked.contains_key(&session)
    }
}

impl Listener for Near {
    fn hear(&self, placed: &Placed) {
        if let Happened::Sessions(SessionEvent::SessionRevoked(event)) = &placed.event.body {
            self.revoked.insert(event.session, ());
        }
    }
}

/// Middleware of every route under `/v1`: puts a [`Caller`] on the request, or answers why not.
pub async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, mut body) = request.into_parts();
    match app.let_in(&parts, &mut body).await {
        Ok((caller, rated)) => {
            let reserved = caller.reserved.clone();
            parts.extensions.insert(caller);
            let mut response = next.run(Request::from_parts(parts, body)).await;
            if let Some(reserved) = reserved {
                app.give_back(&reserved).await;
            }
            tell(response.headers_mut(), rated);
            response
        }
        Err(Turned { problem, rated }) => {
            let mut response = problem.into_response();
            tell(response.headers_mut(), rated);
            response
        }
    }
}

/// A limit, and what came of counting against it.
type Counted = Option<(u32, Rated)>;

fn tell(headers: &mut HeaderMap, counted: Counted) {
    if let Some((limit, rated)) = counted {
        rate_limit::tell(headers, limit, rated);
    }
}

/// One who was not let in.
struct Turned {
    problem: Problem,
    rated: Counted,
}

impl From<Problem> for Turned {
    fn from(problem: Problem) -> Self {
        Self { problem, rated: None }
    }
}

impl App {
    async fn let_in(&self, request: &Parts, body: &mut Body) -> Result<(Caller, Counted), Turned> {
        let headers = &request.headers;
        let address = request.extensions.get().copied().unwrap_or(ClientAddress::UNKNOWN);
        let idempotency = IdempotencyKey::of(headers)?;
        let sent = self.sent_position(headers).await?;
        let class = Class::of(&request.method, request.uri.path());
        let token = match Credential::of(headers) {
            // Whoever signs in or up does so as a guest, whatever he was before.
            Some(credential) if matches!(class, Class::Read | Class::Write) => {
                Some(Token::parse(&credential.token).map_err(|_| Problem::sign_in_required())?)
            }
            _ => None,
        };
        let least = token.as_ref().map_or(0, |token| sent.next(token.partition()));
        let hit = self.settings.limits.hit(token.as_ref().map(Token::person), address, class).map(|(_, hit)| hit);
        let limit = hit.as_ref().map(|hit| hit.limit);
        let (by, scope) = match &token {
            Some(token) => (AskedBy::Holder { token: token.clone(), least }, Scope::Person(token.person())),
            None => (AskedBy::Guest, Scope::Guests),
        };
        let plan = match &idempotency {
            Some(key) if !request.method.is_safe() => {
                let said = whole(std::mem::take(body)).await?;
                let key = self.reservation(scope, key, request, &said)?;
                *body = Body::from(said);
                Some((key, Plan::new(self)?))
            }
            _ => None,
        };
        let reservation = plan.as_ref().map(|(key, plan)| (key.clone(), plan.to_bytes().to_vec()));
        let asked = Admit { by, hits: hit.into_iter().collect(), reservation };
        let mut admitted = match self.look_up(asked, Wait::of(headers).0).await {
            Ok(admitted) => admitted,
            Err(error) => {
                static AWAY: Trouble = Trouble::new();
                if let Some(told) = AWAY.happened(&error) {
                    let left_out = told.left_out;
                    tracing::warn!(error = told.reason, left_out, "the cache is away; sessions are answered from memory");
                }
                self.remembered(token.as_ref())?
            }
        };
        let rated = limit.zip(admitted.rated.first().copied());
        let reserved = plan.map(|(_, plan)| Reserved::of(admitted.reservation.take(), plan)).transpose();
        let reserved = reserved.map_err(|problem| Turned { problem, rated })?.map(Arc::new);
        let session = match self.session(&admitted, token.as_ref(), &sent, Wait::of(headers).0).await {
            Ok(session) => session,
            Err(problem) => {
                if let Some(reserved) = reserved {
                    self.give_back(&reserved).await;
                }
                return Err(problem.into());
            }
        };
        if let Some((_, outcome)) = rated
            && !outcome.allowed
        {
            let wait = Duration::from_secs(u64::from(outcome.reset_after_s.max(1)));
            return Err(Turned { problem: Problem::rate_limited(wait), rated });
        }
        let mut wanted = sent;
        wanted.union(&admitted.positions);
        let wait = Wait::of(headers).0;
        let traceparent = trace::current().map(|trace| trace.traceparent());
        Ok((Caller { session, address, wanted, wait, reserved, traceparent }, rated))
    }

    /// The session of a request that was looked up: none for a guest.
    async fn session(
        &self,
        admitted: &Admitted,
        token: Option<&Token>,
        sent: &Positions,
        limit: Duration,
    ) -> Result<Option<Session>, Problem> {
        match (admitted.session, token) {
            (None, _) => Ok(None),
            (Some(Lookup::Found(session)), Some(token)) => {
                self.hear_of(&session, sent, &admitted.positions, limit).await;
                self.standing_session(session, token).map(Some)
            }
            (Some(Lookup::Found(_) | Lookup::Unknown), _) => Err(Problem::sign_in_required()),
            (Some(Lookup::NotReady), _) => Err(Problem::unavailable()),
        }
    }

    /// A session that the view of the sessions does not know may be younger than the view, as after the death of its
    /// projector: nobody is unknown before the view holds what this process has heard. It is waited for at most `limit`.
    async fn look_up(&self, mut asked: Admit, limit: Duration) -> Result<Admitted, CacheError> {
        let admitted = self.sessions.admit(&asked).await?;
        let AskedBy::Holder { token, least } = &mut asked.by else { return Ok(admitted) };
        if admitted.session != Some(Lookup::Unknown) {
            return Ok(admitted);
        }
        *least = self.heard.positions().next(token.partition()).max(*least);
        let again = async {
            loop {
                let admitted = self.sessions.admit(&asked).await?;
                if admitted.session != Some(Lookup::NotReady) {
                    return Ok(admitted);
                }
                self.mint.clock().sleep(LOOK_UP_STEP).await;
            }
        };
        let late = Admitted { session: Some(Lookup::NotReady), ..admitted };
        self.mint.clock().timeout(limit, again).await.unwrap_or(Ok(late))
    }

    /// Who has a session was registered before: a process that does not know him yet waits until it has heard of him.
    async fn hear_of(&self, session: &Session, sent: &Positions, kept: &Positions, limit: Duration) {
        if self.facts.look(self.mint.now_ms()).knows(session.person) {
            return;
        }
        let mut wanted = sent.clone();
        wanted.union(kept);
        self.heard.wait_for(&wanted, &TOPICS, self.mint.clock(), limit).await;
    }

    /// A session that the view found still has to stand: its person active, not ended by a change of password, not heard
    /// revoked.
    fn standing_session(&self, session: Session, token: &Token) -> Result<Session, Problem> {
        let look = self.facts.look(self.mint.now_ms());
        if !look.knows(session.person) {
            return Err(Problem::unavailable());
        }
        let stands = look.session_stands(session.person, session.session, session.opened_at);
        drop(look);
        if !stands || self.near.revoked(session.session) {
            self.near.seen.invalidate(token.hash().as_str());
            return Err(Problem::sign_in_required());
        }
        self.near.remember(token, session);
        Ok(session)
    }

    fn remembered(&self, token: Option<&Token>) -> Result<Admitted, Problem> {
        let session = match token {
            None => None,
            Some(token) => {
                let session = self.near.remembered(token).ok_or_else(Problem::unavailable)?;
                Some(Lookup::Found(session))
            }
        };
        Ok(Admitted { session, positions: Positions::new(), rated: Vec::new(), reservation: None })
    }

    /// The position a client sent; another journal's is ignored, one beyond the log's end refused.
    async fn sent_position(&self, headers: &HeaderMap) -> Result<Positions, Problem> {
        let Some(token) = headers.get(POSITION) else { return Ok(Positions::new()) };
        let token = token.to_str().map_err(|_| Problem::bad_position())?;
        let decoded = Positions::decode(token, self.journal.id()).map_err(|_| Problem::bad_position())?;
        let Some(positions) = decoded else { return Ok(Positions::new()) };
        if self.heard.positions().covers(&positions, &Topic::ALL) {
            return Ok(positions);
        }
        match self.journal.ends(&TOPICS).await {
            Ok(ends) if ends.covers(&positions, &Topic::ALL) => Ok(positions),
            Ok(_) => Err(Problem::bad_position()),
            Err(ReadError::Unavailable(_)) => Ok(positions),
            Err(error) => {
                tracing::error!(error = %error, "the journal's end could not be read");
                Err(Problem::internal())
            }
        }
    }
}
