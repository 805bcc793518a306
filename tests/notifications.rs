//! Who is told of what, in the list and by mail.

use std::time::Duration;

use serde_json::json;

use crate::world::person::Person;
use crate::world::{World, columns, until};

/// How long a mail may take to be written.
const MAIL_LIMIT: Duration = Duration::from_secs(30);

columns! {
    a_mention_is_told_once_and_by_one_mail,
    one_that_is_dismissed_is_gone_and_the_others_stay,
    those_that_are_named_are_read_and_no_others,
    pages_hold_everything_once_while_more_arrives,
    after_all_are_read_a_new_one_counts,
    the_newest_hundred_are_counted_and_that_there_are_more_is_said,
}

async fn a_mention_is_told_once_and_by_one_mail(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    let note = ana.note(&format!("Look, @{}!", ben.username)).await;
    world.settle().await;
    let told = ben.get("/v1/notifications").await.expect(200).items();
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["verb"], &told[0]["object"]["id"]), (&json!("actor_mention"), &json!(note)));
    assert_eq!((&told[0]["subject"]["id"], &told[0]["read"]), (&json!(ana.id), &json!(false)));
    assert_eq!(ben.get("/v1/notifications/count").await.expect(200).json()["unread"], 1);
    ana.get("/v1/notifications").await.expect(200).assert_ids::<&str>(&[]);
    let mails = || {
        let files = std::fs::read_dir(world.outbox()).into_iter().flatten().flatten().map(|file| file.path());
        files.filter(|path| path.to_string_lossy().ends_with(&format!("-{}.eml", ben.id))).collect::<Vec<_>>()
    };
    until("a mail is written", MAIL_LIMIT, async || (!mails().is_empty()).then_some(())).await;
    world.settle().await;
    let mails = mails();
    assert_eq!(mails.len(), 1);
    let mail = std::fs::read_to_string(&mails[0]).expect("a mail");
    assert!(mail.contains(&format!("To: {}\r\n", ben.email)), "{mail}");
    let through = json!({"through": told[0]["id"]});
    ben.post("/v1/notifications/read", through).await.expect(204);
    world.settle().await;
    assert_eq!(ben.get("/v1/notifications/count").await.expect(200).json()["unread"], 0);
}

/// Lets Ana mention Ben this often.
async fn mention(world: &World, times: usize) -> (Person, Person) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    for number in 0..times {
        ana.note(&format!("{number}, @{}", ben.username)).await;
    }
    world.settle().await;
    (ana, ben)
}

async fn unread(person: &Person) -> u64 {
    person.get("/v1/notifications/count").await.expect(200).json()["unread"].as_u64().expect("a number")
}

async fn one_that_is_dismissed_is_gone_and_the_others_stay(world: &World) {
    let (ana, ben) = mention(world, 3).await;
    let told = ben.get("/v1/notifications").await.expect(200).ids();
    let one = format!("/v1/notifications/{}", told[1]);
    ana.delete(&one).await.refused(404, "not-found");
    world.guest().delete(&one).await.refused(401, "sign-in-required");
    ben.delete(&one).await.expect(204);
    ben.delete(&one).await.expect(204);
    world.settle().await;
    ben.get("/v1/notifications").await.expect(200).assert_ids(&[&told[0], &told[2]]);
    assert_eq!(unread(&ben).await, 2);
    assert_eq!(ben.all("/v1/notifications", 1).await.len(), 2);
}

async fn those_that_are_named_are_read_and_no_others(world: &World) {
    let (ana, ben) = mention(world, 4).await;
    let told = ben.get("/v1/notifications").await.expect(200).ids();
    ben.post("/v1/notifications/read", json!({"ids": [told[0], told[2]]})).await.expect(204);
    world.settle().await;
    let read = ben.get("/v1/notifications").await.expect(200).items();
    let read: Vec<bool> = read.iter().map(|told| told["read"].as_bool().expect("a flag")).collect();
    assert_eq!((read, unread(&ben).await), (vec![true, false, true, false], 2));
    for body in [json!({}), json!({"ids": [told[0]], "through": told[0]}), json!({"ids": "x"}), json!({"ids": vec!["1"; 101]})] {
        ben.post("/v1/notifications/read", body).await.expect(422);
    }
    // Another's are nobody's: nothing is read, nothing is told of them.
    ana.post("/v1/notifications/read", json!({"through": told[1]})).await.refused(404, "not-found");
    ana.post("/v1/notifications/read", json!({"ids": [told[1]]})).await.expect(204);
    world.settle().await;
    assert_eq!(unread(&ben).await, 2);
    ben.post("/v1/notifications/read", json!({"through": told[1]})).await.expect(204);
    world.settle().await;
    assert_eq!(unread(&ben).await, 0, "what is older than that one is read too");
}

async fn pages_hold_everything_once_while_more_arrives(world: &World) {
    let (ana, ben) = mention(world, 7).await;
    let before = ben.get("/v1/notifications").await.expect(200).ids();
    let (mut seen, mut path) = (Vec::new(), "/v1/notifications?limit=2".to_owned());
    loop {
        let page = ben.get(&path).await.expect(200);
        seen.extend(page.ids());
        ana.note(&format!("meanwhile, @{}", ben.username)).await;
        world.settle().await;
        match page.next() {
            Some(next) => path = format!("/v1/notifications?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, before);
    assert!(ben.all("/v1/notifications", 3).await.len() > before.len());
}

async fn after_all_are_read_a_new_one_counts(world: &World) {
    let (ana, ben) = mention(world, 3).await;
    let told = ben.get("/v1/notifications").await.expect(200).ids();
    assert_eq!(unread(&ben).await, 3);
    ben.post("/v1/notifications/read", json!({"through": told[0]})).await.expect(204);
    world.settle().await;
    assert_eq!(unread(&ben).await, 0);
    ana.note(&format!("one more, @{}", ben.username)).await;
    world.settle().await;
    assert_eq!(unread(&ben).await, 1);
    let read = ben.get("/v1/notifications").await.expect(200).items();
    let read: Vec<bool> = read.iter().map(|told| told["read"].as_bool().expect("a flag")).collect();
    assert_eq!(read, [false, true, true, true]);
}

async fn the_newest_hundred_are_counted_and_that_there_are_more_is_said(world: &World) {
    let (ana, ben) = mention(world, 98).await;
    let counted = async || ben.get("/v1/notifications/count").await.expect(200).json();
    assert_eq!(counted().await, json!({"unread": 98, "more": false}));
    for number in 0..35 {
        ana.note(&format!("more {number}, @{}", ben.username)).await;
    }
    world.settle().await;
    assert_eq!(counted().await, json!({"unread": 100, "more": true}));
    let told = ben.all("/v1/notifications", 30).await;
    let once: std::collections::BTreeSet<String> = told.iter().map(crate::world::answer::id).collect();
    assert_eq!((told.len(), once.len()), (133, 133), "from memory and from the view, each once");
    ben.post("/v1/notifications/read", json!({"through": told[120]["id"]})).await.expect(204);
    world.settle().await;
    assert_eq!(counted().await["unread"], 100);
    ben.post("/v1/notifications/read", json!({"through": told[10]["id"]})).await.expect(204);
    world.settle().await;
    assert_eq!(counted().await["unread"], 10);
}
