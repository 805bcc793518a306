//! Somebody whose every text is unmistakable, who uses the community: what of it is told where it must not be?

use serde_json::json;

use super::person::Person;
use super::{World, answer};

/// Texts that stand nowhere else; each is said, typed, or a secret.
pub struct Telling {
    /// Who said them.
    pub person: Person,
    /// All of them.
    pub texts: Vec<String>,
}

impl Telling {
    /// She signs up, lives, and makes mistakes.
    pub async fn of(world: &World) -> Self {
        let ben = world.sign_up("Ben").await;
        let mut ana = world.newcomer("Ana");
        ana.username = word("handle");
        ana.name = format!("{} {}", word("first"), word("last"));
        ana.email = format!("{}@{}.example", word("mailbox"), word("host"));
        ana.password = word("secret");
        let answer = ana.post("/v1/people", ana.sign_up()).await.expect(201).json();
        ana.id = answer::id(&answer["person"]);
        let ana = ana.in_session(&answer["session"]);
        let [bio, note, tag, comment, edited, wrong, login, garbage, other, address, query] =
            ["bio", "note", "tag", "comment", "edited", "wrong", "login", "garbage", "other", "address", "query"].map(word);
        ana.patch("/v1/me", json!({"bio": bio})).await.expect(200);
        ana.follow(&ben).await;
        let bens = ben.note("a river").await;
        world.settle().await;
        let hers = ana.note(&format!("{note} #{tag} @{}", ben.username)).await;
        ana.patch(format!("/v1/nodes/{hers}"), json!({"body": edited})).await.expect(200);
        ana.comment(&bens, &comment).await;
        let guest = world.guest();
        let session = json!({"login": format!("{login}@example.org"), "password": wrong});
        guest.post("/v1/sessions", session).await.refused(401, "bad-credentials");
        let session = json!({"login": ana.username, "password": wrong});
        guest.post("/v1/sessions", session).await.refused(401, "bad-credentials");
        let taken = json!({"username": ana.username, "email": format!("{address}@example.org"),
            "password": wrong, "name": other});
        guest.post("/v1/people", taken).await.refused(409, "username-taken");
        ana.ask(reqwest::Method::POST, "/v1/notes").text("application/json", format!("{{\"body\": \"{garbage}")).await;
        ana.post("/v1/notes", json!({"body": {"text": garbage}})).await;
        ana.get(format!("/v1/people?q={query}")).await.expect(200);
        ana.get(format!("/v1/feed?cursor={query}")).await.refused(400, "bad-cursor");
        ana.with_token(format!("ar1_{query}")).get("/v1/me").await.refused(401, "sign-in-required");
        let again = ana.sign_in().await;
        for reader in [&again, &ben] {
            reader.feed().await;
            reader.get("/v1/notifications").await.expect(200);
        }
        world.settle().await;
        let (mailbox, host) = ana.email.split_once('@').expect("an address");
        let mut texts = vec![mailbox.to_owned(), host.to_owned(), ana.username.clone(), ana.password.clone()];
        texts.extend(ana.name.split(' ').map(str::to_owned));
        texts.extend([&ana, &again, &ben].into_iter().filter_map(|person| person.token.clone()));
        texts.extend([bio, note, tag, comment, edited, wrong, login, garbage, other, address, query]);
        Self { person: ana, texts }
    }
}

/// A word that stands nowhere else.
fn word(of: &str) -> String {
    format!("{of}{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}
