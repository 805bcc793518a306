//! What webhooks are sent, when, and what never.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::actors::Access;
use aredvi_events::{ActorId, Event, JournalId, MediumId, Origin, Positions, Topic};
use aredvi_notifier::ledger::Ledger;
use aredvi_notifier::webhooks;
use aredvi_projectors::db::{Db, Durability, PoolSizes};
use aredvi_projectors::webhooks::{
    Change, Delivery, FAILS_AT_MOST, Guard, MAX_AGE, MAX_WAITING, New, Queued, State, Subscription, Webhooks, message_id,
};
use uuid::Uuid;

use crate::planner::{follow, note};
use crate::receiver::{Receiver, Reply, Taken};
use crate::world::{Process, World, each, until};

/// Longer than a lease of a process that was killed.
const LEASES_END: Duration = Duration::from_secs(11);

impl World {
    fn webhooks(&self) -> Process {
        let (deps, network) = (self.deps.runner.clone(), "127.0.0.0/8".parse().expect("a network"));
        let guard = Guard::new(true, &[network], self.mint().clock().clone());
        Process::start(|stop| webhooks::run(deps, guard, stop))
    }

    async fn desk(&self) -> Webhooks {
        Webhooks::open(&self.deps.runner).await.expect("the schema")
    }

    fn turn(&self, by: Duration) {
        self.mint().clock().shift(i64::try_from(by.as_millis()).expect("not so long"));
    }

    /// Somebody writes a note.
    async fn write(&self, author: ActorId) -> (MediumId, Event) {
        let (medium, event) = note(self, author, Access::Public, &[]);
        self.append_event(Topic::Media, event.clone()).await;
        (medium, event)
    }
}

async fn subscribe(desk: &Webhooks, receiver: &Receiver, topic: Topic) -> Subscription {
    let new = New { url: receiver.url(), topics: vec![topic], types: Vec::new() };
    desk.subscribe(new).await.expect("subscribed")
}

async fn arrived(receiver: &Receiver, count: usize) -> Vec<Taken> {
    until("webhooks arrive", async || receiver.taken().len() >= count).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), count, "{taken:?}");
    taken
}

async fn newest(desk: &Webhooks, subscription: &Subscription) -> Delivery {
    desk.deliveries(subscription.id, None, 1).await.expect("deliveries").pop().expect("one")
}

/// Waits until the newest delivery was tried so often; what came of it.
async fn tried(desk: &Webhooks, subscription: &Subscription, attempts: u32) -> Delivery {
    let done =
        async || desk.deliveries(subscription.id, None, 1).await.is_ok_and(|all| all.iter().any(|one| one.attempts >= attempts));
    until("it is tried", done).await;
    let delivery = newest(desk, subscription).await;
    assert_eq!(delivery.attempts, attempts, "{delivery:?}");
    delivery
}

fn is_signed(taken: &Taken, secret: &str) -> bool {
    let timestamp = taken.header("webhook-timestamp").parse().expect("seconds");
    let theirs = standardwebhooks::Webhook::new(secret).expect("a secret");
    let expected = theirs.sign(taken.header("webhook-id"), timestamp, taken.body.as_bytes()).expect("signed");
    taken.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

fn ids(taken: &[Taken]) -> Vec<String> {
    taken.iter().map(|taken| taken.event()["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_posted_once_signed_and_as_it_stands_on_the_log() {
    each(|world| async move {
        let (ana, desk, receiver) = (world.register_bare().await, world.desk().await, Receiver::start().await);
        world.write(ana).await;
        let new = New { url: receiver.url(), topics: vec![Topic::Media, Topic::Actors], types: vec!["note.added".to_owned()] };
        let subscription = desk.subscribe(new).await.expect("subscribed");
        let sender = world.webhooks();
        // Neither another topic nor another type, nor what was brought in from elsewhere.
        follow(&world, ana, ana).await;
        world.register_bare().await;
        let brought_in = Event { origin: Origin::Import, ..note(&world, ana, Access::Public, &[]).1 };
        world.append_event(Topic::Media, brought_in).await;
        let (medium, event) = world.write(ana).await;
        let taken = arrived(&receiver, 1).await.pop().expect("one");
        assert!(is_signed(&taken, &subscription.secrets[0].text()));
        assert_eq!(taken.header("webhook-id"), message_id(subscription.id, event.id));
        assert_eq!(taken.header("content-type"), "application/cloudevents+json; charset=utf-8");
        let document = taken.event();
        assert_eq!((&document["type"], &document["specversion"]), (&"note.added".into(), &"1.0".into()));
        assert_eq!((&document["id"], &document["subject"]), (&event.id.to_string().into(), &medium.to_string().into()));
        assert_eq!((&document["aredvitopic"], &document["data"]["medium"]), (&"media".into(), &medium.to_string().into()));
        assert_eq!(document["data"]["body"]["k"], ana.to_string(), "it is sealed");
        let noted = async || newest(&desk, &subscription).await.state == State::Delivered;
        until("the answer is noted", noted).await;

        // A restart sends nothing again, nor does a view that is made again.
        sender.end().await;
        let notifier = world.notifier();
        world.booked().await;
        let sender = world.webhooks();
        world.rebuild(Arc::new(Ledger::born(Positions::new()))).await;
        let (_, next) = world.write(ana).await;
        assert_eq!(ids(&arrived(&receiver, 2).await), [event.id, next.id].map(|id| id.to_string()));
        notifier.end().await;
        sender.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_taken_is_tried_again_under_the_same_id() {
    each(|world| async move {
        let (ana, desk) = (world.register_bare().await, world.desk().await);
        let receiver = Receiver::answering(|_| Reply::Status(503, Some(("retry-after", "60".to_owned())))).await;
        let subscription = subscribe(&desk, &receiver, Topic::Media).await;
        let sender = world.webhooks();
        let (_, event) = world.write(ana).await;
        let first = tried(&desk, &subscription, 1).await;
        assert_eq!((first.answer.as_deref(), first.state), (Some("503"), State::Waiting));
        let wait_ms = first.next_attempt.expect("a time") - world.mint().now_ms();
        assert!((40_000..=72_000).contains(&wait_ms), "as long as was asked for: {wait_ms}");

        let (address, taken) = (receiver.address, receiver.taken());
        drop(receiver);
        world.turn(Duration::from_secs(75));
        assert_eq!(tried(&desk, &subscription, 2).await.answer.as_deref(), Some("not-connected"));

        let receiver = Receiver::at(address, |_| Reply::of(200)).await;
        world.turn(Duration::from_secs(6 * 60 + 5));
        let again = arrived(&receiver, 1).await;
        assert_eq!(ids(&again), [event.id.to_string()]);
        for taken in taken.iter().chain(&again) {
            assert_eq!(taken.header("webhook-id"), message_id(subscription.id, event.id));
            assert!(is_signed(taken, &subscription.secrets[0].text()));
        }
        until("it is noted", async || newest(&desk, &subscription).await.state == State::Delivered).await;
        sender.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_key_keep_their_order_and_other_keys_go_on() {
    each(|world| async move {
        let [ana, ben, cai] = [world.register_bare().await, world.register_bare().await, world.register_bare().await];
        let desk = world.desk().await;
        let receiver = Receiver::answering(|taken| Reply::of(if taken.len() == 1 { 400 } else { 200 })).await;
        let subscription = subscribe(&desk, &receiver, Topic::Graph).await;
        let sender = world.webhooks();
        let first = follow(&world, ana, ben).await;
        tried(&desk, &subscription, 1).await;
        let second = follow(&world, ben, ana).await;
        let other = follow(&world, ana, cai).await;
        assert_eq!(ids(&arrived(&receiver, 2).await), [first.id, other.id].map(|id| id.to_string()));
        world.turn(Duration::from_secs(7));
        let order = [first.id, other.id, first.id, second.id].map(|id| id.to_string());
        assert_eq!(ids(&arrived(&receiver, 4).await), order);
        sender.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_gone_or_fails_for_days_is_left_alone() {
    each(|world| async move {
        let (ana, desk) = (world.register_bare().await, world.desk().await);
        let gone = Receiver::answering(|_| Reply::of(410)).await;
        let broken = Receiver::answering(|_| Reply::of(500)).await;
        let left = subscribe(&desk, &gone, Topic::Media).await;
        let failing = subscribe(&desk, &broken, Topic::Media).await;
        let sender = world.webhooks();
        world.write(ana).await;
        let shown = async |id: Uuid| desk.subscription(id).await.expect("read").expect("there");
        until("it is disabled", async || !shown(left.id).await.enabled).await;
        assert_eq!(shown(left.id).await.reason.as_deref(), Some("the receiver answered 410 Gone"));
        tried(&desk, &failing, 1).await;
        assert!(shown(failing.id).await.enabled);

        // Days later the same event was dropped, and the next one is the last straw.
        world.turn(MAX_AGE + Duration::from_secs(60));
        until("it was dropped", async || newest(&desk, &failing).await.state == State::Dropped).await;
        world.turn(FAILS_AT_MOST - MAX_AGE);
        world.write(ana).await;
        until("it is disabled", async || !shown(failing.id).await.enabled).await;
        let failing = shown(failing.id).await;
        assert_eq!(failing.reason.as_deref(), Some("nothing could be delivered for 5 days"));
        assert_eq!(failing.dropped, 1, "what was dropped is counted");

        // Enabled again, it begins at the end of the log.
        let enable = Change { enabled: Some(true), ..Change::default() };
        let before = gone.taken().len();
        desk.change(left.id, enable).await.expect("changed").expect("there");
        let (_, event) = world.write(ana).await;
        until("it is asked again", async || gone.taken().len() > before).await;
        assert_eq!(ids(&gone.taken()).last(), Some(&event.id.to_string()));
        sender.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_killed_before_it_noted_the_answer_sends_again_under_the_same_id() {
    each(|world| async move {
        let (ana, desk) = (world.register_bare().await, world.desk().await);
        let receiver = Receiver::answering(|taken| if taken.len() == 1 { Reply::Silence } else { Reply::of(200) }).await;
        let subscription = subscribe(&desk, &receiver, Topic::Media).await;
        let sender = world.webhooks();
        let (_, event) = world.write(ana).await;
        arrived(&receiver, 1).await;
        sender.kill().await;
        world.turn(LEASES_END);
        let sender = world.webhooks();
        for taken in arrived(&receiver, 2).await {
            assert_eq!(taken.header("webhook-id"), message_id(subscription.id, event.id));
        }
        until("it is noted", async || newest(&desk, &subscription).await.state == State::Delivered).await;
        sender.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_senders_post_each_event_once_and_a_silent_receiver_holds_up_no_other() {
    each(|world| async move {
        let (ana, desk) = (world.register_bare().await, world.desk().await);
        let (silent, receiver) = (Receiver::answering(|_| Reply::Silence).await, Receiver::start().await);
        subscribe(&desk, &silent, Topic::Media).await;
        subscribe(&desk, &receiver, Topic::Media).await;
        let senders = [world.webhooks(), world.webhooks()];
        let mut written = Vec::new();
        for _ in 0..40 {
            written.push(world.write(ana).await.1.id.to_string());
        }
        let mut taken = ids(&arrived(&receiver, 40).await);
        taken.sort();
        written.sort();
        assert_eq!(taken, written);
        for sender in senders {
            sender.end().await;
        }
        assert_eq!(receiver.taken().len(), 40);
        assert!(silent.taken().len() <= 8, "no more at once than are sent at once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed_and_no_address_inside_is_spoken_to() {
    each(|world| async move {
        let (ana, desk, inside) = (world.register_bare().await, world.desk().await, Receiver::start().await);
        let target = inside.url();
        let receiver = Receiver::answering(move |_| Reply::Status(307, Some(("location", target.clone())))).await;
        let redirected = subscribe(&desk, &receiver, Topic::Media).await;
        let sender = world.webhooks();
        world.write(ana).await;
        assert_eq!(tried(&desk, &redirected, 1).await.answer.as_deref(), Some("307"));
        sender.end().await;
        desk.unsubscribe(redirected.id).await.expect("removed");

        // A name that was public when it was subscribed, and is not when it is sent to.
        let port = inside.address.port();
        let url = format!("http://rebound.example:{port}/");
        let rebound = New { url, topics: vec![Topic::Media], types: Vec::new() };
        let rebound = desk.subscribe(rebound).await.expect("subscribed");
        let lookup: aredvi_projectors::webhooks::Lookup = Arc::new(|_| {
            Box::pin(async { Ok(vec!["93.184.215.14".parse().expect("public"), "127.0.0.1".parse().expect("inside")]) })
        });
        let guard = Guard::with(true, &[], world.mint().clock().clone(), lookup);
        let deps = world.deps.runner.clone();
        let sender = Process::start(|stop| webhooks::run(deps, guard, stop));
        world.write(ana).await;
        assert_eq!(tried(&desk, &rebound, 1).await.answer.as_deref(), Some("address-not-allowed"));
        assert!(inside.taken().is_empty());
        sender.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_a_rotation_both_secrets_sign_and_afterwards_the_new_one() {
    each(|world| async move {
        let (ana, desk, receiver) = (world.register_bare().await, world.desk().await, Receiver::start().await);
        let before = subscribe(&desk, &receiver, Topic::Media).await;
        let after = desk.rotate(before.id).await.expect("rotated").expect("there");
        let (old, new) = (before.secrets[0].text(), after.secrets[0].text());
        assert!(*old != *new && old.starts_with("whsec_"));
        let sender = world.webhooks();
        world.write(ana).await;
        let both = arrived(&receiver, 1).await.pop().expect("one");
        assert!(is_signed(&both, &old) && is_signed(&both, &new));
        world.turn(aredvi_projectors::webhooks::ROTATION);
        world.write(ana).await;
        let later = arrived(&receiver, 2).await.pop().expect("one");
        assert!(!is_signed(&later, &old) && is_signed(&later, &new));
        sender.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_bounded_and_what_is_beyond_is_counted() {
    each(|world| async move {
        let (desk, receiver) = (world.desk().await, Receiver::start().await);
        let subscription = subscribe(&desk, &receiver, Topic::Media).await;
        let queued = |n: u64| Queued {
            subscription: subscription.id,
            event: Uuid::from_u128(n.into()),
            topic: Some(Topic::Media),
            subject: n.to_string(),
            offset: n,
            event_type: "note.added".to_owned(),
            body: "{}".to_owned(),
        };
        let mut feed = desk.feed().await.expect("a feed");
        let mut stale = feed.clone();
        let events = (0..MAX_WAITING + 7).map(queued).collect();
        let dropped = desk.enqueue(&mut feed, &Positions::new(), events, [].into()).await.expect("queued");
        assert_eq!(dropped, Some(7));
        assert_eq!(desk.subscription(subscription.id).await.expect("read").expect("there").dropped, 7);
        // Who has read the feed before does nothing to it.
        let late = desk.enqueue(&mut stale, &Positions::new(), vec![queued(u64::from(u32::MAX))], [].into()).await;
        assert_eq!(late.expect("refused"), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_log_every_webhook_is_disabled_and_nothing_is_sent() {
    each(|world| async move {
        let (ana, desk, receiver) = (world.register_bare().await, world.desk().await, Receiver::start().await);
        let subscription = subscribe(&desk, &receiver, Topic::Media).await;
        let sizes = PoolSizes { write: 1, read: 1 };
        let site = world.deps.runner.sites.of("webhooks").write.clone();
        let db = Db::open(&site, None, "webhooks", Durability::Full, sizes).await.expect("the schema");
        let elsewhere = Positions::new().to_bytes(JournalId(Uuid::from_u128(7)));
        db.execute("UPDATE feed SET positions = ?", vec![elsewhere.into()]).await.expect("changed");
        db.close().await;
        let sender = world.webhooks();
        world.write(ana).await;
        let shown = async || desk.subscription(subscription.id).await.expect("read").expect("there");
        until("it is disabled", async || !shown().await.enabled).await;
        assert_eq!(shown().await.reason.as_deref(), Some("the log is another one"));
        assert!(receiver.taken().is_empty());
        sender.end().await;
    })
    .await;
}
