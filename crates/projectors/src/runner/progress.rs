//! What other parts of the process, and operators, see of the projectors at work here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aredvi_events::clock::parse_rfc3339;
use aredvi_events::{Positions, codec};

use super::batch::Item;
use crate::behind::Behind;

/// How the projectors of this process are doing; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<BTreeMap<(String, u32), Report>>>);

/// One generation of one view.
#[derive(Debug, Clone)]
pub struct Report {
    /// The view.
    pub view: String,
    /// The generation.
    pub generation: u32,
    /// Whether it goes on.
    pub status: Status,
    /// Records applied, parked or passed over here since the process began.
    pub events: u64,
    /// Records between it and the end of the log, as of the last look; offsets are not dense, so it is an upper bound.
    pub lag_events: u64,
    /// How long ago it is known to have had all that stood on the log, in milliseconds; 0 when it has all.
    pub lag_ms: i64,
    newest_ms: i64,
    behind: Behind,
}

/// Whether a view goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Status {
    /// It does.
    #[default]
    Running,
    /// An engine does not answer; it tries again by itself.
    Waiting(String),
    /// It needs an operator.
    Stopped(String),
}

impl Progress {
    /// Every generation that this process works on.
    pub fn reports(&self) -> Vec<Report> {
        self.lock().values().cloned().collect()
    }

    /// One view's generations.
    pub fn of(&self, view: &str) -> Vec<Report> {
        self.lock().values().filter(|report| report.view == view).cloned().collect()
    }

    pub(super) fn gauge(&self, view: &str, generation: u32, began_ms: i64) -> Gauge {
        let gauge = Gauge { progress: self.clone(), view: view.to_owned(), generation, began_ms };
        gauge.change(|_| ());
        // The first one shall be seen to be one more.
        metrics::counter!("aredvi_projector_refused_total", "view" => view.to_owned()).increment(0);
        gauge
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, u32), Report>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one generation's workers report.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    progress: Progress,
    view: String,
    generation: u32,
    began_ms: i64,
}

impl Gauge {
    /// These were committed.
    pub fn applied(&self, items: &[Item]) {
        let events = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let newest = items.last().and_then(|item| codec::header(&item.stored.record, "ce_time")).and_then(parse_rfc3339);
        metrics::counter!("aredvi_projector_events_total", "view" => self.view.clone()).increment(events);
        metrics::counter!("aredvi_projector_batches_total", "view" => self.view.clone()).increment(1);
        self.change(|report| {
            report.status = Status::Running;
            report.events += events;
            report.newest_ms = newest.unwrap_or(report.newest_ms);
        });
    }

    /// So long a transaction took, of a generation that serves or of another one.
    pub fn took(&self, took: Duration, serving: bool) {
        let state = if serving { "serving" } else { "other" };
        let labels = [("view", self.view.clone()), ("state", state.to_owned())];
        metrics::histogram!("aredvi_projector_transaction_seconds", &labels).record(took);
    }

    /// One was refused by rule.
    pub fn refused(&self) {
        metrics::counter!("aredvi_projector_refused_total", "view" => self.view.clone()).increment(1);
    }

    /// These were put aside.
    pub fn parked(&self, records: usize) {
        let records = u64::try_from(records).unwrap_or(u64::MAX);
        metrics::counter!("aredvi_projector_parked_total", "view" => self.view.clone()).increment(records);
    }

    /// Something of this many keys is put aside.
    pub fn parked_keys(&self, keys: usize) {
        metrics::gauge!("aredvi_projector_parked_keys", &self.labels()).set(u32::try_from(keys).unwrap_or(u32::MAX));
    }

    /// It goes on.
    pub fn running(&self) {
        self.change(|report| report.status = Status::Running);
    }

    /// An engine does not answer.
    pub fn waiting(&self, reason: String) {
        let waiting = Status::Waiting(reason);
        self.change(|report| {
            if report.status != waiting {
                tracing::warn!(view = report.view, generation = report.generation, status = ?waiting, "waiting");
                report.status = waiting;
            }
        });
    }

    /// It cannot go on.
    pub fn stopped(&self, reason: String) {
        let stopped = Status::Stopped(reason);
        self.change(|report| {
            if report.status != stopped {
                tracing::error!(view = report.view, generation = report.generation, status = ?stopped, "the view stopped");
                report.status = stopped;
            }
        });
    }

    /// How far it was seen to be.
    pub fn look(&self, positions: &Positions, ends: &Positions, now_ms: i64) {
        let behind = ends.iter().map(|(partition, end)| end.saturating_sub(positions.next(partition))).sum();
        self.change(|report| {
            report.behind.look(positions, ends, now_ms);
            report.lag_events = behind;
        });
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("aredvi_projector_lag_events", &self.labels()).set(behind as f64);
    }

    /// Tells operators how far it is behind; of each view, they are told of the generation that serves.
    pub fn tell(&self, serving: bool, now_ms: i64) {
        let (mut ms, mut is_stopped) = (0, false);
        self.change(|report| {
            report.lag_ms = report.behind.ms(report.newest_ms, now_ms);
            ms = report.lag_ms;
            is_stopped = matches!(report.status, Status::Stopped(_));
        });
        if serving {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!("aredvi_projector_lag_ms", "view" => self.view.clone()).set(ms as f64);
            metrics::gauge!("aredvi_projector_stopped", "view" => self.view.clone()).set(u32::from(is_stopped));
        }
    }

    /// This process no longer works on it.
    pub fn gone(&self) {
        self.progress.lock().remove(&(self.view.clone(), self.generation));
        metrics::gauge!("aredvi_projector_lag_events", &self.labels()).set(0.0);
        metrics::gauge!("aredvi_projector_parked_keys", &self.labels()).set(0.0);
    }

    fn labels(&self) -> [(&'static str, String); 2] {
        [("view", self.view.clone()), ("generation", self.generation.to_string())]
    }

    fn change(&self, change: impl FnOnce(&mut Report)) {
        let mut reports = self.progress.lock();
        change(reports.entry((self.view.clone(), self.generation)).or_insert_with(|| Report {
            view: self.view.clone(),
            generation: self.generation,
            status: Status::Running,
            events: 0,
            lag_events: 0,
            lag_ms: 0,
            newest_ms: 0,
            behind: Behind::since(self.began_ms),
        }));
    }
}
