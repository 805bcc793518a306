//! Who asks too often is told to wait; everybody else goes on.

use serde_json::json;

use crate::world::answer::Answer;
use crate::world::ask::Ask;
use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns};

/// Few, so that a test reaches them at once.
const LIMITS: &str = "reads=8,writes=4,guest-reads=6,sign-ins=3,sign-ups=5";
const READS: usize = 8;
const WRITES: usize = 4;
const GUEST_READS: usize = 6;
const SIGN_INS: usize = 3;
const SIGN_UPS: usize = 5;
/// The window slides: where a new one begins under the test, one more is let in.
const MORE: usize = 1;
/// The longest that somebody may be told to wait, in seconds: to the end of this window, and until enough of it has slid
/// out of the next.
const LONGEST_S: u32 = 2 * 60;
/// Believed whom it forwards for.
const PROXY: [u8; 4] = [127, 0, 0, 2];
/// Not believed.
const STRANGER: [u8; 4] = [127, 0, 0, 3];

columns! {
    each alone:
    who_asks_too_often_waits_while_others_go_on,
    guests_are_counted_by_the_network_that_a_trusted_proxy_names,
}

fn limited(column: Column) -> Setting {
    Setting { http: vec!["--rate-limits", LIMITS, "--trusted-proxies", "127.0.0.2"], ..Setting::one(column) }
}

async fn who_asks_too_often_waits_while_others_go_on(column: Column) {
    let site = Site::start(&limited(column));
    let world = World::of(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let first = ana.post("/v1/notes", json!({"body": "first"})).await.expect(201);
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), (Some("4"), Some("3")));
    let refused = until_refused(WRITES - 1, || ana.post("/v1/notes", json!({"body": "more"})), 201).await;
    assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-remaining")), (Some("4"), Some("0")));
    // Writes are counted apart from reads, people apart from each other, devices of one person together.
    ben.note("I go on").await;
    ana.put(format!("/v1/actors/{}/follow", ben.id)).await.refused(429, "rate-limited");
    let there = ana.from(PROXY).sign_in().await;
    there.post("/v1/notes", json!({"body": "from there"})).await.refused(429, "rate-limited");
    until_refused(READS, || ana.get("/v1/me"), 200).await;
    there.get("/v1/me").await.refused(429, "rate-limited");
    ben.get("/v1/me").await.expect(200);
    world.guest().get(format!("/v1/people/{}", ana.id)).await.expect(200);
    // What was refused has not happened.
    world.settle().await;
    let notes = ben.get(format!("/v1/actors/{}/stories", ana.id)).await.expect(200).items().len();
    assert!((WRITES..=WRITES + MORE).contains(&notes), "{notes}");
}

async fn guests_are_counted_by_the_network_that_a_trusted_proxy_names(column: Column) {
    let site = Site::start(&limited(column));
    let world = World::of(&site).await;
    let ana = world.sign_up("Ana").await;
    let (proxy, stranger) = (world.guest().from(PROXY), world.guest().from(STRANGER));
    let forwarded = |address: &'static str| proxy.get("/v1/hashtags/none").header("x-forwarded-for", address);
    until_refused(GUEST_READS, || forwarded("203.0.113.7"), 200).await;
    forwarded("203.0.113.8").await.expect(200);
    // What a client put there itself stands further left, and is not believed.
    forwarded("198.51.100.1, 203.0.113.7").await.refused(429, "rate-limited");
    // A household is one network.
    until_refused(GUEST_READS, || forwarded("2001:db8:1:2::1"), 200).await;
    forwarded("2001:db8:1:2:ffff::9").await.refused(429, "rate-limited");
    forwarded("2001:db8:1:3::1").await.expect(200);
    // A person there is counted as himself.
    ana.from(PROXY).get("/v1/me").header("x-forwarded-for", "203.0.113.7").await.expect(200);
    // Who is no trusted proxy speaks for himself, whatever he says.
    let mut number = 0;
    until_refused(
        GUEST_READS,
        || {
            number += 1;
            stranger.get("/v1/hashtags/none").header("x-forwarded-for", format!("203.0.113.{}", 100 + number))
        },
        200,
    )
    .await;
    sign_ins_and_sign_ups(&world, &ana, &proxy).await;
}

async fn sign_ins_and_sign_ups(world: &World, ana: &Person, proxy: &Person) {
    let attempt = |address: &str, password: &str| {
        let body = json!({"login": ana.username, "password": password});
        proxy.post("/v1/sessions", body).header("x-forwarded-for", address)
    };
    until_refused(SIGN_INS, || attempt("203.0.113.20", "guessed"), 401).await;
    attempt("203.0.113.20", &ana.password).await.refused(429, "rate-limited");
    attempt("203.0.113.21", &ana.password).await.expect(201);
    let mut newcomers = (0..=SIGN_UPS + MORE).map(|_| world.newcomer("Newt").sign_up()).collect::<Vec<_>>();
    let sign_up = || proxy.post("/v1/people", newcomers.pop().expect("a newcomer")).header("x-forwarded-for", "203.0.113.30");
    until_refused(SIGN_UPS, sign_up, 201).await;
    let elsewhere = world.newcomer("Newt").sign_up();
    proxy.post("/v1/people", elsewhere).header("x-forwarded-for", "203.0.113.31").await.expect(201);
}

/// Asks until it is too often, and says how that was refused: after `allowed` that were answered by `status`.
async fn until_refused<'a>(allowed: usize, mut ask: impl FnMut() -> Ask<'a>, status: u16) -> Answer {
    for count in 0..=allowed + MORE {
        let answer = ask().await;
        if answer.status != 429 {
            answer.expect(status);
            continue;
        }
        assert!(count >= allowed, "refused after {count}: {answer}");
        let wait: u32 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
        assert!((1..=LONGEST_S).contains(&wait), "{wait}");
        return answer.refused(429, "rate-limited");
    }
    panic!("never refused");
}
