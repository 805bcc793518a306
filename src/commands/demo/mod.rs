//! `aredvi demo`: a small lively community, made as clients would make it.

mod community;

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail};
use aredvi_api::headers::POSITION;
use aredvi_events::{Clock, Mint};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use community::{GUIDE, NOTES, Note, PEOPLE, Person};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::operator::{Operator, Refused};
use crate::say::say;

/// How long everything that follows may take at the end, in seconds.
const SETTLE_S: u64 = 30;
/// The code of a refused registration.
const TAKEN: &str = "username-taken";

#[derive(Deserialize)]
struct Server {
    url: Option<String>,
}

/// Somebody of the community, signed in.
struct Resident {
    id: String,
    token: String,
}

/// The REST API, as a client sees it that acts for all of them: each waits for what the others wrote before.
struct Client {
    http: reqwest::Client,
    url: String,
    position: Option<HeaderValue>,
}

/// Makes the community and says how to sign in.
///
/// # Errors
/// When it is there already, or what the API refuses.
pub async fn run(operator: &Operator) -> anyhow::Result<()> {
    let server: Server = operator.get("/v1/admin/server").await?;
    let url = server.url.ok_or_else(|| anyhow!("this process has no REST API"))?;
    let mut client = Client { http: reqwest::Client::new(), url, position: None };
    let password = URL_SAFE_NO_PAD.encode(Mint::new(Clock::default()).random::<12>());
    let residents = register(operator, &password).await?;
    for person in PEOPLE {
        move_in(&mut client, &residents, person).await?;
    }
    for note in NOTES {
        tell(&mut client, &residents, note).await?;
    }
    let _: Value = operator.get(&format!("/v1/admin/settled?wait={SETTLE_S}")).await?;
    let (comments, votes) = (NOTES.iter().map(|note| note.comments.len()), NOTES.iter().map(|note| note.voters.len()));
    let (comments, votes): (usize, usize) = (comments.sum(), votes.sum());
    say(format_args!("{} people, {} notes, {comments} comments and {votes} votes are there", PEOPLE.len(), NOTES.len()));
    say(format_args!("sign in as {GUIDE} with the password {password}"));
    Ok(())
}

/// Registers everybody with the same password; that is, signs them in.
async fn register(operator: &Operator, password: &str) -> anyhow::Result<BTreeMap<&'static str, Resident>> {
    let mut residents = BTreeMap::new();
    for person in PEOPLE {
        let email = format!("{}@demo.example", person.username);
        let asked = json!({"username": person.username, "email": email, "password": password, "name": person.name});
        let registered: Value = match operator.post("/v1/admin/people", &asked).await {
            Ok(registered) => registered,
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == TAKEN) => {
                bail!("somebody is called {} already: the demo needs a server without its people", person.username);
            }
            Err(error) => return Err(error),
        };
        let text = |pointer: &str| registered.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let (Some(id), Some(token)) = (text("/person/id"), text("/session/token")) else {
            bail!("the decider gave no verdict in time: is `aredvi projector accounts` running?");
        };
        residents.insert(person.username, Resident { id, token });
    }
    Ok(residents)
}

/// A person says who he is and follows his friends.
async fn move_in(client: &mut Client, residents: &BTreeMap<&str, Resident>, person: &Person) -> anyhow::Result<()> {
    let resident = resident(residents, person.username)?;
    client.ask(resident, Method::PATCH, "/v1/me", Some(json!({"bio": person.bio}))).await?;
    for leader in person.follows {
        let id = &self::resident(residents, leader)?.id;
        client.ask(resident, Method::PUT, &format!("/v1/actors/{id}/follow"), None).await?;
    }
    Ok(())
}

/// A person writes, and the others answer and vote.
async fn tell(client: &mut Client, residents: &BTreeMap<&str, Resident>, note: &Note) -> anyhow::Result<()> {
    let author = resident(residents, note.by)?;
    let written = json!({"body": note.body, "access": note.access});
    let node = client.ask(author, Method::POST, "/v1/notes", Some(written)).await?;
    let id = node.pointer("/id").and_then(Value::as_str).context("a note without an id")?;
    for (by, body) in note.comments {
        let path = format!("/v1/nodes/{id}/comments");
        client.ask(resident(residents, by)?, Method::POST, &path, Some(json!({"body": body}))).await?;
    }
    for by in note.voters {
        client.ask(resident(residents, by)?, Method::PUT, &format!("/v1/nodes/{id}/vote"), None).await?;
    }
    Ok(())
}

fn resident<'a>(residents: &'a BTreeMap<&str, Resident>, username: &str) -> anyhow::Result<&'a Resident> {
    residents.get(username).with_context(|| format!("{username} does not live here"))
}

impl Client {
    async fn ask(&mut self, by: &Resident, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(&by.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        if let Some(position) = &self.position {
            request = request.header(POSITION, position);
        }
        let response = request.send().await.with_context(|| format!("cannot {method} {path}"))?;
        let status = response.status();
        self.position = response.headers().get(POSITION).cloned().or_else(|| self.position.take());
        let answer = response.bytes().await?;
        if !status.is_success() {
            bail!("{method} {path} was answered {status}: {}", String::from_utf8_lossy(&answer));
        }
        if answer.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer)?) }
    }
}
