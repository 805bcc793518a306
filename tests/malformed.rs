//! Whatever is sent, the answer is a problem that says what is wrong, and never a failure of the server.

use reqwest::Method;
use serde_json::json;

use crate::world::{World, columns};

/// What cannot be an id, a cursor, a name.
const NONSENSE: &[&str] = &["0", "-1", "x", "9223372036854775808", "%00", "%ff", "1%2F2", "@", "me%20", "118173574373220352"];

/// Its answer has no end (see `stream.rs`), or it would be the asker's.
const ENDLESS_OR_FINAL: &[&str] = &["/v1/stream", "/v1/me/erasure"];

columns! {
    nonsense_on_every_route_is_refused,
    texts_that_are_too_long_are_refused_with_their_pointer,
    a_forged_token_is_nobodys,
}

async fn nonsense_on_every_route_is_refused(world: &World) {
    let ana = world.sign_up("Ana").await;
    let before = ana.get("/v1/me").await.expect(200).json();
    for (method, template, described) in world.contract.operations() {
        for nonsense in NONSENSE {
            let path = fill(template, nonsense);
            if method == Method::DELETE && path == "/v1/sessions/current" || ENDLESS_OR_FINAL.contains(&path.as_str()) {
                continue;
            }
            let sent = ana.ask(method.clone(), path.as_str());
            let answer = if described.get("requestBody").is_some() { sent.json(&json!({})).await } else { sent.await };
            assert!(!answer.status.is_server_error(), "{answer}");
        }
        if described.get("requestBody").is_some() {
            let path = fill(template, "1");
            for (body, status) in [("{", 400), ("", 400), ("[]", 422), ("\"x\"", 422), ("7", 422)] {
                let answer = ana.ask(method.clone(), path.as_str()).text("application/json", body).await;
                assert!([status, 422, 404].contains(&answer.status.as_u16()), "{body}: {answer}");
            }
            ana.ask(method.clone(), path.as_str()).text("text/plain", "{}").await.refused(415, "unsupported-media-type");
        }
        if method == Method::GET && described["parameters"].to_string().contains("\"cursor\"") {
            let path = fill(template, &ana.id);
            for cursor in ["x", "AAAA", "%00"] {
                let answer = ana.get(format!("{path}?cursor={cursor}&q=ana")).await;
                assert!([400, 404].contains(&answer.status.as_u16()), "{answer}");
            }
            for limit in ["0", "101", "-1", "x"] {
                ana.get(format!("{path}?limit={limit}&q=ana")).await.expect(422);
            }
        }
    }
    world.settle().await;
    assert_eq!(ana.get("/v1/me").await.expect(200).json(), before);
    assert_eq!(ana.feed().await.items().len(), 0);
}

async fn texts_that_are_too_long_are_refused_with_their_pointer(world: &World) {
    let ana = world.sign_up("Ana").await;
    let note = ana.note("short").await;
    ana.post("/v1/notes", json!({"body": "ä".repeat(5_000)})).await.expect(201);
    let long = |count: usize| "ä".repeat(count);
    let faults = [
        (ana.post("/v1/notes", json!({"body": long(5_001)})).await, "/body"),
        (ana.post("/v1/notes", json!({"body": " \n"})).await, "/body"),
        (ana.post("/v1/notes", json!({"body": 7})).await, "/body"),
        (ana.post("/v1/notes", json!({"body": "x", "access": "nobody"})).await, "/access"),
        (ana.post(format!("/v1/nodes/{note}/comments"), json!({"body": long(5_001)})).await, "/body"),
        (ana.patch("/v1/me", json!({"name": long(61)})).await, "/name"),
        (ana.patch("/v1/me", json!({"bio": long(1_001)})).await, "/bio"),
    ];
    for (answer, pointer) in faults {
        assert_eq!(answer.clone().expect(422).pointers(), [pointer], "{answer}");
    }
    let newcomer = json!({"username": "1a", "email": "nowhere", "password": "short", "name": ""});
    let refused = world.guest().post("/v1/people", newcomer).await.expect(422);
    assert_eq!(refused.pointers(), ["/username", "/email", "/name", "/password"]);
    ana.ask(Method::POST, "/v1/notes")
        .text("application/json", vec![b' '; 1024 * 1024 + 1])
        .await
        .refused(413, "payload-too-large");
}

async fn a_forged_token_is_nobodys(world: &World) {
    let ana = world.sign_up("Ana").await;
    let token = ana.token.clone().expect("a token");
    let last = if token.ends_with('A') { "Q" } else { "A" };
    let forged = format!("{}{last}", &token[..token.len() - 1]);
    for token in [forged.as_str(), "x", "ar1_", "ar1_AAAA", &token[..token.len() - 4]] {
        ana.with_token(token).get("/v1/me").await.refused(401, "sign-in-required");
        ana.with_token(token).get("/v1/openapi.json").await;
    }
    world.guest().get("/v1/me").await.refused(401, "sign-in-required");
}

fn fill(template: &str, with: &str) -> String {
    let fill = |part: &str| if part.starts_with('{') { with.to_owned() } else { part.to_owned() };
    template.split('/').map(fill).collect::<Vec<_>>().join("/")
}
