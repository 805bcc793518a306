//! `aredvi parked list|show|retry|drop`.

use anyhow::bail;
use serde::Deserialize;

use crate::cli::Parked;
use crate::operator::Operator;
use crate::say::say;
use crate::table;

/// Events asked for at once.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    view: String,
    event: Option<String>,
    r#type: Option<String>,
    topic: String,
    partition: u32,
    offset: u64,
    key: Option<String>,
    reason: String,
    parked_at: Option<String>,
}

#[derive(Deserialize)]
struct Retried {
    generations: Vec<RetriedIn>,
}

#[derive(Deserialize)]
struct RetriedIn {
    generation: u32,
    applied: usize,
    fault: Option<String>,
}

/// Does it.
///
/// # Errors
/// What the admin API refuses, or an event that cannot be applied still.
pub async fn run(operator: &Operator, command: &Parked) -> anyhow::Result<()> {
    match command {
        Parked::List { view, .. } => list(operator, view.as_deref()).await,
        Parked::Show(parked) => {
            let item: Item = operator.get(&format!("/v1/admin/parked/{}/{}", parked.view, parked.event)).await?;
            show(&item);
            Ok(())
        }
        Parked::Retry(parked) => {
            let path = format!("/v1/admin/parked/{}/{}/retry", parked.view, parked.event);
            retried(operator.post(&path, &()).await?)
        }
        Parked::Drop(parked) => {
            operator.order(&format!("/v1/admin/parked/{}/{}/drop", parked.view, parked.event)).await?;
            say("given up: the projectors go on with the later events of its key when they come to it");
            Ok(())
        }
    }
}

async fn list(operator: &Operator, view: Option<&str>) -> anyhow::Result<()> {
    let mut rows = vec![["view", "event", "type", "place", "reason"].map(str::to_owned)];
    let mut cursor: Option<String> = None;
    loop {
        let mut path = format!("/v1/admin/parked?limit={PAGE}");
        for (name, value) in [("view", view), ("cursor", cursor.as_deref())] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", value.replace(' ', "%20")));
            }
        }
        let page: Page = operator.get(&path).await?;
        rows.extend(page.items.into_iter().map(|item| {
            let place = item.place();
            [item.view, item.event.unwrap_or_default(), item.r#type.unwrap_or_default(), place, item.reason]
        }));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if rows.len() == 1 {
        say("nothing is parked")
    } else {
        say(table::of(&rows))
    }
    Ok(())
}

fn show(item: &Item) {
    let rows = [
        ["view".to_owned(), item.view.clone()],
        ["event".to_owned(), item.event.clone().unwrap_or_default()],
        ["type".to_owned(), item.r#type.clone().unwrap_or_default()],
        ["place".to_owned(), item.place()],
        ["key".to_owned(), item.key.clone().unwrap_or_default()],
        ["parked at".to_owned(), item.parked_at.clone().unwrap_or_default()],
        ["reason".to_owned(), item.reason.clone()],
    ];
    say(table::of(&rows));
}

fn retried(retried: Retried) -> anyhow::Result<()> {
    for RetriedIn { generation, applied, fault } in retried.generations {
        say(format_args!("generation {generation}: {applied} events applied"));
        if let Some(fault) = fault {
            bail!("generation {generation}: the next one cannot be applied still: {fault}");
        }
    }
    Ok(())
}

impl Item {
    fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }
}
