//! The production column: every role a process of the release binary, on the engines of the environment.

pub mod cost;
pub mod process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aredvi_events::Clock;
use serde_json::Value;

use crate::engines::{Dir, Engines};
use crate::load::http::{Connection, get};
use cost::Costs;
use process::Process;

/// Between two looks whether something is so.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two looks how far views are.
const LAG_EVERY: Duration = Duration::from_millis(250);
/// How long an api may take to be ready, and operators to be answered.
const READY_LIMIT: Duration = Duration::from_secs(900);
/// The status of what cannot be told yet.
const UNAVAILABLE: u16 = 503;
/// Where a process listens: a free port of this machine.
const ANYWHERE: &str = "127.0.0.1:0";
/// Settings of ours that the roles take over, where they are set.
const INHERITED: [&str; 2] = ["AREDVI_MASTER_KEY", "AREDVI_NICE"];

/// Roles at work.
pub struct Column {
    clock: Clock,
    engines: Engines,
    dir: Dir,
    roles: Vec<Process>,
}

/// How far the views of a role are behind the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The view.
    pub view: String,
    /// Events at most.
    pub events: u64,
}

/// The end of everything that followed from some writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// How long it was waited for.
    pub seconds: f64,
    /// The last view that was behind; none when none was.
    pub last: Option<String>,
}

impl Column {
    /// No role yet.
    pub const fn new(clock: Clock, engines: Engines, dir: Dir) -> Self {
        Self { clock, engines, dir, roles: Vec::new() }
    }

    /// All roles, when everything is ready and nothing of the log is left to do.
    ///
    /// # Errors
    /// What did not start.
    pub async fn start(clock: &Clock, engines: &Engines, dir: &Dir) -> anyhow::Result<Self> {
        let mut column = Self::new(clock.clone(), engines.clone(), dir.clone());
        column.start_background().await?;
        column.lags().await?;
        column.start_api().await?;
        column.background_ready().await?;
        column.settle(READY_LIMIT).await?;
        Ok(column)
    }

    /// Projectors, planner, notifier.
    ///
    /// # Errors
    /// What did not start.
    pub async fn start_background(&mut self) -> anyhow::Result<()> {
        self.start_role("projector", &["projector", "all"], &[]).await?;
        self.start_role("planner", &["planner"], &[]).await?;
        self.start_role("notifier", &["notifier"], &["--public-url", "http://bench.example"]).await
    }

    /// An api, when it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_api(&mut self) -> anyhow::Result<()> {
        self.start_role("api", &["api"], &["--listen", ANYWHERE, "--rate-limits", "off"]).await?;
        self.ready(READY_LIMIT).await
    }

    async fn start_role(&mut self, role: &str, subcommand: &[&str], more: &[&str]) -> anyhow::Result<()> {
        let data = self.dir.data().display().to_string();
        let flags = ["--data", &data, "--single-broker", "--admin-listen", ANYWHERE];
        let args: Vec<String> = subcommand.iter().chain(&flags).chain(more).map(|&word| word.to_owned()).collect();
        let Engines { journal, db, cache, .. } = &self.engines;
        let mut env = vec![("AREDVI_JOURNAL", journal.as_str()), ("AREDVI_DB", db), ("AREDVI_CACHE", cache)];
        let inherited = INHERITED.map(|name| (name, std::env::var(name).ok()));
        env.extend(inherited.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
        let mut process = Process::start(role, &program()?, &args, &env, &self.dir.logs())?;
        process.listens(&self.clock, role == "api", true).await?;
        self.roles.push(process);
        Ok(())
    }

    /// Waits until `/readyz` says so.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub async fn ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        self.answers_ready("the api", self.api()?, limit).await
    }

    /// Waits until all others have loaded what they ask: they would come late in what is measured.
    async fn background_ready(&mut self) -> anyhow::Result<()> {
        let admins: Vec<_> = self.roles.iter().map(|role| (role.role.clone(), role.admin.clone())).collect();
        for (role, admin) in admins {
            let admin = admin.context("no admin")?.parse()?;
            self.answers_ready(&role, admin, READY_LIMIT).await?;
        }
        Ok(())
    }

    async fn answers_ready(&mut self, who: &str, address: SocketAddr, limit: Duration) -> anyhow::Result<()> {
        let clock = self.clock.clone();
        let ready = async {
            while !ask(address, "/readyz").await.is_ok_and(|(status, _)| status == 200) {
                clock.sleep(LOOK_EVERY).await;
            }
        };
        if clock.timeout(limit, ready).await.is_err() {
            self.check()?;
            bail!("{who} is not ready after {limit:?}");
        }
        Ok(())
    }

    /// How far each view is behind.
    ///
    /// # Errors
    /// When an operator is not answered.
    pub async fn lags(&mut self) -> anyhow::Result<Vec<Lag>> {
        self.check()?;
        let mut lags = Vec::new();
        for role in &self.roles {
            if role.role == "api" {
                continue;
            }
            let admin: SocketAddr = role.admin.as_deref().context("no admin")?.parse()?;
            let (status, body) = ask(admin, "/v1/admin/views").await?;
            if status == UNAVAILABLE {
                // Its schemas are just being made.
                lags.push(Lag { view: role.role.clone(), events: u64::MAX });
                continue;
            }
            if status != 200 {
                bail!("{} answers operators with {status}: {}", role.role, String::from_utf8_lossy(&body));
            }
            let views: Value = serde_json::from_slice(&body)?;
            for view in views["items"].as_array().into_iter().flatten() {
                let name = view["name"].as_str().unwrap_or_default().to_owned();
                let generations = view["generations"].as_array();
                let serving = generations.into_iter().flatten().find(|generation| generation["state"] == "serving");
                let (wanted, found) = (&view["schema_version"], serving.map(|serving| &serving["schema_version"]));
                if let Some(found) = found.filter(|found| *found != wanted && found.is_u64()) {
                    bail!("{name} has schema version {found}, the program {wanted}: `bench drop`, then `bench load` again");
                }
                // Without a serving generation nothing is known yet: as far behind as can be.
                let events = serving.and_then(|serving| serving["lag"]["events"].as_u64()).unwrap_or(u64::MAX);
                lags.push(Lag { view: name, events });
            }
        }
        lags.sort_by(|a, b| a.view.cmp(&b.view));
        Ok(lags)
    }

    /// Waits until every view has applied the whole log; how long that took, in seconds, and which view was the last.
    ///
    /// # Errors
    /// When it takes longer than `limit`.
    pub async fn settle(&mut self, limit: Duration) -> anyhow::Result<Settled> {
        let began = tokio::time::Instant::now();
        let mut last = None;
        loop {
            let behind: Vec<Lag> = self.lags().await?.into_iter().filter(|lag| lag.events > 0).collect();
            if behind.is_empty() {
                return Ok(Settled { seconds: began.elapsed().as_secs_f64(), last });
            }
            last = behind.iter().max_by_key(|lag| lag.events).map(|lag| lag.view.clone());
            if began.elapsed() > limit {
                bail!("views are behind after {limit:?}: {behind:?}");
            }
            self.clock.sleep(LAG_EVERY).await;
        }
    }

    /// The api's address.
    ///
    /// # Errors
    /// When there is none.
    pub fn api(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.role("api")?.url.as_deref().context("no listener")?.parse()?)
    }

    /// The address where a role answers operators.
    ///
    /// # Errors
    /// When there is none.
    pub fn admin(&self, role: &str) -> anyhow::Result<SocketAddr> {
        Ok(self.role(role)?.admin.as_deref().context("no admin")?.parse()?)
    }

    /// The process of a role.
    ///
    /// # Errors
    /// When it was not started.
    pub fn role(&self, role: &str) -> anyhow::Result<&Process> {
        self.roles.iter().find(|process| process.role == role).with_context(|| format!("no {role} runs"))
    }

    /// Fails when a role has ended.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.roles.iter_mut().try_for_each(Process::check)
    }

    /// Begins to count what roles, engines and the load itself cost.
    pub fn costs(&self) -> Costs {
        let roles = self.roles.iter().map(|role| (role.role.clone(), role.pid));
        let engines = self.engines.addresses();
        let engines = engines.iter().filter_map(|(name, address)| Some(((*name).to_owned(), cost::listener(address)?)));
        Costs::begin(roles.chain(engines).chain([("load".to_owned(), std::process::id())]).collect())
    }

    /// Ends one role.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn end_role(&mut self, role: &str) -> anyhow::Result<()> {
        if let Some(index) = self.roles.iter().position(|process| process.role == role) {
            self.roles.remove(index).end(&self.clock).await?;
        }
        Ok(())
    }

    /// Ends all roles in order.
    ///
    /// # Errors
    /// When one cannot be ended.
    pub async fn end(mut self) -> anyhow::Result<()> {
        while let Some(process) = self.roles.pop() {
            process.end(&self.clock).await?;
        }
        Ok(())
    }
}

/// The program beside this one.
///
/// # Errors
/// When it cannot be told where this one is.
pub fn program() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("aredvi"))
}

/// Asks once, on a connection of its own.
///
/// # Errors
/// When there is no answer.
pub async fn ask(address: SocketAddr, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address).await?;
    let answer = connection.exchange(&get(path, None)).await?;
    Ok((answer.status, answer.body.to_vec()))
}
