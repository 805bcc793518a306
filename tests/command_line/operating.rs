//! Subcommands reach the running server, and do without one.

use serde_json::{Value, json};

use super::server::{Server, complained, run, run_with, said};

const PASSWORD: &str = "correct horse battery staple";

async fn get(url: &str, token: Option<&str>) -> Value {
    let mut request = reqwest::Client::new().get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.expect("an answer");
    assert!(response.status().is_success(), "{url}: {}", response.status());
    response.json().await.expect("json")
}

async fn sign_in(server: &Server, login: &str, password: &str) -> String {
    let body = json!({"login": login, "password": password});
    let response =
        reqwest::Client::new().post(format!("{}/v1/sessions", server.url)).json(&body).send().await.expect("an answer");
    assert_eq!(response.status(), 201);
    let session: Value = response.json().await.expect("json");
    session["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn the_demo_fills_a_feed_and_says_how_to_sign_in() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    let server = Server::start(&data);
    let output = run(&data, &["demo"]);
    assert!(output.status.success(), "{output:?}");
    let said = said(&output);
    assert!(said.starts_with("12 people, 16 notes, "), "{said}");
    let password = said.trim().strip_prefix(said.lines().next().unwrap_or_default()).unwrap_or_default().trim();
    let password = password.strip_prefix("sign in as ana with the password ").expect("credentials");
    let token = sign_in(&server, "ana", password).await;
    let feed = get(&format!("{}/v1/feed", server.url), Some(&token)).await;
    assert_eq!(feed["items"].as_array().map(Vec::len), Some(20), "{feed}");
    let again = run(&data, &["demo"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(complained(&again).ends_with("somebody is called ana already: the demo needs a server without its people\n"));
}

#[tokio::test]
async fn an_administrator_is_made_with_and_without_a_server() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    let create = |name: &str| {
        let email = format!("{name}@club.example");
        let args = ["admin", "create", "--username", name, "--email", &email];
        let output = run_with(&data, &args, &format!("{PASSWORD}\n"));
        assert!(output.status.success(), "{output:?}");
        assert!(said(&output).starts_with(&format!("{name} is a site administrator, id ")), "{output:?}");
    };
    create("offline");
    let server = Server::start(&data);
    create("online");
    for name in ["offline", "online"] {
        let token = sign_in(&server, name, PASSWORD).await;
        let me = get(&format!("{}/v1/me", server.url), Some(&token)).await;
        assert_eq!(me["roles"], json!(["administrator"]), "{me}");
    }
    let nothing = run(&data, &["admin", "create", "--username", "third", "--email", "third@club.example"]);
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
}

#[tokio::test]
async fn a_view_is_rebuilt_and_rolled_back_while_it_serves() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    assert!(run(&data, &["demo"]).status.success());
    let server = Server::start(&data);
    let serves = async |n: u64| {
        let view = get(&format!("{}/v1/admin/views/media", server.admin), None).await;
        let serving = view["generations"].as_array().expect("generations").iter().find(|found| found["state"] == "serving");
        assert_eq!(serving.map(|found| &found["n"]), Some(&json!(n)), "{view}");
    };
    for (args, told, n) in [
        (&["rebuild", "media", "--no-switch"][..], "the new generation waits: `aredvi rebuild media` switches to it", 1),
        (&["rebuild", "media"], "media is served from generation 2 now; --rollback goes back to 1", 2),
        (&["rebuild", "media", "--rollback"], "media is served from generation 1 now; --rollback goes back to 2", 1),
        (&["rebuild", "media", "--no-switch"], "the new generation waits", 1),
        (&["rebuild", "media", "--cancel"], "the rebuild of media is given up", 1),
    ] {
        let output = run(&data, args);
        assert!(output.status.success() && said(&output).contains(told), "{args:?}: {output:?}");
        serves(n).await;
    }
    let nonsense = run(&data, &["rebuild", "nonsense"]);
    assert_eq!(nonsense.status.code(), Some(1));
    assert!(complained(&nonsense).ends_with("no view is called `nonsense`\n"), "{nonsense:?}");
    let ana = get(&format!("{}/v1/people/@ana", server.url), None).await;
    assert_eq!(ana["name"], "Ana Rivera");
}

#[tokio::test]
async fn operators_see_views_parked_events_and_counts() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    let server = Server::start(&data);
    get(&format!("{}/v1/admin/settled?wait=60", server.admin), None).await;
    let online = said(&run(&data, &["views"]));
    assert_eq!(online.lines().filter(|line| line.contains("serving") && line.contains("running")).count(), 11, "{online}");
    assert_eq!(said(&run(&data, &["parked", "list"])), "nothing is parked\n");
    let metrics = reqwest::get(format!("{}/metrics", server.admin)).await.expect("an answer").text().await.expect("a text");
    assert!(metrics.contains("aredvi_projector_events_total{view=\"accounts\"}"), "{metrics}");
    let timed = |line: &str| {
        ["_transaction_seconds_bucket{", "view=\"accounts\"", "state=\"serving\""].iter().all(|part| line.contains(part))
    };
    assert!(metrics.lines().any(timed), "{metrics}");
    for (path, says) in [("/healthz", "alive\n"), ("/readyz", "ready\n")] {
        let answer = reqwest::get(format!("{}{path}", server.admin)).await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.text().await.expect("a text")), (200, says.to_owned()));
    }
    let described = |line: &str| metrics.contains(&format!("# HELP {} ", line.split(['{', ' ']).next().expect("a name")));
    let told = |line: &&str| !line.starts_with('#') && !line.contains("_seconds_") && !line.is_empty();
    let nameless: Vec<&str> = metrics.lines().filter(told).filter(|line| !described(line)).collect();
    assert!(nameless.is_empty(), "not described: {nameless:?}");
    let public = reqwest::get(format!("{}/v1/admin/views", server.url)).await.expect("an answer");
    assert_eq!(public.status(), 404, "operators' routes are not public");
    server.signal("-TERM");
    assert!(server.ended().success());
    let offline = said(&run(&data, &["views"]));
    assert_eq!(offline.lines().filter(|line| line.contains("serving")).count(), 11, "{offline}");
}
