//! Kafka, MariaDB and Redis of these tests' own, for those that take an engine down. They are started once, for the first
//! test that needs them; tests have them one after the other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use rand::RngExt as _;

use super::column::{Column, Engines};
use super::keeper::Keeper;
use super::on_runtime;
use super::small_disk::SmallDisk;
use super::wire::Wire;

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
/// Where Kafka listens for those who come by a wire, and where the wire begins.
const KAFKA_WIRE: &str = "AREDVI_ENGINES_KAFKA_WIRE";
/// Where Kafka's jars are, for several sets of engines.
const KAFKA_LIBS: &str = "AREDVI_ENGINES_KAFKA_LIBS";
/// What Kafka needs for a few tests' topics.
const KAFKA_HEAP: &str = "256m";
/// What MariaDB needs for them.
const MARIADB_POOL: &str = "64M";
/// How long they may take to start on a machine that has other work, in seconds.
const START_LIMIT_S: &str = "300";
/// Brokers that may stand beside each other, each at the port after the one before.
const MOST_BROKERS: u16 = 3;

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
    kafka_wire: [u16; 2],
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

/// Runs a test that has three brokers for itself; the other engines are those of the environment.
pub fn run_three_brokers(test: impl AsyncFnOnce(&OwnEngines)) {
    if !Column::Production.can_run() {
        return;
    }
    let engines = OwnEngines::start();
    engines.script.run(&["up", "--brokers", "3", "kafka"]);
    let journal = engines.script.urls().journal;
    let engines = OwnEngines { urls: Engines { journal, single_broker: false, ..named() }, ..engines };
    on_runtime(test(&engines));
}

/// Runs a test that has one of them for itself, on a small disk; the other engines are those of the environment.
pub fn run_on_small_disk(engine: Engine, megabytes: usize, test: impl AsyncFnOnce(&OwnEngines, &SmallDisk)) {
    if !Column::Production.can_run() {
        return;
    }
    let Some(disk) = SmallDisk::of(megabytes) else { return };
    let mut keeper = Keeper::start();
    keeper.kill_engines(disk.dir());
    let script = Script::of(disk.dir().to_owned());
    script.run(&["up", engine.name()]);
    let (own, named) = (script.urls(), named());
    let urls = match engine {
        Engine::Kafka => Engines { journal: own.journal, ..named },
        Engine::MariaDb => Engines { db: own.db, ..named },
        Engine::Redis => Engines { cache: own.cache, ..named },
    };
    let engines = OwnEngines { urls, script, _keeper: keeper };
    on_runtime(test(&engines, &disk));
}

fn named() -> Engines {
    Engines::named().expect("engines")
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

    /// A wire to an engine, and the addresses of whoever comes by it.
    pub fn wire(&self, engine: Engine) -> (Wire, Engines) {
        let mut urls = self.urls.clone();
        let (url, [port, server]) = match engine {
            Engine::Kafka => {
                let [server, port] = self.script.kafka_wire;
                (&mut urls.journal, [port, server])
            }
            Engine::MariaDb => (&mut urls.db, [free_port(1), self.script.port("AREDVI_ENGINES_MARIADB_PORT")]),
            Engine::Redis => (&mut urls.cache, [free_port(1), self.script.port("AREDVI_ENGINES_REDIS_PORT")]),
        };
        let direct = match engine {
            Engine::Kafka => self.script.port("AREDVI_ENGINES_KAFKA_PORT"),
            Engine::MariaDb | Engine::Redis => server,
        };
        *url = url.replace(&format!("127.0.0.1:{direct}"), &format!("127.0.0.1:{port}"));
        (Wire::between(port, server), urls)
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
        self.order_named(command, engine.name().to_owned()).await;
    }

    /// Ends one of three brokers, from 1, as a failing machine does.
    pub async fn kill_broker(&self, number: usize) {
        self.order_named("kill", format!("kafka-{number}")).await;
    }

    /// Starts it again, and waits until it answers.
    pub async fn up_broker(&self, number: usize) {
        self.order_named("up", format!("kafka-{number}")).await;
    }

    async fn order_named(&self, command: &'static str, name: String) {
        let script = self.script.clone();
        tokio::task::spawn_blocking(move || script.run(&[command, &name])).await.expect("scripts/engines");
    }

    /// Runs one of Kafka's own tools on the brokers, and gives what it said.
    pub async fn kafka_tool(&self, class: &str, words: &[&str]) -> String {
        let java = std::env::var("JAVA_HOME").map_or_else(|_| "java".into(), |home| Path::new(&home).join("bin/java"));
        let bootstrap = self.urls.journal.trim_start_matches("kafka://").split('/').next().unwrap_or_default().to_owned();
        let mut command = Command::new(java);
        command.arg("-cp").arg(self.kafka_libs().join("*")).arg(class).args(["--bootstrap-server", &bootstrap]).args(words);
        let ran = tokio::task::spawn_blocking(move || command.output().expect("java")).await.expect("a tool of Kafka");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("text")
    }
}

/// Ends the engines of a directory at once.
pub fn kill(dir: &Path) {
    let script = Script { dir: dir.to_owned(), env: Vec::new(), kafka_wire: [0; 2] };
    let _ = script.command(&["kill", "kafka", "mariadb", "redis"]).output();
}

impl Script {
    fn of(dir: PathBuf) -> Self {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/engines/kafka/libs");
        let libs = std::env::var(KAFKA_LIBS).unwrap_or_else(|_| shared.display().to_string());
        let kafka_wire = [free_port(1), free_port(1)];
        let mut env = vec![
            (KAFKA_LIBS, libs),
            ("AREDVI_ENGINES_KAFKA_HEAP", KAFKA_HEAP.to_owned()),
            ("AREDVI_ENGINES_MARIADB_POOL", MARIADB_POOL.to_owned()),
            ("AREDVI_ENGINES_START_LIMIT", START_LIMIT_S.to_owned()),
            (KAFKA_WIRE, kafka_wire.map(|port| port.to_string()).join(":")),
        ];
        env.extend(PORT_SETTINGS.map(|setting| (setting, free_port(MOST_BROKERS).to_string())));
        Self { dir, env, kafka_wire }
    }

    fn port(&self, setting: &str) -> u16 {
        let set = self.env.iter().find(|(name, _)| *name == setting).map(|(_, port)| port);
        set.expect("a port").parse().expect("a number")
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
        Engines { journal: url("AREDVI_JOURNAL"), db: url("AREDVI_DB"), cache: url("AREDVI_CACHE"), single_broker: true }
    }

    /// Whether there was a process to signal.
    fn signal(&self, engine: Engine, signal: &str) -> bool {
        let file = self.dir.join(format!("run/{}.pid", engine.process()));
        let Ok(pid) = std::fs::read_to_string(file) else { return false };
        let sent = Command::new("kill").args([&format!("-{signal}"), pid.trim()]).output().expect("kill");
        sent.status.success()
    }
}

/// The first of so many free ports that follow each other.
fn free_port(count: u16) -> u16 {
    let mut random = rand::rng();
    let mut ports = std::iter::repeat_with(|| random.random_range(PORTS)).take(MAX_TRIES);
    let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    ports.find(|&port| (port..port + count).all(free)).expect("free ports")
}
