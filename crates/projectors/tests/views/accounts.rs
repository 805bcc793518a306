//! The verdicts.

use aredvi_events::actors::{ActorEvent, Refusal};
use aredvi_events::codec::{self, Body};
use aredvi_events::fingerprint::Fingerprint;
use aredvi_events::identity::{
    EmailRequested, ErasureRequested, HandleRequested, IdentityEvent, PasswordRequested, RegistrationRequested, Role,
    RolesRequested, handle_changed_id, registered_id, verdict_id,
};
use aredvi_events::topic::IDENTITY_KEY;
use aredvi_events::{ActorId, Stored, Topic};
use aredvi_projectors::accounts::Accounts;
use aredvi_projectors::accounts::queries::{self, Verdict};
use aredvi_projectors::view::{Derived, Unusable, View as _};
use proptest::prelude::*;
use uuid::Uuid;

use crate::log::{Log, id, seal};
use crate::world::World;
use crate::{engines, laws};

/// A request; the numbers stand for a person, a username and an address.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request {
    Register(u64, u8, u8),
    Handle(u64, u8),
    Email(u64, u8),
    Password(u64),
    Roles(u64, bool),
    Erase(u64),
}
use Request::{Email, Erase, Handle, Password, Register, Roles};

/// Who asks.
pub(crate) const fn person_of(request: Request) -> u64 {
    match request {
        Register(person, ..) | Handle(person, _) | Email(person, _) | Password(person) | Roles(person, _) | Erase(person) => {
            person
        }
    }
}

fn fingerprint(kind: u8, number: u8) -> Fingerprint {
    let mut bytes = [number; 32];
    bytes[0] = kind;
    Fingerprint(bytes)
}

fn username_fp(number: u8) -> Fingerprint {
    fingerprint(1, number)
}

fn email_fp(number: u8) -> Fingerprint {
    fingerprint(2, number)
}

/// Appends a request.
pub(crate) fn push(log: &mut Log, request: Request) -> Uuid {
    let next = log.next_id();
    let event: IdentityEvent = match request {
        Register(number, username, email) => {
            let person = id(number);
            RegistrationRequested {
                by: None,
                person,
                username_fp: username_fp(username),
                email_fp: email_fp(email),
                email: log.seal(person, &format!("{email}@x.org")),
                password_hash: log.seal(person, "first"),
                username: seal(person, registered_id(next), &format!("user{username}")),
                name: seal(person, registered_id(next), "A name"),
            }
            .into()
        }
        Handle(number, username) => {
            let person: ActorId = id(number);
            let sealed = seal(person, handle_changed_id(next), &format!("user{username}"));
            HandleRequested { by: Some(person), person, username_fp: username_fp(username), username: sealed }.into()
        }
        Email(number, email) => {
            let person: ActorId = id(number);
            let sealed = log.seal(person, &format!("{email}@x.org"));
            EmailRequested { by: Some(person), person, email_fp: email_fp(email), email: sealed }.into()
        }
        Password(number) => {
            let person: ActorId = id(number);
            let password_hash = log.seal(person, &format!("after {next}"));
            PasswordRequested { by: Some(person), person, password_hash, keep_session: Some(id(77)) }.into()
        }
        Roles(number, administrator) => {
            let roles = if administrator { vec![Role::Administrator] } else { vec![] };
            RolesRequested { by: None, person: id(number), roles }.into()
        }
        Erase(number) => ErasureRequested { by: Some(id(number)), person: id(number) }.into(),
    };
    log.push(IDENTITY_KEY, event)
}

fn log(requests: &[Request]) -> Log {
    let mut log = Log::default();
    for &request in requests {
        push(&mut log, request);
    }
    log
}

/// What four people ask for, of whom two may want the same.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    (0_u8..6, 1_u64..5, 0_u8..4, 0_u8..4).prop_map(|(what, person, one, other)| match what {
        0 => Register(person, one, other),
        1 => Handle(person, one),
        2 => Email(person, one),
        3 => Password(person),
        4 => Roles(person, one % 2 == 0),
        _ => Erase(person),
    })
}

#[test]
fn verdicts_are_a_function_of_the_log() {
    laws::hold(&Accounts, prop::collection::vec(request(), 0..40), |requests| log(requests));
}

/// What follows, in short: the type, the person, and why not.
fn told(derived: &[Derived]) -> Vec<(&'static str, String, Option<Refusal>)> {
    let told = |derived: &Derived| {
        assert_eq!(derived.topic, Topic::Actors);
        let mut code = None;
        if let Body::Actors(ActorEvent::RegistrationRefused(e)) = &derived.event.body {
            code = Some(e.code);
        } else if let Body::Actors(ActorEvent::RequestRefused(e)) = &derived.event.body {
            code = Some(e.code);
        }
        (derived.event.body.type_name(), derived.event.key.clone(), code)
    };
    derived.iter().map(told).collect()
}

#[tokio::test]
async fn of_two_registrations_for_one_name_in_one_batch_the_first_wins() {
    engines::each(|url| async move {
        let world = World::open(&Accounts, &url).await;
        let log = log(&[Register(1, 1, 1), Register(2, 1, 2), Register(3, 3, 1), Register(4, 4, 2)]);
        let derived = world.apply(&log.placed).await;
        let expected = [
            ("person.registered", "1".to_owned(), None),
            ("registration.refused", "2".to_owned(), Some(Refusal::UsernameTaken)),
            ("registration.refused", "3".to_owned(), Some(Refusal::EmailTaken)),
            ("person.registered", "4".to_owned(), None),
        ];
        assert_eq!(told(&derived), expected);
        let cause = &log.placed[0].event;
        assert_eq!((derived[0].event.id, derived[0].event.time_ms), (registered_id(cause.id), cause.time_ms));
        assert_eq!(derived[1].event.id, verdict_id(log.placed[1].event.id, "registration.refused"));
        let Body::Actors(ActorEvent::PersonRegistered(registered)) = &derived[0].event.body else { panic!("registered") };
        let Body::Identity(IdentityEvent::RegistrationRequested(requested)) = &cause.body else { panic!("requested") };
        assert_eq!(registered.username, requested.username);
        let verdict = |number: usize| queries::verdict(&world.db, log.placed[number].event.id);
        assert_eq!(verdict(0).await.expect("asked"), Some(Verdict { person: id(1), refusal: None }));
        let refused = Verdict { person: id(2), refusal: Some(Refusal::UsernameTaken) };
        assert_eq!(verdict(1).await.expect("asked"), Some(refused));
        assert_eq!(queries::verdict(&world.db, Uuid::from_u128(99)).await.expect("asked"), None);
        assert_eq!(queries::by_username_fp(&world.db, username_fp(1)).await.expect("asked"), Some(id(1)));
        assert_eq!(queries::by_username_fp(&world.db, username_fp(3)).await.expect("asked"), None);
        assert_eq!(queries::by_email_fp(&world.db, email_fp(2)).await.expect("asked"), Some(id(4)));
        let credentials = queries::credentials(&world.db, id(1)).await.expect("asked").expect("known");
        assert_eq!((credentials.email.as_deref(), credentials.password_hash.as_deref()), (Some("1@x.org"), Some("first")));
        assert_eq!(queries::credentials(&world.db, id(2)).await.expect("asked"), None);
        assert_eq!(world.apply(&log.placed).await.len(), 0, "a request has one verdict");
    })
    .await;
}

#[tokio::test]
async fn a_handle_is_its_owners_for_ever_and_an_address_is_freed() {
    engines::each(|url| async move {
        let world = World::open(&Accounts, &url).await;
        let derived = world
            .apply(
                &log(&[
                    Register(1, 1, 1),
                    Register(2, 2, 2),
                    Handle(1, 3),
                    Handle(2, 1),
                    Handle(1, 1),
                    Email(1, 3),
                    Email(2, 1),
                    Erase(2),
                    Email(2, 9),
                    Register(3, 2, 9),
                    Register(4, 4, 1),
                ])
                .placed,
            )
            .await;
        let expected = [
            ("person.registered", "1", None),
            ("person.registered", "2", None),
            ("handle.changed", "1", None),
            ("request.refused", "2", Some(Refusal::UsernameTaken)),
            ("handle.changed", "1", None),
            ("email.changed", "1", None),
            ("email.changed", "2", None),
            ("person.erased", "2", None),
            ("request.refused", "2", Some(Refusal::NoSuchPerson)),
            ("registration.refused", "3", Some(Refusal::UsernameTaken)),
            ("person.registered", "4", None),
        ];
        let told = told(&derived);
        assert_eq!(told.iter().map(|(ty, key, code)| (*ty, key.as_str(), *code)).collect::<Vec<_>>(), expected);
        assert_eq!(queries::by_username_fp(&world.db, username_fp(3)).await.expect("asked"), None, "given up");
        assert_eq!(queries::username_owner(&world.db, username_fp(3)).await.expect("asked"), Some(id(1)));
        assert_eq!(queries::by_username_fp(&world.db, username_fp(2)).await.expect("asked"), None, "erased");
        assert_eq!(queries::by_email_fp(&world.db, email_fp(1)).await.expect("asked"), Some(id(4)));
        let erased = queries::credentials(&world.db, id(2)).await.expect("asked").expect("known");
        assert_eq!((erased.erased, erased.email, erased.password_hash, erased.email_fp), (true, None, None, None));
        let emails = queries::emails(&world.db, &[id(1), id(2), id(4)]).await.expect("asked");
        assert_eq!(emails, [(id(1), "3@x.org".to_owned()), (id(4), "1@x.org".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn a_password_and_roles_are_set_for_who_is_there() {
    engines::each(|url| async move {
        let world = World::open(&Accounts, &url).await;
        let log = log(&[Password(1), Register(1, 1, 1), Password(1), Roles(1, true), Roles(9, true)]);
        let types: Vec<_> = told(&world.apply(&log.placed).await).into_iter().map(|(ty, ..)| ty).collect();
        let expected = ["request.refused", "person.registered", "password.changed", "roles.changed", "request.refused"];
        assert_eq!(types, expected);
        let credentials = queries::credentials(&world.db, id(1)).await.expect("asked").expect("known");
        assert_eq!(credentials.password_hash, Some(format!("after {}", log.placed[2].event.id)));
        assert_eq!(credentials.roles, [Role::Administrator]);
        assert_eq!(queries::with_roles(&world.db).await.expect("asked"), [(id(1), vec![Role::Administrator])]);
    })
    .await;
}

#[tokio::test]
async fn after_an_erasure_a_replay_gives_the_same_verdicts_without_the_texts() {
    engines::each(|url| async move {
        let mut world = World::open(&Accounts, &url).await;
        let log = log(&[Register(1, 1, 1), Register(2, 1, 2), Erase(1), Register(3, 1, 1), Register(4, 2, 1)]);
        let first = told(&world.apply(&log.placed).await);
        let rows = world.rows().await;
        world.clear().await;
        world.erase(&[id(1), id(2), id(3)]);
        assert_eq!(told(&world.apply(&log.placed).await), first);
        assert_eq!(world.rows().await, rows);
        assert_eq!(first[3].2, Some(Refusal::UsernameTaken));
        assert_eq!(first[4].0, "person.registered");
    })
    .await;
}

/// A refusal would have the key of whoever has the id destroyed.
#[tokio::test]
async fn a_registration_under_somebodys_id_is_refused_without_a_word_to_him() {
    engines::each(|url| async move {
        let world = World::open(&Accounts, &url).await;
        let log = log(&[Register(1, 1, 1), Register(1, 2, 2)]);
        assert_eq!(told(&world.apply(&log.placed).await), [("person.registered", "1".to_owned(), None)]);
        let verdict = queries::verdict(&world.db, log.placed[1].event.id).await.expect("asked");
        assert_eq!(verdict, Some(Verdict { person: id(1), refusal: Some(Refusal::Undecodable) }));
        assert_eq!(queries::by_username_fp(&world.db, username_fp(2)).await.expect("asked"), None);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_if_it_says_who_asks() {
    engines::each(|url| async move {
        let world = World::open(&Accounts, &url).await;
        let log = log(&[Register(1, 1, 1), Register(2, 2, 2), Email(1, 3)]);
        world.apply(&log.placed[..1]).await;
        let refuse = async |number: usize, value: &str| {
            let placed = &log.placed[number];
            let mut record = codec::encode(Topic::Identity, &placed.event).expect("encodes");
            record.value = value.as_bytes().to_vec();
            let event = Unusable { stored: Stored { place: placed.place, record }, reason: "malformed".to_owned() };
            let mut tx = world.db.begin().await.expect("begin");
            let derived = Accounts.refuse(&mut tx, &event).await.expect("refused");
            tx.commit().await.expect("commit");
            told(&derived)
        };
        assert_eq!(refuse(1, "{").await, []);
        let refused = [("registration.refused", "2".to_owned(), Some(Refusal::Undecodable))];
        assert_eq!(refuse(1, r#"{"person":"2","more":1}"#).await, refused);
        assert_eq!(refuse(1, r#"{"person":"2","more":1}"#).await, [], "once");
        assert_eq!(refuse(2, r#"{"person":"1"}"#).await, [("request.refused", "1".to_owned(), Some(Refusal::Undecodable))]);
        assert_eq!(refuse(0, r#"{"person":"1"}"#).await, [], "it has its verdict");
    })
    .await;
}
