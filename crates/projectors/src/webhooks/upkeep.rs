//! What keeps the schema bounded: what waited too long is dropped, what ended long ago is forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use super::Webhooks;
use super::queue::State;
use crate::db::DbError;

/// How long a delivery may wait, and how old an event may be that is queued.
pub const MAX_AGE: Duration = Duration::from_secs(72 * 60 * 60);
/// How many ended deliveries of a subscription operators can look at; none is older than [`MAX_AGE`].
pub const KEPT: u64 = 1_000;

/// How many deliveries were dropped, by subscription.
pub type Dropped = BTreeMap<Uuid, u64>;

impl Webhooks {
    /// Does it, for every subscription; how many deliveries waited too long.
    ///
    /// # Errors
    /// [`DbError`]; it may be repeated.
    pub async fn keep_up(&self) -> Result<Dropped, DbError> {
        let oldest = self.now_ms().saturating_sub(i64::try_from(MAX_AGE.as_millis()).unwrap_or(i64::MAX));
        let mut dropped = Dropped::new();
        for row in self.db.read_latest("SELECT id FROM subscriptions", vec![]).await? {
            let subscription = row.bytes(0)?.to_vec();
            let count = self.drop_old(&subscription, oldest).await?;
            if let (1.., Ok(id)) = (count, Uuid::from_slice(&subscription)) {
                dropped.insert(id, count);
            }
            self.forget(&subscription, oldest).await?;
        }
        Ok(dropped)
    }

    async fn drop_old(&self, subscription: &[u8], oldest: i64) -> Result<u64, DbError> {
        let mut tx = self.db.begin().await?;
        // deliveries_by_turn
        let sql = "UPDATE deliveries SET state = ?, ended_at = ?, body = NULL
            WHERE subscription = ? AND state = ? AND queued_at <= ?";
        let (waiting, dropped) = (State::Waiting.number(), State::Dropped.number());
        let args = vec![dropped.into(), self.now_ms().into(), subscription.into(), waiting.into(), oldest.into()];
        let count = tx.execute(sql, args).await?;
        if count > 0 {
            let sql = "UPDATE subscriptions SET dropped = dropped + ? WHERE id = ?";
            tx.execute(sql, vec![count.into(), subscription.into()]).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    async fn forget(&self, subscription: &[u8], oldest: i64) -> Result<(), DbError> {
        // deliveries_by_end, twice
        let sql = "SELECT ended_at FROM deliveries WHERE subscription = ? AND ended_at IS NOT NULL
            ORDER BY ended_at DESC LIMIT 1 OFFSET ?";
        let beyond = self.db.read_latest(sql, vec![subscription.into(), KEPT.into()]).await?;
        let beyond = beyond.first().map(|row| row.int(0)).transpose()?;
        let until = beyond.map_or(oldest, |ended| ended.max(oldest));
        let sql = "DELETE FROM deliveries WHERE subscription = ? AND ended_at <= ?";
        self.db.execute(sql, vec![subscription.into(), until.into()]).await.map(drop)
    }
}
