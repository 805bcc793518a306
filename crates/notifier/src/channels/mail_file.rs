//! An outbox: one `.eml` file (RFC 5322) a message, for one machine without a mail server and for tests.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Letter, OpenError, SendError};

/// Mail that is written to a directory.
pub(super) struct FileMail {
    dir: Arc<Dir>,
}

/// The directory, and how far its names are on the disk.
struct Dir {
    path: PathBuf,
    /// Names that it was given.
    named: AtomicU64,
    /// So many of them are on the disk; whoever has it is putting them there.
    durable: Mutex<u64>,
}

impl FileMail {
    /// Uses `dir`, and makes it when it is missing.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(dir).map_err(|source| OpenError::Outbox { path: dir.to_owned(), source })?;
        let dir = Dir { path: dir.to_owned(), named: AtomicU64::new(0), durable: Mutex::new(0) };
        Ok(Self { dir: Arc::new(dir) })
    }

    /// Writes one message durably: it is there whole or not at all. The same message is the same file.
    pub(super) async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let name = format!("{}-{}.eml", letter.notification, letter.recipient);
        let (dir, bytes) = (self.dir.clone(), letter.message.formatted());
        let written = tokio::task::spawn_blocking(move || dir.write(&name, &bytes)).await;
        let failure = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(stopped) => io::Error::other(stopped),
        };
        tracing::warn!(error = %failure, "the outbox cannot be written");
        Err(SendError::Transient("outbox".to_owned()))
    }
}

impl Dir {
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (whole, part) = (self.path.join(name), self.path.join(format!(".{name}.part")));
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, &whole)?;
        self.sync(self.named.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Puts the names up to the `mine`th on the disk: once for all that wait for it.
    fn sync(&self, mine: u64) -> io::Result<()> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if *durable < mine {
            let named = self.named.load(Ordering::Acquire);
            File::open(&self.path)?.sync_all()?;
            *durable = named;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Postmark;
    use crate::templates::Written;
    use aredvi_events::Id;

    #[tokio::test]
    async fn a_message_is_one_file_however_often_it_is_sent() {
        let dir = tempfile::tempdir().expect("a directory");
        let mail = FileMail::open(&dir.path().join("outbox")).expect("an outbox");
        let written = Written { subject: "Ana follows you".to_owned(), text: "plain".to_owned(), html: "html".to_owned() };
        let postmark = Postmark::new("https://club.example", None).expect("a sender");
        let id = |n| Id::new(n).expect("in range");
        let letter = postmark.letter((id(7).into(), "ben@example.org"), id(9).into(), &written, 0).expect("a letter");
        mail.send(&letter).await.expect("written");
        mail.send(&letter).await.expect("written again");
        let files: Vec<String> = fs::read_dir(dir.path().join("outbox"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        assert_eq!(files, ["9-7.eml"]);
        let message = fs::read_to_string(dir.path().join("outbox/9-7.eml")).expect("a message");
        assert!(message.contains("Subject: Ana follows you\r\n"), "{message}");
    }

    #[tokio::test]
    async fn an_outbox_that_cannot_be_written_is_tried_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let mail = FileMail::open(&dir.path().join("outbox")).expect("an outbox");
        fs::remove_dir(dir.path().join("outbox")).expect("removed");
        let written = Written { subject: String::new(), text: String::new(), html: String::new() };
        let postmark = Postmark::new("https://club.example", None).expect("a sender");
        let id = |n| Id::new(n).expect("in range");
        let letter = postmark.letter((id(7).into(), "ben@example.org"), id(9).into(), &written, 0).expect("a letter");
        assert_eq!(mail.send(&letter).await, Err(SendError::Transient("outbox".to_owned())));
    }
}
