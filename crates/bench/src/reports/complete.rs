//! Complete: whether followers see a post, each reading his own feed over HTTP shortly after the 201.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::posts::posts;
use super::probe::{Probe, Watch};
use crate::cli::Complete;
use crate::community::{CELEBRITY, Random};
use crate::load::pool::Pool;
use crate::load::{MAX_IN_FLIGHT, Open, Recorder};
use crate::report::Section;
use crate::site::Site;

/// How long after the 201 followers look.
const LOOK_AFTER: Duration = Duration::from_millis(100);
/// Between two looks of one who did not see it, and how long he looks.
const AGAIN: Watch = Watch { every: Duration::from_millis(100), limit: Duration::from_secs(2) };
/// Of the sampled posts, one in so many is the celebrity's.
const CELEBRITYS_ONE_IN: usize = 10;
/// What they read.
const PAGE: &str = "/v1/feed?limit=100";
/// Draws of authors before those that were found have to do.
const MOST_DRAWS: usize = 20;

/// Measures.
///
/// # Errors
/// When something could not be measured.
pub async fn run(site: &mut Site, settings: &Complete) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "complete",
        &[
            "A tenth of the sampled posts is by the account that a tenth of all follow, the others by people chosen evenly. Of each \
             author's followers, chosen evenly, each reads 100 stories of his feed 100 ms after the 201, and again every 100 ms up to \
             2 s while it is not there. `seen at once` counts the first look alone.",
        ],
    );
    section.note(format!(
        "{} posts, {} followers each, {} posts/s sampled, beside {:.0} posts/s of others.",
        settings.posts, settings.followers, settings.rate, settings.beside
    ));
    let mut random = Random::new(site.people.community.sizes.seed, 77);
    let authors: Vec<usize> =
        (0..settings.posts).map(|n| if n % CELEBRITYS_ONE_IN == 0 { CELEBRITY } else { site.people.any(&mut random) }).collect();
    let wanted: HashSet<usize> = authors.iter().copied().collect();
    let followers = site.people.community.followers(&wanted, settings.followers * MOST_DRAWS, random.clone());
    let pool = Pool::new(&site.clock, site.column.api()?, MAX_IN_FLIGHT);
    let probe = Probe { clock: site.clock.clone(), pool, people: Arc::clone(&site.people) };
    let (first, all) = (Arc::new(Recorder::new()), Arc::new(Recorder::new()));
    #[expect(clippy::cast_precision_loss, reason = "a number of posts")]
    let seconds = settings.posts as f64 / settings.rate;
    let sampling = async {
        let began = Instant::now();
        let mut posting = JoinSet::new();
        for (n, author) in authors.into_iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a number of posts")]
            let due = began + Duration::from_secs_f64(n as f64 / settings.rate);
            site.clock.sleep(due.saturating_duration_since(Instant::now())).await;
            let mut readers = followers.get(&author).cloned().unwrap_or_default();
            // Another choice for each post of the same author.
            for place in 0..readers.len().min(settings.followers) {
                let other = place + usize::try_from(random.below((readers.len() - place) as u64)).unwrap_or(0);
                readers.swap(place, other);
            }
            readers.truncate(settings.followers);
            posting.spawn(sample(probe.clone(), author, readers, Arc::clone(&first), Arc::clone(&all)));
        }
        while posting.join_next().await.is_some() {}
    };
    let ((), beside) = tokio::join!(sampling, posts(site, Open::new(settings.beside, seconds), 3_000));
    let (first, all) = (first.outcome(Duration::ZERO), all.outcome(Duration::ZERO));
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let share = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
    let readers = all.count() + all.failed();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    section.add("readers asked", "", readers as f64);
    section.aim("seen at once", "%", "≥ 99 %", share(first.count(), readers));
    section.aim("seen within 2 s", "%", "100 %", share(all.count(), readers));
    section.aim("the last one saw it after", "ms", "≤ 2,000 ms", all.ms(100.0));
    for (kind, count) in &all.failures {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        section.add(format!("not seen: {kind}"), "", *count as f64);
    }
    section.load("posts of others", &beside?);
    Ok(section)
}

async fn sample(probe: Probe, author: usize, readers: Vec<usize>, first: Arc<Recorder>, all: Arc<Recorder>) {
    let id = match probe.post(author, "Who sees this, and when? A sampled note about the ferry.").await {
        Ok(id) => id,
        Err(error) => return all.failed(&error.to_string()),
    };
    let answered = Instant::now();
    probe.clock.sleep(LOOK_AFTER).await;
    let mut looking = JoinSet::new();
    for reader in readers {
        let (probe, id, first, all) = (probe.clone(), id.clone(), Arc::clone(&first), Arc::clone(&all));
        looking.spawn(async move {
            match probe.shows(reader, PAGE, &id).await {
                Ok(true) => {
                    first.took(answered.elapsed());
                    all.took(answered.elapsed());
                }
                Ok(false) => {
                    probe.clock.sleep(AGAIN.every).await;
                    Probe::record(&all, probe.seen(reader, PAGE, &id, answered, AGAIN).await);
                }
                Err(error) => all.failed(&error.to_string()),
            }
        });
    }
    while looking.join_next().await.is_some() {}
}
