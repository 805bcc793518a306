//! Takes letters whose time has come, asks once more whether they may be sent, sends them, and says what came of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::deliveries::{Channel, DeliveryEvent, DeliveryFailed, DeliverySent, DeliverySuppressed, Suppression};
use aredvi_events::mint::derived_id;
use aredvi_events::{ActorId, Body, CommentId, Event, MediumId, Origin, Topic};
use aredvi_projectors::control::State;
use aredvi_projectors::db::{Db, DbError};
use aredvi_projectors::runner::{NotReady, ViewReader};
use aredvi_projectors::view::Derived;
use aredvi_projectors::{accounts, actors};
use aredvi_traces::Step;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::letters::{self, Due};
use super::{Outbox, backoff};
use crate::append::append;
use crate::channels::{SEND_LIMIT, SendError, TURN_LIMIT};
use crate::planner::{self, Medium, may_be_told};
use crate::sweep::stopped;
use crate::templates::{self, Told};
use crate::{Deps, millis};

/// Letters taken at once.
const LETTERS_PER_ROUND: u64 = 128;
/// Letters at most that are claimed together, sent, and said to be sent together: what they cost a database and a journal
/// is mostly what one costs. So many for each of [`GROUPS_AT_ONCE`] may go out twice when the process dies.
const GROUP: usize = 32;
/// Groups in work at once.
const GROUPS_AT_ONCE: usize = 2;
/// Between two looks for letters, unless there were as many as are taken at once: what comes meanwhile goes together. Also
/// how soon a failure of an engine is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// How often it is told how old the oldest letter is.
const MEASURED_EVERY: Duration = Duration::from_secs(5);
/// How long a claim holds: longer than a group may be in work.
const CLAIM: Duration = Duration::from_secs(10 * 60);
/// After another generation began to serve: claims stand in the one before it, so until what was claimed there is sent,
/// or given up, and said to be on the journal, nothing is.
const HANDOVER: Duration = TURN_LIMIT.saturating_add(SEND_LIMIT).saturating_add(Duration::from_secs(10));
/// How long one look waits for the ledger to reach the end of `deliveries`, before it looks again.
const CATCH_UP: Duration = Duration::from_secs(5);
/// Tries to append an outcome before the letter's claim is left to run out.
const APPENDS: u32 = 60;
/// Between two of them.
const APPEND_AGAIN: Duration = Duration::from_secs(1);

/// The planner appends before it commits: how long to wait for what it has not heard of.
const PLANNER_COMMITS: Duration = Duration::from_secs(1);

/// The sender of one process.
pub(super) struct Sender {
    pub(super) ledger: ViewReader,
    pub(super) planner: ViewReader,
    pub(super) actors: ViewReader,
    pub(super) accounts: ViewReader,
    pub(super) deps: Deps,
    pub(super) outbox: Outbox,
}

/// Why a round was not finished; letters in work are tried again when their claims run out.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    NotReady(#[from] NotReady),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Journal(#[from] aredvi_journal::ReadError),
}

/// What is known of a group's letters at the moment of sending.
struct Known {
    media: HashMap<MediumId, Medium>,
    /// Whether each stands.
    comments: HashMap<CommentId, bool>,
    names: HashMap<ActorId, Arc<str>>,
    addresses: HashMap<ActorId, String>,
}

/// What is to become of a letter.
enum Fate {
    Ended(Outcome),
    Later(Duration),
    /// Nothing was tried, so no attempt counts.
    Untried,
}

/// What came of a letter.
enum Outcome {
    Sent,
    Failed(String),
    Suppressed(Suppression),
}

impl Sender {
    /// Sends until `stop`.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let clock = self.deps.runner.mint.clock();
        let mut caught_up = None;
        let mut told = None;
        while !stop.is_cancelled() {
            let pause = match self.round(&mut caught_up, stop).await {
                Ok(taken) => {
                    told = None;
                    if (taken as u64) < LETTERS_PER_ROUND { PAUSE } else { Duration::ZERO }
                }
                Err(interrupted) => {
                    let reason = interrupted.to_string();
                    if told.as_ref() != Some(&reason) {
                        tracing::warn!(error = reason, "no letters can be sent; it is tried again");
                        told = Some(reason);
                    }
                    PAUSE
                }
            };
            if stopped(clock, pause, stop).await {
                break;
            }
        }
    }

    /// Sends some letters; how many were due. `caught_up` is the generation that has heard every outcome.
    async fn round(&self, caught_up: &mut Option<u32>, stop: &CancellationToken) -> Result<usize, Interrupted> {
        let pinned = self.ledger.pin()?;
        if *caught_up != Some(pinned.generation) {
            if self.is_handed_over().await? {
                return Ok(0);
            }
            let ends = self.deps.runner.journal.ends(&[Topic::Deliveries]).await?;
            if !self.ledger.wait_for(&ends, CATCH_UP).await || self.ledger.pin()?.generation != pinned.generation {
                return Ok(0);
            }
            *caught_up = Some(pinned.generation);
        }
        let now_ms = self.now_ms();
        if !self.deps.facts.trusted(now_ms) {
            return Ok(0);
        }
        let mut due = letters::due(&pinned.db, now_ms, LETTERS_PER_ROUND).await?.into_iter().peekable();
        let taken = due.len();
        let size = taken.div_ceil(GROUPS_AT_ONCE).clamp(1, GROUP);
        let groups = std::iter::from_fn(|| due.peek().is_some().then(|| due.by_ref().take(size).collect()));
        let mut work = futures_util::stream::iter(groups)
            .take_while(|_| std::future::ready(!stop.is_cancelled()))
            .map(|group| Box::pin(self.take(&pinned.db, group)))
            .buffer_unordered(GROUPS_AT_ONCE);
        let mut ended = Ok(());
        while let Some(group) = work.next().await {
            ended = ended.and(group);
        }
        ended.map(|()| taken)
    }

    /// Tells operators how old the oldest letter is that is still to be sent, until `stop`.
    pub(super) async fn measure(&self, stop: &CancellationToken) {
        while !stopped(self.deps.runner.mint.clock(), MEASURED_EVERY, stop).await {
            let Ok(db) = self.ledger.db() else { continue };
            if let Ok(oldest) = letters::oldest_cause(&db).await {
                let age_ms = oldest.map_or(0, |at| self.now_ms().saturating_sub(at).max(0));
                metrics::gauge!("aredvi_ledger_oldest_ms").set(u32::try_from(age_ms).unwrap_or(u32::MAX));
            }
        }
    }

    /// Whether another generation served so shortly before that its claims may still be at work.
    async fn is_handed_over(&self) -> Result<bool, DbError> {
        let generations = self.deps.runner.control.generations(super::NAME).await?;
        let before = generations.iter().any(|generation| generation.state == State::Previous);
        let since = generations.iter().find(|generation| generation.state == State::Serving).map(|serving| serving.since_ms);
        Ok(before && since.is_none_or(|since| self.now_ms() < since.saturating_add(millis(HANDOVER))))
    }

    /// Claims letters and brings them to an end, or puts them off.
    async fn take(&self, db: &Db, group: Vec<Due>) -> Result<(), Interrupted> {
        let until = self.now_ms().saturating_add(millis(CLAIM));
        let claimed = letters::claim(db, group, until).await?;
        let known = match self.look_up(&claimed).await {
            Ok(known) => known,
            Err(interrupted) => {
                letters::give_back(db, &claimed, self.now_ms().saturating_add(millis(PAUSE))).await?;
                return Err(interrupted);
            }
        };
        let delivered = join_all(claimed.into_iter().map(|due| Box::pin(self.traced(due, &known)))).await;
        let (mut ended, mut later, mut untried) = (Vec::with_capacity(delivered.len()), Vec::new(), Vec::new());
        for (due, fate) in delivered {
            match fate {
                Fate::Ended(outcome) => ended.push((due, outcome)),
                Fate::Later(pause) => later.push((due, pause)),
                Fate::Untried => untried.push(due),
            }
        }
        // First what was sent: whatever fails for another letter, it must not go out again.
        let told = self.tell(db, ended).await;
        let put_off = self.put_off(db, later).await;
        let given_back = match untried.is_empty() {
            true => Ok(()),
            false => letters::give_back(db, &untried, self.now_ms().saturating_add(millis(PAUSE))).await,
        };
        told.and(put_off).and(given_back.map_err(Interrupted::from))
    }

    /// What is known of a group's letters, asked together.
    async fn look_up(&self, group: &[Due]) -> Result<Known, Interrupted> {
        let planner = self.planner.db()?;
        let media: Vec<MediumId> = group.iter().filter_map(|due| due.medium).collect();
        let comments: Vec<CommentId> = group.iter().filter_map(|due| due.comment).collect();
        let people: Vec<ActorId> = group.iter().flat_map(|due| [due.subject, due.recipient]).collect();
        let recipients: Vec<ActorId> = group.iter().map(|due| due.recipient).collect();
        let cards = actors::queries::cards(&self.actors.db()?, &people).await?;
        Ok(Known {
            media: planner::queries::media(&planner, &media).await?,
            comments: planner::queries::comments_stand(&planner, &comments).await?,
            names: cards.into_iter().filter_map(|card| Some((card.actor, card.name?))).collect(),
            addresses: accounts::queries::emails(&self.accounts.db()?, &recipients).await?.into_iter().collect(),
        })
    }

    /// Each until its pause is over; a failure for one leaves none of the others out.
    async fn put_off(&self, db: &Db, letters: Vec<(Due, Duration)>) -> Result<(), Interrupted> {
        let mut done = Ok(());
        for (due, pause) in letters {
            let put_off = letters::put_off(db, &due, self.now_ms().saturating_add(millis(pause))).await;
            done = done.and(put_off.map_err(Interrupted::from));
        }
        done
    }

    /// Delivers a letter as a step of the trace that it belongs to.
    async fn traced(&self, mut due: Due, known: &Known) -> (Due, Fate) {
        let traced = aredvi_traces::sampled_event(due.traceparent.as_deref(), due.cause_time, self.now_ms());
        let Some(trace) = traced else {
            let span = tracing::info_span!("notify.email", notification = %due.notification, recipient = %due.recipient);
            let fate = self.deliver(&due, known).instrument(span).await;
            return (due, fate);
        };
        let span = tracing::info_span!(
            parent: None,
            "notify.email",
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            notification = %due.notification,
            recipient = %due.recipient,
            attempt = due.attempts,
        );
        let step = Step::after(trace, span);
        due.traceparent = Some(step.traceparent());
        let fate = self.deliver(&due, known).instrument(step.span().clone()).await;
        if matches!(fate, Fate::Later(_)) {
            step.failed();
        }
        (due, fate)
    }

    async fn deliver(&self, due: &Due, known: &Known) -> Fate {
        if due.seen {
            return suppressed(Suppression::AlreadySeen);
        }
        if self.now_ms().saturating_sub(due.cause_time) > millis(self.deps.settings.max_age) {
            return suppressed(Suppression::TooOld);
        }
        let medium = due.medium.and_then(|id| known.media.get(&id)).copied();
        let comment = match due.comment {
            Some(id) => known.comments.get(&id).copied(),
            None => Some(true),
        };
        let unheard_of = comment.is_none() || (due.medium.is_some() && medium.is_none());
        if let Some(pause) = backoff::pause_after(due.attempts).filter(|_| unheard_of) {
            return Fate::Later(pause.min(PLANNER_COMMITS));
        }
        let Some(address) = known.addresses.get(&due.recipient) else { return suppressed(Suppression::NoAddress) };
        if unheard_of || comment == Some(false) || !self.may_be_told(due, medium.as_ref()) {
            return suppressed(Suppression::NotVisible);
        }
        let name_of = |who| known.names.get(&who).map(AsRef::as_ref).unwrap_or_default();
        let told = Told {
            verb: due.verb,
            subject_name: name_of(due.subject),
            recipient_name: name_of(due.recipient),
            recipient_wrote_it: medium.is_some_and(|medium| medium.author == due.recipient),
            recipients_page: medium.is_some_and(|medium| medium.owner == due.recipient),
        };
        let written = templates::write(&told, &self.outbox.public_url);
        let to = (due.recipient, address.as_str());
        let sent = match self.outbox.postmark.letter(to, due.notification, &written, self.now_ms()) {
            Ok(letter) => self.outbox.mail.send(&letter, self.deps.runner.mint.clock()).await,
            Err(refused) => Err(refused),
        };
        match sent {
            Ok(()) => Fate::Ended(Outcome::Sent),
            Err(SendError::NotTried) => Fate::Untried,
            Err(SendError::Permanent(code)) => Fate::Ended(Outcome::Failed(code)),
            Err(SendError::Transient(code)) => match backoff::pause_after(due.attempts) {
                Some(pause) => Fate::Later(pause),
                None => Fate::Ended(Outcome::Failed(code)),
            },
        }
    }

    fn may_be_told(&self, due: &Due, medium: Option<&Medium>) -> bool {
        may_be_told(&self.deps.facts.look(self.now_ms()), due.recipient, due.subject, medium)
    }

    /// Says on the journal what came of letters, then notes that it did.
    async fn tell(&self, db: &Db, ended: Vec<(Due, Outcome)>) -> Result<(), Interrupted> {
        if ended.is_empty() {
            return Ok(());
        }
        let (letters, outcomes): (Vec<Due>, Vec<Derived>) = ended
            .into_iter()
            .map(|(due, outcome)| {
                let told = self.told(&due, outcome);
                (due, told)
            })
            .unzip();
        for _ in 0..APPENDS {
            match append(&self.deps.runner.journal, outcomes.clone()).await {
                Ok(()) => return Ok(letters::settle(db, &letters).await?),
                Err(error) => tracing::warn!(%error, "outcomes are not on the journal yet"),
            }
            self.deps.runner.mint.clock().sleep(APPEND_AGAIN).await;
        }
        tracing::error!(letters = letters.len(), "outcomes could not be told: the letters may be sent again");
        Ok(())
    }

    fn told(&self, due: &Due, outcome: Outcome) -> Derived {
        let (recipient, notification, channel) = (due.recipient, due.notification, Channel::Mail);
        let event: DeliveryEvent = match outcome {
            Outcome::Sent => DeliverySent { by: None, recipient, notification, channel }.into(),
            Outcome::Failed(code) => DeliveryFailed { by: None, recipient, notification, channel, code }.into(),
            Outcome::Suppressed(reason) => DeliverySuppressed { by: None, recipient, notification, channel, reason }.into(),
        };
        let outcome = event.type_name();
        metrics::counter!("aredvi_deliveries_total", "channel" => channel.name(), "outcome" => outcome).increment(1);
        let event = Event {
            id: derived_id(due.cause, &format!("{outcome}:{}:{recipient}", channel.name())),
            key: recipient.to_string(),
            time_ms: self.now_ms(),
            source: self.deps.runner.journal.id(),
            origin: Origin::Here,
            traceparent: due.traceparent.clone(),
            body: Body::Deliveries(event),
        };
        Derived { topic: Topic::Deliveries, event }
    }

    fn now_ms(&self) -> i64 {
        self.deps.runner.mint.now_ms()
    }
}

const fn suppressed(reason: Suppression) -> Fate {
    Fate::Ended(Outcome::Suppressed(reason))
}
