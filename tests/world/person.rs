//! Somebody who uses the community: a person with a token, or a guest.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::answer::Answer;
use super::ask::Ask;
use super::contract::Contract;
use super::{ANSWER_LIMIT, World};

/// Somebody who uses the community. Each of his requests goes to the next api process.
#[derive(Clone)]
pub struct Person {
    /// His id; a guest has none.
    pub id: String,
    /// His username.
    pub username: String,
    /// What he is called.
    pub name: String,
    /// Where his mail goes.
    pub email: String,
    /// His password.
    pub password: String,
    /// What shows that it is he.
    pub token: Option<String>,
    /// The session of the token.
    pub session: String,
    pub(super) client: reqwest::Client,
    pub(super) contract: Arc<Contract>,
    pub(super) urls: Vec<String>,
    pub(super) turn: Arc<AtomicUsize>,
}

impl Person {
    /// The same person, who asks this api process alone.
    pub fn at(&self, url: usize) -> Self {
        Self { urls: vec![self.urls[url % self.urls.len()].clone()], ..self.clone() }
    }

    /// The same person, on new connections: those to a process that was killed are of no use.
    pub fn again(&self, world: &World) -> Self {
        Self { client: world.client.clone(), urls: world.urls.clone(), ..self.clone() }
    }

    /// The same person, whose requests come from this address of the loopback network.
    pub fn from(&self, address: [u8; 4]) -> Self {
        let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).no_proxy().local_address(IpAddr::from(address));
        Self { client: client.build().expect("a client"), ..self.clone() }
    }

    /// The same person with another token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// A request.
    pub fn ask(&self, method: Method, path: impl Into<String>) -> Ask<'_> {
        let url = self.urls[self.turn.fetch_add(1, Ordering::Relaxed) % self.urls.len()].clone();
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).expect("a token"));
        }
        let (client, contract, path) = (&self.client, &*self.contract, path.into());
        Ask { client, contract, url, method, path, headers, body: None }
    }

    /// `GET`.
    pub fn get(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// `POST`.
    pub fn post(&self, path: impl Into<String>, body: Value) -> Ask<'_> {
        self.ask(Method::POST, path).json(&body)
    }

    /// `PATCH`.
    pub fn patch(&self, path: impl Into<String>, body: Value) -> Ask<'_> {
        self.ask(Method::PATCH, path).json(&body)
    }

    /// `PUT` without a body.
    pub fn put(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::PUT, path)
    }

    /// `DELETE`.
    pub fn delete(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    /// Follows somebody who lets himself be followed.
    pub async fn follow(&self, leader: &Person) -> Answer {
        self.put(format!("/v1/actors/{}/follow", leader.id)).await.expect(204)
    }

    /// Blocks somebody.
    pub async fn block(&self, other: &Person) -> Answer {
        self.put(format!("/v1/actors/{}/block", other.id)).await.expect(204)
    }

    /// Writes a note on his own page, and says its id.
    pub async fn note(&self, body: &str) -> String {
        self.post("/v1/notes", json!({"body": body})).await.expect(201).id()
    }

    /// Comments on a note, and says the comment's id.
    pub async fn comment(&self, note: &str, body: &str) -> String {
        self.post(format!("/v1/nodes/{note}/comments"), json!({"body": body})).await.expect(201).id()
    }

    /// The first page of his feed.
    pub async fn feed(&self) -> Answer {
        self.get("/v1/feed").await.expect(200)
    }

    /// All items of a list, page after page.
    pub async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        let with = if path.contains('?') { '&' } else { '?' };
        for _ in 0..MAX_PAGES {
            let cursor_part = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(format!("{path}{with}limit={limit}{cursor_part}")).await.expect(200);
            assert!(page.items().len() <= limit, "{page}");
            items.extend(page.items());
            cursor = page.next();
            if cursor.is_none() {
                return items;
            }
        }
        panic!("{path} has no end");
    }

    /// What a sign-up of his says.
    pub fn sign_up(&self) -> Value {
        json!({"username": self.username, "email": self.email, "password": self.password, "name": self.name})
    }

    /// Signs in on another device.
    pub async fn sign_in(&self) -> Self {
        let guest = Self { token: None, ..self.clone() };
        let session = guest.post("/v1/sessions", json!({"login": self.username, "password": self.password})).await.expect(201);
        self.clone().in_session(&session.json())
    }

    /// The same person in this session.
    pub fn in_session(self, session: &Value) -> Self {
        let token = Some(session["token"].as_str().expect("a token").to_owned());
        Self { token, session: super::answer::id(session), ..self }
    }
}

/// The most pages a test reads of one list.
const MAX_PAGES: usize = 1_000;
