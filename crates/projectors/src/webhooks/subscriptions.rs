//! Subscriptions: made, shown, changed and ended by operators, disabled by the notifier.

use std::time::Duration;

use aredvi_events::{Positions, Topic, codec};
use aredvi_journal::ReadError;
use uuid::Uuid;

use super::{MAX_SUBSCRIPTIONS, Secret, TOPICS, Webhooks, feed};
use crate::db::{DbError, Row, Tx, Value};
use crate::keys::KeyError;

/// How long the former secret signs beside the new one.
pub const ROTATION: Duration = Duration::from_secs(24 * 60 * 60);
/// A subscription to which nothing could be delivered for so long is disabled.
pub const FAILS_AT_MOST: Duration = Duration::from_secs(5 * 24 * 60 * 60);

const COLUMNS: &str = "id, url, topics, types, secret, old_secret, old_secret_until, enabled, reason, began, made_at,
    failing_since, dropped";

/// Who is sent which events.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id.
    pub id: Uuid,
    /// Where they are sent.
    pub url: String,
    /// Of these topics.
    pub topics: Vec<Topic>,
    /// Of these types; of all types when empty.
    pub types: Vec<String>,
    /// Whether they are sent.
    pub enabled: bool,
    /// Why they are not, when it was not an operator's wish.
    pub reason: Option<String>,
    /// What stood on the log before is not sent.
    pub began: Positions,
    /// Unix milliseconds.
    pub made_at: i64,
    /// Since when nothing could be delivered, Unix milliseconds; none while the last delivery went well.
    pub failing_since: Option<i64>,
    /// How many events were dropped: too many waited, or for too long.
    pub dropped: u64,
    /// What signs; during a rotation the former secret too.
    pub secrets: Vec<Secret>,
}

/// What a new subscription is made of.
#[derive(Debug, Clone)]
pub struct New {
    /// Where events are sent.
    pub url: String,
    /// Of these topics.
    pub topics: Vec<Topic>,
    /// Of these types; of all when empty.
    pub types: Vec<String>,
}

/// What is changed; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Where events are sent.
    pub url: Option<String>,
    /// Of these topics.
    pub topics: Option<Vec<Topic>>,
    /// Of these types.
    pub types: Option<Vec<String>>,
    /// Whether they are sent.
    pub enabled: Option<bool>,
}

/// Why a subscription was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// There are as many as there may be.
    #[error("there are {MAX_SUBSCRIPTIONS} webhooks already")]
    TooMany,
    /// It cannot be.
    #[error("{0}")]
    Refused(String),
    /// The schema.
    #[error("the schema `webhooks` is unavailable")]
    Db(#[from] DbError),
    /// The secret.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The journal.
    #[error("the end of the log cannot be read")]
    Journal(#[from] ReadError),
}

impl Subscription {
    /// Whether it is sent events of this type on this topic.
    pub fn wants(&self, topic: Topic, event_type: &str) -> bool {
        self.topics.contains(&topic) && (self.types.is_empty() || self.types.iter().any(|wanted| wanted == event_type))
    }
}

impl Webhooks {
    /// Makes a subscription, which begins at the end of the log.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub async fn subscribe(&self, new: New) -> Result<Subscription, SubscriptionError> {
        check(&new.topics, &new.types)?;
        let id = self.mint.event_id();
        let secret = self.keys.wrap(&material(id), &self.mint.random());
        let ends = self.journal.ends(&TOPICS).await?;
        let mut tx = self.db.begin().await?;
        let began = self.end_of_log(&mut tx, ends).await?;
        let count = tx.read("SELECT COUNT(*) FROM subscriptions", vec![]).await?;
        if count.first().map_or(Ok(0), |row| row.id::<usize>(0))? >= MAX_SUBSCRIPTIONS {
            tx.rollback().await?;
            return Err(SubscriptionError::TooMany);
        }
        let sql = "INSERT INTO subscriptions (id, url, topics, types, secret, enabled, began, made_at)
            VALUES (?, ?, ?, ?, ?, 1, ?, ?)";
        let args = vec![
            id.into(),
            new.url.into(),
            names(&new.topics).into(),
            new.types.join(",").into(),
            secret.into(),
            self.written(&began),
            self.now_ms().into(),
        ];
        tx.execute(sql, args).await?;
        tx.commit().await?;
        self.subscription(id).await?.ok_or_else(|| SubscriptionError::Refused("it was removed meanwhile".to_owned()))
    }

    /// Every subscription, in the order of their making.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, SubscriptionError> {
        // At most MAX_SUBSCRIPTIONS rows.
        let rows = self.db.read_latest(&format!("SELECT {COLUMNS} FROM subscriptions ORDER BY id"), vec![]).await?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub async fn subscription(&self, id: Uuid) -> Result<Option<Subscription>, SubscriptionError> {
        let rows = self.db.read_latest(&format!("SELECT {COLUMNS} FROM subscriptions WHERE id = ?"), vec![id.into()]).await?;
        rows.first().map(|row| self.read(row)).transpose()
    }

    /// Changes one. Topics that are new to it, and one that is enabled again, begin at the end of the log; what waited
    /// goes on waiting. `None` when there is no such subscription.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub async fn change(&self, id: Uuid, change: Change) -> Result<Option<Subscription>, SubscriptionError> {
        let ends = self.journal.ends(&TOPICS).await?;
        let mut tx = self.db.begin().await?;
        let end = self.end_of_log(&mut tx, ends).await?;
        let found = tx.read(&format!("SELECT {COLUMNS} FROM subscriptions WHERE id = ?"), vec![id.into()]).await?;
        let Some(row) = found.first() else {
            tx.rollback().await?;
            return Ok(None);
        };
        let mut changed = self.read(row)?;
        if let Some(topics) = change.topics {
            let added: Vec<Topic> = topics.iter().copied().filter(|topic| !changed.topics.contains(topic)).collect();
            changed.began.union(&end.only(&added));
            changed.topics = topics;
        }
        changed.types = change.types.unwrap_or(changed.types);
        changed.url = change.url.unwrap_or(changed.url);
        if let Some(enabled) = change.enabled {
            if enabled && !changed.enabled {
                changed.began.union(&end);
                changed.failing_since = None;
            }
            changed.enabled = enabled;
            changed.reason = None;
        }
        if let Err(refused) = check(&changed.topics, &changed.types) {
            tx.rollback().await?;
            return Err(refused);
        }
        let sql = "UPDATE subscriptions SET url = ?, topics = ?, types = ?, enabled = ?, reason = ?, began = ?, failing_since = ?
            WHERE id = ?";
        let args = vec![
            changed.url.as_str().into(),
            names(&changed.topics).into(),
            changed.types.join(",").into(),
            changed.enabled.into(),
            changed.reason.clone().into(),
            self.written(&changed.began),
            changed.failing_since.into(),
            id.into(),
        ];
        tx.execute(sql, args).await?;
        tx.commit().await?;
        Ok(Some(changed))
    }

    /// Ends one, with all that waited for it; whether there was one.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn unsubscribe(&self, id: Uuid) -> Result<bool, DbError> {
        let mut tx = self.db.begin().await?;
        feed::raise_version(&mut tx).await?;
        let there = tx.execute("DELETE FROM subscriptions WHERE id = ?", vec![id.into()]).await? == 1;
        tx.execute("DELETE FROM deliveries WHERE subscription = ?", vec![id.into()]).await?;
        tx.commit().await?;
        Ok(there)
    }

    /// Gives one a new secret; the former one signs too for [`ROTATION`]. `None` when there is no such subscription.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub async fn rotate(&self, id: Uuid) -> Result<Option<Subscription>, SubscriptionError> {
        let secret = self.keys.wrap(&material(id), &self.mint.random());
        let until = self.now_ms().saturating_add(i64::try_from(ROTATION.as_millis()).unwrap_or(i64::MAX));
        // Columns are assigned in their order, each seeing those before: the former secret is kept before it is replaced.
        let sql = "UPDATE subscriptions SET old_secret = secret, old_secret_until = ?, secret = ? WHERE id = ?";
        self.db.execute(sql, vec![until.into(), secret.into(), id.into()]).await?;
        self.subscription(id).await
    }

    /// Disables one because of what its receiver did; whether it was enabled.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn disable(&self, id: Uuid, reason: &str) -> Result<bool, DbError> {
        let mut tx = self.db.begin().await?;
        feed::raise_version(&mut tx).await?;
        let sql = "UPDATE subscriptions SET enabled = 0, reason = ? WHERE id = ? AND enabled = 1";
        let disabled = tx.execute(sql, vec![reason.into(), id.into()]).await? == 1;
        tx.commit().await?;
        Ok(disabled)
    }

    /// The log's end as of now, for one who begins: nothing is put into the queue between here and the commit.
    async fn end_of_log(&self, tx: &mut Tx, mut ends: Positions) -> Result<Positions, DbError> {
        feed::raise_version(tx).await?;
        ends.union(&feed::positions(tx, self.journal.id()).await?.unwrap_or_default());
        Ok(ends)
    }

    fn written(&self, positions: &Positions) -> Value {
        positions.to_bytes(self.journal.id()).into()
    }

    fn read(&self, row: &Row) -> Result<Subscription, SubscriptionError> {
        let unknown = |column, expected| DbError::Column { column, expected, found: "something else".to_owned() };
        let id = Uuid::from_slice(row.bytes(0)?).map_err(|_| unknown(0, "a UUID"))?;
        let mut secrets = vec![Secret::new(*self.keys.unwrap_material(&material(id), row.bytes(4)?)?)];
        if row.opt_int(6)?.is_some_and(|until| self.now_ms() < until)
            && let Some(former) = row.opt_bytes(5)?
        {
            secrets.push(Secret::new(*self.keys.unwrap_material(&material(id), former)?));
        }
        let topics =
            split(row.text(2)?).map(str::parse::<Topic>).collect::<Result<Vec<_>, _>>().map_err(|_| unknown(2, "topics"))?;
        // Of another log: nothing of it is behind what it is sent, and the notifier disables it.
        let began = Positions::from_bytes(row.bytes(9)?, self.journal.id()).map_err(|_| unknown(9, "positions"))?;
        Ok(Subscription {
            id,
            url: row.text(1)?.to_owned(),
            topics,
            types: split(row.text(3)?).map(str::to_owned).collect(),
            enabled: row.int(7)? != 0,
            reason: row.opt_text(8)?.map(str::to_owned),
            began: began.unwrap_or_default(),
            made_at: row.int(10)?,
            failing_since: row.opt_int(11)?,
            dropped: row.id(12)?,
            secrets,
        })
    }
}

/// What the secrets of a subscription are wrapped under.
fn material(id: Uuid) -> String {
    format!("webhook:{id}")
}

fn names(topics: &[Topic]) -> String {
    topics.iter().map(|topic| topic.name()).collect::<Vec<_>>().join(",")
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty())
}

/// Refuses topics that nobody may be sent, and types that stand on none of the topics.
fn check(topics: &[Topic], types: &[String]) -> Result<(), SubscriptionError> {
    let refused = |what: String| Err(SubscriptionError::Refused(what));
    if topics.is_empty() {
        return refused("it must have a topic".to_owned());
    }
    if let Some(topic) = topics.iter().find(|topic| !TOPICS.contains(topic)) {
        return refused(format!("`{topic}` is never sent: it holds what people sign in with"));
    }
    let stands = |wanted: &str| topics.iter().any(|&topic| codec::types_on(topic).any(|(name, _)| name == wanted));
    match types.iter().find(|wanted| !stands(wanted)) {
        Some(unknown) => refused(format!("no event of its topics is called `{}`", unknown.escape_debug())),
        None => Ok(()),
    }
}
