//! What was reserved at the door for one write, under its idempotency key: who repeats a request appends the same ids.
//!
//! The key, the session and the limits are asked in one round trip, so the body is read before its route is known. What
//! the key stands for is therefore the request as it came: method, path and bytes.

use std::sync::{Mutex, PoisonError};

use aredvi_projectors::cache::{CacheError, Held, Reservation, ReservationKey, Scope};
use aredvi_projectors::trouble::Trouble;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::extract::IdempotencyKey;
use crate::problem::Problem;
use crate::writing::Plan;

/// A turn to write, taken once.
#[derive(Debug)]
pub struct Reserved(Mutex<Option<Turn>>);

/// What a write may do under its key.
#[derive(Debug)]
pub enum Turn {
    /// Write, with these ids.
    Write(Plan, Right),
    /// It was done before, with these.
    Done(Plan),
    /// The cache is away: nothing can be reserved.
    Away,
}

/// The right to write under a key.
#[derive(Debug)]
pub struct Right {
    held: Held,
    /// Somebody tried before, and what came of it is not known.
    again: bool,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is on the log.
    Done,
    /// It is certainly not.
    Refused,
    /// It may be.
    Unknown,
}

impl Reserved {
    /// What the cache answered to a reservation of `plan`.
    ///
    /// # Errors
    /// 409 `in-progress`, 422 `idempotency-mismatch`, 503 when there is no room.
    pub fn of(reservation: Option<Reservation>, plan: Plan) -> Result<Self, Problem> {
        let turn = match reservation {
            None => Turn::Away,
            Some(Reservation::Fresh(held)) => Turn::Write(plan, Right { held, again: false }),
            Some(Reservation::Repeat(held, before)) => {
                Turn::Write(Plan::from_bytes(&before).unwrap_or(plan), Right { held, again: true })
            }
            Some(Reservation::Done(before)) => Turn::Done(Plan::from_bytes(&before).ok_or_else(Problem::internal)?),
            Some(Reservation::InProgress { .. }) => return Err(Problem::in_progress()),
            Some(Reservation::OtherBody) => return Err(Problem::idempotency_mismatch()),
            Some(Reservation::Full) => return Err(Problem::unavailable()),
        };
        Ok(Self(Mutex::new(Some(turn))))
    }

    /// The turn; none when it was taken before.
    pub fn take(&self) -> Option<Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl App {
    /// The reservation that a request asks for.
    ///
    /// # Errors
    /// 503 when the key cannot be reserved.
    pub(crate) fn reservation(
        &self,
        scope: Scope,
        key: &IdempotencyKey,
        request: &Parts,
        body: &[u8],
    ) -> Result<ReservationKey, Problem> {
        let fingerprints = self.keys.fingerprints();
        let mut said = request.method.as_str().as_bytes().to_vec();
        said.push(0);
        said.extend_from_slice(request.uri.path().as_bytes());
        said.push(0);
        said.extend_from_slice(body);
        let body_hash = fingerprints.keyed_hash("idempotency-body", &said);
        let name = match scope {
            Scope::Person(person) => format!("{person}\0{}", key.as_str()),
            Scope::Guests => format!("{}\0{}", URL_SAFE_NO_PAD.encode(body_hash), key.as_str()),
        };
        let name = URL_SAFE_NO_PAD.encode(fingerprints.keyed_hash("idempotency-key", name.as_bytes()));
        ReservationKey::new(scope, &name, body_hash).map_err(|error| unreserved(&error))
    }

    /// Settles the right to write. A repeat that was refused leaves open what came of the first try.
    pub(crate) async fn end(&self, right: &Right, plan: Plan, end: End) {
        let settled = match end {
            End::Done => self.cache.complete(&right.held, &plan.to_bytes()).await,
            End::Unknown => self.cache.mark_unknown(&right.held).await,
            End::Refused if right.again => self.cache.mark_unknown(&right.held).await,
            End::Refused => self.cache.release(&right.held).await,
        };
        if let Err(error) = settled {
            static UNSETTLED: Trouble = Trouble::new();
            if let Some(told) = UNSETTLED.happened(&error) {
                let left_out = told.left_out;
                tracing::warn!(error = told.reason, left_out, "a reservation could not be settled; a repeat takes it over");
            }
        }
    }

    /// Gives back what no write took: the request was refused before.
    pub(crate) async fn give_back(&self, reserved: &Reserved) {
        if let Some(Turn::Write(plan, right)) = reserved.take() {
            self.end(&right, plan, End::Refused).await;
        }
    }
}

fn unreserved(error: &CacheError) -> Problem {
    static UNRESERVED: Trouble = Trouble::new();
    if let Some(told) = UNRESERVED.happened(error) {
        tracing::warn!(error = told.reason, left_out = told.left_out, "no reservation can be had");
    }
    Problem::unavailable()
}
