//! Who is told of what, in the list and by mail.

use std::time::Duration;

use serde_json::json;

use crate::world::{World, columns, until};

/// How long a mail may take to be written.
const MAIL_LIMIT: Duration = Duration::from_secs(30);

columns! {
    a_mention_is_told_once_and_by_one_mail,
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
