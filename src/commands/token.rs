//! `aredvi admin token create|list|revoke`.

use serde::Deserialize;
use serde_json::json;

use crate::cli::AdminToken;
use crate::operator::Operator;
use crate::say::say;
use crate::table;

#[derive(Deserialize)]
struct Told {
    token: String,
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    expired: bool,
}

/// Does it.
///
/// # Errors
/// What the admin API refuses.
pub async fn run(operator: &Operator, command: &AdminToken) -> anyhow::Result<()> {
    match command {
        AdminToken::Create { name, scopes, expires, .. } => {
            let asked = json!({"name": name, "scopes": scopes, "expires_in_days": expires});
            let told: Told = operator.post("/v1/admin/tokens", &asked).await?;
            // Alone on its line, so that a script can take it.
            say(told.token);
        }
        AdminToken::List(_) => list(operator.get("/v1/admin/tokens").await?),
        AdminToken::Revoke { name, .. } => {
            operator.delete(&format!("/v1/admin/tokens/{name}")).await?;
            say(format_args!("{name} is good for nothing any more"));
        }
    }
    Ok(())
}

fn list(listed: Listed) {
    if listed.items.is_empty() {
        return say("there are no tokens");
    }
    let mut rows = vec![["name", "scopes", "created", "expires"].map(str::to_owned)];
    rows.extend(listed.items.into_iter().map(|item| {
        let expires = match item.expires_at {
            None => "never".to_owned(),
            Some(at) if item.expired => format!("{at}, expired"),
            Some(at) => at,
        };
        [item.name, item.scopes.join(" "), item.created_at, expires]
    }));
    say(table::of(&rows));
}
