//! Passwords: Argon2id (RFC 9106), a bounded number at once, and never told apart by time.

pub mod common;
mod hasher;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::Mint;
use argon2::password_hash::CustomizedPasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Params, PasswordVerifier as _};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use crate::problem::Problem;
use hasher::Hasher;
use threads::Threads;

/// Memory of one hash, KiB: 19 MiB.
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
pub const PASSES: u32 = 2;
/// Lanes.
pub const LANES: u32 = 1;
/// Bytes of salt.
const SALT_BYTES: usize = 16;
/// How many may wait for their turn, for each that is at work.
pub const WAITING_PER_PERMIT: usize = 8;
/// The longest that one waits for its turn.
pub const MAX_WAIT: Duration = Duration::from_secs(1);

/// The hash that an unknown login is compared with: of no password, as slow as any.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies; clones share the bounds.
#[derive(Clone)]
pub struct Passwords {
    mint: Mint,
    threads: Threads,
    working: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

/// Why no password was hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are at it; later perhaps.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The hash function refused, which it does for no input that [`text`](crate::text) lets through.
    #[error("the password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// The thread at work was lost.
    #[error("the thread that hashed a password was lost")]
    Lost(#[source] tokio::task::JoinError),
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::unavailable(),
            PasswordError::Hash(_) | PasswordError::Lost(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a password could not be hashed");
                Self::internal()
            }
        }
    }
}

impl Passwords {
    /// At most `cores` at once, and [`WAITING_PER_PERMIT`] times as many waiting; 0 counts as 1.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(mint: Mint, cores: usize) -> std::io::Result<Self> {
        let cores = cores.max(1);
        Ok(Self {
            mint,
            threads: Threads::new(cores)?,
            working: Arc::new(Semaphore::new(cores)),
            admitted: Arc::new(Semaphore::new(cores + cores * WAITING_PER_PERMIT)),
        })
    }

    /// As many at once as this machine has cores, but for one that is left to those who have signed in.
    ///
    /// # Errors
    /// As [`Passwords::new`].
    pub fn for_this_machine(mint: Mint) -> std::io::Result<Self> {
        Self::new(mint, std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1))
    }

    /// The PHC string to keep of a new password.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let (password, salt) = (typed(password), self.mint.random::<SALT_BYTES>());
        self.at_work(move || {
            let hash = Hasher.hash_password_customized(password.as_bytes(), &salt, None, None, params()?)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether a password is the one kept as `phc`. For an unknown login there is none, which takes as long and is
    /// always false; so is a `phc` that cannot be read.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], [`PasswordError::Lost`].
    pub async fn verify(&self, password: &str, phc: Option<&str>) -> Result<bool, PasswordError> {
        let (password, phc) = (typed(password), phc.map(str::to_owned));
        self.at_work(move || {
            let compare = |phc: &str| Hasher.verify_password(password.as_bytes(), &PasswordHash::new(phc)?);
            match phc.as_deref().map(compare) {
                Some(Ok(())) => Ok(true),
                Some(Err(argon2::password_hash::Error::PasswordInvalid)) => Ok(false),
                Some(Err(error)) => {
                    tracing::error!(%error, "a kept password hash cannot be read");
                    Ok(false)
                }
                None => {
                    let _: Result<(), _> = compare(NOBODYS);
                    Ok(false)
                }
            }
        })
        .await
    }

    /// Runs `work` on a thread for it when it is its turn. The turn is held until the work ends, also when nobody
    /// waits for it any more.
    async fn at_work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, argon2::password_hash::Error> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = self.mint.clock().timeout(MAX_WAIT, Arc::clone(&self.working).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        let hashed = self.threads.run(move || {
            let _held = (admitted, turn);
            work()
        });
        hashed.await.map_err(PasswordError::Lost)?.map_err(PasswordError::Hash)
    }
}

/// Of Argon2id, version 19, which are the defaults.
fn params() -> Result<Params, argon2::Error> {
    Params::new(MEMORY_KIB, PASSES, LANES, None)
}

/// The same password typed on another keyboard has the same code points (RFC 8265, section 4.2.1).
fn typed(password: &str) -> String {
    password.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::Clock;
    use std::time::Instant;

    fn passwords(cores: usize) -> Passwords {
        Passwords::new(Mint::seeded(Clock::default(), 1), cores).expect("threads")
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = passwords(2);
        let phc = passwords.hash("correct horsé").await.expect("hashed");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(passwords.verify("correct horsé", Some(&phc)).await.expect("compared"));
        assert!(passwords.verify("correct horse\u{301}", Some(&phc)).await.expect("compared"));
        assert!(!passwords.verify("correct horse", Some(&phc)).await.expect("compared"));
        assert_ne!(phc, passwords.hash("correct horsé").await.expect("hashed"));
    }

    #[tokio::test]
    async fn an_unknown_login_takes_as_long_and_is_wrong() {
        let passwords = passwords(1);
        let phc = passwords.hash("correct horse").await.expect("hashed");
        let mut wrong = Vec::new();
        let mut unknown = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            assert!(!passwords.verify("another", Some(&phc)).await.expect("compared"));
            wrong.push(began.elapsed());
            let began = Instant::now();
            assert!(!passwords.verify("another", None).await.expect("compared"));
            unknown.push(began.elapsed());
        }
        let (wrong, unknown) = (wrong.iter().min().expect("five"), unknown.iter().min().expect("five"));
        assert!(*unknown > *wrong / 4, "{unknown:?} {wrong:?}");
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_wrong() {
        assert!(!passwords(1).verify("another", Some("$2y$10$nothing")).await.expect("compared"));
    }

    #[tokio::test]
    async fn a_flood_is_refused_beyond_the_queue() {
        let passwords = passwords(1);
        let all = futures_util::future::join_all((0..40).map(|_| passwords.hash("correct horse"))).await;
        let refused = all.iter().filter(|hashed| matches!(hashed, Err(PasswordError::Busy))).count();
        assert!(refused >= 40 - 1 - WAITING_PER_PERMIT, "{refused}");
        assert!(all.iter().any(Result::is_ok));
        assert_eq!(Problem::from(PasswordError::Busy).status, 503);
        assert!(passwords.hash("correct horse").await.is_ok());
    }

    #[tokio::test]
    async fn a_turn_is_held_until_the_hash_ends_though_nobody_waits() {
        let passwords = passwords(1);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let gone = tokio::spawn({
            let passwords = passwords.clone();
            let work = move || {
                let _: Result<(), ()> = begin.send(());
                Ok(ended.recv().is_err())
            };
            async move { passwords.at_work(work).await }
        });
        begun.await.expect("at work");
        gone.abort();
        assert!(gone.await.expect_err("aborted").is_cancelled());
        assert_eq!(passwords.working.available_permits(), 0);
        drop(end);
        assert!(passwords.hash("correct horse").await.is_ok());
    }

    #[test]
    fn nobody_s_hash_is_as_dear_as_everybody_s() {
        let nobodys = argon2::PasswordHash::new(NOBODYS).expect("a PHC string");
        let params = params().expect("parameters");
        let everybodys = Hasher.hash_password_customized(b"x", &[0; SALT_BYTES], None, None, params).expect("hashed");
        assert_eq!(nobodys.algorithm, everybodys.algorithm);
        assert_eq!(nobodys.version, everybodys.version);
        assert_eq!(nobodys.params, everybodys.params);
        let lengths = |hash: &argon2::PasswordHash| {
            (hash.salt.as_ref().map(|salt| salt.len()), hash.hash.as_ref().map(|output| output.len()))
        };
        assert_eq!(lengths(&nobodys), lengths(&everybodys));
    }
}
