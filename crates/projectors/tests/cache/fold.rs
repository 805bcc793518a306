//! The laws of the view: what the events make of it, whatever the batches, repeats and restarts.

use std::collections::BTreeSet;

use aredvi_events::Record;
use aredvi_projectors::sessions::{Applied, Begun, Hold, Listing, Lookup, Sessions, Token};
use proptest::prelude::*;
use uuid::Uuid;

use crate::engines::{Engine, engines};
use crate::past::{DAY_MS, dropped, opened, partition, person, placed, record, revoked, session, token};

const HOLDER: &str = "one";
const ANA: u64 = 71;

/// A view whose partition of `of` is held and begins at 0.
async fn begun(engine: &Engine, of: u64) -> Sessions {
    let sessions = Sessions::new(engine.open().await);
    hold(&sessions, of, HOLDER).await;
    assert_eq!(sessions.begin(partition(of), HOLDER, 0, 0).await.expect("answers"), Begun::Ready);
    sessions
}

async fn hold(sessions: &Sessions, of: u64, holder: &str) {
    let held = sessions.hold(partition(of), holder, 60_000).await.expect("answers");
    assert!(matches!(held, Hold::Held(_)), "{held:?}");
}

/// Applies all records of ANA's partition as one batch from 0 on.
async fn apply(sessions: &Sessions, records: Vec<Record>) -> Applied {
    let stored = placed(records, 0);
    let next = stored.last().map_or(0, |last| last.place.offset + 1);
    sessions.apply_batch(partition(ANA), HOLDER, 0, &stored, next).await.expect("answers")
}

async fn is_found(sessions: &Sessions, token: &Token) -> bool {
    match sessions.lookup(token, 0).await.expect("answers") {
        Lookup::Found(_) => true,
        Lookup::Unknown => false,
        Lookup::NotReady => panic!("not ready"),
    }
}

#[tokio::test]
async fn a_token_is_found_with_its_session_and_listed() {
    for engine in engines("found").await {
        let (sessions, now) = (begun(&engine, ANA).await, engine.clock.now_ms());
        apply(&sessions, vec![opened(ANA, 1, now - 5, now + DAY_MS), opened(ANA, 2, now, now + DAY_MS)]).await;
        let Lookup::Found(found) = sessions.lookup(&token(ANA, 1), 0).await.expect("answers") else { panic!("not found") };
        assert_eq!((found.person, found.session), (person(ANA), session(1)), "{}", engine.name);
        assert_eq!((found.opened_at, found.expires_at), (now - 5, now + DAY_MS));
        let Listing::Of(listed) = sessions.list(person(ANA), 0).await.expect("answers") else { panic!("not ready") };
        let told: Vec<_> = listed.iter().map(|one| (one.session.session, one.device.as_str(), one.last_seen_at)).collect();
        assert_eq!(told, [(session(2), "device: 2", None), (session(1), "device: 1", None)], "{}", engine.name);
        assert!(!is_found(&sessions, &token(ANA, 3)).await);
    }
}

#[tokio::test]
async fn a_session_ends_with_its_time() {
    for engine in engines("ends").await {
        let (sessions, now) = (begun(&engine, ANA).await, engine.clock.now_ms());
        apply(&sessions, vec![opened(ANA, 1, now, now + DAY_MS), opened(ANA, 2, now - 2 * DAY_MS, now - 1)]).await;
        assert!(is_found(&sessions, &token(ANA, 1)).await);
        assert!(!is_found(&sessions, &token(ANA, 2)).await, "{}", engine.name);
        engine.clock.shift(DAY_MS);
        assert!(!is_found(&sessions, &token(ANA, 1)).await, "{}", engine.name);
        assert_eq!(sessions.list(person(ANA), 0).await.expect("answers"), Listing::Of(Vec::new()));
    }
}

#[tokio::test]
async fn what_was_revoked_does_not_come_back() {
    for engine in engines("revoked").await {
        let (sessions, now) = (begun(&engine, ANA).await, engine.clock.now_ms());
        let (open, revoke) = (opened(ANA, 1, now, now + DAY_MS), revoked(ANA, 1, now + 1));
        apply(&sessions, vec![open.clone(), revoke, open]).await;
        assert!(!is_found(&sessions, &token(ANA, 1)).await, "{}", engine.name);
        assert_eq!(sessions.list(person(ANA), 0).await.expect("answers"), Listing::Of(Vec::new()));
    }
}

#[tokio::test]
async fn nothing_is_denied_before_it_can_be_known() {
    for engine in engines("ready").await {
        let (sessions, now) = (Sessions::new(engine.open().await), engine.clock.now_ms());
        assert_eq!(sessions.lookup(&token(ANA, 1), 0).await.expect("answers"), Lookup::NotReady, "{}", engine.name);
        hold(&sessions, ANA, HOLDER).await;
        sessions.begin(partition(ANA), HOLDER, 0, 5).await.expect("answers");
        assert_eq!(sessions.lookup(&token(ANA, 1), 0).await.expect("answers"), Lookup::NotReady, "{}", engine.name);
        assert_eq!(sessions.list(person(ANA), 0).await.expect("answers"), Listing::NotReady);
        assert!(sessions.positions().await.expect("answers").is_empty());
        let stored = placed([opened(ANA, 1, now, now + DAY_MS), opened(ANA, 2, now, now + DAY_MS)], 0);
        assert_eq!(sessions.apply_batch(partition(ANA), HOLDER, 0, &stored[..1], 1).await.expect("answers"), Applied::Applied);
        assert_eq!(sessions.lookup(&token(ANA, 1), 0).await.expect("answers"), Lookup::NotReady, "replays: {}", engine.name);
        assert_eq!(sessions.apply_batch(partition(ANA), HOLDER, 1, &stored[1..], 5).await.expect("answers"), Applied::Applied);
        assert!(is_found(&sessions, &token(ANA, 1)).await, "{}", engine.name);
        assert_eq!(sessions.lookup(&token(ANA, 1), 6).await.expect("answers"), Lookup::NotReady, "least: {}", engine.name);
        let position = sessions.position(partition(ANA)).await.expect("answers").expect("a position");
        assert_eq!((position.next, position.until), (5, 5));
        assert_eq!(sessions.positions().await.expect("answers").iter().map(|(_, next)| next).collect::<Vec<_>>(), [5]);
    }
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_changes_nothing() {
    for engine in engines("zombie").await {
        let (sessions, now) = (begun(&engine, ANA).await, engine.clock.now_ms());
        let part = partition(ANA);
        assert_eq!(sessions.hold(part, "two", 60_000).await.expect("answers"), Hold::Taken, "{}", engine.name);
        sessions.let_go(part, HOLDER).await.expect("answers");
        hold(&sessions, ANA, "two").await;
        let stored = placed([opened(ANA, 1, now, now + DAY_MS)], 0);
        assert_eq!(sessions.apply_batch(part, HOLDER, 0, &stored, 1).await.expect("answers"), Applied::Fenced);
        assert!(!is_found(&sessions, &token(ANA, 1)).await, "{}", engine.name);
        assert_eq!(sessions.begin(part, HOLDER, 0, 9).await.expect("answers"), Begun::Fenced);
        sessions.let_go(part, HOLDER).await.expect("answers");
        assert_eq!(sessions.apply_batch(part, "two", 4, &stored, 5).await.expect("answers"), Applied::Moved);
        assert_eq!(sessions.apply_batch(part, "two", 0, &stored, 1).await.expect("answers"), Applied::Applied);
        assert!(is_found(&sessions, &token(ANA, 1)).await, "{}", engine.name);
    }
}

#[tokio::test]
async fn an_undecodable_event_is_parked_and_the_rest_flows_on() {
    for engine in engines("parked").await {
        let (sessions, now) = (begun(&engine, ANA).await, engine.clock.now_ms());
        let mut broken = opened(ANA, 1, now, now + DAY_MS);
        broken.value = b"{}".to_vec();
        let foreign = record(
            ANA,
            999,
            now,
            aredvi_events::sessions::SessionRevoked { by: None, person: person(ANA + 1), session: session(1) },
        );
        apply(&sessions, vec![broken, foreign, opened(ANA, 2, now, now + DAY_MS)]).await;
        assert!(is_found(&sessions, &token(ANA, 2)).await, "{}", engine.name);
        let parked = sessions.parked(partition(ANA)).await.expect("answers");
        let told: Vec<_> = parked.iter().map(|one| (one.offset, one.reason.as_str())).collect();
        let malformed = "the value of `session.opened` is malformed at line 1, column 2";
        assert_eq!(told, [(0, malformed), (3, "the person is not the key")], "{}", engine.name);
        let event: Uuid = parked[0].event.as_deref().expect("an id").parse().expect("a UUID");
        let given_up = placed([dropped(ANA, event, now)], 9);
        assert_eq!(
            sessions.apply_batch(partition(ANA), HOLDER, 7, &given_up, 10).await.expect("answers"),
            Applied::Applied,
            "{}",
            engine.name
        );
        assert_eq!(sessions.parked(partition(ANA)).await.expect("answers"), parked[1..]);
    }
}

/// One thing that happens to one of a few sessions; `true` revokes.
type Step = (u64, bool);

/// What stands after `steps`, by the sentence "opened, and never revoked".
fn standing(steps: &[Step]) -> BTreeSet<u64> {
    let of = |wanted: bool| steps.iter().filter(|step| step.1 == wanted).map(|step| step.0).collect::<BTreeSet<_>>();
    of(false).difference(&of(true)).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn batches_repeats_and_restarts_make_no_difference(
        steps in proptest::collection::vec((1_u64..6, any::<bool>()), 1..24),
        cuts in proptest::collection::vec(0_usize..24, 0..6),
        again in 0_usize..24,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for engine in engines("laws").await {
                let (mut sessions, now) = (begun(&engine, ANA).await, engine.clock.now_ms());
                let record = |&(number, revoke): &Step| {
                    if revoke { revoked(ANA, number, now) } else { opened(ANA, number, now, now + DAY_MS) }
                };
                // Some of it stands on the log twice.
                let log: Vec<Step> = steps.iter().chain(steps.iter().skip(again)).copied().collect();
                let stored = placed(log.iter().map(record), 0);
                let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % stored.len()).chain([stored.len()]).collect();
                ends.sort_unstable();
                let (mut at, mut from, mut worker) = (0, 0, HOLDER.to_owned());
                for end in ends {
                    if end == from {
                        continue;
                    }
                    let batch = &stored[from..end];
                    let next = batch[batch.len() - 1].place.offset + 1;
                    assert_eq!(sessions.apply_batch(partition(ANA), &worker, at, batch, next).await.expect("answers"), Applied::Applied);
                    // Its answer was lost, so it is applied again; then the worker dies and another one comes.
                    assert_eq!(sessions.apply_batch(partition(ANA), &worker, at, batch, next).await.expect("answers"), Applied::Applied);
                    sessions.let_go(partition(ANA), &worker).await.expect("answers");
                    sessions = Sessions::new(engine.open().await);
                    worker = format!("worker {end}");
                    hold(&sessions, ANA, &worker).await;
                    (at, from) = (next, end);
                }
                let mut found = BTreeSet::new();
                for number in 1..6 {
                    if is_found(&sessions, &token(ANA, number)).await {
                        found.insert(number);
                    }
                }
                assert_eq!(found, standing(&steps), "{}", engine.name);
                let Listing::Of(listed) = sessions.list(person(ANA), 0).await.expect("answers") else { panic!("not ready") };
                assert_eq!(listed.iter().map(|one| one.session.session.get()).collect::<BTreeSet<_>>(), found);
            }
        });
    }
}
