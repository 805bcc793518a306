//! `aredvi webhooks …`.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::cli::Webhooks;
use crate::operator::Operator;
use crate::say::say;
use crate::table;

/// Deliveries shown.
const SHOWN: usize = 50;

#[derive(Deserialize)]
struct Listed {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: Uuid,
    url: String,
    topics: Vec<String>,
    types: Vec<String>,
    enabled: bool,
    disabled_because: Option<String>,
    made_at: String,
    failing_since: Option<String>,
    dropped: u64,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Deliveries {
    items: Vec<Delivery>,
}

#[derive(Deserialize)]
struct Delivery {
    id: String,
    r#type: String,
    state: String,
    attempts: u32,
    answer: Option<String>,
    queued_at: String,
    next_attempt: Option<String>,
}

#[derive(Deserialize)]
struct Tried {
    id: String,
}

/// Does it.
///
/// # Errors
/// What the admin API refuses.
pub async fn run(operator: &Operator, command: &Webhooks) -> anyhow::Result<()> {
    match command {
        Webhooks::Add(add) => {
            let asked = json!({"url": add.url, "topics": add.topics, "types": add.types});
            shown(&operator.post("/v1/admin/webhooks", &asked).await?);
        }
        Webhooks::List(_) => list(&operator.get::<Listed>("/v1/admin/webhooks").await?.items),
        Webhooks::Show(one) => shown(&operator.get(&path(one.id, "")).await?),
        Webhooks::Remove(one) => {
            operator.delete(&path(one.id, "")).await?;
            say("removed: nothing more is sent");
        }
        Webhooks::Enable(one) => shown(&operator.patch(&path(one.id, ""), &json!({"enabled": true})).await?),
        Webhooks::Disable(one) => shown(&operator.patch(&path(one.id, ""), &json!({"enabled": false})).await?),
        Webhooks::Test(one) => {
            let tried: Tried = operator.post(&path(one.id, "/test"), &json!({})).await?;
            say(format_args!("the notifier sends {}; see `aredvi webhooks deliveries {}`", tried.id, one.id));
        }
        Webhooks::Rotate(one) => shown(&operator.post(&path(one.id, "/rotate-secret"), &json!({})).await?),
        Webhooks::Deliveries(one) => {
            deliveries(&operator.get::<Deliveries>(&path(one.id, &format!("/deliveries?limit={SHOWN}"))).await?.items);
        }
    }
    Ok(())
}

fn path(id: Uuid, more: &str) -> String {
    format!("/v1/admin/webhooks/{id}{more}")
}

fn state(item: &Item) -> String {
    match (item.enabled, &item.disabled_because, &item.failing_since) {
        (true, _, None) => "enabled".to_owned(),
        (true, _, Some(since)) => format!("failing since {since}"),
        (false, Some(reason), _) => format!("disabled: {reason}"),
        (false, None, _) => "disabled".to_owned(),
    }
}

fn types(item: &Item) -> String {
    if item.types.is_empty() { "all".to_owned() } else { item.types.join(", ") }
}

fn list(items: &[Item]) {
    if items.is_empty() {
        return say("there are no webhooks");
    }
    let mut rows = vec![["id", "topics", "types", "state", "url"].map(str::to_owned)];
    rows.extend(
        items.iter().map(|item| [item.id.to_string(), item.topics.join(", "), types(item), state(item), item.url.clone()]),
    );
    say(table::of(&rows));
}

fn shown(item: &Item) {
    let mut rows = vec![
        ["id".to_owned(), item.id.to_string()],
        ["url".to_owned(), item.url.clone()],
        ["topics".to_owned(), item.topics.join(", ")],
        ["types".to_owned(), types(item)],
        ["state".to_owned(), state(item)],
        ["made at".to_owned(), item.made_at.clone()],
        ["dropped".to_owned(), item.dropped.to_string()],
    ];
    rows.extend(item.secret.iter().map(|secret| ["secret".to_owned(), secret.clone()]));
    say(table::of(&rows));
}

fn deliveries(items: &[Delivery]) {
    if items.is_empty() {
        return say("nothing was to be delivered yet");
    }
    let mut rows = vec![["id", "type", "queued at", "state", "attempts", "answer", "next attempt"].map(str::to_owned)];
    rows.extend(items.iter().map(|one| {
        let (answer, next) = (one.answer.clone().unwrap_or_default(), one.next_attempt.clone().unwrap_or_default());
        let attempts = one.attempts.to_string();
        [one.id.clone(), one.r#type.clone(), one.queued_at.clone(), one.state.clone(), attempts, answer, next]
    }));
    say(table::of(&rows));
}
