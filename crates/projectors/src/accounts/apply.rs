//! The verdicts, in log order, from fingerprints and earlier verdicts alone.

use aredvi_events::actors::{
    ActorEvent, EmailChanged, HandleChanged, PasswordChanged, PersonErased, PersonRegistered, Refusal, RegistrationRefused,
    RequestRefused, RolesChanged,
};
use aredvi_events::codec::Body;
use aredvi_events::envelope::Placed;
use aredvi_events::fingerprint::Fingerprint;
use aredvi_events::identity::{
    EmailRequested, HandleRequested, IdentityEvent, PasswordRequested, RegistrationRequested, handle_changed_id, registered_id,
    verdict_id,
};
use aredvi_events::{ActorId, Event, Topic};
use uuid::Uuid;

use super::rows::{Email, Handle, Person, Request, refusal_number, role_bits};
use crate::db::Tx;
use crate::keys::{KeyError, Opener};
use crate::rows::Rows;
use crate::view::{ApplyError, Derived};

/// The rows that the verdicts of a batch need.
struct Accounts<'a> {
    opener: &'a Opener,
    persons: Rows<Person>,
    handles: Rows<Handle>,
    emails: Rows<Email>,
    requests: Rows<Request>,
}

/// Decides a batch; what follows from it stands in the same order.
pub(super) async fn apply(tx: &mut Tx, events: &[Placed], opener: &Opener) -> Result<Vec<Derived>, ApplyError> {
    let events: Vec<(&Placed, &IdentityEvent)> = events.iter().filter_map(identity_event).collect();
    let about = || events.iter().map(|(_, event)| About::of(event));
    let mut accounts = Accounts {
        opener,
        persons: Rows::load(tx, about().filter_map(|about| about.person)).await?,
        handles: Rows::load(tx, about().filter_map(|about| about.username)).await?,
        emails: Rows::load(tx, about().filter_map(|about| about.email)).await?,
        requests: Rows::load(tx, events.iter().map(|(placed, _)| placed.event.id)).await?,
    };
    // An address that somebody gives up is freed: its row is needed too.
    let held: Vec<Fingerprint> = accounts.persons.iter().filter_map(|person| person.email_fp).collect();
    accounts.emails.load_more(tx, held).await?;
    let mut derived = Vec::new();
    for (placed, event) in events {
        if let Some(verdict) = accounts.decide(placed, event)? {
            derived.push(verdict);
        }
    }
    accounts.write(tx).await?;
    Ok(derived)
}

fn identity_event(placed: &Placed) -> Option<(&Placed, &IdentityEvent)> {
    if let Body::Identity(event) = &placed.event.body { Some((placed, event)) } else { None }
}

/// The keys of the rows that an event needs.
#[derive(Default)]
struct About {
    person: Option<ActorId>,
    username: Option<Fingerprint>,
    email: Option<Fingerprint>,
}

impl About {
    fn of(event: &IdentityEvent) -> Self {
        let person = |person| Self { person: Some(person), ..Self::default() };
        match event {
            IdentityEvent::JournalCreated(_) => Self::default(),
            IdentityEvent::RegistrationRequested(e) => {
                Self { person: Some(e.person), username: Some(e.username_fp), email: Some(e.email_fp) }
            }
            IdentityEvent::HandleRequested(e) => Self { username: Some(e.username_fp), ..person(e.person) },
            IdentityEvent::EmailRequested(e) => Self { email: Some(e.email_fp), ..person(e.person) },
            IdentityEvent::PasswordRequested(e) => person(e.person),
            IdentityEvent::RolesRequested(e) => person(e.person),
            IdentityEvent::ErasureRequested(e) => person(e.person),
        }
    }
}

/// The id and the body of what follows from a request.
type Verdict = (Uuid, ActorEvent);

impl Accounts<'_> {
    /// The verdict on one request; none on one that has its verdict.
    fn decide(&mut self, placed: &Placed, event: &IdentityEvent) -> Result<Option<Derived>, KeyError> {
        let Some(person) = About::of(event).person else { return Ok(None) };
        if self.requests.get(placed.event.id).is_some() {
            return Ok(None);
        }
        let verdict = match event {
            IdentityEvent::JournalCreated(_) => None,
            IdentityEvent::RegistrationRequested(e) => self.register(placed, e)?,
            IdentityEvent::HandleRequested(e) => Some(self.change_handle(placed, e)),
            IdentityEvent::EmailRequested(e) => Some(self.change_email(placed, e)?),
            IdentityEvent::PasswordRequested(e) => Some(self.change_password(placed, e)?),
            IdentityEvent::RolesRequested(e) => Some(match self.change(placed, e.person) {
                Some(person) => {
                    person.roles = role_bits(&e.roles);
                    let (by, person, request, roles) = (e.by, e.person, placed.event.id, e.roles.clone());
                    (verdict_id(request, "roles.changed"), RolesChanged { by, person, request, roles }.into())
                }
                None => refused(placed, e.person, Refusal::NoSuchPerson),
            }),
            IdentityEvent::ErasureRequested(e) => Some(self.erase(placed, e.person)),
        };
        let refusal = match &verdict {
            Some((_, ActorEvent::RegistrationRefused(RegistrationRefused { code, .. }))) => Some(*code),
            Some((_, ActorEvent::RequestRefused(RequestRefused { code, .. }))) => Some(*code),
            Some(_) => None,
            None => Some(Refusal::Undecodable),
        };
        self.requests.put(Request {
            request: placed.event.id,
            person,
            refusal: refusal.map(refusal_number),
            last_part: placed.place.partition.number,
            last_offset: placed.place.offset,
        });
        Ok(verdict.map(|(id, body)| derived(&placed.event, id, person, body)))
    }

    /// None when the id is somebody's already: the answer would stand under his key, and a refusal would destroy it.
    fn register(&mut self, placed: &Placed, e: &RegistrationRequested) -> Result<Option<Verdict>, KeyError> {
        if self.persons.get(e.person).is_some() {
            return Ok(None);
        }
        let (by, person, request) = (e.by, e.person, placed.event.id);
        let taken = if self.handles.get(e.username_fp).is_some() {
            Some(Refusal::UsernameTaken)
        } else {
            self.emails.get(e.email_fp).is_some().then_some(Refusal::EmailTaken)
        };
        if let Some(code) = taken {
            let refused = RegistrationRefused { by, person, request, code };
            return Ok(Some((verdict_id(request, "registration.refused"), refused.into())));
        }
        self.handles.put(Handle { fp: e.username_fp, person });
        self.emails.put(Email { fp: e.email_fp, person });
        self.persons.put(Person {
            person,
            username_fp: e.username_fp,
            email_fp: Some(e.email_fp),
            email: self.opener.open(&e.email, request)?.into_text(),
            password_hash: self.opener.open(&e.password_hash, request)?.into_text(),
            roles: 0,
            erased: false,
            created_at: placed.event.time_ms,
            last_part: placed.place.partition.number,
            last_offset: placed.place.offset,
        });
        let registered = PersonRegistered { by, person, request, username: e.username.clone(), name: e.name.clone() };
        Ok(Some((registered_id(request), registered.into())))
    }

    fn change_handle(&mut self, placed: &Placed, e: &HandleRequested) -> Verdict {
        let (by, person, request) = (e.by, e.person, placed.event.id);
        if self.handles.get(e.username_fp).is_some_and(|handle| handle.person != person) {
            return match self.is_active(person) {
                true => refused(placed, person, Refusal::UsernameTaken),
                false => refused(placed, person, Refusal::NoSuchPerson),
            };
        }
        let Some(row) = self.change(placed, person) else { return refused(placed, person, Refusal::NoSuchPerson) };
        row.username_fp = e.username_fp;
        self.handles.put(Handle { fp: e.username_fp, person });
        (handle_changed_id(request), HandleChanged { by, person, request, username: e.username.clone() }.into())
    }

    fn change_email(&mut self, placed: &Placed, e: &EmailRequested) -> Result<Verdict, KeyError> {
        let (by, person, request) = (e.by, e.person, placed.event.id);
        if !self.is_active(person) {
            return Ok(refused(placed, person, Refusal::NoSuchPerson));
        }
        if self.emails.get(e.email_fp).is_some_and(|email| email.person != person) {
            return Ok(refused(placed, person, Refusal::EmailTaken));
        }
        let email = self.opener.open(&e.email, request)?.into_text();
        self.free_email(person);
        self.emails.put(Email { fp: e.email_fp, person });
        if let Some(row) = self.change(placed, person) {
            row.email_fp = Some(e.email_fp);
            row.email = email;
        }
        Ok((verdict_id(request, "email.changed"), EmailChanged { by, person, request }.into()))
    }

    fn change_password(&mut self, placed: &Placed, e: &PasswordRequested) -> Result<Verdict, KeyError> {
        let (by, person, request, keep_session) = (e.by, e.person, placed.event.id, e.keep_session);
        let password_hash = self.opener.open(&e.password_hash, request)?.into_text();
        let Some(row) = self.change(placed, person) else {
            return Ok(refused(placed, person, Refusal::NoSuchPerson));
        };
        row.password_hash = password_hash;
        Ok((verdict_id(request, "password.changed"), PasswordChanged { by, person, request, keep_session }.into()))
    }

    /// The address is free from here on; the handle stays his.
    fn erase(&mut self, placed: &Placed, person: ActorId) -> Verdict {
        self.free_email(person);
        let Some(row) = self.change(placed, person) else { return refused(placed, person, Refusal::NoSuchPerson) };
        row.email_fp = None;
        row.email = None;
        row.password_hash = None;
        row.roles = 0;
        row.erased = true;
        let (by, request) = (placed.event.body.by(), placed.event.id);
        (verdict_id(request, "person.erased"), PersonErased { by, person, request }.into())
    }

    fn free_email(&mut self, person: ActorId) {
        if let Some(fp) = self.persons.get(person).and_then(|person| person.email_fp) {
            self.emails.remove(fp);
        }
    }

    fn is_active(&self, person: ActorId) -> bool {
        self.persons.get(person).is_some_and(|person| !person.erased)
    }

    /// The row of a person who is there, to change it.
    fn change(&mut self, placed: &Placed, person: ActorId) -> Option<&mut Person> {
        if !self.is_active(person) {
            return None;
        }
        let row = self.persons.change(person)?;
        (row.last_part, row.last_offset) = (placed.place.partition.number, placed.place.offset);
        Some(row)
    }

    async fn write(self, tx: &mut Tx) -> Result<(), ApplyError> {
        self.persons.write(tx).await?;
        self.handles.write(tx).await?;
        self.emails.write(tx).await?;
        Ok(self.requests.write(tx).await?)
    }
}

fn refused(placed: &Placed, person: ActorId, code: Refusal) -> Verdict {
    let (by, request) = (placed.event.body.by(), placed.event.id);
    (verdict_id(request, "request.refused"), RequestRefused { by, person, request, code }.into())
}

/// What follows from `cause`: its time and origin, under the person's key.
fn derived(cause: &Event, id: Uuid, person: ActorId, body: ActorEvent) -> Derived {
    let event = Event {
        id,
        key: person.to_string(),
        time_ms: cause.time_ms,
        source: cause.source,
        origin: cause.origin,
        traceparent: cause.traceparent.clone(),
        body: body.into(),
    };
    Derived { topic: Topic::Actors, event }
}
