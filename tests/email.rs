//! Changing one's e-mail address.

use serde_json::{Value, json};

use crate::world::person::Person;
use crate::world::{World, columns};

columns! {
    a_new_address_signs_in_and_the_old_one_is_free,
    an_address_of_somebody_else_is_refused_however_it_is_written,
    the_password_is_asked_and_what_is_no_address_is_refused,
}

fn change(person: &Person, email: &str) -> Value {
    json!({"password": person.password, "email": email})
}

fn credentials(login: &str, person: &Person) -> Value {
    json!({"login": login, "password": person.password})
}

async fn a_new_address_signs_in_and_the_old_one_is_free(world: &World) {
    let ana = world.sign_up("Ana").await;
    let new = world.newcomer("Anna").email;
    let written = format!("  {}", new.to_uppercase().replace("EXAMPLE.ORG", "Example.ORG "));
    ana.put("/v1/me/email").json(&change(&ana, &written)).await.expect(204);
    let me = ana.get("/v1/me").await.expect(200).json();
    assert_eq!(me["email"].as_str().map(str::to_ascii_lowercase), Some(new.clone()));
    let guest = world.guest();
    for login in [new.clone(), new.to_uppercase(), format!(" {new} "), ana.username.clone()] {
        let session = guest.post("/v1/sessions", credentials(&login, &ana)).await.expect(201).json();
        assert_eq!(ana.clone().in_session(&session).get("/v1/me").await.expect(200).id(), ana.id, "{login}");
    }
    guest.post("/v1/sessions", credentials(&ana.email, &ana)).await.refused(401, "bad-credentials");
    let mut ben = world.newcomer("Ben");
    ben.email.clone_from(&ana.email);
    let registered = ben.post("/v1/people", ben.sign_up()).await.expect(201).json();
    let session = guest.post("/v1/sessions", credentials(&ben.email, &ben)).await.expect(201).json();
    let ben = ben.in_session(&session);
    assert_eq!(json!(ben.get("/v1/me").await.expect(200).id()), registered["person"]["id"]);
    // It is another's by now: there is no way back.
    ana.put("/v1/me/email").json(&change(&ana, &ana.email)).await.refused(409, "email-taken");
}

async fn an_address_of_somebody_else_is_refused_however_it_is_written(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    for written in [ben.email.clone(), ben.email.to_uppercase(), format!(" {} ", ben.email)] {
        ana.put("/v1/me/email").json(&change(&ana, &written)).await.refused(409, "email-taken");
        let mut newcomer = world.newcomer("Cai");
        newcomer.email = written;
        newcomer.post("/v1/people", newcomer.sign_up()).await.refused(409, "email-taken");
    }
    assert_eq!(ana.get("/v1/me").await.expect(200).json()["email"], json!(ana.email));
    // One's own, written otherwise, is no other's.
    ana.put("/v1/me/email").json(&change(&ana, &ana.email.to_uppercase())).await.expect(204);
    world.guest().post("/v1/sessions", credentials(&ana.email, &ana)).await.expect(201);
}

async fn the_password_is_asked_and_what_is_no_address_is_refused(world: &World) {
    let ana = world.sign_up("Ana").await;
    let new = world.newcomer("Anna").email;
    let wrong = json!({"password": "not the one", "email": new});
    ana.put("/v1/me/email").json(&wrong).await.refused(401, "bad-credentials");
    world.guest().put("/v1/me/email").json(&change(&ana, &new)).await.refused(401, "sign-in-required");
    for no_address in ["", "nowhere", "@example.org", "ana@", "a b@example.org", "ana@exa mple.org"] {
        let refused = ana.put("/v1/me/email").json(&change(&ana, no_address)).await.expect(422);
        assert_eq!(refused.pointers(), ["/email"], "{no_address}");
    }
    assert_eq!(ana.get("/v1/me").await.expect(200).json()["email"], json!(ana.email));
}
