//! What each person is told.

use std::collections::BTreeSet;
use std::slice;

use aredvi_events::notifications::{NotificationDismissed, NotificationEvent, NotificationRaised, NotificationsRead, Verb};
use aredvi_events::{ActorId, NotificationId};
use aredvi_projectors::notification_feed::NotificationFeed;
use aredvi_projectors::notification_feed::queries::{self, Notification};
use proptest::prelude::*;
use uuid::Uuid;

use crate::log::{Log, START_MS, id};
use crate::world::World;
use crate::{engines, laws};

/// What happens to a recipient's notifications.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Raise(u64),
    ReadThrough(u64),
    Read(Vec<u64>),
    Dismiss(u64),
}
use What::{Dismiss, Raise, Read, ReadThrough};

fn notification_id(number: u64) -> NotificationId {
    id(3_000 + number)
}

fn push(log: &mut Log, recipient: u64, what: &What) {
    let recipient: ActorId = id(recipient);
    let by = Some(recipient);
    let event: NotificationEvent = match what {
        Raise(number) => NotificationRaised {
            by: None,
            recipient,
            notification: notification_id(*number),
            verb: Verb::NoteComment,
            subject: id(80),
            medium: Some(id(1_000)),
            actor: id(90),
            comment: Some(id(2_000)),
            cause: Uuid::from_u128(1 << 100),
            cause_time: START_MS - 5,
        }
        .into(),
        ReadThrough(number) => NotificationsRead { by, recipient, through: Some(notification_id(*number)), ids: vec![] }.into(),
        Read(numbers) => {
            let ids = numbers.iter().map(|&number| notification_id(number)).collect();
            NotificationsRead { by, recipient, through: None, ids }.into()
        }
        Dismiss(number) => NotificationDismissed { by, recipient, notification: notification_id(*number) }.into(),
    };
    log.push(recipient, event);
}

/// What happens to recipient 1.
fn log(events: &[What]) -> Log {
    let mut log = Log::default();
    for what in events {
        push(&mut log, 1, what);
    }
    log
}

/// Anything that may happen to the notifications of one recipient.
pub(crate) fn what() -> impl Strategy<Value = What> {
    (0_u8..6, 1_u64..6, prop::collection::vec(1_u64..6, 0..3)).prop_map(|(what, number, numbers)| match what {
        0..=2 => Raise(number),
        3 => ReadThrough(number),
        4 => Read(numbers),
        _ => Dismiss(number),
    })
}

/// Who was told what.
pub(crate) type Raised = BTreeSet<(u64, u64)>;

/// Appends what happens. Nobody reads or dismisses what he was not told of.
pub(crate) fn push_told(log: &mut Log, raised: &mut Raised, recipient: u64, what: &What) {
    let named = match what {
        Raise(number) | ReadThrough(number) | Dismiss(number) => slice::from_ref(number),
        Read(numbers) => numbers,
    };
    for &number in named {
        if raised.insert((recipient, number)) {
            push(log, recipient, &Raise(number));
        }
    }
    push(log, recipient, what);
}

#[test]
fn notifications_are_a_function_of_the_log() {
    laws::hold(&NotificationFeed, prop::collection::vec((1_u64..4, what()), 0..40), |events| {
        let (mut log, mut raised) = Default::default();
        for (recipient, what) in events {
            push_told(&mut log, &mut raised, *recipient, what);
        }
        log
    });
}

async fn page(world: &World<'_>, recipient: u64) -> Vec<Notification> {
    queries::page(&world.db, id(recipient), None, 100).await.expect("asked")
}

async fn told(world: &World<'_>) -> Vec<(u64, bool)> {
    page(world, 1).await.into_iter().map(|row| (row.id.get() - 3_000, row.read)).collect()
}

#[tokio::test]
async fn notifications_stand_in_the_order_of_the_recipients_log() {
    engines::each(|url| async move {
        let world = World::open(&NotificationFeed, &url).await;
        let log = log(&[Raise(3), Raise(1), Raise(3), Raise(2)]);
        world.apply(&log.placed).await;
        assert_eq!(told(&world).await, [(2, false), (1, false), (3, false)]);
        let rows = page(&world, 1).await;
        let expected = Notification {
            id: notification_id(3),
            verb: Verb::NoteComment,
            subject: id(80),
            medium: Some(id(1_000)),
            actor: id(90),
            comment: Some(id(2_000)),
            created_at: START_MS - 5,
            read: false,
            offset: log.placed[0].place.offset,
        };
        assert_eq!(rows[2], expected);
        let below = queries::page(&world.db, id(1), Some(rows[0].offset), 1).await.expect("asked");
        assert_eq!(below, rows[1..2]);
        assert_eq!(page(&world, 2).await, []);
        let ids = [notification_id(1), notification_id(9)];
        assert_eq!(queries::by_ids(&world.db, id(1), &ids).await.expect("asked"), rows[1..2]);
    })
    .await;
}

#[tokio::test]
async fn reading_through_one_reads_all_before_it_and_never_goes_back() {
    engines::each(|url| async move {
        let world = World::open(&NotificationFeed, &url).await;
        let log = log(&[Raise(1), Raise(2), Raise(3), ReadThrough(2), ReadThrough(1), Raise(4), Read(vec![4]), ReadThrough(9)]);
        world.apply(&log.placed[..6]).await;
        assert_eq!(told(&world).await, [(4, false), (3, false), (2, true), (1, true)]);
        world.apply(&log.placed[6..]).await;
        assert_eq!(told(&world).await, [(4, true), (3, false), (2, true), (1, true)]);
    })
    .await;
}

#[tokio::test]
async fn a_dismissed_one_does_not_come_back() {
    engines::each(|url| async move {
        let world = World::open(&NotificationFeed, &url).await;
        let log = log(&[Raise(1), Raise(2), Dismiss(1), Raise(1)]);
        world.apply(&log.placed).await;
        assert_eq!(told(&world).await, [(2, false)]);
        assert_eq!(queries::by_ids(&world.db, id(1), &[notification_id(1)]).await.expect("asked"), []);
    })
    .await;
}
