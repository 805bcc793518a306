//! Lets a request in: its session, its last positions, its rate limits and its reservation, in one round trip.

use std::sync::LazyLock;

use aredvi_events::Positions;
use redis::Script;
use rusqlite::params;

use super::last_positions::positions;
use super::queries::{FIND_LUA, found};
use super::token::Token;
use super::{LAST_SEEN_STEP_MS, Lookup, Session, Sessions};
use crate::cache::{
    CacheError, Engine, HIT_LUA, Hit, MAX_PAYLOAD_BYTES, RESERVE_LUA, Rated, Reservation, ReservationKey, ReserveAnswer, Scope,
    Store,
};

const ADMIT_LUA: &str = include_str!("admit.lua");

/// Most requests reserve nothing; each function a script defines costs at every run.
static ADMIT: LazyLock<Script> = LazyLock::new(|| Script::new(&[FIND_LUA, HIT_LUA, ADMIT_LUA].join("\n")));
static ADMIT_AND_RESERVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[FIND_LUA, HIT_LUA, RESERVE_LUA, ADMIT_LUA].join("\n")));

/// Who asks.
#[derive(Debug, Clone)]
pub enum AskedBy {
    /// Whoever holds this token.
    Holder {
        /// The token.
        token: Token,
        /// What the view must include of the token's partition, 0 for nothing.
        least: u64,
    },
    /// Nobody who says who.
    Guest,
}

/// A request at the door.
#[derive(Debug, Clone)]
pub struct Admit {
    /// Who asks.
    pub by: AskedBy,
    /// What it counts as.
    pub hits: Vec<Hit>,
    /// The idempotency key and the payload to reserve, as for [`Cache::reserve`](crate::cache::Cache::reserve). Its
    /// scope is the asker's: the token's person, or the guests.
    pub reservation: Option<(ReservationKey, Vec<u8>)>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The session; `None` for guests.
    pub session: Option<Lookup>,
    /// The session's last positions.
    pub positions: Positions,
    /// What came of each hit, in order; nothing was counted, and this is empty, when the token is good for nothing.
    pub rated: Vec<Rated>,
    /// What came of the reservation: `None` when none was asked for, when the token is good for nothing, or when a rate
    /// limit refuses.
    pub reservation: Option<Reservation>,
}

/// The answer of `admit.lua`.
type Answer = (String, String, Vec<(u8, u64)>, Vec<(i64, i64, i64)>, Vec<redis::Value>);

impl Admit {
    fn scope(&self) -> Scope {
        match &self.by {
            AskedBy::Holder { token, .. } => Scope::Person(token.person()),
            AskedBy::Guest => Scope::Guests,
        }
    }
}

impl Sessions {
    /// Looks a request's session up, notes that it was seen, counts the request and reserves its key.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer, when the payload is too long, or when the reservation is of
    /// another scope than the asker's.
    pub async fn admit(&self, request: &Admit) -> Result<Admitted, CacheError> {
        if let Some((key, payload)) = &request.reservation {
            CacheError::check("the reservation's payload", payload.len(), MAX_PAYLOAD_BYTES)?;
            if key.scope() != request.scope() {
                return Err(CacheError::OtherScope);
            }
        }
        let now = self.cache.clock().now_ms();
        match self.cache.engine() {
            Engine::Redis(redis) => {
                let most = self.cache.reservations_of_a_tag();
                let script = if request.reservation.is_some() { &ADMIT_AND_RESERVE } else { &ADMIT };
                let answer = redis.script(script, &request.scope().tag(), |script| fill(script, request, now, most)).await?;
                read(request, answer)
            }
            Engine::Sqlite(sqlite) => {
                let (admitted, reserved) = sqlite
                    .call({
                        let request = request.clone();
                        move |store| store.admit(&request, now)
                    })
                    .await?;
                let reservation = match (&request.reservation, reserved) {
                    (Some((key, _)), Some((word, since, payload))) => Some(Reservation::of(key, &word, since, payload)?),
                    _ => None,
                };
                Ok(Admitted { reservation, ..admitted })
            }
        }
    }
}

fn fill(script: &mut redis::ScriptInvocation<'_>, request: &Admit, now: i64, most: u64) {
    match &request.by {
        AskedBy::Holder { token, least } => script.arg(token.hash().as_str()).arg(least),
        AskedBy::Guest => script.arg("").arg(0),
    };
    script.arg(now).arg(LAST_SEEN_STEP_MS).arg(request.hits.len());
    for hit in &request.hits {
        hit.push(script);
    }
    match &request.reservation {
        Some((key, payload)) => {
            script.arg(1);
            key.push(script, payload, most);
        }
        None => {
            script.arg(0);
        }
    }
}

fn read(request: &Admit, (word, held, last, rated, reserved): Answer) -> Result<Admitted, CacheError> {
    let session = if word == "guest" { None } else { Some(found(&word, &held)?) };
    let reservation = match (&request.reservation, reserved.is_empty()) {
        (Some((key, _)), false) => {
            let (word, since, payload): ReserveAnswer =
                redis::from_redis_value(redis::Value::Array(reserved)).map_err(|error| CacheError::Redis(error.into()))?;
            Some(Reservation::of(key, &word, since, payload)?)
        }
        _ => None,
    };
    let rated = rated.into_iter().map(|(allowed, remaining, reset)| Rated::of(allowed, remaining, reset)).collect();
    Ok(Admitted { session, positions: positions(last), rated, reservation })
}

impl Store {
    /// The embedded `admit.lua`; the reservation's answer apart.
    fn admit(&mut self, request: &Admit, now: i64) -> rusqlite::Result<(Admitted, Option<ReserveAnswer>)> {
        let mut admitted = Admitted { session: None, positions: Positions::new(), rated: Vec::new(), reservation: None };
        if let AskedBy::Holder { token, least } = &request.by {
            let lookup = self.find_session(token.partition().number, token.hash(), *least, now)?;
            admitted.session = Some(lookup);
            let Lookup::Found(session) = lookup else { return Ok((admitted, None)) };
            admitted.positions = self.positions_of(&session)?;
            self.see(&session, now)?;
        }
        let tag = request.scope().tag();
        admitted.rated = self.hit(&tag, &request.hits, now);
        let reserved = match &request.reservation {
            Some((key, payload)) if admitted.rated.iter().all(|rated| rated.allowed) => {
                Some(self.reserve(&tag, key, payload, now)?)
            }
            _ => None,
        };
        Ok((admitted, reserved))
    }

    /// Reads first: most requests come within the minute and write nothing.
    fn see(&mut self, session: &Session, now: i64) -> rusqlite::Result<()> {
        let ids = [session.person.as_i64(), session.session.as_i64()];
        let seen: Option<i64> = self
            .read()
            .prepare_cached("SELECT last_seen_at FROM sessions WHERE person = ? AND session = ?")?
            .query_row(ids, |row| row.get(0))?;
        if seen.is_some_and(|seen| now - seen < LAST_SEEN_STEP_MS) {
            return Ok(());
        }
        self.read()
            .prepare_cached("UPDATE sessions SET last_seen_at = ? WHERE person = ? AND session = ?")?
            .execute(params![now, ids[0], ids[1]])
            .map(drop)
    }
}
