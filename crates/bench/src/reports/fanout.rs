//! A post on a page that many subscribe to: when it is in every bell, and what others notice meanwhile.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use aredvi_events::notifications::NotificationEvent;
use aredvi_events::{Body, Clock, Mint, Topic, codec};
use aredvi_journal::{BatchLimits, Journal, Tail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::probe::{Probe, Watch};
use crate::cli::Fanout;
use crate::community::{Community, PAGE, Random};
use crate::load::pool::Pool;
use crate::load::{MAX_IN_FLIGHT, Recorder};
use crate::report::Section;
use crate::site::Site;

/// Those who watch their own bell from the moment of the post.
const WATCHERS: usize = 50;
/// How often they look, and how long.
const WATCH: Watch = Watch { every: Duration::from_millis(50), limit: Duration::from_secs(60) };
/// How often one who was mentioned looks, and how long.
const OTHERS: Watch = Watch { every: Duration::from_millis(10), limit: Duration::from_secs(60) };
/// Mentions of others a second.
const MENTIONS: f64 = 10.0;
/// How long the mentions go on before the post, so that there is something to compare with.
const BEFORE: Duration = Duration::from_secs(3);
/// What is read.
const BELL: &str = "/v1/notifications?limit=20";
/// How long everybody may take to be told.
const RAISED_LIMIT: Duration = Duration::from_secs(120);
/// How long views may take afterwards.
const SETTLE_LIMIT: Duration = Duration::from_secs(600);
/// How long one bell is looked into in the end; it may be unavailable for a moment.
const CHECK: Watch = Watch { every: Duration::from_millis(200), limit: Duration::from_secs(5) };
/// Subscribers whose bells are read at once, to find that all have it.
const CHECKED_AT_ONCE: usize = 64;

/// Measures.
///
/// # Errors
/// When something could not be measured.
pub async fn run(site: &mut Site, settings: &Fanout) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "fanout",
        &[
            "One person posts on a page with many subscribers (groups do not exist yet, so it is a person's page). `raised` is when the last \
             of the notifications stands on the log, heard by a tail of the journal; `watched bells` is when the last of 50 subscribers, \
             chosen evenly, saw it in his own over HTTP, reading every 50 ms. Then every subscriber's bell is read once: `bells that have it`.",
            "Meanwhile others are mentioned, ten a second, and look into their bells every 10 ms: before the post, and from the post until \
             it is raised for all.",
        ],
    );
    let subscribers: Vec<usize> = site.people.community.subscribers().collect();
    section.note(format!("{} subscribers.", subscribers.len()));
    let mint = Mint::new(site.clock.clone());
    let journal = site.engines.open_journal(&mint).await?;
    for run in 0..settings.runs {
        once(site, &mut section, &journal, &subscribers, u64::from(run)).await?;
        site.column.settle(SETTLE_LIMIT).await?;
    }
    Ok(section)
}

async fn once(site: &Site, section: &mut Section, journal: &Journal, subscribers: &[usize], run: u64) -> anyhow::Result<()> {
    let pool = Pool::new(&site.clock, site.column.api()?, MAX_IN_FLIGHT);
    let probe = Probe { clock: site.clock.clone(), pool, people: Arc::clone(&site.people) };
    let (before, meanwhile) = (Arc::new(Recorder::new()), Arc::new(Recorder::new()));
    let mut mentions = Mentions { probe: probe.clone(), random: Random::new(run, 79), outsiders: outsiders(site, subscribers) };
    mentions.go_on(&before, async { site.clock.sleep(BEFORE).await }).await;

    let ends = journal.ends(&[Topic::Notifications]).await?;
    let tail = journal.tail(&ends).await?;
    let began = Instant::now();
    let id = probe.post(PAGE, "To everybody who subscribed: the ferry is back.").await?;
    let accepted = began.elapsed();
    let mut random = Random::new(run, 80);
    let mut watching = JoinSet::new();
    for _ in 0..WATCHERS.min(subscribers.len()) {
        let reader = subscribers[usize::try_from(random.below(subscribers.len() as u64)).unwrap_or(0)];
        let (probe, id) = (probe.clone(), id.clone());
        watching.spawn(async move { probe.seen(reader, BELL, &id, began, WATCH).await });
    }
    let watched = async {
        let mut last = Duration::ZERO;
        while let Some(seen) = watching.join_next().await {
            match seen?? {
                Some(after) => last = last.max(after),
                None => bail!("a subscriber did not see the post in {:?}", WATCH.limit),
            }
        }
        Ok(last)
    };
    let raised = raised_for_all(&site.clock, tail, &id, subscribers.len(), began);
    let mut outcome = None;
    mentions.go_on(&meanwhile, async { outcome = Some(tokio::join!(raised, watched)) }).await;
    let Some((raised, watched)) = outcome else { bail!("nothing was raised") };
    let (raised, watched) = (raised?, watched?);
    let missing = without(&probe, subscribers, &id).await?;

    let seconds = |after: Duration| after.as_secs_f64();
    section.add("accepted after", "ms", seconds(accepted) * 1_000.0);
    section.aim("raised for all after", "s", "< 5 s", seconds(raised));
    section.aim("watched bells, the last after", "s", "< 5 s", seconds(watched));
    #[expect(clippy::cast_precision_loss, reason = "numbers of people are far below 2^53")]
    section.aim("bells that have it", "%", "100 %", 100.0 * (1.0 - missing as f64 / subscribers.len().max(1) as f64));
    let (before, meanwhile) = (before.outcome(Duration::ZERO), meanwhile.outcome(Duration::ZERO));
    section.add("others' mentions before: p99", "ms", before.ms(99.0));
    section.aim("others' mentions meanwhile: p99", "ms", "< 250 ms", meanwhile.ms(99.0));
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    {
        section.add("others' mentions meanwhile", "", meanwhile.count() as f64);
        section.add("others' mentions that failed", "", (before.failed() + meanwhile.failed()) as f64);
    }
    Ok(())
}

/// How long after `began` the last of `count` notifications of a note stood on the log.
async fn raised_for_all(clock: &Clock, mut tail: Tail, note: &str, count: usize, began: Instant) -> anyhow::Result<Duration> {
    let mut raised = 0;
    let counting = async {
        while raised < count {
            for stored in tail.next(&BatchLimits::default()).await? {
                if let Body::Notifications(NotificationEvent::NotificationRaised(event)) = codec::decode(&stored)?.event.body {
                    raised += usize::from(event.medium.is_some_and(|medium| medium.to_string() == note));
                }
            }
        }
        Ok::<_, anyhow::Error>(began.elapsed())
    };
    match clock.timeout(RAISED_LIMIT, counting).await {
        Ok(after) => after,
        Err(_) => bail!("{raised} of {count} were raised in {RAISED_LIMIT:?}"),
    }
}

/// How many of these have nothing of `id` in their bells.
async fn without(probe: &Probe, readers: &[usize], id: &str) -> anyhow::Result<usize> {
    let mut missing = 0;
    for some in readers.chunks(CHECKED_AT_ONCE) {
        let mut reading = JoinSet::new();
        for &reader in some {
            let (probe, id) = (probe.clone(), id.to_owned());
            reading.spawn(async move { probe.seen(reader, BELL, &id, Instant::now(), CHECK).await });
        }
        while let Some(seen) = reading.join_next().await {
            missing += usize::from(seen??.is_none());
        }
    }
    Ok(missing)
}

/// People who are neither the page's owner nor subscribed, or anybody when all are.
fn outsiders(site: &Site, subscribers: &[usize]) -> Vec<usize> {
    let after = subscribers.last().map_or(PAGE + 1, |last| last + 1);
    let outside: Vec<usize> = (after..site.people.community.people()).collect();
    if outside.len() < 2 { (PAGE + 1..site.people.community.people()).collect() } else { outside }
}

/// Mentions of others, and when they find them.
struct Mentions {
    probe: Probe,
    random: Random,
    outsiders: Vec<usize>,
}

impl Mentions {
    /// Mentions people at an even rate until `until` is done, and waits until the last has found it.
    async fn go_on(&mut self, recorder: &Arc<Recorder>, until: impl Future<Output = ()>) {
        let mut looking = JoinSet::new();
        let began = Instant::now();
        let mut n = 0.0;
        let mentioning = async {
            loop {
                let due = began + Duration::from_secs_f64(n / MENTIONS);
                self.probe.clock.sleep(due.saturating_duration_since(Instant::now())).await;
                n += 1.0;
                let mut any = || self.outsiders[usize::try_from(self.random.below(self.outsiders.len() as u64)).unwrap_or(0)];
                let (author, reader) = (any(), any());
                if author == reader {
                    continue;
                }
                let (probe, recorder) = (self.probe.clone(), Arc::clone(recorder));
                looking.spawn(async move {
                    let body = format!("Are you there, @{}?", Community::username(reader));
                    let seen = match probe.post(author, &body).await {
                        Ok(id) => probe.seen(reader, BELL, &id, due, OTHERS).await,
                        Err(error) => Err(error),
                    };
                    Probe::record(&recorder, seen);
                });
            }
        };
        tokio::select! {
            () = until => {}
            () = mentioning => {}
        }
        while looking.join_next().await.is_some() {}
    }
}
