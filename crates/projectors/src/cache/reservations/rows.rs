//! The reservations of the embedded cache: the same steps as `reservations.lua`, as rows.

use rusqlite::{OptionalExtension as _, Transaction, named_params};

use super::{RESERVATION_TTL_MS, ReservationKey, ReserveAnswer, TAKEOVER_MS};
use crate::cache::Store;

/// How many ended ones a reservation clears away.
const PURGE: u32 = 32;

struct Row {
    state: String,
    since: i64,
    expires: i64,
    body: Vec<u8>,
    payload: Vec<u8>,
}

impl Store {
    /// The embedded `reserve` of `reservations.lua`, in a transaction of its own.
    pub(crate) fn reserve(
        &mut self,
        tag: &str,
        key: &ReservationKey,
        payload: &[u8],
        now: i64,
    ) -> rusqlite::Result<ReserveAnswer> {
        let most = self.limits.reservations;
        let tx = self.begin()?;
        let answer = reserve(&tx, tag, key, payload, now, most)?;
        tx.commit()?;
        Ok(answer)
    }

    pub(super) fn complete(&mut self, tag: &str, key: &ReservationKey, payload: &[u8], now: i64) -> rusqlite::Result<()> {
        let tx = self.begin()?;
        match row(&tx, tag, &key.key)? {
            Some(held) if held.state == "D" || held.body != key.body => return Ok(()),
            Some(held) => put(&tx, tag, key, "D", now, held.expires, payload)?,
            None => {
                put(&tx, tag, key, "D", now, now + RESERVATION_TTL_MS, payload)?;
                count(&tx, 1)?;
            }
        }
        tx.commit()
    }
}

impl Store {
    pub(super) fn release(&mut self, tag: &str, key: &str, since: i64) -> rusqlite::Result<()> {
        let tx = self.begin()?;
        let gone = tx
            .prepare_cached("DELETE FROM reservations WHERE tag = ? AND key = ? AND state = 'P' AND since = ?")?
            .execute((tag, key, since))?;
        count(&tx, -i64::try_from(gone).unwrap_or(0))?;
        tx.commit()
    }

    pub(super) fn mark_unknown(&mut self, tag: &str, key: &str, since: i64) -> rusqlite::Result<()> {
        self.read()
            .prepare_cached("UPDATE reservations SET state = 'U' WHERE tag = ? AND key = ? AND state = 'P' AND since = ?")?
            .execute((tag, key, since))
            .map(drop)
    }
}

fn reserve(
    tx: &Transaction<'_>,
    tag: &str,
    key: &ReservationKey,
    payload: &[u8],
    now: i64,
    most: u64,
) -> rusqlite::Result<ReserveAnswer> {
    purge(tx, tag, &key.key, now)?;
    let answer = |word: &str, since, payload| Ok((word.to_owned(), since, payload));
    let Some(held) = row(tx, tag, &key.key)? else {
        let held: i64 = tx.query_row("SELECT held FROM counts WHERE kind = 'reservations'", [], |row| row.get(0))?;
        if held.cast_unsigned() >= most {
            return answer("full", 0, Vec::new());
        }
        put(tx, tag, key, "P", now, now + RESERVATION_TTL_MS, payload)?;
        count(tx, 1)?;
        return answer("fresh", now, Vec::new());
    };
    if held.body != key.body {
        return answer("other", 0, Vec::new());
    }
    match held.state.as_str() {
        "D" => answer("done", held.since, held.payload),
        "P" if held.payload == payload => answer("fresh", held.since, Vec::new()),
        "P" if now - held.since < TAKEOVER_MS => answer("work", held.since, Vec::new()),
        _ => {
            let since = now.max(held.since + 1);
            put(tx, tag, key, "P", since, held.expires, &held.payload)?;
            answer("repeat", since, held.payload)
        }
    }
}

/// Clears some ended ones away, and this one if it has ended.
fn purge(tx: &Transaction<'_>, tag: &str, key: &str, now: i64) -> rusqlite::Result<()> {
    let gone = tx
        .prepare_cached(
            "DELETE FROM reservations WHERE (tag, key) IN
             (SELECT tag, key FROM reservations INDEXED BY reservations_expires WHERE expires <= :now LIMIT :most)
             OR (tag = :tag AND key = :key AND expires <= :now)",
        )?
        .execute(named_params! { ":now": now, ":most": PURGE, ":tag": tag, ":key": key })?;
    if gone > 0 { count(tx, -i64::try_from(gone).unwrap_or(0)) } else { Ok(()) }
}

fn row(tx: &Transaction<'_>, tag: &str, key: &str) -> rusqlite::Result<Option<Row>> {
    tx.prepare_cached("SELECT state, since, expires, body, payload FROM reservations WHERE tag = ? AND key = ?")?
        .query_row([tag, key], |row| {
            let (state, since, expires) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Row { state, since, expires, body: row.get(3)?, payload: row.get(4)? })
        })
        .optional()
}

fn put(
    tx: &Transaction<'_>,
    tag: &str,
    key: &ReservationKey,
    state: &str,
    since: i64,
    expires: i64,
    payload: &[u8],
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO reservations VALUES (:tag, :key, :state, :since, :expires, :body, :payload)")?
        .execute(named_params! {
            ":tag": tag, ":key": key.key, ":state": state, ":since": since, ":expires": expires,
            ":body": key.body, ":payload": payload,
        })?;
    Ok(())
}

fn count(tx: &Transaction<'_>, by: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE counts SET held = held + ? WHERE kind = 'reservations'")?.execute([by])?;
    Ok(())
}
