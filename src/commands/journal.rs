//! `aredvi journal export|import`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::Context as _;
use aredvi_archive::import::Import;
use aredvi_archive::{Reader, Writer, export};
use aredvi_events::Topic;

use crate::archives::{Archives, telling};
use crate::cli::{Carried, JournalFile};
use crate::progress::Progress;
use crate::say::say;

/// The name of stdin and stdout.
const STANDARD: &str = "-";

/// Writes or reads a file of the log.
///
/// # Errors
/// What failed.
pub async fn run(command: JournalFile) -> anyhow::Result<()> {
    match command {
        JournalFile::Export(carried) => write(&carried).await,
        JournalFile::Import(carried) => read(&carried).await,
    }
}

async fn write(carried: &Carried) -> anyhow::Result<()> {
    let archives = Archives::to_copy(&carried.server.engines).await?;
    let mut progress = Progress::new("export");
    let written = export_all(&archives, &carried.file, &mut progress).await;
    progress.end();
    let (records, keys) = archives.close(written).await?;
    // Stdout may be the file.
    eprintln!("exported: {records} records, {keys} keys");
    Ok(())
}

async fn export_all(archives: &Archives, path: &Path, progress: &mut Progress) -> anyhow::Result<(u64, u64)> {
    let source = archives.source();
    let (from, to) = tokio::try_join!(source.journal.starts(&Topic::ALL), source.journal.ends(&Topic::ALL))?;
    let file = (path != Path::new(STANDARD)).then(|| File::create(path)).transpose();
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let out: Box<dyn Write> = match &file {
        Some(file) => Box::new(file),
        None => Box::new(io::stdout().lock()),
    };
    let mut writer = Writer::begin(path, out, export::begin(source.journal, &from, archives.clock()))?;
    let all = (source.journal, source.keys, source.control);
    let keys = export::all(all, (&from, &to), &mut writer, &mut telling(progress, "copying")).await?;
    let (written, out) = writer.end(aredvi_archive::line::named(&to))?;
    drop(out);
    if let Some(file) = file {
        file.sync_all().with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok((written.records, keys))
}

async fn read(carried: &Carried) -> anyhow::Result<()> {
    let engines = &carried.server.engines;
    let archives = Archives::to_fill(engines).await?;
    let mut progress = Progress::new("import");
    let imported = import_all(&archives, &carried.file, &mut progress).await;
    progress.end();
    let checked = match imported {
        Ok(done) => archives.check_master_key(engines).await.map(|()| done),
        Err(error) => Err(error),
    };
    let done = archives.close(checked).await?;
    say(format_args!("imported: {} records, {} keys", done.records + done.found, done.keys));
    Ok(())
}

async fn import_all(
    archives: &Archives,
    path: &Path,
    progress: &mut Progress,
) -> anyhow::Result<aredvi_archive::import::Imported> {
    let file: Box<dyn Read> = if path == Path::new(STANDARD) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?)
    };
    let reader = Reader::open(path, file)?;
    let mut import = Import::into(archives.target()).await?;
    import.take(reader, &mut telling(progress, "appending")).await?;
    Ok(import.finish()?)
}
