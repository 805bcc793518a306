//! What is raised on `notifications`.

use std::collections::BTreeMap;
use std::sync::Arc;

use aredvi_events::actors::Access;
use aredvi_events::graph::{Blocked, Followed, Subscribed};
use aredvi_events::media::{CommentAdded, NoteAdded};
use aredvi_events::notifications::Verb;
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, CommentId, Event, MediumId, Origin, Positions, Topic};

use aredvi_notifier::planner::{self, Planner};
use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::{Heard, TOPICS};
use aredvi_projectors::runner::Status;

use crate::world::{World, each, until};

/// A note of `author` on his own page.
pub fn note(world: &World, author: ActorId, access: Access, mentions: &[ActorId]) -> (MediumId, Event) {
    let medium: MediumId = world.id();
    let body = NoteAdded {
        by: Some(author),
        medium,
        owner: author,
        author,
        access,
        body: world.sealed(author),
        hashtags: None,
        mentions: mentions.to_vec(),
        story: world.id(),
    };
    (medium, world.event(medium.to_string(), body))
}

fn comment(world: &World, medium: MediumId, owner: ActorId, author: ActorId, mentions: &[ActorId]) -> Event {
    let comment: CommentId = world.id();
    let body = CommentAdded {
        by: Some(author),
        medium,
        owner,
        comment,
        author,
        body: world.sealed(author),
        hashtags: None,
        mentions: mentions.to_vec(),
        story: world.id(),
    };
    world.event(medium.to_string(), body)
}

pub async fn follow(world: &World, follower: ActorId, leader: ActorId) -> Event {
    let body = Followed { by: Some(follower), follower, leader, story: world.id() };
    world.append(Topic::Graph, pair_key(follower, leader), body).await
}

async fn block(world: &World, blocker: ActorId, blocked: ActorId) {
    world.append(Topic::Graph, pair_key(blocker, blocked), Blocked { by: Some(blocker), blocker, blocked }).await;
}

async fn told(world: &World) -> Vec<(ActorId, Verb)> {
    world.raised().await.values().map(|raised| (raised.recipient, raised.verb)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_of_what_concerns_them_and_what_they_may_see() {
    each(|world| async move {
        let planner = world.planner();
        world.planned().await;
        let [ana, ben, cai, dee] =
            [world.register_bare().await, world.register_bare().await, world.register_bare().await, world.register_bare().await];
        follow(&world, cai, ana).await;
        block(&world, dee, ana).await;
        let (medium, event) = note(&world, ana, Access::Followers, &[ana, ben, cai, dee]);
        world.append_event(Topic::Media, event.clone()).await;
        world.append_event(Topic::Media, comment(&world, medium, ana, cai, &[])).await;
        world.planned().await;
        let expected = [(ana, Verb::ActorFollow), (ana, Verb::NoteComment), (cai, Verb::ActorMention)];
        assert_eq!(told(&world).await, expected, "ben may not see it, dee blocks her");
        let raised = world.raised().await;
        let mention = raised.values().find(|raised| raised.recipient == cai).expect("raised");
        assert_eq!((mention.subject, mention.actor, mention.medium), (ana, ana, Some(medium)));
        assert_eq!((mention.cause, mention.cause_time, mention.comment), (event.id, event.time_ms, None));
        planner.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_before_it_is_known_who_may_be() {
    each(|world| async move {
        let [ana, ben] = [world.register_bare().await, world.register_bare().await];
        let (facts, heard) = (Arc::new(Facts::new()), Arc::new(Heard::new(Positions::new())));
        let process = world.planner_knowing(&facts, &heard);
        world.planned().await;
        world.append_event(Topic::Media, note(&world, ana, Access::Public, &[ben]).1).await;
        let waiting = Status::Waiting("the facts are being loaded".to_owned());
        let says_so = || world.deps.runner.progress.of(planner::NAME).iter().any(|report| report.status == waiting);
        until("it says what it waits for", async || says_so()).await;
        assert_eq!(told(&world).await, []);

        heard.begin(&world.deps.runner.journal.starts(&TOPICS).await.expect("starts"));
        world.follow(&facts, &heard);
        world.planned().await;
        assert_eq!(told(&world).await, [(ben, Verb::ActorMention)]);
        process.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_tells_nobody() {
    each(|world| async move {
        let [ana, ben] = [world.register_bare().await, world.register_bare().await];
        let mention = || note(&world, ana, Access::Public, &[ben]).1;
        world.append_event(Topic::Media, mention()).await;
        let planner = world.planner();
        world.planned().await;
        assert_eq!(told(&world).await, [], "it happened before the planner was born");

        let imported = Event { origin: Origin::Import, ..mention() };
        let old = Event { time_ms: world.mint().now_ms() - 73 * 3_600_000, ..mention() };
        let elsewhere = Event { source: aredvi_events::JournalId(world.mint().event_id()), ..mention() };
        let new = Event { time_ms: world.mint().now_ms() - 71 * 3_600_000, ..mention() };
        world.append_all(Topic::Media, &[imported, old, elsewhere, new.clone()]).await;
        world.planned().await;
        let causes: Vec<_> = world.raised().await.into_values().map(|raised| raised.cause).collect();
        assert_eq!(causes, [new.id]);
        planner.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_told_once_each_though_the_planner_is_killed_and_rebuilt() {
    // More than one turn tells.
    const CROWD: u64 = 8_600;
    each(|world| async move {
        let planner = world.planner();
        world.planned().await;
        let [ana, ben] = [world.register_bare().await, world.register_bare().await];
        let mut crowd: Vec<ActorId> = Vec::new();
        let (mut people, mut edges) = (Vec::new(), Vec::new());
        for _ in 0..CROWD {
            let person: ActorId = world.id();
            let sealed = world.sealed(person);
            let (username, name) = (sealed.clone(), sealed);
            let request = world.mint().event_id();
            let registered = aredvi_events::actors::PersonRegistered { by: None, person, request, username, name };
            people.push(world.event(person.to_string(), registered));
            let subscribed = Subscribed { by: Some(person), subscriber: person, actor: ana };
            edges.push(world.event(pair_key(person, ana), subscribed));
            crowd.push(person);
        }
        world.append_all(Topic::Actors, &people).await;
        world.append_all(Topic::Graph, &edges).await;
        world.planned().await;
        // Ben writes on ana's page; one of the crowd is mentioned, another is blocked.
        let (_, event) = note(&world, ben, Access::Public, &[crowd[7]]);
        let aredvi_events::Body::Media(aredvi_events::media::MediaEvent::NoteAdded(added)) = event.body.clone() else {
            unreachable!("a note")
        };
        let event = Event { body: NoteAdded { owner: ana, ..added }.into(), ..event };
        block(&world, crowd[9], ben).await;
        world.append_event(Topic::Media, event).await;
        until("some are told", async || world.raised().await.len() > 500).await;
        planner.kill().await;
        // The continuation stands in a generation that no longer serves.
        world.rebuild(Arc::new(Planner::open(&world.deps).await.expect("a birth"))).await;
        let planner = world.planner();
        until("all are told", async || world.raised().await.len() as u64 >= CROWD).await;
        world.planned().await;
        let mut expected: BTreeMap<ActorId, Verb> = crowd.iter().map(|&person| (person, Verb::NoteAdd)).collect();
        expected.insert(ana, Verb::NoteAdd);
        expected.insert(crowd[7], Verb::ActorMention);
        expected.remove(&crowd[9]);
        assert_eq!(told(&world).await.into_iter().collect::<BTreeMap<_, _>>(), expected);
        planner.end().await;
    })
    .await;
}
