//! `aredvi backup`.

use anyhow::anyhow;
use aredvi_archive::{Manifest, backup};

use crate::archives::{Archives, telling};
use crate::cli::Backup;
use crate::progress::Progress;
use crate::say::say;

/// Backs up, or looks after the backup that is there.
///
/// # Errors
/// What failed; the backup then is as it was before.
pub async fn run(config: Backup) -> anyhow::Result<()> {
    let dir = config.dir;
    if config.verify {
        let manifest = Manifest::read(&dir)?.ok_or_else(|| anyhow!("{} holds no backup", dir.display()))?;
        manifest.verify(&dir)?;
        let records: u64 = manifest.log.iter().map(|part| part.records).sum();
        say(format_args!("{} is as it was written: {records} records", dir.display()));
        return Ok(());
    }
    let archives = Archives::to_copy(&config.server.engines).await?;
    if config.erasures {
        let noted = backup::erasures(archives.source(), &dir).await;
        let count = archives.close(noted.map_err(Into::into)).await?;
        say(format_args!("{count} erasures are noted in {}", dir.display()));
        return Ok(());
    }
    let mut progress = Progress::new("backup");
    let done = backup::run(archives.source(), &dir, &mut telling(&mut progress, "copying")).await;
    progress.end();
    let done = archives.close(done.map_err(Into::into)).await?;
    say(format_args!("{}: {} new records, {} in all, {} keys", dir.display(), done.records, done.all, done.keys));
    Ok(())
}
