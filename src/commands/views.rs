//! `aredvi views`.

use serde::Deserialize;

use crate::operator::Operator;
use crate::say::say;
use crate::table;

#[derive(Deserialize)]
struct Views {
    items: Vec<View>,
}

/// A view as the admin API tells it.
#[derive(Deserialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Those that are not dropped.
    pub generations: Vec<Generation>,
    /// The latest rebuild or rollback.
    pub work: Option<Work>,
}

/// One of its generations.
#[derive(Deserialize)]
pub struct Generation {
    n: Option<u32>,
    state: String,
    schema_version: Option<u32>,
    status: String,
    reason: Option<String>,
    lag: Option<Lag>,
    progress: Option<f64>,
}

#[derive(Deserialize)]
struct Lag {
    events: u64,
    ms: Option<i64>,
}

/// What is, or was, done to a view.
#[derive(Deserialize)]
pub struct Work {
    /// `rebuild`, `preparation` (a rebuild without the switch) or `rollback`.
    pub kind: String,
    /// `beginning`, `filling`, `comparing`, `switching`, `done` or `failed`.
    pub stage: String,
    /// Events behind it.
    pub done: Option<u64>,
    /// Events there are.
    pub total: Option<u64>,
    /// Rows compared.
    pub rows: Option<u64>,
    /// The generation that serves since it is done.
    pub generation: Option<u32>,
    /// The one that served before.
    pub previous: Option<u32>,
    /// What differs between the two.
    pub comparison: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Shows every view, a line a generation.
///
/// # Errors
/// When they cannot be asked for.
pub async fn run(operator: &Operator) -> anyhow::Result<()> {
    let views: Views = operator.get("/v1/admin/views").await?;
    let mut rows = vec![["view", "generation", "state", "version", "log", "behind", "age", "status"].map(str::to_owned)];
    for view in &views.items {
        if view.generations.is_empty() {
            rows.push([&*view.name, "-", "none", "-", "-", "-", "-", "no projector has begun it"].map(str::to_owned));
        }
        rows.extend(view.generations.iter().map(|generation| row(&view.name, generation)));
    }
    say(table::of(&rows));
    Ok(())
}

fn row(view: &str, generation: &Generation) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let lag = generation.lag.as_ref();
    [
        view.to_owned(),
        or_dash(generation.n.map(|n| n.to_string())),
        generation.state.clone(),
        or_dash(generation.schema_version.map(|version| version.to_string())),
        or_dash(generation.progress.map(|share| format!("{:.1} %", share * 100.0))),
        or_dash(lag.map(|lag| lag.events.to_string())),
        or_dash(lag.and_then(|lag| lag.ms).map(|ms| format!("{ms} ms"))),
        match &generation.reason {
            Some(reason) => format!("{}: {reason}", generation.status),
            None => generation.status.clone(),
        },
    ]
}
