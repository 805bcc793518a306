//! Signing up, and looking people up.

use std::sync::Arc;

use aredvi_events::actors::Refusal;
use aredvi_events::identity::{RegistrationRequested, registered_id};
use aredvi_events::topic::IDENTITY_KEY;
use aredvi_events::{ActorId, Partition, Place, Positions, Topic};
use aredvi_projectors::accounts::queries as accounts;
use aredvi_projectors::actors::queries as actors;
use aredvi_projectors::graph::queries as graph;
use aredvi_projectors::keys::{KeyError, Sealer};
use aredvi_projectors::trouble::Trouble;
use aredvi_projectors::visibility::{may_see_card, may_see_page};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer;
use crate::app::App;
use crate::caller::Caller;
use crate::cards::{not_serving, unreadable};
use crate::commands;
use crate::extract::{Json, Path, PersonRef};
use crate::problem::Problem;
use crate::shapes::Time;
use crate::shapes::actors::{
    ActorAction, ActorCounts, ActorViewer, NewPerson, Person, Registered, Registration, RegistrationState,
};
use crate::shapes::sessions::Session;
use crate::text::{self, Faults};
use crate::v1::sessions::device;
use crate::verdicts::{VERDICT_LIMIT, Waiting};
use crate::writing::{Outcome, Plan, Writing};

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(sign_up)).routes(routes!(show)).routes(routes!(show_actor))
}

/// Registers a person and signs him in.
#[utoipa::path(post, path = "/v1/people", tag = "people", request_body = NewPerson, responses(
    (status = 201, description = "The person and a session", body = Registered),
    (status = 202, description = "No verdict yet: ask at Location", body = Registration)))]
pub(crate) async fn sign_up(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Json(input): Json<NewPerson>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let username = faults.take(text::username("/username", &input.username));
    let email = faults.take(text::email("/email", &input.email));
    let name = faults.take(text::name("/name", &input.name));
    let password = faults.take(text::password("/password", input.password.expose(), &input.username, &input.email));
    faults.refuse()?;
    let device = device(&headers);
    let asked = Asked { username, email, name, password };
    let outcome = app
        .write(&caller, async |w| {
            let came_to = match app.register(w, asked).await? {
                Settled::Accepted => CameTo::Session(app.open_session(w, w.plan.first.into(), &device).await?),
                Settled::Pending => CameTo::Pending,
                Settled::Before => CameTo::Before,
            };
            Ok((w.plan, came_to))
        })
        .await?;
    let (plan, session, positions) = match outcome {
        Outcome::Now((plan, CameTo::Session(session)), positions) => (plan, Some(session), positions),
        Outcome::Now((plan, CameTo::Pending), positions) => (plan, None, positions),
        Outcome::Now((plan, CameTo::Before), _) | Outcome::Before(plan) => {
            let (session, positions) = app.signed_up_before(&caller, plan, &device).await?;
            (plan, session, positions)
        }
    };
    let answered = match session {
        Some(session) => app.registered(plan.first.into(), session, &positions).await,
        None => Err(Problem::not_found()),
    };
    match answered {
        // Without a verdict, or before the views know the person: he asks again.
        Err(problem) if problem.status == StatusCode::NOT_FOUND => {
            let pending = Registration { state: RegistrationState::Pending, code: None, person_id: None };
            let response = answer::written(StatusCode::ACCEPTED, app.journal.id(), &positions, pending);
            Ok(answer::located(response, &format!("/v1/registrations/{}", plan.event)))
        }
        answered => answered,
    }
}

/// A person, by id or `@username`.
#[utoipa::path(get, path = "/v1/people/{who}", tag = "people", params(("who" = String, Path)), responses(
    (status = 200, description = "The person", body = Person)))]
async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Path(who): Path<PersonRef>,
) -> Result<Response, Problem> {
    let freshness = app.fresh(&caller, &[&app.views.accounts, &app.views.actors, &app.views.graph]).await?;
    let person = match who {
        PersonRef::Id(person) => person,
        PersonRef::Username(username) => app.person_called(&username).await?.ok_or_else(Problem::not_found)?,
        PersonRef::Nobody => return Err(Problem::not_found()),
    };
    Ok(answer::read_one(freshness, &headers, app.person(&caller, person).await?))
}

/// An actor, by id.
#[utoipa::path(get, path = "/v1/actors/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 200, description = "The actor", body = Person)))]
async fn show_actor(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Path(actor): Path<super::ActorRef>,
) -> Result<Response, Problem> {
    let actor = actor.resolve(&caller)?;
    let freshness = app.fresh(&caller, &[&app.views.actors, &app.views.graph]).await?;
    Ok(answer::read_one(freshness, &headers, app.person(&caller, actor).await?))
}

/// A checked request to register.
struct Asked {
    username: String,
    email: String,
    name: String,
    password: String,
}

/// What became of it, when it was not refused.
enum Settled {
    Accepted,
    Pending,
    /// It was asked before, and refused or erased since: the key of what it asks is gone.
    Before,
}

/// What a request to sign up came to.
enum CameTo {
    Session(Session),
    Pending,
    Before,
}

impl App {
    async fn register(&self, writing: &mut Writing<'_>, asked: Asked) -> Result<Settled, Problem> {
        let fingerprints = self.keys.fingerprints();
        let email_fp = fingerprints.email(&asked.email).map_err(|_| Problem::internal())?;
        let username_fp = fingerprints.username(&asked.username);
        let hash = self.passwords.hash(&asked.password).await?;
        let person: ActorId = writing.plan.first.into();
        let (request, registered) = (writing.plan.event, registered_id(writing.plan.event));
        let sealer = match self.keys.create(person).await {
            Ok(key) => Sealer::new(person, key),
            Err(KeyError::Erased(_)) => return Ok(Settled::Before),
            Err(error) => return Err(no_key(error)),
        };
        let requested = RegistrationRequested {
            by: None,
            person,
            username_fp,
            email_fp,
            email: sealer.seal(&self.mint, request, &asked.email),
            password_hash: sealer.seal(&self.mint, request, &hash),
            username: sealer.seal(&self.mint, registered, &asked.username),
            name: sealer.seal(&self.mint, registered, &asked.name),
        };
        let waiting = self.verdicts.expect(request).ok_or_else(Problem::unavailable)?;
        let place = writing.append(Topic::Identity, IDENTITY_KEY.to_owned(), requested).await?;
        match self.verdict(request, place, waiting).await {
            None => Ok(Settled::Pending),
            Some((None, derived)) => {
                derived.into_iter().for_each(|place| writing.include(place));
                Ok(Settled::Accepted)
            }
            Some((Some(refusal), _)) => {
                writing.decided();
                Err(refused(refusal))
            }
        }
    }

    /// What a sign-up that was asked before came to: a session of its own for who was accepted, the same refusal, or
    /// neither as long as there is no verdict. Who was erased since has left his username taken.
    async fn signed_up_before(&self, caller: &Caller, plan: Plan, device: &str) -> Result<(Option<Session>, Positions), Problem> {
        let caller = self.repeating(caller, Topic::Identity, IDENTITY_KEY).await?;
        self.fresh(&caller, &[&self.views.accounts]).await?;
        let db = self.views.accounts.db().map_err(|e| not_serving(&e))?;
        let Some(verdict) = accounts::verdict(&db, plan.event).await.map_err(|e| unreadable(&e))? else {
            return Ok((None, caller.wanted));
        };
        if let Some(refusal) = verdict.refusal {
            return Err(refused(refusal));
        }
        let person = verdict.person;
        if accounts::credentials(&db, person).await.map_err(|e| unreadable(&e))?.is_none_or(|known| known.erased) {
            return Err(Problem::username_taken());
        }
        let fresh = Caller { reserved: None, ..caller };
        match self.write(&fresh, async |w| self.open_session(w, person, device).await).await? {
            Outcome::Now(session, positions) => Ok((Some(session), positions)),
            Outcome::Before(_) => Err(Problem::internal()),
        }
    }

    /// The decider's answer to a request: from the tail, or from the rows of `accounts` when it was given before. `None`:
    /// none within [`VERDICT_LIMIT`].
    pub async fn verdict(&self, request: Uuid, asked: Place, waiting: Waiting) -> Option<(Option<Refusal>, Option<Place>)> {
        let heard = async { waiting.verdict(self.mint.clock()).await.map(|verdict| (verdict.refusal, Some(verdict.place))) };
        let kept = async {
            let positions = [asked].into_iter().collect();
            if !self.views.accounts.wait_for(&positions, VERDICT_LIMIT).await {
                return None;
            }
            let db = self.views.accounts.db().ok()?;
            let verdict = accounts::verdict(&db, request).await.ok()??;
            Some((verdict.refusal, self.last_of(verdict.person).await))
        };
        tokio::pin!(heard, kept);
        // What the tail heard comes with its place, so that the answer's position includes it.
        tokio::select! {
            biased;
            verdict = &mut heard => match verdict { Some(verdict) => Some(verdict), None => kept.await },
            verdict = &mut kept => match verdict { Some(verdict) => Some(verdict), None => heard.await },
        }
    }

    /// Where the log of an actor ends: what was derived for him before this was asked stands there or earlier.
    async fn last_of(&self, actor: ActorId) -> Option<Place> {
        let partition = Partition::of(Topic::Actors, &actor.to_string());
        let ends = self.journal.ends(&[Topic::Actors]).await.ok()?;
        ends.next(partition).checked_sub(1).map(|offset| Place { partition, offset })
    }

    async fn registered(&self, person: ActorId, session: Session, positions: &Positions) -> Result<Response, Problem> {
        let caller = Caller::acting(person, &session, positions);
        self.fresh(&caller, &[&self.views.accounts, &self.views.actors]).await?;
        let mut cookies = HeaderMap::new();
        self.set_cookies(&mut cookies, &session);
        let registered = Registered { person: self.me(&caller, person).await?, session };
        let mut response = answer::written(StatusCode::CREATED, self.journal.id(), positions, registered);
        response.headers_mut().extend(cookies);
        Ok(answer::located(response, &format!("/v1/people/{person}")))
    }

    /// Who has this username now.
    ///
    /// # Errors
    /// 503 when `accounts` cannot be read.
    pub async fn person_called(&self, username: &str) -> Result<Option<ActorId>, Problem> {
        let db = self.views.accounts.db().map_err(|e| not_serving(&e))?;
        let fingerprint = self.keys.fingerprints().username(username);
        accounts::by_username_fp(&db, fingerprint).await.map_err(|e| unreadable(&e))
    }

    /// A person's page as the caller may see it.
    ///
    /// # Errors
    /// 404 when he may not; 503 when a view cannot be read.
    pub async fn person(&self, caller: &Caller, person: ActorId) -> Result<Person, Problem> {
        let (viewer, standing) = {
            let look = self.facts.look(self.mint.now_ms());
            (look.viewer(caller.person()), look.standing(caller.person(), person))
        };
        if !may_see_card(viewer, &standing) {
            return Err(Problem::not_found());
        }
        let db = self.views.actors.db().map_err(|e| not_serving(&e))?;
        let profile = actors::profile(&db, person).await.map_err(|e| unreadable(&e))?.ok_or_else(Problem::not_found)?;
        let card = self.actor_card(person).await?;
        let graph_db = self.views.graph.db().map_err(|e| not_serving(&e))?;
        let page = may_see_page(viewer, &standing);
        let counts = match page {
            true => {
                let counts = graph::counts(&graph_db, &[person]).await.map_err(|e| unreadable(&e))?;
                let counted = counts.first().map(|counts| (counts.followers, counts.leaders)).unwrap_or_default();
                Some(ActorCounts { followers: counted.0, leaders: counted.1 })
            }
            false => None,
        };
        let viewer_part = match caller.person() {
            None => None,
            Some(me) => {
                let between = graph::between(&graph_db, me, person).await.map_err(|e| unreadable(&e))?;
                let follow = commands::follow::decide(viewer, &standing, between.there.requests);
                let mut can = Vec::new();
                if standing.is_self {
                    can.push(ActorAction::Edit);
                } else {
                    if follow.is_ok() {
                        can.push(ActorAction::Follow);
                    }
                    if commands::block::decide(viewer, &standing).is_ok() {
                        can.push(ActorAction::Block);
                    }
                    if commands::mention::decide(viewer, &standing).is_ok() {
                        can.push(ActorAction::Mention);
                    }
                    if commands::subscribe::decide(viewer, &standing).is_ok() {
                        can.push(ActorAction::Subscribe);
                    }
                }
                if commands::note::decide_add(viewer, &standing).is_ok() {
                    can.push(ActorAction::Post);
                }
                Some(ActorViewer {
                    following: standing.follows,
                    requested: between.there.requests,
                    followed_by: standing.followed_by,
                    blocking: standing.blocks,
                    can,
                })
            }
        };
        Ok(Person {
            card,
            bio: profile.bio.filter(|_| page),
            cover: None,
            access: standing.access,
            counts,
            created_at: Time(profile.created_at),
            viewer: viewer_part,
        })
    }
}

/// A refusal of the decider, as an answer.
pub fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::UsernameTaken => Problem::username_taken(),
        Refusal::EmailTaken => Problem::email_taken(),
        Refusal::NoSuchPerson => Problem::not_found(),
        Refusal::Undecodable => Problem::internal(),
    }
}

/// A data key that cannot be had: without it nothing of its actor is written.
pub fn no_key(error: KeyError) -> Problem {
    static MISSING: Trouble = Trouble::new();
    if let Some(told) = MISSING.happened(&error) {
        tracing::warn!(error = told.reason, left_out = told.left_out, "a data key cannot be had");
    }
    Problem::unavailable()
}
