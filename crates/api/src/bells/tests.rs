//! However reading and hearing interleave, what is kept equals the view.

use aredvi_events::envelope::Placed;
use aredvi_events::notifications::{NotificationDismissed, NotificationRaised, NotificationsRead, Verb};
use aredvi_events::{Event, Id, JournalId, Origin, Place};
use aredvi_projectors::db::{DbUrl, Durability, PoolSizes};
use aredvi_projectors::keys::Opener;
use aredvi_projectors::notification_feed::NotificationFeed;
use aredvi_projectors::view::{Batch, View};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("in range").into()
}

fn me() -> ActorId {
    id(7)
}

/// What may stand on a person's log; numbers are those of notifications.
#[derive(Debug, Clone)]
enum Step {
    Raise(u64),
    ReadThrough(u64),
    Read(Vec<u64>),
    Dismiss(u64),
}

impl Step {
    fn event(&self) -> NotificationEvent {
        let recipient = me();
        match self {
            Self::Raise(n) => NotificationRaised {
                by: None,
                recipient,
                notification: id(*n),
                verb: Verb::Voteup,
                subject: id(8),
                medium: Some(id(9)),
                actor: id(7),
                comment: None,
                cause: Uuid::from_u128(u128::from(*n)),
                cause_time: 5,
            }
            .into(),
            Self::ReadThrough(n) => {
                NotificationsRead { by: Some(recipient), recipient, through: Some(id(*n)), ids: Vec::new() }.into()
            }
            Self::Read(ids) => {
                let ids = ids.iter().map(|n| id(*n)).collect();
                NotificationsRead { by: Some(recipient), recipient, through: None, ids }.into()
            }
            Self::Dismiss(n) => NotificationDismissed { by: Some(recipient), recipient, notification: id(*n) }.into(),
        }
    }
}

/// A log whose offsets have gaps, as real ones do.
fn log(steps: &[Step]) -> Vec<Placed> {
    let partition = Partition::of(Topic::Notifications, &me().to_string());
    let placed = |(n, step): (u64, &Step)| Placed {
        place: Place { partition, offset: 3 * n + 1 },
        event: Event {
            id: Uuid::from_u128(u128::from(n) + 1),
            key: me().to_string(),
            time_ms: 5,
            source: JournalId(Uuid::from_u128(7)),
            origin: Origin::Here,
            traceparent: None,
            body: step.event().into(),
        },
    };
    (0..).zip(steps).map(placed).collect()
}

struct Schema {
    db: Db,
    _files: tempfile::TempDir,
}

impl Schema {
    async fn new() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let url = DbUrl::Embedded { dir: files.path().to_owned() };
        let db = Db::open(&url, None, "notification_feed", Durability::Normal, PoolSizes::default()).await.expect("open");
        for table in NotificationFeed.tables() {
            db.run_schema(table.ddl).await.expect("the table");
        }
        Self { db, _files: files }
    }

    async fn apply(&self, events: &[Placed]) {
        let batch = Batch { events: events.to_vec(), opener: Opener::none(), serving: true };
        let mut tx = self.db.begin().await.expect("begin");
        NotificationFeed.apply(&mut tx, &batch).await.expect("applied");
        tx.commit().await.expect("commit");
    }

    async fn newest(&self) -> Newest {
        rows(&self.db, me()).await.expect("read").newest()
    }
}

/// Hears `begun` events, begins to read, reads the view at `viewed`, hears up to `kept` before it keeps, then the rest.
/// Whether anything was kept, and at how many later events it equalled the view.
async fn interleave(steps: &[Step], begun: usize, viewed: usize, kept: usize) -> usize {
    let (log, schema) = (log(steps), Schema::new().await);
    let bells = Bells::default();
    for placed in &log[..begun] {
        bells.hear(placed);
    }
    let entry = bells.entry(me());
    entry.begin();
    let needed = bells.heard_of(me());
    schema.apply(&log[..viewed]).await;
    assert!(log[..begun].iter().all(|placed| needed.includes(placed.place)), "what was heard before is waited for");
    let read = rows(&schema.db, me()).await.expect("read");
    for placed in &log[begun..kept] {
        bells.hear(placed);
    }
    entry.keep(read);
    let mut agreed = 0;
    let mut at = viewed;
    for heard in kept..=log.len() {
        if heard > kept {
            bells.hear(&log[heard - 1]);
        }
        if heard < at {
            continue;
        }
        schema.apply(&log[at..heard]).await;
        at = heard;
        if let Some(newest) = entry.kept() {
            assert_eq!(newest, schema.newest().await, "{heard} heard of {steps:?}");
            agreed += 1;
        }
    }
    agreed
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

fn step() -> impl Strategy<Value = Step> {
    let n = 1_u64..20;
    prop_oneof![
        4 => n.clone().prop_map(Step::Raise),
        1 => n.clone().prop_map(Step::ReadThrough),
        1 => proptest::collection::vec(n.clone(), 0..4).prop_map(Step::Read),
        1 => n.prop_map(Step::Dismiss),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_kept_equals_the_view(
        steps in proptest::collection::vec(step(), 0..24),
        cuts in (0_usize..25, 0_usize..25, 0_usize..25),
    ) {
        let within = |cut: usize| cut.min(steps.len());
        let begun = within(cuts.0);
        run(interleave(&steps, begun, within(cuts.1).max(begun), within(cuts.2).max(begun)));
    }
}

#[test]
fn more_than_memory_holds_is_known_to_be_older() {
    let mut steps: Vec<Step> = (1..=150).map(Step::Raise).collect();
    steps.extend([Step::Raise(1), Step::Dismiss(150), Step::ReadThrough(149), Step::Raise(200)]);
    let heard_after_keeping = interleave_kept(&steps, 140);
    assert!(heard_after_keeping >= 10, "kept while it was certain: {heard_after_keeping}");
}

fn interleave_kept(steps: &[Step], read_at: usize) -> usize {
    run(interleave(steps, read_at, read_at, read_at))
}

#[test]
fn what_is_raised_read_and_dismissed_in_order_is_kept_throughout() {
    let mut steps: Vec<Step> = (1..=40).map(Step::Raise).collect();
    steps.extend([Step::ReadThrough(20), Step::Read(vec![30, 31]), Step::Dismiss(40), Step::Dismiss(25), Step::Raise(41)]);
    assert_eq!(interleave_kept(&steps, 10), steps.len() - 10 + 1);
}

#[test]
fn a_repeat_of_what_was_dismissed_is_not_shown_again() {
    run(async {
        let steps = [Step::Raise(1), Step::Raise(2), Step::Dismiss(2), Step::Raise(2)];
        let (log, schema) = (log(&steps), Schema::new().await);
        let bells = Bells::default();
        let entry = bells.entry(me());
        entry.begin();
        entry.keep(rows(&schema.db, me()).await.expect("read"));
        log.iter().take(3).for_each(|placed| bells.hear(placed));
        assert_eq!(entry.kept().map(|newest| newest.notifications.len()), Some(1));
        bells.hear(&log[3]);
        assert_eq!(entry.kept(), None, "in doubt: read anew");
    });
}

#[test]
fn what_would_overflow_the_notes_is_not_kept() {
    run(async {
        let schema = Schema::new().await;
        let steps: Vec<Step> = (1..=NOTED as u64 + 1).map(Step::Raise).collect();
        let bells = Bells::default();
        let entry = bells.entry(me());
        entry.begin();
        log(&steps).iter().for_each(|placed| bells.hear(placed));
        entry.keep(rows(&schema.db, me()).await.expect("read"));
        assert_eq!(entry.kept(), None);
    });
}

#[test]
fn a_read_mark_does_not_mean_what_is_raised_after_it() {
    let steps = [Step::Raise(1), Step::ReadThrough(13), Step::Raise(2), Step::Raise(13), Step::Raise(14)];
    assert_eq!(run(interleave(&steps, 0, 4, 1)), 2);
}
