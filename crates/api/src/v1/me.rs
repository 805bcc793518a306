//! The signed-in person's own account.

use std::sync::Arc;

use aredvi_events::actors::{PrivacyChanged, ProfileChanged};
use aredvi_events::identity::{EmailRequested, ErasureRequested, HandleRequested, PasswordRequested, handle_changed_id};
use aredvi_events::mint::derived_id;
use aredvi_events::topic::IDENTITY_KEY;
use aredvi_events::{ActorId, Body, Topic};
use aredvi_projectors::accounts::queries::{self as accounts, Credentials};
use aredvi_projectors::actors::queries as actors;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::people::{no_key, refused};
use crate::answer;
use crate::app::App;
use crate::caller::{Caller, SignedIn};
use crate::cards::{not_serving, unreadable};
use crate::extract::Json;
use crate::problem::Problem;
use crate::shapes::Secret;
use crate::shapes::actors::{EmailChange, Erasure, Me, MePatch, PasswordChange, UnderWay, UsernameChange};
use crate::text::{self, Faults};
use crate::writing::{Outcome, Writing};

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(show, change))
        .routes(routes!(change_password))
        .routes(routes!(change_email))
        .routes(routes!(change_username))
        .routes(routes!(erase))
}

/// Oneself.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses(
    (status = 200, description = "The signed-in person", body = Me)), security(("token" = []), ("cookie" = [])))]
async fn show(State(app): State<Arc<App>>, me: SignedIn, headers: HeaderMap) -> Result<Response, Problem> {
    let freshness = app.fresh(&me.caller, &[&app.views.accounts, &app.views.actors, &app.views.graph]).await?;
    Ok(answer::read_one(freshness, &headers, app.me(&me.caller, me.person).await?))
}

/// Changes one's profile and privacy. What is not sent stays.
#[utoipa::path(patch, path = "/v1/me", tag = "me", request_body = MePatch, responses(
    (status = 200, description = "The signed-in person", body = Me)), security(("token" = []), ("cookie" = [])))]
async fn change(State(app): State<Arc<App>>, me: SignedIn, Json(input): Json<MePatch>) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let name = input.name.as_deref().map(|name| faults.take(text::name("/name", name)));
    let bio = input.bio.as_deref().map(|bio| faults.take(text::bio("/bio", bio)));
    let language = input.language.as_deref().map(|language| faults.take(text::language("/language", language)));
    let time_zone = input.time_zone.as_deref().map(|zone| faults.take(text::time_zone("/time_zone", zone)));
    faults.refuse()?;
    let person = me.person;
    let outcome = app
        .write(&me.caller, async |w| {
            let (key, by) = (person.to_string(), Some(person));
            if name.is_some() || bio.is_some() || language.is_some() || time_zone.is_some() {
                let sealer = app.keys.sealer(person).await.map_err(no_key)?;
                let seal = |text: &String| sealer.seal(&app.mint, w.plan.event, text);
                let changed = ProfileChanged {
                    by,
                    person,
                    name: name.as_ref().map(seal),
                    bio: bio.as_ref().map(seal),
                    language: language.clone(),
                    time_zone: time_zone.clone(),
                };
                w.append(Topic::Actors, key.clone(), changed).await?;
            }
            if input.access.is_some() || input.allow_follow_requests.is_some() {
                let changed =
                    PrivacyChanged { by, person, access: input.access, allow_follow_requests: input.allow_follow_requests };
                w.append_as(derived_id(w.plan.event, "privacy"), Topic::Actors, key, changed).await?;
            }
            Ok(())
        })
        .await?;
    let positions = outcome.positions(&me.caller);
    let caller = Caller { wanted: positions.clone(), ..me.caller };
    let freshness = app.fresh(&caller, &[&app.views.accounts, &app.views.actors, &app.views.graph]).await?;
    let mut response = answer::written(StatusCode::OK, app.journal.id(), &positions, app.me(&caller, person).await?);
    freshness.write(response.headers_mut());
    Ok(response)
}

/// Changes one's password; all other sessions end.
#[utoipa::path(put, path = "/v1/me/password", tag = "me", request_body = PasswordChange, responses(
    (status = 204, description = "Changed")), security(("token" = []), ("cookie" = [])))]
async fn change_password(
    State(app): State<Arc<App>>,
    me: SignedIn,
    Json(input): Json<PasswordChange>,
) -> Result<Response, Problem> {
    let profile = app.me(&me.caller, me.person).await?;
    let username = profile.person.card.username.unwrap_or_default();
    let mut faults = Faults::default();
    let new = faults.take(text::password("/new", input.new.expose(), &username, &profile.email));
    faults.refuse()?;
    app.prove(me.person, &input.current).await?;
    let hash = app.passwords.hash(&new).await?;
    app.request(&me, async |app, w| {
        let sealer = app.keys.sealer(me.person).await.map_err(no_key)?;
        let password_hash = sealer.seal(&app.mint, w.plan.event, &hash);
        let keep_session = Some(me.session.session);
        Ok(PasswordRequested { by: Some(me.person), person: me.person, password_hash, keep_session }.into())
    })
    .await
}

/// Changes one's e-mail address.
#[utoipa::path(put, path = "/v1/me/email", tag = "me", request_body = EmailChange, responses(
    (status = 204, description = "Changed")), security(("token" = []), ("cookie" = [])))]
async fn change_email(State(app): State<Arc<App>>, me: SignedIn, Json(input): Json<EmailChange>) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let email = faults.take(text::email("/email", &input.email));
    faults.refuse()?;
    app.prove(me.person, &input.password).await?;
    app.request(&me, async |app, w| {
        let email_fp = app.keys.fingerprints().email(&email).map_err(|_| Problem::internal())?;
        let sealer = app.keys.sealer(me.person).await.map_err(no_key)?;
        let email = sealer.seal(&app.mint, w.plan.event, &email);
        Ok(EmailRequested { by: Some(me.person), person: me.person, email_fp, email }.into())
    })
    .await
}

/// Changes one's username. The old one stays one's own: nobody else gets it.
#[utoipa::path(put, path = "/v1/me/username", tag = "me", request_body = UsernameChange, responses(
    (status = 204, description = "Changed")), security(("token" = []), ("cookie" = [])))]
async fn change_username(
    State(app): State<Arc<App>>,
    me: SignedIn,
    Json(input): Json<UsernameChange>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let username = faults.take(text::username("/username", &input.username));
    faults.refuse()?;
    app.request(&me, async |app, w| {
        let username_fp = app.keys.fingerprints().username(&username);
        let sealer = app.keys.sealer(me.person).await.map_err(no_key)?;
        let username = sealer.seal(&app.mint, handle_changed_id(w.plan.event), &username);
        Ok(HandleRequested { by: Some(me.person), person: me.person, username_fp, username }.into())
    })
    .await
}

/// Erases oneself, for good.
#[utoipa::path(post, path = "/v1/me/erasure", tag = "me", request_body = Erasure, responses(
    (status = 202, description = "It is under way", body = UnderWay)), security(("token" = []), ("cookie" = [])))]
async fn erase(State(app): State<Arc<App>>, me: SignedIn, Json(input): Json<Erasure>) -> Result<Response, Problem> {
    app.prove(me.person, &input.password).await?;
    let outcome = app
        .write(&me.caller, async |w| {
            let body = ErasureRequested { by: Some(me.person), person: me.person };
            app.settled(w, body.into()).await?;
            Ok(w.plan)
        })
        .await?;
    let (plan, positions) = match outcome {
        Outcome::Now(plan, positions) => (plan, positions),
        Outcome::Before(plan) => (plan, me.caller.wanted.clone()),
    };
    let path = format!("/v1/erasures/{}", plan.event);
    let status_url = format!("{}{path}", app.settings.public_url.trim_end_matches('/'));
    let response = answer::written(StatusCode::ACCEPTED, app.journal.id(), &positions, UnderWay { status_url });
    Ok(answer::located(response, &path))
}

impl App {
    /// The caller himself.
    ///
    /// # Errors
    /// 503 when a view cannot be read; 404 when he is gone.
    pub async fn me(&self, caller: &Caller, person: ActorId) -> Result<Me, Problem> {
        let credentials = self.credentials(person).await?;
        let db = self.views.actors.db().map_err(|e| not_serving(&e))?;
        let profile = actors::profile(&db, person).await.map_err(|e| unreadable(&e))?.ok_or_else(Problem::not_found)?;
        Ok(Me {
            person: self.person(caller, person).await?,
            email: credentials.email.unwrap_or_default(),
            email_verified: false,
            roles: credentials.roles,
            language: profile.language,
            time_zone: profile.time_zone,
            allow_follow_requests: profile.allow_follow_requests,
        })
    }

    async fn credentials(&self, person: ActorId) -> Result<Credentials, Problem> {
        let db = self.views.accounts.db().map_err(|e| not_serving(&e))?;
        accounts::credentials(&db, person).await.map_err(|e| unreadable(&e))?.ok_or_else(Problem::not_found)
    }

    /// Lets only those go on who know the password of their account.
    async fn prove(&self, person: ActorId, password: &Secret) -> Result<(), Problem> {
        let credentials = self.credentials(person).await?;
        match self.passwords.verify(password.expose(), credentials.password_hash.as_deref()).await? {
            true => Ok(()),
            false => Err(Problem::bad_credentials()),
        }
    }

    /// A write on `identity` that answers 204 once the decider accepted it.
    async fn request(
        &self,
        me: &SignedIn,
        event: impl AsyncFnOnce(&Self, &Writing<'_>) -> Result<Body, Problem>,
    ) -> Result<Response, Problem> {
        let outcome = self
            .write(&me.caller, async |w| {
                let body = event(self, w).await?;
                self.settled(w, body).await
            })
            .await?;
        Ok(answer::done(StatusCode::NO_CONTENT, self.journal.id(), &outcome.positions(&me.caller)))
    }

    /// Appends a request on `identity` and waits for its verdict.
    pub(crate) async fn settled(&self, writing: &mut Writing<'_>, body: Body) -> Result<(), Problem> {
        let request = writing.plan.event;
        let waiting = self.verdicts.expect(request).ok_or_else(Problem::unavailable)?;
        let place = writing.append(Topic::Identity, IDENTITY_KEY.to_owned(), body).await?;
        match self.verdict(request, place, waiting).await {
            Some((None, derived)) => {
                derived.into_iter().for_each(|place| writing.include(place));
                Ok(())
            }
            Some((Some(refusal), _)) => Err(refused(refusal)),
            None => {
                writing.outcome_unknown();
                Err(Problem::outcome_unknown())
            }
        }
    }
}
