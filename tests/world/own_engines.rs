//! Kafka, MariaDB and Redis of these tests' own, for those that take an engine down. They are started once, for the first
//! test that needs them; tests have them one after the other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use rand::RngExt as _;

use super::column::{Column, Engines};
use super::keeper::Keeper;
use super::on_runtime;

/// Where ports are looked for: below those that the kernel gives to clients, of whom one could be given a dead engine's.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// Ports that are tried before none counts as free.
const MAX_TRIES: usize = 1_000;
/// What they are told to.
const PORT_SETTINGS: [&str; 4] = [
    "AREDVI_ENGINES_KAFKA_PORT",
    "AREDVI_ENGINES_KAFKA_CONTROLLER_PORT",
    "AREDVI_ENGINES_MARIADB_PORT",
    "AREDVI_ENGINES_REDIS_PORT",
];
/// Where Kafka's jars are, for several sets of engines.
const KAFKA_LIBS: &str = "AREDVI_ENGINES_KAFKA_LIBS";
/// What Kafka needs for a few tests' topics.
const KAFKA_HEAP: &str = "256m";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The journal.
    Kafka,
    /// Views, keys, leases.
    MariaDb,
    /// Sessions, reservations, rates.
    Redis,
}

/// Engines that a test may take down.
pub struct OwnEngines {
    script: Script,
    /// What they are reached by.
    pub urls: Engines,
    _keeper: Keeper,
}

/// `scripts/engines` with a directory and ports of its own.
#[derive(Clone)]
struct Script {
    dir: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Engine {
    const ALL: [Self; 3] = [Self::Kafka, Self::MariaDb, Self::Redis];

    const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::MariaDb => "mariadb",
            Self::Redis => "redis",
        }
    }

    /// The name of the process.
    const fn process(self) -> &'static str {
        match self {
            Self::Kafka => "kafka-1",
            Self::MariaDb | Self::Redis => self.name(),
        }
    }
}

/// Runs a test that has them for itself, all up. Says aloud where no engines are asked for.
pub fn run(test: impl AsyncFnOnce(&OwnEngines)) {
    static OWN: OnceLock<OwnEngines> = OnceLock::new();
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if !Column::Production.can_run() {
        return;
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let engines = OWN.get_or_init(OwnEngines::start);
    engines.mend();
    on_runtime(test(engines));
}

impl OwnEngines {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory").keep();
        let mut keeper = Keeper::start();
        keeper.kill_engines(&dir);
        keeper.remove_directory(&dir);
        let script = Script::of(dir);
        Self { urls: script.urls(), script, _keeper: keeper }
    }

    /// Brings all up: the test before may have left one down.
    fn mend(&self) {
        for engine in Engine::ALL {
            self.script.signal(engine, "CONT");
        }
        self.script.run(&["up"]);
    }

    /// Ends an engine as a failing machine does.
    pub async fn kill(&self, engine: Engine) {
        self.order("kill", engine).await;
    }

    /// Starts an engine that is down, and waits until it answers.
    pub async fn up(&self, engine: Engine) {
        self.order("up", engine).await;
    }

    /// Makes an engine fall silent: its connections stand, and nothing answers.
    pub fn freeze(&self, engine: Engine) {
        assert!(self.script.signal(engine, "STOP"), "{engine:?} is not up");
    }

    /// Lets a frozen engine go on.
    pub fn thaw(&self, engine: Engine) {
        assert!(self.script.signal(engine, "CONT"), "{engine:?} is not up");
    }

    /// Where Kafka's jars are, its tools among them.
    pub fn kafka_libs(&self) -> PathBuf {
        let libs = self.script.env.iter().find(|(name, _)| *name == KAFKA_LIBS).map(|(_, libs)| libs);
        PathBuf::from(libs.expect("where the jars are"))
    }

    async fn order(&self, command: &'static str, engine: Engine) {
        let script = self.script.clone();
        tokio::task::spawn_blocking(move || script.run(&[command, engine.name()])).await.expect("scripts/engines");
    }
}

/// Ends the engines of a directory at once.
pub fn kill(dir: &Path) {
    let script = Script { dir: dir.to_owned(), env: Vec::new() };
    let _ = script.command(&["kill", "kafka", "mariadb", "redis"]).output();
}

impl Script {
    fn of(dir: PathBuf) -> Self {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/engines/kafka/libs");
        let libs = std::env::var(KAFKA_LIBS).unwrap_or_else(|_| shared.display().to_string());
        let mut env = vec![(KAFKA_LIBS, libs), ("AREDVI_ENGINES_KAFKA_HEAP", KAFKA_HEAP.to_owned())];
        env.extend(PORT_SETTINGS.map(|setting| (setting, free_port().to_string())));
        Self { dir, env }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/engines"));
        command.args(args).env("AREDVI_ENGINES_DIR", &self.dir).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, args: &[&str]) -> String {
        let ran = self.command(args).output().expect("scripts/engines");
        assert!(ran.status.success(), "engines {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("text")
    }

    fn urls(&self) -> Engines {
        let said = self.run(&["env"]);
        let url = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.unwrap_or_else(|| panic!("no {name}: {said}")).to_owned()
        };
        Engines { journal: url("AREDVI_JOURNAL"), db: url("AREDVI_DB"), cache: url("AREDVI_CACHE") }
    }

    /// Whether there was a process to signal.
    fn signal(&self, engine: Engine, signal: &str) -> bool {
        let file = self.dir.join(format!("run/{}.pid", engine.process()));
        let Ok(pid) = std::fs::read_to_string(file) else { return false };
        let sent = Command::new("kill").args([&format!("-{signal}"), pid.trim()]).output().expect("kill");
        sent.status.success()
    }
}

fn free_port() -> u16 {
    let mut random = rand::rng();
    let mut ports = std::iter::repeat_with(|| random.random_range(PORTS)).take(MAX_TRIES);
    ports.find(|&port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()).expect("a free port")
}
