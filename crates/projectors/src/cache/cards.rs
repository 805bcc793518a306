//! Cards: the small rendered facts of an actor or a node, behind each process's own cache of them.
//!
//! A card carries the offset up to which it is true. An older one never replaces a newer, and forgetting leaves a mark
//! that refuses fills from before the change.

use std::sync::LazyLock;

use aredvi_events::Id;
use redis::Script;
use rusqlite::{OptionalExtension as _, Transaction, named_params};

use super::error::CacheError;
use super::sqlite::Store;
use super::{Cache, Engine};

/// How long a card stands: an hour, in milliseconds.
pub const CARD_TTL_MS: i64 = 3_600_000;
/// The longest card that is kept, in bytes; longer ones are served and not kept.
pub const MAX_CARD_BYTES: usize = 16 * 1024;
/// How many ended cards a new one clears away.
const PURGE: u32 = 16;
/// How many of the oldest a new one clears away when there are too many.
const EVICT: u32 = 4;
/// How many hash tags share the cards' bound.
const CARD_TAGS: u64 = 24;

static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("cards.lua")));

/// What a card is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CardKind {
    /// A person or a group.
    Actor,
    /// A medium.
    Node,
}

impl CardKind {
    const fn number(self) -> u8 {
        match self {
            Self::Actor => 1,
            Self::Node => 2,
        }
    }
}

impl Cache {
    /// The cards of these ids with the offsets they are true up to, in the same order.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer: read the view instead.
    pub async fn card_get_many(&self, kind: CardKind, ids: &[Id]) -> Result<Vec<Option<(u64, Vec<u8>)>>, CacheError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now_ms();
        match self.engine() {
            Engine::Redis(redis) => {
                let mut pipe = redis::pipe();
                for id in ids {
                    pipe.cmd("GET").arg(format!("{}:{}:{id}", redis.base(&tag(*id)), kind.number()));
                }
                let held: Vec<Option<Vec<u8>>> = redis.pipeline(&pipe).await?;
                Ok(held.into_iter().map(|held| held.and_then(split)).collect())
            }
            Engine::Sqlite(sqlite) => {
                let ids = ids.to_vec();
                sqlite.call(move |store| ids.iter().map(|id| store.card(kind, *id, now)).collect()).await
            }
        }
    }

    /// Keeps a card that is true up to `offset`; whether it does: not when a newer stands there or is needed.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn card_put(&self, kind: CardKind, id: Id, offset: u64, card: &[u8]) -> Result<bool, CacheError> {
        if card.is_empty() || card.len() > MAX_CARD_BYTES {
            return Ok(false);
        }
        self.put(kind, id, offset, card).await
    }

    /// Something changed at `offset`: the card goes, and none from before is kept.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn card_forget(&self, kind: CardKind, id: Id, offset: u64) -> Result<(), CacheError> {
        self.put(kind, id, offset, &[]).await.map(drop)
    }

    async fn put(&self, kind: CardKind, id: Id, offset: u64, card: &[u8]) -> Result<bool, CacheError> {
        let now = self.clock.now_ms();
        match self.engine() {
            Engine::Redis(redis) => {
                let most = (self.limits.cards / CARD_TAGS).max(1);
                redis
                    .script(&PUT, &tag(id), |script| {
                        script.arg(kind.number()).arg(id.get()).arg(format!("{offset:020}")).arg(card);
                        script.arg(now).arg(CARD_TTL_MS).arg(most);
                    })
                    .await
            }
            Engine::Sqlite(sqlite) => {
                let card = card.to_vec();
                sqlite.call(move |store| store.put_card(kind, id, offset, &card, now)).await
            }
        }
    }
}

/// Ids grow with time; their lower bits alone would favour some tags.
fn tag(id: Id) -> String {
    format!("{{c{:02}}}", (id.get() ^ (id.get() >> 22)) % CARD_TAGS)
}

fn split(held: Vec<u8>) -> Option<(u64, Vec<u8>)> {
    let (offset, card) = held.split_at_checked(20)?;
    let offset = std::str::from_utf8(offset).ok()?.parse().ok()?;
    (!card.is_empty()).then(|| (offset, card.to_vec()))
}

impl Store {
    fn card(&self, kind: CardKind, id: Id, now: i64) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
        self.read()
            .prepare_cached("SELECT position, card FROM cards WHERE kind = ? AND id = ? AND expires > ? AND card <> x''")?
            .query_row((kind.number(), id.as_i64(), now), |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))
            .optional()
    }

    fn put_card(&mut self, kind: CardKind, id: Id, offset: u64, card: &[u8], now: i64) -> rusqlite::Result<bool> {
        let most = self.limits.cards;
        let tx = self.begin()?;
        let held: Option<(i64, i64)> = tx
            .prepare_cached("SELECT position, expires FROM cards WHERE kind = ? AND id = ?")?
            .query_row((kind.number(), id.as_i64()), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if held.is_some_and(|(position, expires)| expires > now && position.cast_unsigned() > offset) {
            return Ok(false);
        }
        if held.is_none() {
            make_room(&tx, now, most)?;
            count(&tx, 1)?;
        }
        tx.prepare_cached("INSERT OR REPLACE INTO cards VALUES (:kind, :id, :position, :expires, :card)")?.execute(
            named_params! {
                ":kind": kind.number(), ":id": id.as_i64(), ":position": offset.cast_signed(),
                ":expires": now + CARD_TTL_MS, ":card": card,
            },
        )?;
        tx.commit()?;
        Ok(true)
    }
}

/// Clears some ended cards away, and when there are too many the oldest.
fn make_room(tx: &Transaction<'_>, now: i64, most: u64) -> rusqlite::Result<()> {
    let held: i64 = tx.query_row("SELECT held FROM counts WHERE kind = 'cards'", [], |row| row.get(0))?;
    let (until, most) = if held.cast_unsigned() >= most { (i64::MAX, EVICT) } else { (now, PURGE) };
    let gone = tx
        .prepare_cached(
            "DELETE FROM cards WHERE (kind, id) IN
                 (SELECT kind, id FROM cards INDEXED BY cards_expires WHERE expires <= ? ORDER BY expires LIMIT ?)",
        )?
        .execute((until, most))?;
    count(tx, -i64::try_from(gone).unwrap_or(0))
}

fn count(tx: &Transaction<'_>, by: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE counts SET held = held + ? WHERE kind = 'cards'")?.execute([by])?;
    Ok(())
}
