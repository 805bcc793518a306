//! Named leases for timers and sweeps: any role may run twice, and one of them does the work.
//!
//! A lease saves work; it protects nothing. Two clocks that disagree may let two holders work at once, so what is done
//! under a lease must bear being done twice.

use std::time::Duration;

use uuid::Uuid;

use super::Control;
use crate::db::DbError;

pub(super) const TABLES: &[&str] =
    &["CREATE TABLE leases (name VARCHAR(100) NOT NULL, holder VARBINARY(16), until_ms BIGINT NOT NULL, PRIMARY KEY (name))"];

/// A claim to a named lease.
#[derive(Debug)]
pub struct NamedLease {
    control: Control,
    name: String,
    holder: Uuid,
    length: Duration,
    until_ms: i64,
}

impl Control {
    /// A claim to the lease `name` (100 bytes at most) for `length` at a time. `holder` is of this process alone.
    pub fn lease(&self, name: &str, holder: Uuid, length: Duration) -> NamedLease {
        NamedLease { control: self.clone(), name: name.to_owned(), holder, length, until_ms: i64::MIN }
    }
}

impl NamedLease {
    /// Takes the lease where it is free or expired, or renews it; whether it is ours now.
    ///
    /// # Errors
    /// [`DbError`]; whose it is then is unknown, and [`NamedLease::is_held`] tells what is certain.
    pub async fn hold(&mut self) -> Result<bool, DbError> {
        let now = self.control.now_ms();
        let until = now.saturating_add(i64::try_from(self.length.as_millis()).unwrap_or(i64::MAX));
        let take = "UPDATE leases SET holder = ?, until_ms = ?
            WHERE name = ? AND (holder = ? OR holder IS NULL OR until_ms <= ?)";
        let args = || vec![self.holder.into(), until.into(), self.name.as_str().into(), self.holder.into(), now.into()];
        let db = &self.control.db;
        let mut held = db.execute(take, args()).await? == 1;
        if !held {
            let insert = "INSERT INTO leases (name, holder, until_ms) VALUES (?, ?, ?)";
            held = match db.execute(insert, vec![self.name.as_str().into(), self.holder.into(), until.into()]).await {
                Ok(_) => true,
                Err(error) if error.is_duplicate() => false,
                Err(error) => return Err(error),
            };
        }
        self.until_ms = if held { until } else { i64::MIN };
        Ok(held)
    }

    /// Whether it is ours still, as far as this process's clock can tell without asking.
    pub fn is_held(&self) -> bool {
        self.control.now_ms() < self.until_ms
    }

    /// Gives it up, so that another may take it at once.
    ///
    /// # Errors
    /// [`DbError`]; it expires all the same.
    pub async fn release(&mut self) -> Result<(), DbError> {
        self.until_ms = i64::MIN;
        let release = "UPDATE leases SET holder = NULL WHERE name = ? AND holder = ?";
        self.control.db.execute(release, vec![self.name.as_str().into(), self.holder.into()]).await?;
        Ok(())
    }
}
