//! What is sent, and what never is.

use std::collections::BTreeSet;
use std::sync::Arc;

use aredvi_events::actors::Access;
use aredvi_events::deliveries::{Channel, DeliveryEvent, DeliverySent, DeliverySuppressed, Suppression};
use aredvi_events::graph::Blocked;
use aredvi_events::notifications::{NotificationRaised, NotificationsRead};
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, Event, NotificationId, Origin, Positions, Topic};
use aredvi_notifier::ledger::Ledger;
use aredvi_projectors::actors::Actors;

use crate::planner::{follow, note};
use crate::world::{Process, World, each, until};

/// The world at work, and two people of it.
async fn community(world: &World) -> (Vec<Process>, ActorId, ActorId) {
    let mut processes = world.project_people();
    processes.push(world.planner());
    world.planned().await;
    let (ana, ben) = (world.register("Ana").await, world.register("Ben").await);
    (processes, ana, ben)
}

/// Lets the notifier be born, and stops it.
async fn born(world: &World) {
    let notifier = world.notifier();
    world.booked().await;
    let reader = world.reader(&Ledger::born(Positions::new())).await;
    let db = reader.db().expect("serving");
    let births = async || !db.read_latest("SELECT part FROM births", vec![]).await.expect("rows").is_empty();
    until("it is born", births).await;
    notifier.end().await;
}

async fn end(processes: Vec<Process>) {
    for process in processes {
        process.end().await;
    }
}

fn sent(recipient: ActorId, notification: NotificationId) -> DeliveryEvent {
    DeliverySent { by: None, recipient, notification, channel: Channel::Mail }.into()
}

fn suppressed(recipient: ActorId, notification: NotificationId, reason: Suppression) -> DeliveryEvent {
    DeliverySuppressed { by: None, recipient, notification, channel: Channel::Mail, reason }.into()
}

async fn only_notification(world: &World) -> NotificationId {
    world.planned().await;
    let raised = world.raised().await;
    assert_eq!(raised.len(), 1);
    raised.into_values().next().expect("raised").notification
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mention_becomes_one_mail_though_the_notifier_comes_and_goes() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        let notifier = world.notifier();
        world.booked().await;
        world.append_event(Topic::Media, note(&world, ana, Access::Public, &[ben]).1).await;
        let notification = only_notification(&world).await;
        assert_eq!(world.delivered(1).await, [sent(ben, notification)]);
        let mails = world.mails();
        let name = format!("{notification}-{ben}.eml");
        assert_eq!(mails.keys().collect::<Vec<_>>(), [&name]);
        let mail = &mails[&name];
        for line in ["To: ben@example.org\r\n", "Subject: Ana mentioned you in a note\r\n", "Hello Ben,\r\n"] {
            assert!(mail.contains(line), "{line:?} in {mail}");
        }

        // A restart sends nothing again; what was sent is not even in the outbox any more.
        notifier.end().await;
        std::fs::remove_file(world.outbox.join(&name)).expect("removed");
        let notifier = world.notifier();
        follow(&world, ana, ben).await;
        assert_eq!(world.delivered(2).await.len(), 2);
        assert_eq!(world.mails().len(), 1, "only the follow");
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_raised_before_the_notifier_was_born_is_never_sent() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        follow(&world, ana, ben).await;
        only_notification(&world).await;
        let notifier = world.notifier();
        world.booked().await;
        // Nor is what was brought in from elsewhere, whenever it is.
        let (_, raised) = world.raised().await.into_iter().next().expect("raised");
        let brought_in = NotificationRaised { notification: world.id(), ..raised };
        let brought_in = Event { origin: Origin::Import, ..world.event(ben.to_string(), brought_in) };
        world.append_event(Topic::Notifications, brought_in).await;
        world.append_event(Topic::Media, note(&world, ben, Access::Public, &[ana]).1).await;
        let deliveries = world.delivered(1).await;
        world.booked().await;
        assert!(matches!(&deliveries[..], [DeliveryEvent::DeliverySent(e)] if e.recipient == ana), "{deliveries:?}");
        assert_eq!(world.mails().len(), 1);
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_recipient_has_read_meanwhile_is_not_sent() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        born(&world).await;
        follow(&world, ana, ben).await;
        let notification = only_notification(&world).await;
        let read = NotificationsRead { by: Some(ben), recipient: ben, through: Some(notification), ids: Vec::new() };
        world.append(Topic::Notifications, ben, read).await;
        let notifier = world.notifier();
        assert_eq!(world.delivered(1).await, [suppressed(ben, notification, Suppression::AlreadySeen)]);
        assert!(world.mails().is_empty());
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_recipient_may_no_longer_see_is_not_sent() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        born(&world).await;
        follow(&world, ana, ben).await;
        let notification = only_notification(&world).await;
        world.append(Topic::Graph, pair_key(ana, ben), Blocked { by: Some(ben), blocker: ben, blocked: ana }).await;
        let notifier = world.notifier();
        assert_eq!(world.delivered(1).await, [suppressed(ben, notification, Suppression::NotVisible)]);
        assert!(world.mails().is_empty());
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_taken_is_tried_again_until_it_is_too_old() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        let notifier = world.notifier();
        world.booked().await;
        // Nothing can be written where the outbox was.
        std::fs::remove_dir(&world.outbox).expect("removed");
        follow(&world, ana, ben).await;
        let first = only_notification(&world).await;
        let attempted = async || {
            let reader = world.reader(&Ledger::born(Positions::new())).await;
            let tried = "SELECT COUNT(*) FROM letters WHERE attempts = 1 AND next_attempt < ?";
            let soon = world.mint().now_ms() + 60_000;
            let db = reader.db().expect("serving");
            db.read_latest(tried, vec![soon.into()]).await.expect("rows")[0].int(0).expect("a count") == 1
        };
        until("it is put off", attempted).await;
        std::fs::create_dir(&world.outbox).expect("made");
        world.mint().clock().shift(31_000);
        assert_eq!(world.delivered(1).await, [sent(ben, first)]);

        // Three days later nobody wants to hear of it.
        std::fs::remove_dir_all(&world.outbox).expect("removed");
        follow(&world, ben, ana).await;
        world.planned().await;
        until("it is raised", async || world.raised().await.len() == 2).await;
        until("it is put off", attempted).await;
        world.mint().clock().shift(73 * 3_600_000);
        let second = world.raised().await.into_values().find(|raised| raised.recipient == ana).expect("raised").notification;
        let ended = world.delivered(2).await;
        assert!(ended.contains(&suppressed(ana, second, Suppression::TooOld)), "{ended:?}");
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_cannot_be_known_whether_a_letter_may_be_sent_no_attempt_counts() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        let notifier = world.notifier();
        world.booked().await;
        let names = world.reader(&Actors).await.db().expect("serving");
        names.run_schema(&["ALTER TABLE actors RENAME TO away"]).await.expect("renamed");
        follow(&world, ana, ben).await;
        let first = only_notification(&world).await;
        let letters = world.reader(&Ledger::born(Positions::new())).await.db().expect("serving");
        let mut turns = BTreeSet::new();
        let given_back_often = async || {
            let sql = "SELECT next_attempt, attempts FROM letters WHERE attempts = 0";
            let rows = letters.read_latest(sql, vec![]).await.expect("rows");
            turns.extend(rows.iter().map(|row| row.int(0).expect("a time")));
            turns.len() > 3
        };
        until("it was claimed and given back several times", given_back_often).await;
        names.run_schema(&["ALTER TABLE away RENAME TO actors"]).await.expect("renamed");
        assert_eq!(world.delivered(1).await, [sent(ben, first)]);
        let attempts = letters.read_latest("SELECT attempts FROM letters", vec![]).await.expect("rows");
        assert_eq!(attempts[0].int(0).expect("a number"), 1);
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuilt_ledger_sends_nothing_again_and_what_was_due_once() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        let notifier = world.notifier();
        world.booked().await;
        follow(&world, ana, ben).await;
        let first = only_notification(&world).await;
        assert_eq!(world.delivered(1).await, [sent(ben, first)]);
        notifier.end().await;
        std::fs::remove_dir_all(&world.outbox).expect("removed");

        // One letter is due when the ledger is made again from the log.
        follow(&world, ben, ana).await;
        world.planned().await;
        let raised = world.raised().await.into_values().find(|raised| raised.recipient == ana);
        let second = raised.expect("raised").notification;
        let rebuilt = world.rebuild(Arc::new(Ledger::open(&world.deps.runner).await.expect("a birth"))).await;
        assert_eq!((rebuilt.generation, rebuilt.previous), (2, Some(1)));
        let notifier = world.notifier();
        world.mint().clock().shift(86_000);
        let ended = world.delivered(2).await;
        assert_eq!((ended.len(), ended.contains(&sent(ana, second))), (2, true), "{ended:?}");
        assert_eq!(world.mails().keys().collect::<Vec<_>>(), [&format!("{second}-{ana}.eml")]);
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_was_lost_takes_no_history_for_news() {
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        let notifier = world.notifier();
        world.booked().await;
        follow(&world, ana, ben).await;
        let first = only_notification(&world).await;
        assert_eq!(world.delivered(1).await, [sent(ben, first)]);
        notifier.end().await;
        follow(&world, ben, ana).await;
        world.planned().await;
        std::fs::remove_dir_all(&world.outbox).expect("removed");
        world.lose(&Ledger::born(Positions::new())).await;

        let notifier = world.notifier();
        world.booked().await;
        world.append_event(Topic::Media, note(&world, ana, Access::Public, &[ben]).1).await;
        let ended = world.delivered(2).await;
        assert_eq!(ended.len(), 2, "{ended:?}");
        assert_eq!(world.mails().len(), 1, "only what came after");
        notifier.end().await;
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_notifiers_send_each_letter_once() {
    const LETTERS: usize = 60;
    each(|world| async move {
        let (processes, ana, ben) = community(&world).await;
        let notifiers = [world.notifier(), world.notifier()];
        world.booked().await;
        let notes: Vec<Event> = (0..LETTERS).map(|_| note(&world, ana, Access::Public, &[ben]).1).collect();
        world.append_all(Topic::Media, &notes).await;
        let ended = world.delivered(LETTERS).await;
        world.booked().await;
        let all_sent = ended.iter().all(|delivery| matches!(delivery, DeliveryEvent::DeliverySent(_)));
        assert_eq!((world.deliveries().await.len(), all_sent, world.mails().len()), (LETTERS, true, LETTERS));
        for notifier in notifiers {
            notifier.end().await;
        }
        end(processes).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_address_is_sent_nothing() {
    each(|world| async move {
        let (processes, ana, _) = community(&world).await;
        let nowhere = world.register_bare().await;
        let notifier = world.notifier();
        world.booked().await;
        follow(&world, ana, nowhere).await;
        let notification = only_notification(&world).await;
        assert_eq!(world.delivered(1).await, [suppressed(nowhere, notification, Suppression::NoAddress)]);
        notifier.end().await;
        end(processes).await;
    })
    .await;
}
