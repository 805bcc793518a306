//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::community::Sizes;
use crate::engines::Dir;

/// Measures Aredvi's production column on this machine.
///
/// First `cargo build --release`, `scripts/engines up`, `eval "$(scripts/engines env)"`; then load a community once, and
/// run reports on it as often as you like. docs/performance.md says what each means.
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub place: Place,
}

/// Where things are.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Files of the run: master key, logs, what was loaded.
    #[arg(long, global = true, default_value = "data/bench", value_name = "DIR")]
    pub dir: PathBuf,
    /// What the names of topics, schemas and keys begin with: 1 to 32 of a-z, 0-9 and _.
    #[arg(long, global = true, default_value = "bench", value_name = "NAME")]
    pub prefix: String,
    /// Kafka's jars, for its own producer benchmark; default: where scripts/engines keeps them.
    #[arg(long, global = true, default_value = "data/engines/kafka/libs", value_name = "DIR")]
    pub kafka_libs: PathBuf,
    /// Write the report to this file too, and beside it as JSON.
    #[arg(long, global = true, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl Place {
    /// The directory.
    pub fn dir(&self) -> Dir {
        Dir(self.dir.clone())
    }
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Generate a community and load it through the log; nothing when it is loaded already.
    Load(Load),
    /// Remove the loaded community.
    Drop,
    /// A handler that does nothing, to compare with.
    #[command(hide = true)]
    Bare {
        /// Bytes of its body.
        #[arg(long)]
        bytes: usize,
    },
    #[command(flatten)]
    Measure(Measure),
}

/// What to measure.
#[derive(Debug, Clone, Subcommand)]
pub enum Measure {
    /// Posts accepted: at a given rate, and the highest sustained one, beside Kafka's own producer benchmark.
    Posts(Posts),
    /// Whether followers see a post shortly after its 201.
    Complete(Complete),
    /// From sending a post to reading it, at rising rates of posts.
    Visible(Visible),
    /// Home pages, beside a handler that does nothing.
    Home(Home),
    /// Notification pages and counts, beside Redis.
    Bell(Bell),
    /// A post on a page with many subscribers: when it is in every bell.
    Fanout(Fanout),
    /// Rebuilds of the feeds, beside INSERT and LOAD DATA.
    Rebuild(Rebuild),
    /// How soon an api is ready, and what it holds.
    Ready(Ready),
    /// Home pages beside a flood of sign-ins.
    Signins(SignIns),
    /// Start and memory of the embedded column; needs no engines.
    Embedded(Embedded),
    /// Every report.
    All(All),
}

/// How large a community.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// What all chances follow from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// People.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub people: u32,
    /// Leaders of each, on average.
    #[arg(long, default_value_t = 403)]
    pub leaders: usize,
    /// Notes.
    #[arg(long, default_value_t = 1_000_000)]
    pub stories: u64,
    /// Notifications.
    #[arg(long, default_value_t = 1_000_000)]
    pub notifications: u64,
    /// Subscribers of one page.
    #[arg(long, default_value_t = 50_000)]
    pub subscribers: usize,
}

impl Load {
    /// The sizes.
    pub const fn sizes(&self) -> Sizes {
        let Self { seed, people, leaders, stories, notifications, subscribers } = *self;
        Sizes { seed, people: people as usize, leaders, stories, notifications, subscribers }
    }
}

/// How often and how long.
#[derive(Debug, Clone, Copy, Args)]
pub struct Runs {
    /// Runs of everything: the table shows their median and spread.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,
    /// Seconds of each load in a run.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
}

/// Settings of `posts`.
#[derive(Debug, Clone, Args)]
pub struct Posts {
    #[command(flatten)]
    pub runs: Runs,
    /// Posts a second.
    #[arg(long, default_value_t = 3_500.0)]
    pub rate: f64,
    /// Seconds of each step of the search for the highest rate; 0 leaves the search out.
    #[arg(long, default_value_t = 10.0)]
    pub search_seconds: f64,
    /// Posts at even distances instead of a Poisson process.
    #[arg(long)]
    pub even: bool,
}

/// Settings of `home`.
#[derive(Debug, Clone, Args)]
pub struct Home {
    #[command(flatten)]
    pub runs: Runs,
    /// Pages a second in the open loop.
    #[arg(long, default_value_t = 2_000.0)]
    pub rate: f64,
    /// Posts a second beside them.
    #[arg(long, default_value_t = 500.0)]
    pub posts: f64,
}

/// Settings of `complete`.
#[derive(Debug, Clone, Args)]
pub struct Complete {
    /// Sampled posts.
    #[arg(long, default_value_t = 1_000)]
    pub posts: usize,
    /// Followers that look for each.
    #[arg(long, default_value_t = 50)]
    pub followers: usize,
    /// Sampled posts a second.
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// Posts of others a second.
    #[arg(long, default_value_t = 500.0)]
    pub beside: f64,
}

/// Settings of `visible`.
#[derive(Debug, Clone, Args)]
pub struct Visible {
    #[command(flatten)]
    pub runs: Runs,
    /// Posts a second, rising.
    #[arg(long, value_delimiter = ',', default_value = "250,500,1000,1500,2000,2500,3000,3500,4000,5000")]
    pub rates: Vec<f64>,
    /// Probes a second.
    #[arg(long, default_value_t = 10.0)]
    pub probes: f64,
}

/// Settings of `bell`.
#[derive(Debug, Clone, Args)]
pub struct Bell {
    #[command(flatten)]
    pub runs: Runs,
}

/// Settings of `fanout`.
#[derive(Debug, Clone, Args)]
pub struct Fanout {
    /// Posts, one after the other.
    #[arg(long, default_value_t = 3)]
    pub runs: u32,
}

/// Settings of `rebuild`.
#[derive(Debug, Clone, Args)]
pub struct Rebuild {
    /// Rebuilds of each view.
    #[arg(long, default_value_t = 3)]
    pub runs: u32,
    /// Rows that the raw comparison takes at most.
    #[arg(long, default_value_t = 2_000_000)]
    pub raw_rows: u64,
    /// Rebuild each once more, beside 200 posts/s and 500 pages/s.
    #[arg(long)]
    pub beside: bool,
    /// Views, of `story_feed` and `notification_feed`.
    #[arg(long, value_delimiter = ',', default_value = "story_feed,notification_feed", value_parser = ["story_feed", "notification_feed"])]
    pub views: Vec<String>,
}

/// Settings of `ready`.
#[derive(Debug, Clone, Args)]
pub struct Ready {
    /// Starts.
    #[arg(long, default_value_t = 3)]
    pub runs: u32,
}

/// Settings of `signins`.
#[derive(Debug, Clone, Args)]
pub struct SignIns {
    #[command(flatten)]
    pub runs: Runs,
    /// Sign-ins a second.
    #[arg(long, default_value_t = 200.0)]
    pub rate: f64,
    /// Home pages a second.
    #[arg(long, default_value_t = 200.0)]
    pub pages: f64,
}

/// Settings of `embedded`.
#[derive(Debug, Clone, Args)]
pub struct Embedded {
    /// Starts.
    #[arg(long, default_value_t = 5)]
    pub runs: u32,
}

/// Settings of all reports at once; the others are their own defaults.
#[derive(Debug, Clone, Args)]
pub struct All {
    #[command(flatten)]
    pub runs: Runs,
    /// Posts a second in `posts`.
    #[arg(long, default_value_t = 3_500.0)]
    pub rate: f64,
    /// Sampled posts of `complete`.
    #[arg(long, default_value_t = 1_000)]
    pub posts: usize,
    /// Posts of others a second beside them.
    #[arg(long, default_value_t = 500.0)]
    pub beside: f64,
    /// These reports alone, on roles that are started once.
    #[arg(long, value_delimiter = ',', value_parser = NAMES)]
    pub only: Vec<String>,
}

/// The reports there are.
const NAMES: [&str; 10] = ["posts", "complete", "visible", "home", "bell", "fanout", "rebuild", "ready", "signins", "embedded"];

/// The reports that were asked for.
#[derive(Debug, Default)]
pub struct Reports {
    pub posts: Option<Posts>,
    pub complete: Option<Complete>,
    pub visible: Option<Visible>,
    pub home: Option<Home>,
    pub bell: Option<Bell>,
    pub fanout: Option<Fanout>,
    pub rebuild: Option<Rebuild>,
    pub ready: Option<Ready>,
    pub signins: Option<SignIns>,
    pub embedded: Option<Embedded>,
}

impl Measure {
    /// The reports that it asks for.
    pub fn reports(self) -> Reports {
        let none = Reports::default();
        match self {
            Self::Posts(posts) => Reports { posts: Some(posts), ..none },
            Self::Complete(complete) => Reports { complete: Some(complete), ..none },
            Self::Visible(visible) => Reports { visible: Some(visible), ..none },
            Self::Home(home) => Reports { home: Some(home), ..none },
            Self::Bell(bell) => Reports { bell: Some(bell), ..none },
            Self::Fanout(fanout) => Reports { fanout: Some(fanout), ..none },
            Self::Rebuild(rebuild) => Reports { rebuild: Some(rebuild), ..none },
            Self::Ready(ready) => Reports { ready: Some(ready), ..none },
            Self::Signins(signins) => Reports { signins: Some(signins), ..none },
            Self::Embedded(embedded) => Reports { embedded: Some(embedded), ..none },
            Self::All(all) => all.reports(),
        }
    }
}

impl All {
    fn reports(&self) -> Reports {
        let Self { runs, rate, posts, beside, .. } = *self;
        let asked = |name: &str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        let (seconds, starts) = (runs.seconds, runs.runs);
        let once = Runs { runs: 1, ..runs };
        let rates = [0.1, 0.25, 0.5, 0.75, 1.0, 1.5].map(|share| share * 2_500.0).to_vec();
        Reports {
            posts: asked("posts").then_some(Posts { runs, rate, search_seconds: seconds, even: false }),
            complete: asked("complete").then_some(Complete { posts, followers: 50, rate: 10.0, beside }),
            visible: asked("visible").then_some(Visible { runs: once, rates, probes: 20.0 }),
            home: asked("home").then_some(Home { runs, rate: 2_000.0, posts: 500.0 }),
            bell: asked("bell").then_some(Bell { runs }),
            fanout: asked("fanout").then_some(Fanout { runs: starts }),
            rebuild: asked("rebuild").then(|| Rebuild {
                runs: 1,
                raw_rows: 2_000_000,
                beside: true,
                views: ["story_feed", "notification_feed"].map(str::to_owned).to_vec(),
            }),
            ready: asked("ready").then_some(Ready { runs: starts }),
            signins: asked("signins").then_some(SignIns { runs, rate: 200.0, pages: 200.0 }),
            embedded: asked("embedded").then_some(Embedded { runs: starts }),
        }
    }
}

impl Reports {
    /// Whether any of them is measured on a loaded community.
    pub const fn need_a_site(&self) -> bool {
        let Self { posts, complete, visible, home, bell, fanout, rebuild, ready, signins, embedded: _ } = self;
        posts.is_some()
            || complete.is_some()
            || visible.is_some()
            || home.is_some()
            || bell.is_some()
            || fanout.is_some()
            || rebuild.is_some()
            || ready.is_some()
            || signins.is_some()
    }
}
