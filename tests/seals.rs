//! Programs of others have sealed texts opened with a service token, until it is taken back or runs out, and never those
//! of somebody who was erased.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::world::column::Column;
use crate::world::log::Log;
use crate::world::places::Places;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns};

/// Two days, in milliseconds: longer than a token of one day.
const AFTER_TWO_DAYS: &str = "172800000";
/// One more than are opened at once.
const TOO_MANY: usize = 501;

columns!(each alone: what_was_sealed_is_opened_for_holders_of_a_token, a_token_is_good_until_it_runs_out_or_is_taken_back);

async fn what_was_sealed_is_opened_for_holders_of_a_token(column: Column) {
    let site = Mutex::new(Site::start(&Setting::usual(column)));
    let world = World::beside(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let (by_ana, by_ben) = (ana.note("words of ana alone").await, ben.note("words of ben alone").await);
    let token = issue(&site, &["search", "--scope", "seals:open"]);
    let seals = Seals::at(&site, &token);

    let log = Log::of(&site);
    let of_ana = log.sealed("note.added", "medium", &by_ana, "body");
    let of_ben = log.sealed("note.added", "medium", &by_ben, "body");
    let name = log.sealed("person.registered", "person", &ana.id, "name");
    let torn = json!({"event_id": of_ben["event_id"], "sealed": of_ana["sealed"]});
    let opened = seals.opened(&[&of_ben, &of_ana, &name, &torn]).await;
    let expected = [
        json!({"text": "words of ben alone"}),
        json!({"text": "words of ana alone"}),
        json!({"text": ana.name}),
        json!({"error": "broken-seal"}),
    ];
    assert_eq!(opened, expected);
    assert_eq!(seals.opened(&[]).await, [json!(null); 0]);

    let mut stranger = of_ana.clone();
    stranger["sealed"]["k"] = json!("7");
    let (status, problem) = seals.ask(json!({"items": [of_ben, stranger]})).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/items/1/sealed/k")), "{problem}");
    let (status, problem) = seals.ask(json!({"items": vec![&of_ben; TOO_MANY]})).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/items")), "{problem}");

    ana.post("/v1/me/erasure", json!({"password": ana.password})).await.expect(202);
    world.settle().await;
    let after = seals.opened(&[&of_ben, &of_ana, &name]).await;
    assert_eq!(after, [json!({"text": "words of ben alone"}), json!({"erased": true}), json!({"erased": true})]);
    assert!(world.counted("aredvi_seals_opened_total", &["erased"]).await >= 2.0);

    let logs = logs(&site);
    assert!(logs.contains("seals were opened") && logs.contains("search"), "{logs}");
    let places = places(&site).await;
    assert_eq!(places.that_hold(&token), BTreeSet::new(), "the token itself is kept");
    assert!(!logs.contains("words of ana alone") && !logs.contains("words of ben alone"));
}

async fn a_token_is_good_until_it_runs_out_or_is_taken_back(column: Column) {
    let site = Mutex::new(Site::start(&Setting::usual(column)));
    let world = World::beside(&site).await;
    let ana = world.sign_up("Ana").await;
    let note = ana.note("down to the river").await;
    let sealed = Log::of(&site).sealed("note.added", "medium", &note, "body");
    let status = async |token: &str| Seals::at(&site, token).ask(json!({"items": [sealed]})).await.0;

    let session = ana.token.clone().expect("a session");
    for nobody in ["", "nonsense", session.as_str(), "as1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(status(nobody).await, 401, "{nobody}");
    }
    let (issued, without) = Seals::at(&site, "").send("/v1/admin/tokens", json!({"name": "idle", "scopes": []})).await;
    assert_eq!(issued, 201, "{without}");
    assert_eq!(status(without["token"].as_str().expect("a token")).await, 403);
    let (again, problem) = Seals::at(&site, "").send("/v1/admin/tokens", json!({"name": "idle", "scopes": []})).await;
    assert_eq!((again, &problem["code"]), (409, &json!("name-taken")));

    let (lasting, short) = (
        issue(&site, &["lasting", "--scope", "seals:open"]),
        issue(&site, &["short", "--scope", "seals:open", "--expires", "1"]),
    );
    assert_eq!((status(&lasting).await, status(&short).await), (200, 200));
    site.lock().expect("the site").restart_later(0, AFTER_TWO_DAYS);
    assert_eq!((status(&lasting).await, status(&short).await), (200, 401));
    let listed = run(&site, &["admin", "token", "list"]);
    assert!(listed.contains("lasting  seals:open") && listed.contains("idle"), "{listed}");
    assert!(!listed.contains(&lasting), "a token is told once: {listed}");
    assert_eq!(run(&site, &["admin", "token", "revoke", "lasting"]), "lasting is good for nothing any more\n");
    assert_eq!(status(&lasting).await, 401);
}

/// The admin API, as somebody asks it who shows a token.
struct Seals {
    url: String,
    token: String,
}

impl Seals {
    fn at(site: &Mutex<Site>, token: &str) -> Self {
        let url = site.lock().expect("the site").admins().remove(0);
        Self { url, token: token.to_owned() }
    }

    async fn opened(&self, items: &[&Value]) -> Vec<Value> {
        let (status, answer) = self.ask(json!({"items": items})).await;
        assert_eq!(status, 200, "{answer}");
        answer["items"].as_array().expect("items").clone()
    }

    async fn ask(&self, body: Value) -> (u16, Value) {
        self.send("/v1/admin/seals/open", body).await
    }

    async fn send(&self, path: &str, body: Value) -> (u16, Value) {
        let mut request = reqwest::Client::new().post(format!("{}{path}", self.url)).json(&body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let answer = request.send().await.expect("an answer of the admin API");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }
}

/// Issues a token by the command line.
fn issue(site: &Mutex<Site>, words: &[&str]) -> String {
    run(site, &[&["admin", "token", "create"], words].concat()).trim().to_owned()
}

fn run(site: &Mutex<Site>, words: &[&str]) -> String {
    let output = site.lock().expect("the site").run(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("a text")
}

fn logs(site: &Mutex<Site>) -> String {
    let logs = site.lock().expect("the site").logs();
    logs.iter().map(|log| std::fs::read_to_string(log).expect("a log")).collect()
}

async fn places(site: &Mutex<Site>) -> Places {
    let (data, logs, engines) = {
        let site = site.lock().expect("the site");
        (site.data.clone(), site.logs(), site.engines().cloned())
    };
    Places::of(&data, &logs, engines.as_ref()).await
}
