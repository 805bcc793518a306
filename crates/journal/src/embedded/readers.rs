//! The connections that read: few, on blocking threads, each lent to one read at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::Semaphore;

use super::file;
use crate::error::{Fault, ReadError};

/// How many reads run at once.
const READERS: usize = 2;

/// The readers of one file.
pub struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::with_capacity(READERS)), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Runs `work` on a connection. It runs to its end even when the future is dropped.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|closed| ReadError::Unavailable(Fault::new(closed)))?;
        let readers = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let connection = readers.take()?;
            let result = work(&connection);
            readers.idle().push(connection);
            drop(permit);
            result
        });
        read.await.map_err(|died| ReadError::Unavailable(Fault::new(died)))?
    }

    fn take(&self) -> Result<Connection, ReadError> {
        let idle = self.idle().pop();
        idle.map_or_else(|| file::open_reader(&self.path).map_err(failed), Ok)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a failed read means.
pub fn failed(error: rusqlite::Error) -> ReadError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ReadError::Damaged(Fault::new(error)),
        _ => ReadError::Unavailable(Fault::new(error)),
    }
}
