//! What may be asked of `actors`.

use std::sync::Arc;

use aredvi_events::actors::{Access, Cleared};
use aredvi_events::identity::Role;
use aredvi_events::{ActorId, Partition, Place, Topic};

use super::rows::state;
use super::words::words;
use crate::accounts::rows::roles_of;
use crate::db::{Db, DbError, Row, Tx, Value, padded_in_list};
use crate::facts::{LoadedActor, Privacy, SessionsEnd};
use crate::seen::Seen;
use crate::visibility::State;

/// Words of a search that are heeded.
const SEARCHED_WORDS: usize = 4;

/// What a card shows of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Which.
    pub actor: ActorId,
    /// None once erased.
    pub username: Option<Arc<str>>,
    /// None once erased.
    pub name: Option<Arc<str>>,
    /// Whether he is there at all.
    pub state: State,
    /// The place of the last event that changed anything of him.
    pub last: Place,
}

/// All that is known of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What its card shows.
    pub card: Card,
    /// None when he has none.
    pub bio: Option<String>,
    /// A BCP 47 tag.
    pub language: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// Guards what stands on his page.
    pub access: Access,
    /// Whether those who do not pass may ask to follow.
    pub allow_follow_requests: bool,
    /// What he may do beyond his own things.
    pub roles: Vec<Role>,
    /// Unix milliseconds.
    pub created_at: i64,
}

/// How far an erasure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// When the person was gone for everybody, Unix milliseconds.
    pub erased_at: i64,
    /// Every place that it reached, and when it had reached them all; none while it has not.
    pub completed: Option<(i64, Vec<Cleared>)>,
}

/// Where a page of a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub actor: ActorId,
    /// The word that he was found by.
    pub word: String,
}

/// The cards of these actors, in no order; who was never registered is left out.
///
/// # Errors
/// [`DbError`].
pub async fn cards(db: &Db, actors: &[ActorId]) -> Result<Vec<Card>, DbError> {
    // actors: the primary key
    let (list, values) = padded_in_list(actors.iter().map(|&actor| actor.into()).collect());
    let sql = format!("SELECT actor, username, name, state, last_part, last_offset FROM actors WHERE actor IN {list}");
    db.read(&sql, values).await?.iter().map(card).collect()
}

/// All that is known of an actor; none when he was never registered.
///
/// # Errors
/// [`DbError`].
pub async fn profile(db: &Db, actor: ActorId) -> Result<Option<Profile>, DbError> {
    // actors: the primary key
    let sql = "SELECT actor, username, name, state, last_part, last_offset, bio, language, time_zone, access,
            allow_follow_requests, roles, created_at
        FROM actors WHERE actor = ?";
    let profile = |row: &Row| {
        Ok(Profile {
            card: card(row)?,
            bio: row.opt_text(6)?.map(str::to_owned),
            language: row.opt_text(7)?.map(str::to_owned),
            time_zone: row.opt_text(8)?.map(str::to_owned),
            access: Access::from_number(row.int(9)?),
            allow_follow_requests: row.int(10)? != 0,
            roles: roles_of(row.id(11)?),
            created_at: row.int(12)?,
        })
    };
    db.read(sql, vec![actor.into()]).await?.first().map(profile).transpose()
}

/// How far the erasure of a person is; none when he is not erased.
///
/// # Errors
/// [`DbError`].
pub async fn erasure(db: &Db, person: ActorId) -> Result<Option<Erasure>, DbError> {
    // actors: the primary key
    let sql = "SELECT erased_at, cleared, cleared_at FROM actors WHERE actor = ? AND erased_at IS NOT NULL";
    let erasure = |row: &Row| {
        let unreadable = |_| DbError::Column { column: 1, expected: "places", found: "another text".to_owned() };
        let cleared = row.opt_text(1)?.map(serde_json::from_str).transpose().map_err(unreadable)?;
        Ok(Erasure { erased_at: row.int(0)?, completed: row.opt_int(2)?.zip(cleared) })
    };
    db.read(sql, vec![person.into()]).await?.first().map(erasure).transpose()
}

/// Whose username or name has words that begin with each word of `text`, in the order of the first one, from after
/// `after`; each actor once.
///
/// # Errors
/// [`DbError`].
pub async fn search(db: &Db, text: &str, after: Option<&Found>, limit: u32) -> Result<Vec<Found>, DbError> {
    let mut prefixes = words(text).take(SEARCHED_WORDS);
    let Some(first) = prefixes.next() else { return Ok(Vec::new()) };
    // name_words_by_word; then for each row: the primary key.
    let mut sql = "SELECT w.actor, w.word FROM name_words w
        WHERE w.word >= ? AND w.word < ? AND (w.word > ? OR w.actor > ?)
        AND NOT EXISTS (SELECT 1 FROM name_words s WHERE s.actor = w.actor AND s.word >= ? AND s.word < w.word)"
        .to_owned();
    let (from, actor) = after.map_or((first.as_str(), 0), |after| (after.word.as_str(), after.actor.as_i64()));
    let from = from.max(first.as_str());
    let mut values: Vec<Value> = vec![from.into(), end(&first).into(), from.into(), actor.into(), first.as_str().into()];
    for prefix in prefixes {
        sql.push_str(" AND EXISTS (SELECT 1 FROM name_words o WHERE o.actor = w.actor AND o.word >= ? AND o.word < ?)");
        values.extend([prefix.as_str().into(), end(&prefix).into()]);
    }
    sql.push_str(" ORDER BY w.word, w.actor LIMIT ?");
    values.push(limit.into());
    let rows = db.read(&sql, values).await?;
    rows.iter().map(|row| Ok(Found { actor: row.id(0)?, word: row.text(1)?.to_owned() })).collect()
}

/// The facts of every actor, in the order of their ids, from above `above`. Of rows whose last event stands at `seen_from`
/// or later, their newest events come too. `tx` should be a [snapshot](Db::snapshot).
///
/// # Errors
/// [`DbError`].
pub async fn scan_actors(tx: &mut Tx, above: Option<ActorId>, seen_from: u64, limit: u32) -> Result<Vec<LoadedActor>, DbError> {
    // actors: the primary key
    let sql = "SELECT actor, state, access, allow_follow_requests, roles, password_changed_at, keep_session, last_part,
            last_offset, CASE WHEN last_offset >= ? THEN seen END
        FROM actors WHERE actor > ? ORDER BY actor LIMIT ?";
    let above = above.map_or(0, ActorId::as_i64);
    let seen_from = i64::try_from(seen_from).unwrap_or(i64::MAX);
    tx.read(sql, vec![seen_from.into(), above.into(), limit.into()]).await?.iter().map(loaded).collect()
}

fn loaded(row: &Row) -> Result<LoadedActor, DbError> {
    let keep = row.opt_id(6)?;
    Ok(LoadedActor {
        id: row.id(0)?,
        state: state_of(row.int(1)?),
        privacy: Privacy { access: Access::from_number(row.int(2)?), allows_requests: row.int(3)? != 0 },
        site_admin: roles_of(row.id(4)?).contains(&Role::Administrator),
        sessions_end: row.opt_int(5)?.map(|at| SessionsEnd { at, keep }),
        last: place(row, 7)?,
        seen: Seen::from_column(row.opt_bytes(9)?.unwrap_or_default()),
    })
}

fn card(row: &Row) -> Result<Card, DbError> {
    Ok(Card {
        actor: row.id(0)?,
        username: row.opt_text(1)?.map(Arc::from),
        name: row.opt_text(2)?.map(Arc::from),
        state: state_of(row.int(3)?),
        last: place(row, 4)?,
    })
}

fn place(row: &Row, column: usize) -> Result<Place, DbError> {
    let partition = Partition { topic: Topic::Actors, number: row.id(column)? };
    Ok(Place { partition, offset: row.id(column + 1)? })
}

/// An unknown state shows nothing.
const fn state_of(number: i64) -> State {
    match number {
        state::ACTIVE => State::Active,
        state::DISABLED => State::Disabled,
        _ => State::Erased,
    }
}

/// What follows every word that begins with `prefix`, in the order of code points.
fn end(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
