//! The role `notifier`: the only one that reaches outside.

use aredvi_notifier::Deps;
use aredvi_notifier::channels::{Mail, Postmark};
use aredvi_notifier::ledger::{self, Outbox};

use crate::config;
use crate::failure::Misuse;
use crate::process::Process;

/// Starts the notifier; the links in its mail begin with `public_url`.
///
/// # Errors
/// When mail cannot leave this way.
pub fn start(process: &mut Process, deps: &Deps, config: &config::Mail, public_url: String) -> anyhow::Result<()> {
    let postmark = Postmark::new(&public_url, config.mail_from.as_deref())
        .map_err(|text| Misuse(format!("--mail-from: `{text}` is no address of a sender")))?;
    let mail = Mail::open(&config.mail, process.base.data.path())?;
    let (outbox, deps) = (Outbox { mail, postmark, public_url }, deps.clone());
    process.back.start(ledger::NAME, |stop| async move {
        ledger::run(deps, outbox, stop).await;
        Ok(())
    });
    Ok(())
}
