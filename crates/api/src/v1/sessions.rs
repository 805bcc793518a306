//! Signing in and out.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::sessions::{SessionOpened, SessionRevoked};
use aredvi_events::{ActorId, Place, SessionId, Topic};
use aredvi_projectors::accounts::queries as accounts;
use aredvi_projectors::sessions::{Listing, Token};
use aredvi_projectors::trouble::Trouble;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::App;
use crate::caller::{Caller, SignedIn};
use crate::cards::{not_serving, unreadable};
use crate::cookies;
use crate::extract::{Json, Path};
use crate::problem::Problem;
use crate::shapes::sessions::{Session, SignIn};
use crate::shapes::{Page, Secret, Time};
use crate::text;
use crate::writing::{Outcome, Writing};

/// How long an answer waits for the view of the sessions to know a session it opened or ended.
const KNOWN_LIMIT: Duration = Duration::from_secs(2);
/// Between two looks at that view.
const KNOWN_STEP: Duration = Duration::from_millis(3);

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(sign_in, list)).routes(routes!(sign_out)).routes(routes!(sign_out_here))
}

/// Signs in, by username or e-mail address.
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", request_body = SignIn, responses(
    (status = 201, description = "The session, with its token", body = Session)))]
async fn sign_in(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Json(input): Json<SignIn>,
) -> Result<Response, Problem> {
    let person = app.authenticate(&input).await?;
    let device = device(&headers);
    let outcome = app.write(&caller, async |w| app.open_session(w, person, &device).await).await?;
    let (session, positions) = match outcome {
        Outcome::Now(session, positions) => (session, positions),
        // The token of the first answer is nowhere: a repeat gets a session of its own.
        Outcome::Before(_) => {
            let fresh = Caller { reserved: None, ..caller.clone() };
            match app.write(&fresh, async |w| app.open_session(w, person, &device).await).await? {
                Outcome::Now(session, positions) => (session, positions),
                Outcome::Before(_) => return Err(Problem::internal()),
            }
        }
    };
    let location = format!("/v1/sessions/{}", session.id);
    let mut cookies = HeaderMap::new();
    app.set_cookies(&mut cookies, &session);
    let mut response = answer::written(StatusCode::CREATED, app.journal.id(), &positions, session);
    response.headers_mut().extend(cookies);
    Ok(answer::located(response, &location))
}

/// One's own devices.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", responses(
    (status = 200, description = "The sessions that stand, newest first", body = Page<Session>)), security(("token" = []), ("cookie" = [])))]
async fn list(State(app): State<Arc<App>>, me: SignedIn) -> Result<Response, Problem> {
    let freshness = app.fresh(&me.caller, &[]).await?;
    let key = me.person.to_string();
    let least = me.caller.wanted.next(aredvi_events::Partition::of(Topic::Sessions, &key));
    let listed = app.sessions.list(me.person, least).await.map_err(|error| {
        static UNREADABLE: Trouble = Trouble::new();
        if let Some(told) = UNREADABLE.happened(&error) {
            tracing::warn!(error = told.reason, left_out = told.left_out, "the sessions of a person cannot be read");
        }
        Problem::unavailable()
    })?;
    let Listing::Of(listed) = listed else { return Err(Problem::unavailable()) };
    let standing = |session: &aredvi_projectors::sessions::Session| {
        let look = app.facts.look(app.mint.now_ms());
        look.session_stands(session.person, session.session, session.opened_at) && !app.near.revoked(session.session)
    };
    let items = listed
        .into_iter()
        .filter(|listed| standing(&listed.session))
        .map(|listed| Session {
            id: listed.session.session,
            token: None,
            device: listed.device,
            created_at: Time(listed.session.opened_at),
            last_seen_at: listed.last_seen_at.map(Time),
            expires_at: Time(listed.session.expires_at),
            current: listed.session.session == me.session.session,
        })
        .collect();
    Ok(answer::read(freshness, Page { items, next: None }))
}

/// Signs out here.
#[utoipa::path(delete, path = "/v1/sessions/current", tag = "sessions", responses(
    (status = 204, description = "Signed out")), security(("token" = []), ("cookie" = [])))]
async fn sign_out_here(State(app): State<Arc<App>>, me: SignedIn) -> Result<Response, Problem> {
    let session = me.session.session;
    let mut response = app.revoke(&me, session).await?;
    cookies::clear(response.headers_mut(), app.settings.public_url.starts_with("https://"));
    Ok(response)
}

/// Signs out on a device.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions", params(("id" = String, Path)), responses(
    (status = 204, description = "Signed out there")), security(("token" = []), ("cookie" = [])))]
async fn sign_out(State(app): State<Arc<App>>, me: SignedIn, Path(session): Path<SessionId>) -> Result<Response, Problem> {
    let key = me.person.to_string();
    let least = me.caller.wanted.next(aredvi_events::Partition::of(Topic::Sessions, &key));
    let listed = app.sessions.list(me.person, least).await.map_err(|_| Problem::unavailable())?;
    let Listing::Of(listed) = listed else { return Err(Problem::unavailable()) };
    if !listed.iter().any(|listed| listed.session.session == session) {
        return Err(Problem::not_found());
    }
    app.revoke(&me, session).await
}

impl App {
    /// Who these credentials are of: the same answer, as slow, for an unknown login and a wrong password.
    async fn authenticate(&self, input: &SignIn) -> Result<ActorId, Problem> {
        let db = self.views.accounts.db().map_err(|e| not_serving(&e))?;
        let fingerprints = self.keys.fingerprints();
        let person = if input.login.contains('@') {
            match fingerprints.email(&input.login) {
                Ok(email) => accounts::by_email_fp(&db, email).await.map_err(|e| unreadable(&e))?,
                Err(_) => None,
            }
        } else {
            accounts::by_username_fp(&db, fingerprints.username(input.login.trim())).await.map_err(|e| unreadable(&e))?
        };
        let credentials = match person {
            Some(person) => accounts::credentials(&db, person).await.map_err(|e| unreadable(&e))?,
            None => None,
        };
        let phc = credentials.as_ref().and_then(|credentials| credentials.password_hash.as_deref());
        let right = self.passwords.verify(input.password.expose(), phc).await?;
        let active = |person| {
            let look = self.facts.look(self.mint.now_ms());
            look.standing(Some(person), person).state == aredvi_projectors::visibility::State::Active
        };
        match credentials {
            Some(credentials) if right && active(credentials.person) => Ok(credentials.person),
            _ => Err(Problem::bad_credentials()),
        }
    }

    /// Opens a session as part of a write, and waits until it is known everywhere.
    ///
    /// # Errors
    /// 503 as every append.
    pub async fn open_session(&self, writing: &mut Writing<'_>, person: ActorId, device: &str) -> Result<Session, Problem> {
        let token = Token::mint(&self.mint, person);
        // Each try is a session of its own: a token that was never answered opens nothing.
        let session: SessionId = self.mint.id().map_err(|_| Problem::unavailable())?.into();
        let lifetime = i64::try_from(self.settings.session_lifetime.as_millis()).unwrap_or(i64::MAX);
        let opened = SessionOpened {
            by: Some(person),
            person,
            session,
            token_hash: token.hash().as_str().to_owned(),
            device: device.to_owned(),
            expires_at: writing.plan.time_ms.saturating_add(lifetime),
        };
        let (created_at, expires_at) = (writing.plan.time_ms, opened.expires_at);
        let place = writing.append_as(self.mint.event_id(), Topic::Sessions, person.to_string(), opened).await?;
        self.session_known(place).await;
        Ok(Session {
            id: session,
            token: Some(Secret(token.reveal().to_owned())),
            device: device.to_owned(),
            created_at: Time(created_at),
            last_seen_at: None,
            expires_at: Time(expires_at),
            current: true,
        })
    }

    async fn revoke(&self, me: &SignedIn, session: SessionId) -> Result<Response, Problem> {
        let outcome = self
            .write(&me.caller, async |w| {
                let revoked = SessionRevoked { by: Some(me.person), person: me.person, session };
                let place = w.append(Topic::Sessions, me.person.to_string(), revoked).await?;
                self.session_known(place).await;
                Ok(())
            })
            .await?;
        let positions = outcome.positions(&me.caller);
        Ok(answer::done(StatusCode::NO_CONTENT, self.journal.id(), &positions))
    }

    /// Waits, a bounded while, until the view of the sessions has applied the event at `place`. The answer is right
    /// without it; only other processes would answer 503 or 401 for some milliseconds more.
    pub async fn session_known(&self, place: Place) {
        let clock = self.mint.clock();
        let known = async {
            loop {
                match self.sessions.position(place.partition.number).await {
                    Ok(Some(position)) if position.next > place.offset => return,
                    Ok(_) => clock.sleep(KNOWN_STEP).await,
                    Err(_) => return,
                }
            }
        };
        if clock.timeout(KNOWN_LIMIT, known).await.is_err() {
            tracing::warn!(place = %place, "a session is not known yet");
        }
    }

    /// Gives a browser that signed in the session's cookie, and the readable token that its writes repeat.
    pub fn set_cookies(&self, headers: &mut HeaderMap, session: &Session) {
        let Some(token) = &session.token else { return };
        let xsrf: String = self.mint.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let secure = self.settings.public_url.starts_with("https://");
        cookies::set(headers, token.expose(), &xsrf, self.settings.session_lifetime, secure);
    }
}

/// What the device calls itself.
pub fn device(headers: &HeaderMap) -> String {
    text::device(headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default())
}
