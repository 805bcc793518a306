//! `aredvi admin create`.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::AdminCreate;
use crate::failure::Misuse;
use crate::operator::Operator;
use crate::say::say;

/// The variable that may hold the password.
const PASSWORD: &str = "AREDVI_ADMIN_PASSWORD";

#[derive(Deserialize)]
struct Registered {
    /// Missing while there is no verdict.
    person: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    id: String,
}

/// The password of the new administrator: from the environment, from the terminal, or the first line of stdin.
///
/// # Errors
/// When there is none.
pub fn password() -> anyhow::Result<Zeroizing<String>> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(Zeroizing::new(password));
    }
    let stdin = std::io::stdin();
    let password = if stdin.is_terminal() {
        eprint!("Password: ");
        Zeroizing::new(console::Term::stderr().read_secure_line().context("cannot read the password")?)
    } else {
        let mut line = Zeroizing::new(String::new());
        stdin.lock().read_line(&mut line).context("cannot read the password from stdin")?;
        line
    };
    let password = Zeroizing::new(password.trim_end_matches(['\r', '\n']).to_owned());
    if password.is_empty() {
        return Err(Misuse(format!("no password: type it, send it to stdin, or set {PASSWORD}")).into());
    }
    Ok(password)
}

/// Registers the person and gives him the role.
///
/// # Errors
/// What the admin API refuses.
pub async fn create(operator: &Operator, asked: &AdminCreate, password: &str) -> anyhow::Result<()> {
    let name = asked.name.as_deref().unwrap_or(&asked.username);
    let person = json!({"username": asked.username, "email": asked.email, "password": password, "name": name});
    let registered: Registered = operator.post("/v1/admin/people", &person).await?;
    let Some(Person { id }) = registered.person else {
        bail!("the decider gave no verdict in time: is `aredvi projector accounts` running?");
    };
    let roles = json!({"roles": ["administrator"]});
    operator.put(&format!("/v1/admin/people/{id}/roles"), &roles).await?;
    say(format_args!("{} is a site administrator, id {id}", asked.username));
    Ok(())
}
