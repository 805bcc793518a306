//! What browsers need: scripts of other origins that may ask, and cookies that no other site can use.

use reqwest::Method;
use serde_json::json;

use crate::world::answer::Answer;
use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns};

/// An origin that may use the API with credentials.
const OURS: &str = "https://app.example.org";
/// Another, allowed too.
const ALSO_OURS: &str = "http://localhost:3000";
/// Origins that may not; the first of them begins as an allowed one does.
const FOREIGN: [&str; 4] = ["https://app.example.org.evil.example", "http://app.example.org", "https://example.org", "null"];
/// What scripts read of answers.
const READ: [&str; 9] = [
    "aredvi-position",
    "aredvi-stale",
    "aredvi-lag-ms",
    "etag",
    "location",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
];
/// What scripts send.
const SENT: &str = "authorization,content-type,idempotency-key,if-none-match,aredvi-position,prefer,last-event-id,x-xsrf-token";
/// The origin of the harness's own sites.
const SAME: &str = "http://community.test";

columns! {
    each alone:
    scripts_of_allowed_origins_may_ask_and_no_others,
    a_cookie_signs_in_but_writes_only_from_its_own_origin,
}

async fn scripts_of_allowed_origins_may_ask_and_no_others(column: Column) {
    let site = Site::start(&Setting {
        http: vec!["--cors-origins", "https://app.example.org,http://localhost:3000"],
        ..Setting::one(column)
    });
    let world = World::of(&site).await;
    let ana = world.sign_up("Ana").await;
    for origin in [OURS, ALSO_OURS] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let allowed = preflight(&world, origin, method).await.expect(200);
            assert_eq!(allowed.header("access-control-allow-origin"), Some(origin), "{method}");
            assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
            assert!(names(&allowed, "access-control-allow-methods").contains(&method.to_ascii_lowercase()), "{allowed:?}");
            let headers = names(&allowed, "access-control-allow-headers");
            assert!(SENT.split(',').all(|name| headers.contains(&name.to_owned())), "{headers:?}");
            assert!(allowed.header("access-control-max-age").is_some());
        }
        let answers = [
            ana.get("/v1/me").header("origin", origin).await.expect(200),
            ana.post("/v1/notes", json!({"body": "from a script"})).header("origin", origin).await.expect(201),
            ana.get("/v1/nodes/1").header("origin", origin).await.expect(404),
            world.guest().get("/v1/me").header("origin", origin).await.expect(401),
        ];
        for answer in answers {
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
            let exposed = names(&answer, "access-control-expose-headers");
            assert!(READ.iter().all(|name| exposed.contains(&(*name).to_owned())), "{exposed:?}");
            assert!(names(&answer, "vary").contains(&"origin".to_owned()), "a cache must keep answers to origins apart");
        }
    }
    for origin in FOREIGN {
        for answer in [preflight(&world, origin, "POST").await, ana.get("/v1/me").header("origin", origin).await] {
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        }
    }
}

async fn preflight(world: &World, origin: &str, method: &str) -> Answer {
    let guest = world.guest();
    let asked = guest.ask(Method::OPTIONS, "/v1/notes").header("origin", origin);
    asked.header("access-control-request-method", method).header("access-control-request-headers", SENT).await
}

/// The names that a header lists, lowercase.
fn names(answer: &Answer, header: &str) -> Vec<String> {
    let values = answer.headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

async fn a_cookie_signs_in_but_writes_only_from_its_own_origin(column: Column) {
    let site = Site::start(&Setting::one(column));
    let world = World::of(&site).await;
    let ana = world.sign_up("Ana").await;
    let guest = world.guest();
    let signed_in = guest.post("/v1/sessions", json!({"login": ana.username, "password": ana.password})).await.expect(201);
    let set: Vec<&str> = signed_in.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    let cookie = |name: &str| {
        let cookie = set.iter().find(|cookie| cookie.starts_with(&format!("{name}="))).expect("a cookie");
        assert!(cookie.contains("SameSite=Lax") && !cookie.contains("Secure"), "{cookie}: this site has no HTTPS");
        (cookie.split(';').next().unwrap_or_default().to_owned(), cookie.contains("HttpOnly"))
    };
    let ((session, hidden), (xsrf, readable)) = (cookie("aredvi_session"), cookie("XSRF-TOKEN"));
    assert!(hidden && !readable);
    let cookies = format!("{session}; {xsrf}");
    assert_eq!(guest.get("/v1/me").header("cookie", &cookies).await.expect(200).id(), ana.id);
    let note = || guest.post("/v1/notes", json!({"body": "by cookie"})).header("cookie", &cookies);
    note().await.refused(403, "cross-site");
    for origin in FOREIGN {
        note().header("origin", origin).await.refused(403, "cross-site");
    }
    note().header("x-xsrf-token", "guessed").await.refused(403, "cross-site");
    note().header("origin", SAME).await.expect(201);
    let token = xsrf.trim_start_matches("XSRF-TOKEN=");
    note().header("x-xsrf-token", token).await.expect(201);
    world.settle().await;
    assert_eq!(ana.feed().await.items().len(), 2);
    let out = guest.delete("/v1/sessions/current").header("cookie", &cookies).header("origin", SAME).await.expect(204);
    assert!(
        out.headers.get_all("set-cookie").iter().all(|value| value.to_str().is_ok_and(|cookie| cookie.contains("Max-Age=0")))
    );
    guest.get("/v1/me").header("cookie", &cookies).await.refused(401, "sign-in-required");
    ana.get("/v1/me").await.expect(200);
}
