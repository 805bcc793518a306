//! Events that are sent to other programs, through all of the real one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::column::Column;
use crate::world::receiver::{Receiver, Reply, Taken};
use crate::world::site::{Setting, Shape, Site};
use crate::world::{World, columns, until};

/// How long a webhook may take to arrive, on a busy machine.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);
/// What lets webhooks reach receivers of a test.
const ALLOWED: [(&str, &str); 2] = [("AREDVI_WEBHOOKS_ALLOW_NETWORK", "127.0.0.0/8"), ("AREDVI_WEBHOOKS_ALLOW_HTTP", "true")];
/// More than a lease of a process that was killed, in milliseconds.
const LEASES_END_MS: &str = "15000";

columns! {
    each alone:
    a_post_reaches_a_webhook_signed_and_sealed,
    a_killed_notifier_sends_again_under_the_same_id,
    operators_keep_webhooks_and_inner_addresses_are_refused,
}

fn site(column: Column) -> Site {
    Site::start(&Setting { env: ALLOWED.to_vec(), ..Setting::usual(column) })
}

/// Which process has the role `notifier`.
fn notifier(column: Column) -> usize {
    match Setting::usual(column).shape {
        Shape::One => 0,
        Shape::Many => 3,
    }
}

fn aredvi(site: &Site, words: &[&str]) -> String {
    let output = site.command(words).envs(ALLOWED).output().expect("aredvi");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Adds a webhook; its id and its secret.
fn add(site: &Site, receiver: &Receiver, topics: &[&str]) -> (String, String) {
    let url = receiver.url();
    let mut words = vec!["webhooks", "add", &url];
    words.extend(topics.iter().flat_map(|topic| ["--topic", topic]));
    let shown = aredvi(site, &words);
    let value = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} is missing in {shown}"));
        line.split_whitespace().last().expect("a value").to_owned()
    };
    (value("id"), value("secret"))
}

async fn arrived(receiver: &Receiver, of_type: &str, count: usize) -> Vec<Taken> {
    let of = |taken: &Taken| taken.event()["type"] == of_type;
    until("webhooks arrive", ARRIVAL_LIMIT, async || {
        let taken: Vec<Taken> = receiver.taken().into_iter().filter(of).collect();
        (taken.len() >= count).then_some(taken)
    })
    .await
}

fn is_signed(taken: &Taken, secret: &str) -> bool {
    let timestamp = taken.header("webhook-timestamp").parse().expect("seconds");
    let theirs = standardwebhooks::Webhook::new(secret).expect("a secret");
    theirs.sign(taken.header("webhook-id"), timestamp, taken.body.as_bytes()).expect("signed")
        == taken.header("webhook-signature")
}

async fn a_post_reaches_a_webhook_signed_and_sealed(column: Column) {
    let (site, receiver) = (site(column), Receiver::start().await);
    let world = World::of(&site).await;
    let (_, secret) = add(&site, &receiver, &["media", "actors"]);
    let ana = world.sign_up("Ana").await;
    let note = ana.note("the river rises at dawn").await;
    let taken = arrived(&receiver, "note.added", 1).await.pop().expect("one");
    assert!(is_signed(&taken, &secret));
    assert_eq!(taken.event()["subject"], json!(note));
    assert_eq!(taken.event()["data"]["body"]["k"], json!(ana.id));
    let registered = arrived(&receiver, "person.registered", 1).await;
    assert_eq!(registered[0].event()["subject"], json!(ana.id));
    // Whoever is erased is named by his id; what was sealed stays so.
    ana.post("/v1/me/erasure", json!({"password": ana.password})).await.expect(202);
    let erased = arrived(&receiver, "person.erased", 1).await;
    assert_eq!(erased[0].event()["subject"], json!(ana.id));
    for taken in receiver.taken() {
        for word in ["river", &ana.username, &ana.email, &ana.name] {
            assert!(!taken.body.contains(word), "{}", taken.body);
        }
    }
}

async fn a_killed_notifier_sends_again_under_the_same_id(column: Column) {
    let mut site = site(column);
    let receiver = Receiver::answering(|taken| if taken.len() == 1 { Reply::Silence } else { Reply::of(200) }).await;
    {
        let world = World::of(&site).await;
        add(&site, &receiver, &["graph"]);
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        ana.follow(&ben).await;
        arrived(&receiver, "actor.followed", 1).await;
    }
    site.restart_later(notifier(column), LEASES_END_MS);
    let taken = arrived(&receiver, "actor.followed", 2).await;
    assert_eq!(taken[0].header("webhook-id"), taken[1].header("webhook-id"));
    assert_eq!(taken[0].body, taken[1].body);
}

async fn operators_keep_webhooks_and_inner_addresses_are_refused(column: Column) {
    let (site, receiver) = (site(column), Receiver::start().await);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let all = format!("{}/v1/admin/webhooks", site.admins()[notifier(column)]);
    let ask = async |url: &str, topics: &[&str]| {
        let asked = json!({"url": url, "topics": topics});
        let answer = client.post(&all).json(&asked).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    for url in ["http://10.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "http://0xa000001/", "ftp://x.example/", "x"] {
        let (status, problem) = ask(url, &["media"]).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/url")), "{url}: {problem}");
    }
    for topic in ["identity", "sessions", "nonsense"] {
        let (status, problem) = ask(&receiver.url(), &[topic]).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/topics")), "{topic}: {problem}");
    }
    let (status, made) = ask(&receiver.url(), &["media"]).await;
    assert_eq!(status, 201);
    let id = made["id"].as_str().expect("an id").to_owned();

    // The secret is shown once; a try reaches the receiver and stands among the deliveries.
    let shown = aredvi(&site, &["webhooks", "list"]);
    assert!(shown.contains(&id) && !shown.contains("whsec_"), "{shown}");
    aredvi(&site, &["webhooks", "test", &id]);
    let tried = arrived(&receiver, "webhook.test", 1).await.pop().expect("one");
    assert!(is_signed(&tried, made["secret"].as_str().expect("a secret")));
    let delivered = || aredvi(&site, &["webhooks", "deliveries", &id]).contains("delivered").then_some(());
    until("it is among the deliveries", ARRIVAL_LIMIT, async || delivered()).await;
    assert!(aredvi(&site, &["webhooks", "rotate", &id]).contains("whsec_"));
    assert!(aredvi(&site, &["webhooks", "disable", &id]).contains("disabled"));
    assert!(!site.run(&["webhooks", "test", &id]).status.success(), "a disabled one is not tried");
    assert!(aredvi(&site, &["webhooks", "enable", &id]).contains("enabled"));
    aredvi(&site, &["webhooks", "remove", &id]);
    assert!(aredvi(&site, &["webhooks", "list"]).contains("there are no webhooks"));
    assert!(!site.run(&["webhooks", "show", &id]).status.success());
}
