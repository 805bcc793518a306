//! A running community: its processes, where they listen, and its end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::column::{Column, Engines};
use super::contract::Contract;
use super::keeper::Keeper;
use super::process::{Process, Start};

/// How a site is set up.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its engines.
    pub column: Column,
    /// On which servers; `None`: those that the environment names.
    pub servers: Option<Engines>,
    /// Processes that reach these servers by other addresses: the name, and those.
    pub wires: Vec<(&'static str, Engines)>,
    /// All roles in one process, or each in processes of its own, two of those that clients and views depend on.
    pub shape: Shape,
    /// What its processes find in their environment.
    pub env: Vec<(&'static str, &'static str)>,
    /// What one of them finds there: its name, and that.
    pub env_of: Vec<(&'static str, &'static str, &'static str)>,
    /// Further flags of those that answer clients; without `--rate-limits` nothing is limited.
    pub http: Vec<&'static str>,
    /// Where its data directory shall be, if not beside its logs.
    pub data: Option<PathBuf>,
    /// Processes whose clocks are wrong: the name, and by how many milliseconds.
    pub clocks: Vec<(&'static str, &'static str)>,
}

/// Moves the clock of a process, by milliseconds.
const CLOCK: &str = "AREDVI_TEST_CLOCK_OFFSET_MS";

/// How roles are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `aredvi serve`.
    One,
    /// Two apis, two of projectors, a planner and a notifier.
    Many,
}

/// A running community.
pub struct Site {
    engines: Option<Engines>,
    processes: Vec<Process>,
    /// Its data directory.
    pub data: PathBuf,
    /// What its answers must be.
    pub contract: tokio::sync::OnceCell<std::sync::Arc<Contract>>,
    starts: Vec<Start>,
    dir: PathBuf,
    keeper: Keeper,
}

impl Setting {
    /// As all tests of features use it.
    pub fn usual(column: Column) -> Self {
        let shape = match column {
            Column::Embedded => Shape::One,
            Column::Production => Shape::Many,
        };
        Self {
            column,
            servers: None,
            wires: Vec::new(),
            shape,
            env: Vec::new(),
            env_of: Vec::new(),
            http: Vec::new(),
            data: None,
            clocks: Vec::new(),
        }
    }

    /// Each role in processes of its own, on these servers.
    pub fn many_on(servers: &Engines) -> Self {
        Self { servers: Some(servers.clone()), ..Self::usual(Column::Production) }
    }

    /// All roles in one process.
    pub fn one(column: Column) -> Self {
        Self { shape: Shape::One, ..Self::usual(column) }
    }

    fn starts(&self, data: &Path, engines: Option<&Engines>, prefix: &str) -> Vec<Start> {
        let common = |name: &str| {
            let wired = self.wires.iter().find(|(process, _)| *process == name).map(|(_, wired)| wired.prefixed(prefix));
            [at_engines(data, wired.as_ref().or(engines)), words(&["--admin-listen", "127.0.0.1:0"])].concat()
        };
        let mut http = words(&["--listen", "127.0.0.1:0"]);
        http.extend(words(&self.http));
        if !self.http.contains(&"--rate-limits") {
            http.extend(words(&["--rate-limits", "off"]));
        }
        let link = words(&["--public-url", "http://community.test"]);
        let start = |name: &str, role: &[&str], more: &[&[String]]| Start {
            name: name.to_owned(),
            args: [&words(role), &common(name), &more.concat()].into_iter().flatten().cloned().collect(),
            api: role[0] == "serve" || role[0] == "api",
            env: [self.env.clone(), self.clock_of(name), self.env_of(name)].concat(),
        };
        match self.shape {
            Shape::One => vec![start("serve", &["serve"], &[&http, &link])],
            Shape::Many => vec![
                start("projector-1", &["projector", "all"], &[]),
                start("projector-2", &["projector", "all"], &[]),
                start("planner", &["planner"], &[]),
                start("notifier", &["notifier"], &[&link]),
                start("api-1", &["api"], &[&http, &link]),
                start("api-2", &["api"], &[&http, &link]),
            ],
        }
    }

    fn env_of(&self, name: &str) -> Vec<(&'static str, &'static str)> {
        let own = self.env_of.iter().filter(|(process, ..)| *process == name);
        own.map(|(_, variable, value)| (*variable, *value)).collect()
    }

    fn clock_of(&self, name: &str) -> Vec<(&'static str, &'static str)> {
        self.clocks.iter().filter(|(process, _)| *process == name).map(|(_, offset)| (CLOCK, *offset)).collect()
    }
}

impl Site {
    /// Starts its processes and waits until they listen.
    pub fn start(setting: &Setting) -> Self {
        Self::start_on(setting, |_, _| {})
    }

    /// Starts its processes on what `fill` has made of its data directory and its engines, which are empty before; `fill`
    /// gets the flags that name them.
    pub fn start_on(setting: &Setting, fill: impl FnOnce(&Path, &[String])) -> Self {
        let dir = tempfile::tempdir().expect("a directory").keep();
        let mut keeper = Keeper::start();
        keeper.remove_directory(&dir);
        let servers = || setting.servers.clone().or_else(Engines::named).expect("engines");
        let prefix = prefix();
        let engines = (setting.column == Column::Production).then(|| servers().prefixed(&prefix));
        for url in engines.iter().flat_map(|engines| [&engines.journal, &engines.db, &engines.cache]) {
            keeper.clean(url);
        }
        let data = setting.data.clone().unwrap_or_else(|| dir.join("data"));
        let starts = setting.starts(&data, engines.as_ref(), &prefix);
        let contract = tokio::sync::OnceCell::new();
        let mut site = Self { engines, processes: Vec::new(), data, contract, starts, dir, keeper };
        fill(&site.data, &at_engines(&site.data, site.engines.as_ref()));
        if site.engines.is_some() {
            site.create_topics();
        }
        for start in &site.starts {
            let process = Process::start(start, &site.dir);
            site.keeper.end_process(process.id());
            site.processes.push(process);
        }
        for index in 0..site.processes.len() {
            site.listens(index);
        }
        site
    }

    /// Its journal, where that is an engine of its own.
    pub fn journal(&self) -> Option<String> {
        self.engines.as_ref().map(|engines| engines.journal.clone())
    }

    /// The names of processes that ended by themselves.
    pub fn ended(&mut self) -> Vec<String> {
        let each = self.processes.iter_mut().zip(&self.starts);
        each.filter_map(|(process, start)| process.ended().map(|status| format!("{}: {status}", start.name))).collect()
    }

    /// Its cache, where that is an engine of its own.
    pub fn cache(&self) -> Option<String> {
        self.engines.as_ref().map(|engines| engines.cache.clone())
    }

    /// The ids of its processes.
    pub fn ids(&self) -> Vec<u32> {
        self.processes.iter().map(Process::id).collect()
    }

    /// Where it answers clients.
    pub fn urls(&self) -> Vec<String> {
        self.processes.iter().filter_map(|process| process.url.clone()).collect()
    }

    /// Where it answers operators, one address a process.
    pub fn admins(&self) -> Vec<String> {
        self.processes.iter().map(|process| process.admin.clone()).collect()
    }

    /// What its processes write to.
    pub fn logs(&self) -> Vec<PathBuf> {
        self.processes.iter().map(|process| process.log.clone()).collect()
    }

    /// Ends a process at once, as a failing machine does.
    pub fn kill(&mut self, index: usize) {
        let id = self.processes[index].id();
        self.processes[index].kill();
        self.keeper.forget_process(id);
    }

    /// Asks a process to end, and says how it did.
    pub fn end(&mut self, index: usize) -> std::process::ExitStatus {
        let process = &mut self.processes[index];
        let status = process.terminate();
        self.keeper.forget_process(process.id());
        status
    }

    /// Asks all processes to end, and says how they did.
    pub fn end_all(&mut self) -> Vec<std::process::ExitStatus> {
        (0..self.processes.len()).rev().map(|index| self.end(index)).collect()
    }

    /// Runs `aredvi` with these words on this site's engines.
    pub fn run(&self, words: &[&str]) -> std::process::Output {
        self.command(words).output().expect("aredvi")
    }

    /// The same, to be started by the test.
    pub fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = Process::program();
        command.args(words).arg("--data").arg(&self.data);
        command.args(self.engines.iter().flat_map(Engines::flags));
        command
    }

    /// Starts a process that has ended again, and waits until it listens where it listened.
    pub fn restart(&mut self, index: usize) {
        let process = Process::start(&self.starts[index], &self.dir);
        self.keeper.end_process(process.id());
        self.processes[index] = process;
        self.listens(index);
    }

    /// Kills a process and starts it again with a clock that is `ahead_ms` ahead; behind when that is negative.
    pub fn restart_later(&mut self, index: usize, ahead_ms: &'static str) {
        self.kill(index);
        self.starts[index].env.push((CLOCK, ahead_ms));
        self.restart(index);
    }

    /// Its engines; none where they are embedded.
    pub fn engines(&self) -> Option<&Engines> {
        self.engines.as_ref()
    }

    /// Waits until a process listens, and keeps its ports for when it is started again.
    fn listens(&mut self, index: usize) {
        let (process, start) = (&mut self.processes[index], &mut self.starts[index]);
        process.wait_for_listeners(start.api);
        let addresses = [("--listen", process.url.as_ref()), ("--admin-listen", Some(&process.admin))];
        for (flag, url) in addresses {
            let place = start.args.iter().position(|word| word == flag);
            if let (Some(place), Some(address)) = (place, url.and_then(|url| url.strip_prefix("http://"))) {
                address.clone_into(&mut start.args[place + 1]);
            }
        }
    }

    fn create_topics(&self) {
        let engines = self.engines.as_ref().expect("engines");
        let made = Process::program()
            .args(["topics", "create", "--journal", &engines.journal, "--data"])
            .arg(&self.data)
            .args(engines.single_broker.then_some("--single-broker"))
            .output()
            .expect("aredvi topics create");
        assert!(made.status.success(), "cannot create topics: {}", String::from_utf8_lossy(&made.stderr));
    }
}

/// The flags that name a data directory and engines.
fn at_engines(data: &Path, engines: Option<&Engines>) -> Vec<String> {
    let mut flags = words(&["--data", &data.display().to_string()]);
    flags.extend(engines.into_iter().flat_map(Engines::flags));
    flags
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// A name that no other world has, of this run or another.
fn prefix() -> String {
    static WORLDS: AtomicU32 = AtomicU32::new(0);
    let (run, world) = (uuid::Uuid::new_v4().simple().to_string(), WORLDS.fetch_add(1, Ordering::Relaxed));
    format!("e{}{world}", &run[..12])
}
