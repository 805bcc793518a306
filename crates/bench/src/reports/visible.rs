//! Visible: from the moment a client sends a post to the moment another client reads it, while others post.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::posts::posts;
use super::probe::{Probe, Watch};
use crate::cli::Visible;
use crate::community::Random;
use crate::load::pool::Pool;
use crate::load::{MAX_IN_FLIGHT, Open, Recorder};
use crate::report::Section;
use crate::site::{MIX, Site};

/// The reader polls this often, for this long.
const WATCH: Watch = Watch { every: Duration::from_millis(5), limit: Duration::from_secs(10) };
/// Authors that probes choose from.
const AUTHORS: usize = 200;
/// Followers of each that may read.
const FOLLOWERS: usize = 50;
/// What readers read.
const PAGE: &str = "/v1/feed?limit=20";
/// A rate below this share of what was asked for is saturated: the curve ends there.
const SATURATED: f64 = 0.95;
/// How long views may take to be done with a step's posts.
const SETTLE_LIMIT: Duration = Duration::from_secs(1_200);

/// Measures.
///
/// # Errors
/// When something could not be measured.
pub async fn run(site: &mut Site, settings: &Visible) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "visible",
        &[
            "A probe posts, and from that moment on a follower reads his home page of 20 every 5 ms (and as long as each answer takes) \
             until it shows the post. It counts from when the post was due, so the request, the append and the poll are in it.",
            "Readers follow as many as people do on average, or fewer: whoever follows thousands has 20 newer stories within \
             milliseconds.",
            "The background posts are an open loop of the usual mix; rates go up until less than 95 % of one is accepted.",
            MIX,
        ],
    );
    section.note(format!("{} probes a second.", settings.probes));
    let mut random = Random::new(site.people.community.sizes.seed, 78);
    let authors: HashSet<usize> = (0..AUTHORS).map(|_| site.people.any(&mut random)).collect();
    let followers = site.people.community.followers(&authors, FOLLOWERS, random.clone());
    let mut pairs: Vec<(usize, usize)> =
        followers.into_iter().flat_map(|(author, readers)| readers.into_iter().map(move |reader| (author, reader))).collect();
    let community = &site.people.community;
    pairs.retain(|&(_, reader)| community.leader_count(reader) <= community.sizes.leaders);
    pairs.sort_unstable();
    anyhow::ensure!(!pairs.is_empty(), "nobody follows anybody");
    for run in 0..settings.runs.runs {
        for &rate in &settings.rates {
            let pool = Pool::new(&site.clock, site.column.api()?, MAX_IN_FLIGHT);
            let probe = Probe { clock: site.clock.clone(), pool, people: Arc::clone(&site.people) };
            let recorder = Arc::new(Recorder::new());
            let probing = async {
                let began = Instant::now();
                let mut probes = JoinSet::new();
                let mut n = 0.0;
                while n / settings.probes < settings.runs.seconds {
                    let due = began + Duration::from_secs_f64(n / settings.probes);
                    site.clock.sleep(due.saturating_duration_since(Instant::now())).await;
                    let (author, reader) = pairs[usize::try_from(random.below(pairs.len() as u64)).unwrap_or(0)];
                    let (probe, recorder) = (probe.clone(), Arc::clone(&recorder));
                    probes.spawn(async move {
                        let seen = match probe.post(author, "A probe: is this to be seen?").await {
                            Ok(id) => probe.seen(reader, PAGE, &id, due, WATCH).await,
                            Err(error) => Err(error),
                        };
                        Probe::record(&recorder, seen);
                    });
                    n += 1.0;
                }
                while probes.join_next().await.is_some() {}
            };
            let seed = 4_000 + u64::from(run);
            let ((), posted) = tokio::join!(probing, posts(site, Open::new(rate, settings.runs.seconds), seed));
            let (posted, seen) = (posted?, recorder.outcome(Duration::ZERO));
            let at = format!("beside {rate:.0} posts/s");
            let p99 = format!("{at}: p99 until visible");
            if rate == 2_500.0 {
                section.aim(p99, "ms", "< 100 ms", seen.ms(99.0))
            } else {
                section.add(p99, "ms", seen.ms(99.0))
            }
            section.add(format!("{at}: median until visible"), "ms", seen.ms(50.0));
            section.add(format!("{at}: slowest"), "ms", seen.ms(100.0));
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
            section.add(format!("{at}: probes that failed"), "", seen.failed() as f64);
            section.load(&format!("{at}: posts"), &posted);
            site.column.settle(SETTLE_LIMIT).await?;
            if posted.rate() < SATURATED * rate {
                break;
            }
        }
    }
    Ok(section)
}
