//! What goes with a person.

use std::collections::BTreeSet;

use aredvi_events::actors::{Access, PasswordChanged, PersonErased};
use aredvi_events::graph::{Blocked, FollowRequested, Subscribed};
use aredvi_events::media::{CommentAdded, MediumVoted};
use aredvi_events::sessions::{SessionEvent, SessionOpened};
use aredvi_events::topic::pair_key;
use aredvi_events::{ActorId, Body, CommentId, MediumId, SessionId, Topic};

use crate::planner::{follow, note};
use crate::world::{World, each, until};

async fn sign_in(world: &World, person: ActorId) -> SessionId {
    let session: SessionId = world.id();
    let (token_hash, device) = (String::new(), "a phone".to_owned());
    let opened = SessionOpened { by: Some(person), person, session, token_hash, device, expires_at: i64::MAX };
    world.append(Topic::Sessions, person, opened).await;
    session
}

/// The types of the events that the janitor may append, with their keys.
async fn ended(world: &World, topic: Topic) -> BTreeSet<(String, &'static str)> {
    let ends = [
        "session.revoked",
        "actor.unfollowed",
        "follow_request.ended",
        "actor.unblocked",
        "actor.unsubscribed",
        "medium.deleted",
        "comment.deleted",
        "medium.unsubscribed",
    ];
    let events = world.log(topic).await.into_iter().map(|event| (event.key, event.body.type_name()));
    events.filter(|(_, ty)| ends.contains(ty)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_change_ends_the_other_sessions_opened_before_it() {
    each(|world| async move {
        let ana = world.register_bare().await;
        let (kept, ended_one, ended_two) = (sign_in(&world, ana).await, sign_in(&world, ana).await, sign_in(&world, ana).await);
        let changed = PasswordChanged { by: Some(ana), person: ana, request: world.mint().event_id(), keep_session: Some(kept) };
        world.append(Topic::Actors, ana, changed).await;
        world.mint().clock().shift(10);
        let later = sign_in(&world, ana).await;
        let janitor = world.janitor();
        world.settle(&aredvi_notifier::janitor::Janitor).await;
        assert_eq!(ended(&world, Topic::Sessions).await, BTreeSet::new(), "not before its time");
        world.mint().clock().shift(61_000);
        let revoked = async || {
            let events = world.log(Topic::Sessions).await.into_iter();
            let revoked = events.filter_map(|event| {
                if let Body::Sessions(SessionEvent::SessionRevoked(e)) = event.body { Some(e.session) } else { None }
            });
            revoked.collect::<BTreeSet<_>>()
        };
        until("sessions end", async || revoked().await.len() >= 2).await;
        assert_eq!(revoked().await, BTreeSet::from([ended_one, ended_two]), "neither {kept} nor {later}");
        janitor.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_takes_everything_that_was_his_though_the_janitor_is_killed() {
    each(|world| async move {
        let [ana, ben, cai] = [world.register_bare().await, world.register_bare().await, world.register_bare().await];
        sign_in(&world, ana).await;
        sign_in(&world, ben).await;
        follow(&world, ana, ben).await;
        follow(&world, cai, ana).await;
        follow(&world, cai, ben).await;
        let graph = Topic::Graph;
        let subscribed = Subscribed { by: Some(ana), subscriber: ana, actor: ben };
        world.append(graph, pair_key(ana, ben), subscribed).await;
        let requested = FollowRequested { by: Some(ana), requester: ana, leader: cai, notice: world.id() };
        world.append(graph, pair_key(ana, cai), requested).await;
        world.append(graph, pair_key(ana, cai), Blocked { by: Some(cai), blocker: cai, blocked: ana }).await;
        let (hers, event) = note(&world, ana, Access::Public, &[]);
        world.append_event(Topic::Media, event).await;
        let (bens, event) = note(&world, ben, Access::Public, &[]);
        world.append_event(Topic::Media, event).await;
        let (voted, event) = note(&world, ben, Access::Public, &[]);
        world.append_event(Topic::Media, event).await;
        let comment: CommentId = world.id();
        let commented = CommentAdded {
            by: Some(ana),
            medium: bens,
            owner: ben,
            comment,
            author: ana,
            body: world.sealed(ana),
            hashtags: None,
            mentions: Vec::new(),
            story: world.id(),
        };
        world.append(Topic::Media, bens, commented).await;
        let vote = MediumVoted { by: Some(ana), medium: voted, owner: ben, voter: ana, notice: world.id() };
        world.append(Topic::Media, voted, vote).await;

        let erased = PersonErased { by: Some(ana), person: ana, request: world.mint().event_id() };
        world.append(Topic::Actors, ana, erased).await;
        world.mint().clock().shift(61_000);
        let janitor = world.janitor();
        until("it begins", async || !ended(&world, Topic::Sessions).await.is_empty()).await;
        janitor.kill().await;
        let janitor = world.janitor();
        let medium = |medium: MediumId, ty| (medium.to_string(), ty);
        until("it ends", async || ended(&world, Topic::Media).await.contains(&medium(voted, "medium.unsubscribed"))).await;
        assert_eq!(ended(&world, Topic::Sessions).await, BTreeSet::from([(ana.to_string(), "session.revoked")]));
        let expected = BTreeSet::from([
            (pair_key(ana, ben), "actor.unfollowed"),
            (pair_key(ana, ben), "actor.unsubscribed"),
            (pair_key(ana, cai), "actor.unblocked"),
        ]);
        assert_eq!(ended(&world, Topic::Graph).await, expected, "the block had ended the follow and the request");
        let expected = BTreeSet::from([
            medium(hers, "medium.deleted"),
            medium(bens, "comment.deleted"),
            medium(bens, "medium.unsubscribed"),
            medium(voted, "medium.unsubscribed"),
        ]);
        let mut media = ended(&world, Topic::Media).await;
        media.remove(&medium(hers, "medium.unsubscribed"));
        assert_eq!(media, expected);
        janitor.end().await;
    })
    .await;
}
