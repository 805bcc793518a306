//! One run: the stage, who plays on it, and the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aredvi_projectors::keys::KeyError;
use aredvi_projectors::view::View;
use aredvi_projectors::views;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::community::everybody;
use crate::log::Log;
use crate::poison::{Poison, Poisoned};
use crate::process::{Process, Started};
use crate::reference::{Reference, Repeats};
use crate::sky::Sky;
use crate::tally::Tally;
use crate::watch::Watch;
use crate::{client, operator, promises, troupe};

/// The longest that a run may take in its own time.
const LONGEST_RUN: Duration = Duration::from_secs(1_200);
/// How often everybody may go on before the time goes on.
const TURNS: usize = 6;
/// How often nobody may wait for a moment before it is plain that nothing happens any more.
const MOST_IDLE: usize = 10_000;
/// Memory in which files lie, where there is such a place.
const MEMORY: &str = "/dev/shm";

/// What came of a run.
pub struct Played {
    /// The promise that was broken first.
    pub broken: Option<String>,
    /// Every step.
    pub trace: Vec<String>,
}

/// What a reference was worked out of: the view, how repeats are taken, how many records and faults there were.
pub type Worked = (&'static str, Repeats, usize, usize);

/// What all who play share.
pub struct Stage {
    pub sky: Arc<Sky>,
    pub log: Log,
    pub dir: PathBuf,
    pub views: Vec<Arc<dyn View>>,
    pub poison: Poison,
    /// What was worked out already: by view, how much of it is applied, and of which log.
    pub references: Mutex<BTreeMap<Worked, Arc<Reference>>>,
    seed: u64,
    processes: Mutex<BTreeMap<String, Arc<Process>>>,
}

impl Stage {
    /// The process of that name, which may be about to start.
    pub fn expect_process(&self, name: &str) -> Arc<Process> {
        self.process(name, false)
    }

    fn process(&self, name: &str, charmed: bool) -> Arc<Process> {
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        processes.entry(name.to_owned()).or_insert_with(|| Process::new(name.to_owned(), &self.sky, charmed)).clone()
    }

    /// Starts a process.
    pub async fn start(&self, process: Arc<Process>) -> Result<Started, KeyError> {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(self.sky.chance.below(1 << 32));
        Started::start(process, seed, &self.sky, &self.log, &self.dir).await
    }
}

/// Plays a seed.
pub fn play(seed: u64) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let place = if std::path::Path::new(MEMORY).is_dir() { PathBuf::from(MEMORY) } else { std::env::temp_dir() };
    let dir = tempfile::Builder::new().prefix("aredvi-simulation-").tempdir_in(place).expect("a directory");
    let path = dir.path().to_owned();
    let played = runtime.block_on(async move {
        let chance = Chance::new(seed);
        let log = Log::new();
        let sky = Sky::new(chance, Watch::new(&path, log.clone()));
        let poison = Poison::default();
        let mut views: Vec<Arc<dyn View>> = views::all();
        sky.chance.shuffle(&mut views);
        views.truncate(usize::try_from(1 + sky.chance.below(2)).expect("few"));
        views.push(Arc::new(Tally));
        let views = views.into_iter().map(|view| Arc::new(Poisoned { view, poison: poison.clone() }) as Arc<dyn View>).collect();
        let stage = Arc::new(Stage {
            sky,
            log,
            dir: path,
            views,
            poison,
            references: Mutex::default(),
            seed,
            processes: Mutex::default(),
        });
        let sky = stage.sky.clone();
        let ended = pass_time(&sky, tokio::spawn(run(stage))).await;
        let broken = sky.broken().take().or(ended.err());
        sky.note(format!("the end; {} records", sky.watch.records()));
        let trace = std::mem::take(&mut *sky.trace());
        Played { broken, trace }
    });
    drop(runtime);
    played
}

/// Turns the time on whenever everybody had a few turns, until the run has ended.
async fn pass_time(sky: &Sky, run: JoinHandle<Result<(), String>>) -> Result<(), String> {
    let mut idle = 0;
    while !run.is_finished() {
        if idle > MOST_IDLE {
            run.abort();
            return Err("everybody waits for what never comes".to_owned());
        }
        if sky.hand.turned() > LONGEST_RUN {
            run.abort();
            return Err("it never ends".to_owned());
        }
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        idle = if sky.hand.turn() { 0 } else { idle + 1 };
    }
    run.await.unwrap_or_else(|error| Err(error.to_string()))
}

async fn run(stage: Arc<Stage>) -> Result<(), String> {
    let sky = &stage.sky;
    sky.note(format!("views {:?}, {:?}", stage.views.iter().map(|view| view.name()).collect::<Vec<_>>(), sky.weather));
    let hand = stage.start(stage.process("hand", true)).await.map_err(|error| error.to_string())?;
    hand.deps.keys.create_all(&everybody()).await.map_err(|error| error.to_string())?;
    let client = Arc::new(stage.start(stage.process("client", true)).await.map_err(|error| error.to_string())?);
    let ended = CancellationToken::new();
    let troupe: Vec<_> = (0..2 + sky.chance.below(2))
        .map(|part| tokio::spawn(troupe::act(stage.clone(), usize::try_from(part).expect("few"), ended.clone())))
        .collect();
    sky.set_calm(false);
    let appending = tokio::spawn(client::append(stage.clone(), client));
    let operating = tokio::spawn(operator::operate(stage.clone()));
    let confirmed = appending.await.map_err(|error| error.to_string())?;
    operating.await.map_err(|error| error.to_string())?;
    sky.set_calm(true);
    let kept = end(&stage, &hand, &confirmed).await;
    ended.cancel();
    for part in troupe {
        part.await.map_err(|error| error.to_string())?;
    }
    kept
}

async fn end(stage: &Stage, hand: &Started, confirmed: &client::Confirmed) -> Result<(), String> {
    promises::settle(stage, hand).await?;
    confirmed.check(stage)?;
    promises::agree(stage, hand).await?;
    if stage.sky.broken().is_some() {
        return Ok(());
    }
    promises::rebuild(stage, hand, stage.sky.chance.one_of(&stage.views)).await?;
    promises::mend(stage, hand).await
}
