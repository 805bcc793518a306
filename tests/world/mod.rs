//! The harness: real processes of the program, and people who talk to them over HTTP. It calls no product code but the
//! readers of addresses.

pub mod answer;
pub mod ask;
pub mod collector;
pub mod column;
pub mod contract;
pub mod engines;
pub mod keeper;
pub mod listening;
pub mod log;
mod operator;
pub mod own_engines;
pub mod person;
pub mod places;
pub mod process;
pub mod receiver;
pub mod site;
pub mod small_disk;
pub mod telling;
mod until;
pub mod wire;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use column::Column;
use contract::Contract;
use person::Person;
use reqwest::StatusCode;
use site::{Setting, Site};
pub use until::until;

/// How long a site may take to apply everything that was written, as a bound of tests.
const SETTLE_LIMIT_S: u64 = 60;
/// How long an api may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long an answer may take before a test gives it up.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Processes of a site that may make others append: a request a verdict, a cause a notification, that a delivery.
const SETTLE_ROUNDS: usize = 5;

/// Declares tests of a file once for both columns: `follow::embedded::NAME` and `follow::production::NAME`. Those that
/// are declared `each alone:` start sites of their own.
macro_rules! columns {
    (each alone: $($name:ident),* $(,)?) => {
        crate::world::columns! { @ alone $($name)* }
    };
    ($($name:ident),* $(,)?) => {
        crate::world::columns! { @ run $($name)* }
    };
    (@ $how:ident $($name:ident)*) => {
        mod embedded {
            $(#[test]
            fn $name() {
                crate::world::$how(crate::world::column::Column::Embedded, super::$name);
            })*
        }
        mod production {
            $(#[test]
            fn $name() {
                crate::world::$how(crate::world::column::Column::Production, super::$name);
            })*
        }
    };
}
pub(crate) use columns;

/// A site, as one test sees it.
pub struct World {
    urls: Vec<String>,
    admins: Vec<String>,
    logs: Vec<PathBuf>,
    data: PathBuf,
    /// What answers must be.
    pub contract: Arc<Contract>,
    client: reqwest::Client,
}

/// Runs a test of a feature on the site that all of them share.
pub fn run(column: Column, test: impl AsyncFnOnce(&World)) {
    static EMBEDDED: OnceLock<Site> = OnceLock::new();
    static PRODUCTION: OnceLock<Site> = OnceLock::new();
    if !column.can_run() {
        return;
    }
    let shared = match column {
        Column::Embedded => &EMBEDDED,
        Column::Production => &PRODUCTION,
    };
    let site = shared.get_or_init(|| Site::start(&Setting::usual(column)));
    on_runtime(async { test(&World::of(site).await).await });
}

/// Runs a test that starts a site of its own.
pub fn alone(column: Column, test: impl AsyncFnOnce(Column)) {
    if column.can_run() {
        on_runtime(test(column));
    }
}

/// Runs it with time and network.
pub fn on_runtime<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

impl World {
    /// A test's view of a site.
    pub async fn of(site: &Site) -> Self {
        let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).no_proxy().build().expect("a client");
        let contract = site.contract.get_or_init(async || Arc::new(first_look(&client, &site.urls()).await)).await;
        let (urls, admins, logs, data) = (site.urls(), site.admins(), site.logs(), site.data.clone());
        Self { urls, admins, logs, data, contract: Arc::clone(contract), client }
    }

    /// A test's view of a site that the test itself kills and starts again.
    pub async fn beside(site: &std::sync::Mutex<Site>) -> Self {
        let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).no_proxy().build().expect("a client");
        let (urls, admins, logs, data) = {
            let site = site.lock().expect("the site");
            (site.urls(), site.admins(), site.logs(), site.data.clone())
        };
        let contract = Arc::new(first_look(&client, &urls).await);
        Self { urls, admins, logs, data, contract, client }
    }

    /// Waits until everything that follows the log has come to its end.
    pub async fn settle(&self) {
        let mut last = String::new();
        for _ in 0..SETTLE_ROUNDS {
            let mut reached = String::new();
            for admin in &self.admins {
                reached = self.settled(admin).await;
            }
            if reached == last {
                return;
            }
            last = reached;
        }
    }

    async fn settled(&self, admin: &str) -> String {
        let url = format!("{admin}/v1/admin/settled?wait={SETTLE_LIMIT_S}");
        let request = self.client.get(url).timeout(Duration::from_secs(SETTLE_LIMIT_S + 5));
        let response = request.send().await.expect("an answer of the admin API");
        let (status, body) = (response.status(), response.text().await.expect("a body"));
        assert_eq!(status, 200, "not settled within {SETTLE_LIMIT_S} s: {body}");
        body
    }

    /// What its processes have said so far, by process.
    pub fn said(&self) -> Vec<String> {
        self.logs.iter().map(|log| std::fs::read_to_string(log).unwrap_or_default()).collect()
    }

    /// A counter of all processes, of every label in which `of` stands.
    pub async fn counted(&self, name: &str, of: &[&str]) -> f64 {
        let mut sum = 0.0;
        for process in 0..self.admins.len() {
            sum += self.counted_by(process, name, of).await;
        }
        sum
    }

    /// A counter of one process, as [`World::counted`] reads it.
    pub async fn counted_by(&self, process: usize, name: &str, of: &[&str]) -> f64 {
        let url = format!("{}/metrics", self.admins[process]);
        let metrics = self.client.get(url).send().await.expect("an answer").text().await.expect("a text");
        let lines = metrics.lines().filter(|line| line.starts_with(name) && of.iter().any(|of| line.contains(of)));
        lines.map(|line| line.rsplit(' ').next().expect("a number").parse::<f64>().expect("a number")).sum()
    }

    /// The statuses that each process answers operators with.
    pub async fn statuses(&self, path: &str) -> Vec<u16> {
        let mut statuses = Vec::new();
        for admin in &self.admins {
            let answer = self.client.get(format!("{admin}{path}")).send().await.expect("an answer of the admin API");
            statuses.push(answer.status().as_u16());
        }
        statuses
    }

    /// What the admin API shows.
    pub async fn admin(&self, path: &str) -> serde_json::Value {
        let url = format!("{}{path}", self.admins.first().expect("an admin API"));
        let response = self.client.get(&url).send().await.expect("an answer of the admin API");
        assert_eq!(response.status(), 200, "{url}");
        response.json().await.expect("JSON")
    }

    /// Where mail is written.
    pub fn outbox(&self) -> PathBuf {
        self.data.join("outbox")
    }

    /// The notifications that letters to somebody were written of, in no order.
    pub fn letters(&self, person: &Person) -> BTreeSet<String> {
        let files = std::fs::read_dir(self.outbox()).into_iter().flatten().flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        let whose = format!("-{}.eml", person.id);
        names.filter_map(|name| name.strip_suffix(&whose).filter(|id| !id.starts_with('.')).map(str::to_owned)).collect()
    }

    /// Somebody who is not signed in.
    pub fn guest(&self) -> Person {
        Person {
            id: String::new(),
            username: String::new(),
            name: String::new(),
            email: String::new(),
            password: String::new(),
            token: None,
            session: String::new(),
            client: self.client.clone(),
            contract: Arc::clone(&self.contract),
            urls: self.urls.clone(),
            turn: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Somebody who could sign up: nobody else has such a name in this run.
    pub fn newcomer(&self, name: &str) -> Person {
        static PEOPLE: AtomicU32 = AtomicU32::new(1);
        let number = PEOPLE.fetch_add(1, Ordering::Relaxed);
        let handle = name.to_ascii_lowercase();
        Person {
            username: format!("{handle}-{number}"),
            name: format!("{name} {number}"),
            email: format!("{handle}.{number}@example.org"),
            password: format!("battery staple {number:05}"),
            ..self.guest()
        }
    }

    /// Somebody of another site, who comes to this one with what he knows of himself.
    pub fn here(&self, person: &Person) -> Person {
        let guest = self.guest();
        Person { client: guest.client, contract: guest.contract, urls: guest.urls, turn: guest.turn, ..person.clone() }
    }

    /// Somebody new, signed in. On a community that has just begun the verdict may come after the answer: then he waits for
    /// it, as the contract tells him.
    pub async fn sign_up(&self, name: &str) -> Person {
        let newcomer = self.newcomer(name);
        let answer = newcomer.post("/v1/people", newcomer.sign_up()).await;
        if answer.status != StatusCode::ACCEPTED {
            let answer = answer.expect(201).json();
            return Person { id: answer::id(&answer["person"]), ..newcomer }.in_session(&answer["session"]);
        }
        eprintln!("the verdict about {} came after the answer", newcomer.username);
        let registration = answer.header("location").expect("where the verdict will be").to_owned();
        let person = until("the verdict", READY_LIMIT, async || {
            let registration = newcomer.get(&registration).await.expect(200).json();
            assert_ne!(registration["state"], "refused", "{registration}");
            registration["person_id"].as_str().map(str::to_owned)
        })
        .await;
        Person { id: person, ..newcomer }.sign_in().await
    }
}

/// Waits until all are ready, and reads what they promise.
async fn first_look(client: &reqwest::Client, urls: &[String]) -> Contract {
    for url in urls {
        until("every api is ready", READY_LIMIT, async || {
            let answer = client.get(format!("{url}/readyz")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }
    let url = format!("{}/v1/openapi.json", urls.first().expect("an api"));
    Contract::new(client.get(url).send().await.expect("an answer").json().await.expect("a description"))
}

/// A test that fails shows what the processes said.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in &self.logs {
                eprintln!("--- {}\n{}", log.display(), process::log_end(log));
            }
        }
    }
}
