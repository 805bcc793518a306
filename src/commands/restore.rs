//! `aredvi restore`.

use aredvi_archive::restore;

use crate::archives::{Archives, telling};
use crate::cli::Restore;
use crate::progress::Progress;
use crate::say::say;

/// Restores a backup.
///
/// # Errors
/// What failed; run again, it goes on.
pub async fn run(config: Restore) -> anyhow::Result<()> {
    let engines = &config.server.engines;
    let archives = Archives::to_fill(engines).await?;
    let mut progress = Progress::new("restore");
    let done = restore::run(archives.target(), &config.dir, &mut telling(&mut progress, "appending")).await;
    progress.end();
    let checked = match done {
        Ok(done) => archives.check_master_key(engines).await.map(|()| done),
        Err(error) => Err(error.into()),
    };
    let done = archives.close(checked).await?;
    let (records, keys) = (done.imported.records + done.imported.found, done.imported.keys);
    say(format_args!("restored: {records} records, {keys} keys, {} erasures applied again", done.erased_again));
    Ok(())
}
