//! Profiles and how they are found.

use aredvi_events::actors::{
    Access, ActorEvent, HandleChanged, PasswordChanged, PersonDisabled, PersonEnabled, PersonErased, PersonRegistered,
    PrivacyChanged, ProfileChanged, Refusal, RegistrationRefused, RolesChanged,
};
use aredvi_events::identity::Role;
use aredvi_events::{ActorId, SessionId};
use aredvi_projectors::actors::Actors;
use aredvi_projectors::actors::queries::{self, Found};
use aredvi_projectors::facts::SessionsEnd;
use aredvi_projectors::visibility::State;
use proptest::prelude::*;
use uuid::Uuid;

use crate::log::{Log, START_MS, id};
use crate::world::World;
use crate::{engines, laws};

const REQUEST: Uuid = Uuid::from_u128(1 << 100);
const NAMES: [&str; 4] = ["Ana María", "Ben Smith-Jones", "", "ANA Ñandú"];

/// Something that happens to a person, by its number.
pub(crate) fn push(log: &mut Log, what: u8, person: u64, variant: u8) {
    let person: ActorId = id(person);
    let by = Some(person);
    let text = NAMES[usize::from(variant) % NAMES.len()];
    let event: ActorEvent = match what {
        0 | 1 => register(log, person, &format!("user{variant}"), text),
        2 => HandleChanged { by, person, request: REQUEST, username: log.seal(person, &format!("User_{variant}")) }.into(),
        3 => {
            let (name, bio) = (Some(log.seal(person, text)), Some(log.seal(person, text)));
            ProfileChanged { by, person, name, bio, language: Some("es".to_owned()), time_zone: None }.into()
        }
        4 => {
            let access = Some(Access::ALL[usize::from(variant) % 6]);
            PrivacyChanged { by, person, access, allow_follow_requests: Some(variant > 2) }.into()
        }
        5 => PersonDisabled { by: None, person }.into(),
        6 => PersonEnabled { by: None, person }.into(),
        7 => PersonErased { by, person, request: REQUEST }.into(),
        8 => PasswordChanged { by, person, request: REQUEST, keep_session: Some(id(700)) }.into(),
        9 => RolesChanged { by: None, person, request: REQUEST, roles: vec![Role::Administrator] }.into(),
        _ => RegistrationRefused { by: None, person, request: REQUEST, code: Refusal::EmailTaken }.into(),
    };
    log.push(person, event);
}

fn register(log: &Log, person: ActorId, username: &str, name: &str) -> ActorEvent {
    let (username, name) = (log.seal(person, username), log.seal(person, name));
    PersonRegistered { by: None, person, request: REQUEST, username, name }.into()
}

#[test]
fn profiles_are_a_function_of_the_log() {
    laws::hold(&Actors, prop::collection::vec((0_u8..11, 1_u64..5, 0_u8..4), 0..40), |events| {
        let mut log = Log::default();
        let mut registered = [false; 5];
        for &(what, person, variant) in events {
            // The decider registers before it says more, but for what it refuses; some are never registered.
            let registered = &mut registered[usize::try_from(person).expect("small")];
            if person < 4 && !*registered && what < 10 {
                *registered = true;
                push(&mut log, 0, person, variant);
            }
            if person < 4 || what > 1 {
                push(&mut log, what, person, variant);
            }
        }
        log
    });
}

/// Registers people, whose ids count from 1.
fn people(names: &[(&str, &str)]) -> Log {
    let mut log = Log::default();
    for (number, (username, name)) in (1..).zip(names) {
        let event = register(&log, id(number), username, name);
        log.push(number, event);
    }
    log
}

#[tokio::test]
async fn a_profile_says_what_its_person_last_said() {
    engines::each(|url| async move {
        let world = World::open(&Actors, &url).await;
        let mut log = people(&[("Ana", "Ana B")]);
        let person = id(1);
        let (name, bio) = (Some(log.seal(person, "Ana C")), Some(log.seal(person, "Hello")));
        log.push(1, ProfileChanged { by: None, person, name, bio, language: Some("es".to_owned()), time_zone: None });
        log.push(1, PrivacyChanged { by: None, person, access: Some(Access::Mutuals), allow_follow_requests: None });
        log.push(1, PasswordChanged { by: None, person, request: REQUEST, keep_session: Some(id(700)) });
        log.push(1, RolesChanged { by: None, person, request: REQUEST, roles: vec![Role::Administrator] });
        world.apply(&log.placed).await;
        let profile = queries::profile(&world.db, person).await.expect("asked").expect("known");
        assert_eq!((profile.card.username.as_deref(), profile.card.name.as_deref()), (Some("Ana"), Some("Ana C")));
        assert_eq!((profile.bio.as_deref(), profile.language.as_deref(), profile.time_zone), (Some("Hello"), Some("es"), None));
        assert_eq!((profile.access, profile.allow_follow_requests), (Access::Mutuals, false));
        assert_eq!((profile.card.state, profile.created_at), (State::Active, START_MS));
        assert_eq!(profile.card.last, log.placed[4].place);
        assert_eq!(profile.roles, [Role::Administrator]);
        let mut tx = world.db.snapshot().await.expect("a snapshot");
        let loaded = queries::scan_actors(&mut tx, None, 0, 10).await.expect("a page");
        assert!(queries::scan_actors(&mut tx, Some(person), 0, 10).await.expect("a page").is_empty());
        tx.rollback().await.expect("the end");
        assert_eq!(loaded.len(), 1);
        assert!(loaded[0].site_admin);
        assert_eq!(loaded[0].sessions_end, Some(SessionsEnd { at: START_MS + 3_000, keep: Some(id::<SessionId>(700)) }));
        let bio = Some(log.seal(person, ""));
        log.push(1, ProfileChanged { by: None, person, name: None, bio, language: None, time_zone: None });
        world.apply(&log.placed[5..]).await;
        let profile = queries::profile(&world.db, person).await.expect("asked").expect("known");
        assert_eq!((profile.card.name.as_deref(), profile.bio, profile.language.as_deref()), (Some("Ana C"), None, Some("es")));
    })
    .await;
}

#[tokio::test]
async fn an_erased_person_leaves_no_text_and_does_not_come_back() {
    engines::each(|url| async move {
        let mut world = World::open(&Actors, &url).await;
        let mut log = people(&[("Ana", "Ana B")]);
        log.push(1, PersonErased { by: Some(id(1)), person: id(1), request: REQUEST });
        log.push(1, PersonEnabled { by: None, person: id(1) });
        world.apply(&log.placed).await;
        world.apply(&log.placed[..1]).await;
        let cards = queries::cards(&world.db, &[id(1), id(2)]).await.expect("asked");
        assert_eq!(cards.len(), 1);
        assert_eq!((cards[0].state, cards[0].username.as_deref(), cards[0].name.as_deref()), (State::Erased, None, None));
        assert_eq!(queries::search(&world.db, "ana", None, 10).await.expect("asked"), []);
        let rows = world.rows().await;
        world.clear().await;
        world.erase(&[id(1)]);
        world.apply(&log.placed).await;
        assert_eq!(world.rows().await, rows);
    })
    .await;
}

#[tokio::test]
async fn people_are_found_by_the_beginnings_of_their_names_each_once() {
    engines::each(|url| async move {
        let world = World::open(&Actors, &url).await;
        let names = [("anabel", "Ana Bell"), ("ben", "Ben Smith-Jones"), ("x1", "ANÁ"), ("zoe", "Zoe Anabasis")];
        world.apply(&people(&names).placed).await;
        let ids = async |text: &str| {
            let found = queries::search(&world.db, text, None, 10).await.expect("found");
            found.into_iter().map(|found| found.actor.get()).collect::<Vec<_>>()
        };
        assert_eq!(ids("an").await, [1, 4, 3]);
        assert_eq!(ids("ANA").await, [1, 4]);
        assert_eq!(ids("aná").await, [3], "an accent is another letter");
        assert_eq!(ids("ana be").await, [1]);
        assert_eq!(ids("jones").await, [2]);
        assert_eq!(ids("smith-j").await, [2]);
        assert_eq!(ids("%").await, [0; 0]);
        assert_eq!(ids("").await, [0; 0]);
        let mut paged = Vec::<Found>::new();
        loop {
            let page = queries::search(&world.db, "an", paged.last(), 1).await.expect("a page");
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged.iter().map(|found| found.actor.get()).collect::<Vec<_>>(), [1, 4, 3]);
        let mut log = people(&names);
        log.push(1, HandleChanged { by: None, person: id(1), request: REQUEST, username: log.seal(id(1), "other") });
        world.apply(&log.placed[4..]).await;
        assert_eq!(ids("anab").await, [4], "an old name finds nobody");
        assert_eq!(ids("oth").await, [1]);
    })
    .await;
}
