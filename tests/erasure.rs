//! Somebody is erased: nothing of what he said, was called or could be reached at is kept anywhere, and the receipt says so.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::places::Places;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime, until};

/// More than the time after which what was his is taken away.
const LATER_MS: &str = "120000";
/// How long the rest may take, and a rebuild.
const LIMIT: Duration = Duration::from_secs(60);

/// What is looked for. Every text is found nowhere else.
struct Canaries {
    /// Texts that some place holds before the erasure.
    shown: Vec<String>,
    /// Texts that were replaced before it, or of a registration that was refused.
    gone: Vec<String>,
}

#[test]
fn embedded_nothing_of_the_erased_is_kept_anywhere() {
    run(Column::Embedded);
}

#[test]
fn production_nothing_of_the_erased_is_kept_anywhere() {
    run(Column::Production);
}

fn run(column: Column) {
    if !column.can_run() {
        return;
    }
    on_runtime(async {
        let site = Mutex::new(Site::start(&Setting::one(column)));
        let world = World::beside(&site).await;
        let ben = world.sign_up("Ben").await;
        let ana = sign_up_unmistakably(&world).await;
        let canaries = live(&world, &ana, &ben).await;
        // The generation before the one that serves is kept too.
        rebuild(&site, "media").await;
        let before = places(&site).await;
        for canary in &canaries.shown {
            let held = before.that_hold(canary);
            assert!(held.iter().any(|place| place.contains("actors_g1") || place.contains("accounts_g1") || both_media(&held)));
        }
        sealed_and_untold(&before, &canaries);

        let erasure = ana.post("/v1/me/erasure", json!({"password": ana.password})).await.expect(202);
        let url = erasure.json()["status_url"].as_str().expect("an address").to_owned();
        let receipt = url[url.find("/v1/").expect("a path")..].to_owned();
        world.settle().await;
        let guest = world.guest();
        let erased = guest.get(&receipt).await.expect(200).json();
        assert_eq!((&erased["state"], &erased["places"]), (&json!("erased"), &json!([])), "{erased}");
        ben.get(format!("/v1/people/@{}", ana.username)).await.refused(404, "not-found");
        ana.get("/v1/me").await.refused(401, "sign-in-required");

        site.lock().expect("the site").restart_later(0, LATER_MS);
        let complete = until("the receipt", LIMIT, async || {
            let answer = guest.get(&receipt).sent().await.ok().filter(|answer| answer.status == 200)?.json();
            (answer["state"] == "complete").then_some(answer)
        })
        .await;
        let named = places_of(&complete);
        for place in ["data_key", "sessions", "accounts_g1", "actors_g1", "media_g1", "media_g2", "story_feed_g1", "ledger_g1"] {
            assert!(named.contains(place), "{place} is not in {named:?}");
        }
        assert_eq!(named.contains("cards"), column == Column::Production, "{named:?}");
        holds_nothing(&site, &canaries).await;

        rebuild(&site, "actors").await;
        rebuild(&site, "accounts").await;
        holds_nothing(&site, &canaries).await;
        nobody_is_found(&ben, &ana, &canaries).await;
        the_address_is_free_and_the_name_is_not(&world, &ana).await;
    });
}

/// Somebody whose every text is unmistakable.
async fn sign_up_unmistakably(world: &World) -> Person {
    let mut ana = world.newcomer("Ana");
    ana.username = word("handle");
    ana.name = format!("{} {}", word("first"), word("last"));
    ana.email = format!("{}@{}.example", word("mailbox"), word("host"));
    let answer = ana.post("/v1/people", ana.sign_up()).await.expect(201).json();
    ana.id = crate::world::answer::id(&answer["person"]);
    ana.in_session(&answer["session"])
}

/// She uses the community, and is used to it.
async fn live(world: &World, ana: &Person, ben: &Person) -> Canaries {
    let [bio, note, tag, comment, edited] = ["bio", "note", "tag", "comment", "edited"].map(word);
    let [draft, address, refused_address, refused_name, login] = ["draft", "address", "refusedat", "refused", "login"].map(word);
    ana.patch("/v1/me", json!({"bio": bio})).await.expect(200);
    let changed = json!({"password": ana.password, "email": format!("{address}@example.org")});
    ana.put("/v1/me/email").json(&changed).await.expect(204);
    let changed = json!({"password": ana.password, "email": ana.email});
    ana.put("/v1/me/email").json(&changed).await.expect(204);
    ben.follow(ana).await;
    ana.follow(ben).await;
    ana.note(&format!("{note} #{tag}")).await;
    let second = ana.note(&draft).await;
    ana.patch(format!("/v1/nodes/{second}"), json!({"body": edited})).await.expect(200);
    let bens = ben.note("a river").await;
    world.settle().await;
    ana.comment(&bens, &comment).await;
    ben.comment(&second, "so it is").await;
    let refused = json!({"username": ana.username, "email": format!("{refused_address}@example.org"),
        "password": "battery staple 1", "name": refused_name});
    world.guest().post("/v1/people", refused).await.refused(409, "username-taken");
    let wrong = json!({"login": format!("{login}@example.org"), "password": "not the one"});
    world.guest().post("/v1/sessions", wrong).await.refused(401, "bad-credentials");
    for reader in [ana, ben] {
        reader.feed().await;
        reader.get("/v1/notifications").await.expect(200);
        assert_eq!(
            reader.get(format!("/v1/people?q={}", first_name(ana))).await.expect(200).ids(),
            std::slice::from_ref(&ana.id)
        );
    }
    world.settle().await;
    let (mailbox, host) = ana.email.split_once('@').expect("an address");
    let mut shown = vec![mailbox.to_owned(), host.to_owned(), ana.username.clone()];
    shown.extend(ana.name.split(' ').map(str::to_owned));
    shown.extend([bio, note, tag, comment, edited]);
    Canaries { shown, gone: vec![draft, address, refused_address, refused_name, login] }
}

/// No text stands open on the log, in a log of the program, or where keys and leases are.
fn sealed_and_untold(places: &Places, canaries: &Canaries) {
    for canary in canaries.shown.iter().chain(&canaries.gone) {
        let open: Vec<&str> = places.that_hold(canary).into_iter().filter(|place| is_never_open(place)).collect();
        assert!(open.is_empty(), "{canary} stands open in {open:?}");
    }
}

fn is_never_open(place: &str) -> bool {
    ["topic ", "log of ", "data/journal", "data/keys", "data/control"].iter().any(|kind| place.starts_with(kind))
}

/// A text of `media` is in both generations of it.
fn both_media(held: &BTreeSet<&str>) -> bool {
    ["media_g1", "media_g2"].iter().all(|generation| held.iter().any(|place| place.contains(generation)))
}

async fn holds_nothing(site: &Mutex<Site>, canaries: &Canaries) {
    let places = places(site).await;
    for canary in canaries.shown.iter().chain(&canaries.gone) {
        assert_eq!(places.that_hold(canary), BTreeSet::new(), "{canary} is kept");
    }
}

async fn nobody_is_found(ben: &Person, ana: &Person, canaries: &Canaries) {
    for canary in canaries.shown.iter().filter(|canary| !canary.is_empty()) {
        assert_eq!(ben.get(format!("/v1/people?q={canary}")).await.expect(200).ids(), Vec::<String>::new());
        assert_eq!(ben.get(format!("/v1/hashtags/{canary}")).await.expect(200).ids(), Vec::<String>::new());
    }
    for list in ["/v1/feed", "/v1/notifications", "/v1/actors/me/followers", "/v1/actors/me/leaders", "/v1/actors/me/stories"] {
        let page = ben.get(list).await.expect(200).json().to_string();
        assert!(!page.contains(&ana.id), "{list}: {page}");
    }
}

async fn the_address_is_free_and_the_name_is_not(world: &World, ana: &Person) {
    let again = world.newcomer("Ana");
    let (mut with_name, mut with_address) = (again.clone(), again);
    with_name.username = ana.username.to_uppercase();
    with_name.post("/v1/people", with_name.sign_up()).await.refused(409, "username-taken");
    with_address.email.clone_from(&ana.email);
    with_address.post("/v1/people", with_address.sign_up()).await.expect(201);
}

async fn places(site: &Mutex<Site>) -> Places {
    let (data, logs, engines) = {
        let site = site.lock().expect("the site");
        (site.data.clone(), site.logs(), site.engines().cloned())
    };
    Places::of(&data, &logs, engines.as_ref()).await
}

/// Makes a view anew, and waits until the new generation serves.
async fn rebuild(site: &Mutex<Site>, view: &str) {
    let admin = site.lock().expect("the site").admins().remove(0);
    let (client, url) = (reqwest::Client::new(), format!("{admin}/v1/admin/views/{view}"));
    let asked = client.post(format!("{url}/rebuild")).send().await.expect("an answer");
    assert_eq!(asked.status(), 202);
    until("the new generation serves", LIMIT, async || {
        let state: Value = client.get(&url).send().await.ok()?.json().await.ok()?;
        let generations = state["generations"].as_array()?;
        generations.iter().any(|found| found["state"] == "serving" && found["n"] == 2).then_some(())
    })
    .await;
}

fn places_of(receipt: &Value) -> BTreeSet<String> {
    let places = receipt["places"].as_array().expect("places").iter();
    places.map(|place| place["place"].as_str().expect("a place").to_owned()).collect()
}

fn first_name(person: &Person) -> &str {
    person.name.split(' ').next().expect("a name")
}

/// A word that stands nowhere else.
fn word(of: &str) -> String {
    format!("{of}{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}
