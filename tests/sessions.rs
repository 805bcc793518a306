//! Signing in and out, and what a change of credentials ends.

use serde_json::json;

use crate::world::{World, columns};

columns! {
    a_session_ends_where_it_is_revoked,
    a_wrong_password_and_an_unknown_login_are_told_alike,
    a_new_password_ends_the_other_sessions,
    a_new_username_is_found_and_the_old_one_is_nobody_elses,
}

async fn a_session_ends_where_it_is_revoked(world: &World) {
    let here = world.sign_up("Ana").await;
    let there = here.sign_in().await;
    let mut sessions = here.get("/v1/sessions").await.expect(200).ids();
    sessions.sort();
    let mut known = vec![here.session.clone(), there.session.clone()];
    known.sort();
    assert_eq!(sessions, known);
    here.delete(format!("/v1/sessions/{}", there.session)).await.expect(204);
    world.settle().await;
    there.get("/v1/me").await.refused(401, "sign-in-required");
    here.get("/v1/me").await.expect(200);
    here.delete("/v1/sessions/current").await.expect(204);
    world.settle().await;
    here.get("/v1/me").await.refused(401, "sign-in-required");
}

async fn a_wrong_password_and_an_unknown_login_are_told_alike(world: &World) {
    let ana = world.sign_up("Ana").await;
    let guest = world.guest();
    for login in [ana.username.as_str(), ana.email.as_str(), "nobody-at-all", "nobody@example.org", ""] {
        let refused = guest.post("/v1/sessions", json!({"login": login, "password": "not the one"})).await;
        refused.refused(401, "bad-credentials");
    }
    for login in [ana.username.to_uppercase(), ana.email.clone()] {
        guest.post("/v1/sessions", json!({"login": login, "password": ana.password})).await.expect(201);
    }
}

async fn a_new_password_ends_the_other_sessions(world: &World) {
    let here = world.sign_up("Ana").await;
    let there = here.sign_in().await;
    let change = |current: &str| json!({"current": current, "new": "an entirely new one"});
    here.put("/v1/me/password").json(&change("not the one")).await.refused(401, "bad-credentials");
    here.put("/v1/me/password").json(&change(&here.password)).await.expect(204);
    world.settle().await;
    there.get("/v1/me").await.refused(401, "sign-in-required");
    here.get("/v1/me").await.expect(200);
    let old = json!({"login": here.username, "password": here.password});
    world.guest().post("/v1/sessions", old).await.refused(401, "bad-credentials");
    let new = json!({"login": here.username, "password": "an entirely new one"});
    world.guest().post("/v1/sessions", new).await.expect(201);
}

async fn a_new_username_is_found_and_the_old_one_is_nobody_elses(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let new = world.newcomer("Anna").username;
    ana.put("/v1/me/username").json(&json!({"username": ben.username})).await.refused(409, "username-taken");
    ana.put("/v1/me/username").json(&json!({"username": new})).await.expect(204);
    world.settle().await;
    assert_eq!(ben.get(format!("/v1/people/@{new}")).await.expect(200).id(), ana.id);
    ben.get(format!("/v1/people/@{}", ana.username)).await.refused(404, "not-found");
    ben.put("/v1/me/username").json(&json!({"username": ana.username})).await.refused(409, "username-taken");
}
