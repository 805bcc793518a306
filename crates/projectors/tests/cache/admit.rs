//! One request at the door.

use std::time::Duration;

use aredvi_events::{Partition, Positions, Topic};
use aredvi_projectors::cache::{CacheError, Hit, Reservation, ReservationKey, Scope};
use aredvi_projectors::sessions::{Admit, Applied, AskedBy, LAST_SEEN_STEP_MS, Listing, Lookup, Session, Sessions};

use crate::engines::{Engine, engines};
use crate::past::{DAY_MS, opened, partition, person, placed, token};

const ANA: u64 = 71;

async fn signed_in(engine: &Engine) -> (Sessions, Session) {
    let (sessions, now) = (Sessions::new(engine.open().await), engine.clock.now_ms());
    sessions.hold(partition(ANA), "one", 60_000).await.expect("answers");
    sessions.begin(partition(ANA), "one", 0, 0).await.expect("answers");
    let stored = placed([opened(ANA, 1, now, now + DAY_MS)], 0);
    assert_eq!(sessions.apply_batch(partition(ANA), "one", 0, &stored, 1).await.expect("answers"), Applied::Applied);
    let Lookup::Found(session) = sessions.lookup(&token(ANA, 1), 0).await.expect("answers") else { panic!("not found") };
    (sessions, session)
}

/// A write with the token of a session, or with one that ANA never had.
fn write(session: u64, limit: u32, payload: &[u8]) -> Admit {
    let key = ReservationKey::new(Scope::Person(person(ANA)), "key", [1; 32]).expect("short");
    Admit {
        by: AskedBy::Holder { token: token(ANA, session), least: 0 },
        hits: vec![Hit { key: "writes".to_owned(), limit, window: Duration::from_secs(60) }],
        reservation: Some((key, payload.to_vec())),
    }
}

#[tokio::test]
async fn one_round_trip_tells_all() {
    for engine in engines("admit").await {
        let (sessions, session) = signed_in(&engine).await;
        let media = Partition { topic: Topic::Media, number: 23 };
        let last: Positions = [(media, 9), (Partition { topic: Topic::Identity, number: 0 }, 4)].into_iter().collect();
        sessions.positions_raise(&session, &last).await.expect("answers");
        sessions.positions_raise(&session, &[(media, 7)].into_iter().collect()).await.expect("answers");
        let admitted = sessions.admit(&write(1, 2, b"ids")).await.expect("answers");
        assert_eq!(admitted.session, Some(Lookup::Found(session)), "{}", engine.name);
        assert_eq!(admitted.positions, last, "{}", engine.name);
        assert_eq!(sessions.positions_of(&session).await.expect("answers"), last);
        assert_eq!(admitted.rated.iter().map(|rated| (rated.allowed, rated.remaining)).collect::<Vec<_>>(), [(true, 1)]);
        assert!(matches!(admitted.reservation, Some(Reservation::Fresh(_))), "{}: {admitted:?}", engine.name);
        let repeated = sessions.admit(&write(1, 2, b"other ids")).await.expect("answers");
        assert!(matches!(repeated.reservation, Some(Reservation::InProgress { .. })), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_token_that_is_none_spends_nothing_of_the_person_it_names() {
    for engine in engines("forged").await {
        let (sessions, session) = signed_in(&engine).await;
        for _ in 0..3 {
            let forged = sessions.admit(&write(2, 1, b"forged")).await.expect("answers");
            assert_eq!((forged.session, forged.rated.len()), (Some(Lookup::Unknown), 0), "{}", engine.name);
            assert_eq!((forged.positions.len(), forged.reservation), (0, None));
        }
        let admitted = sessions.admit(&write(1, 1, b"ids")).await.expect("answers");
        assert_eq!(admitted.session, Some(Lookup::Found(session)));
        assert!(admitted.rated[0].allowed, "{}", engine.name);
        assert!(matches!(admitted.reservation, Some(Reservation::Fresh(_))), "{}", engine.name);
    }
}

#[tokio::test]
async fn what_a_rate_limit_refuses_reserves_nothing() {
    for engine in engines("refuses").await {
        let (sessions, _) = signed_in(&engine).await;
        let refused = sessions.admit(&write(1, 0, b"ids")).await.expect("answers");
        assert!(!refused.rated[0].allowed);
        assert_eq!(refused.reservation, None, "{}", engine.name);
        let allowed = sessions.admit(&write(1, 5, b"other ids")).await.expect("answers");
        assert!(matches!(allowed.reservation, Some(Reservation::Fresh(_))), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_guest_is_counted_and_reserves_among_guests_alone() {
    for engine in engines("guest").await {
        let sessions = Sessions::new(engine.open().await);
        let key = ReservationKey::new(Scope::Guests, "key", [1; 32]).expect("short");
        let hits = vec![Hit { key: "sign-up:203.0.113.7".to_owned(), limit: 5, window: Duration::from_secs(60) }];
        let mut request = Admit { by: AskedBy::Guest, hits, reservation: Some((key, b"ids".to_vec())) };
        let admitted = sessions.admit(&request).await.expect("answers");
        assert_eq!(admitted.session, None);
        assert_eq!(admitted.rated[0].remaining, 4, "{}", engine.name);
        assert!(matches!(admitted.reservation, Some(Reservation::Fresh(_))), "{}", engine.name);
        request.by = AskedBy::Holder { token: token(ANA, 1), least: 0 };
        assert!(matches!(sessions.admit(&request).await, Err(CacheError::OtherScope)));
    }
}

#[tokio::test]
async fn a_session_is_seen_to_the_minute() {
    for engine in engines("seen").await {
        let (sessions, _) = signed_in(&engine).await;
        let seen = async || match sessions.list(person(ANA), 0).await.expect("answers") {
            Listing::Of(listed) => listed[0].last_seen_at,
            Listing::NotReady => panic!("not ready"),
        };
        let request = || Admit { hits: Vec::new(), reservation: None, ..write(1, 1, b"") };
        assert_eq!(seen().await, None);
        sessions.admit(&request()).await.expect("answers");
        let first = seen().await.expect("seen");
        engine.clock.shift(LAST_SEEN_STEP_MS / 2);
        sessions.admit(&request()).await.expect("answers");
        assert_eq!(seen().await, Some(first), "{}", engine.name);
        engine.clock.shift(LAST_SEEN_STEP_MS);
        sessions.admit(&request()).await.expect("answers");
        assert!(seen().await.expect("seen") >= first + LAST_SEEN_STEP_MS, "{}", engine.name);
    }
}
