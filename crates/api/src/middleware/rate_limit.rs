//! How often somebody may ask: the table, what a request counts as, and how it is told. The counting is
//! [`Cache::hit`](aredvi_projectors::cache::Cache::hit)'s.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use aredvi_events::ActorId;
use aredvi_projectors::cache::{Hit, Rated, Scope};
use axum::http::{HeaderMap, HeaderValue, Method};

use crate::extract::ClientAddress;
use crate::headers;
use crate::problem::Problem;

/// What the limits count within.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How many requests of each class are allowed within [`WINDOW`]; `--rate-limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Reads of a person.
    pub reads: u32,
    /// Writes of a person.
    pub writes: u32,
    /// Requests of a guest's network, sign-ins and sign-ups apart.
    pub guest_reads: u32,
    /// Sign-ins from a network.
    pub sign_ins: u32,
    /// Sign-ups from a network.
    pub sign_ups: u32,
}

impl Default for Table {
    fn default() -> Self {
        Self { reads: 600, writes: 60, guest_reads: 300, sign_ins: 10, sign_ups: 5 }
    }
}

/// The limits, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// Nothing is counted; for benchmarks.
    Off,
    /// These.
    On(Table),
}

impl Default for Limits {
    fn default() -> Self {
        Self::On(Table::default())
    }
}

/// A text that says no limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate limit: expected off, on, or some of reads=600,writes=60,guest-reads=300,sign-ins=10,sign-ups=5")]
pub struct NotLimits(String);

impl FromStr for Limits {
    type Err = NotLimits;

    /// `off`, `on`, or some of the table as `NAME=NUMBER`, separated by commas; the others keep their defaults.
    fn from_str(text: &str) -> Result<Self, NotLimits> {
        match text {
            "off" => return Ok(Self::Off),
            "on" => return Ok(Self::default()),
            _ => {}
        }
        let mut table = Table::default();
        for setting in text.split(',') {
            let not_limits = || NotLimits(setting.to_owned());
            let (name, number) = setting.trim().split_once('=').ok_or_else(not_limits)?;
            let number = number.parse().ok().filter(|&number| number > 0).ok_or_else(not_limits)?;
            let place = match name {
                "reads" => &mut table.reads,
                "writes" => &mut table.writes,
                "guest-reads" => &mut table.guest_reads,
                "sign-ins" => &mut table.sign_ins,
                "sign-ups" => &mut table.sign_ups,
                _ => return Err(not_limits()),
            };
            *place = number;
        }
        Ok(Self::On(table))
    }
}

/// What a request counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
    /// It opens a session.
    SignIn,
    /// It makes a person.
    SignUp,
}

impl Class {
    /// The class of a request to a route, `/v1/sessions`.
    pub fn of(method: &Method, route: &str) -> Self {
        match (method.is_safe(), method == Method::POST, route) {
            (true, _, _) => Self::Read,
            (false, true, "/v1/sessions") => Self::SignIn,
            (false, true, "/v1/people") => Self::SignUp,
            (false, _, _) => Self::Write,
        }
    }
}

impl Limits {
    /// What to count for a request, and for whom; `None` when nothing is.
    ///
    /// Sign-ins and sign-ups count for the network whoever is signed in there. A guest's write, which will be refused,
    /// counts as a read.
    pub fn hit(&self, person: Option<ActorId>, address: ClientAddress, class: Class) -> Option<(Scope, Hit)> {
        let Self::On(table) = self else {
            return None;
        };
        let network = address.network();
        Some(match (class, person) {
            (Class::SignIn, _) => guests("sign-in", network, table.sign_ins),
            (Class::SignUp, _) => guests("sign-up", network, table.sign_ups),
            (Class::Read, Some(person)) => persons("read", person, table.reads),
            (Class::Write, Some(person)) => persons("write", person, table.writes),
            (Class::Read | Class::Write, None) => guests("read", network, table.guest_reads),
        })
    }
}

fn persons(what: &str, person: ActorId, limit: u32) -> (Scope, Hit) {
    (Scope::Person(person), Hit { key: format!("{what}:{person}"), limit, window: WINDOW })
}

fn guests(what: &str, network: IpAddr, limit: u32) -> (Scope, Hit) {
    (Scope::Guests, Hit { key: format!("{what}:{network}"), limit, window: WINDOW })
}

/// Writes `RateLimit-Limit`, `-Remaining` and `-Reset`.
pub fn tell(headers: &mut HeaderMap, limit: u32, rated: Rated) {
    headers.insert(headers::RATE_LIMIT, HeaderValue::from(limit));
    headers.insert(headers::RATE_REMAINING, HeaderValue::from(rated.remaining));
    headers.insert(headers::RATE_RESET, HeaderValue::from(rated.reset_after_s));
}

/// The refusal of a request that is not within its limit.
///
/// # Errors
/// 429 with `Retry-After`.
pub fn check(rated: Rated) -> Result<(), Problem> {
    if rated.allowed { Ok(()) } else { Err(Problem::rate_limited(Duration::from_secs(rated.reset_after_s.into()))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    fn counted(person: Option<u64>, class: Class) -> (String, u32) {
        let address = ClientAddress("2001:db8:1:2:3::4".parse().expect("address"));
        let person = person.and_then(aredvi_events::Id::new).map(ActorId);
        let (_, hit) = Limits::default().hit(person, address, class).expect("counted");
        (hit.key, hit.limit)
    }

    #[test]
    fn people_are_counted_by_themselves_and_guests_by_network() {
        assert_eq!(counted(Some(7), Class::Read), ("read:7".to_owned(), 600));
        assert_eq!(counted(Some(7), Class::Write), ("write:7".to_owned(), 60));
        assert_eq!(counted(None, Class::Read), ("read:2001:db8:1:2::".to_owned(), 300));
        assert_eq!(counted(None, Class::Write), ("read:2001:db8:1:2::".to_owned(), 300));
        for person in [None, Some(7)] {
            assert_eq!(counted(person, Class::SignIn), ("sign-in:2001:db8:1:2::".to_owned(), 10));
            assert_eq!(counted(person, Class::SignUp), ("sign-up:2001:db8:1:2::".to_owned(), 5));
        }
        assert_eq!(Limits::Off.hit(None, ClientAddress::UNKNOWN, Class::SignIn), None);
    }

    #[test]
    fn a_request_s_class_follows_from_method_and_route() {
        assert_eq!(Class::of(&Method::GET, "/v1/sessions"), Class::Read);
        assert_eq!(Class::of(&Method::POST, "/v1/sessions"), Class::SignIn);
        assert_eq!(Class::of(&Method::POST, "/v1/people"), Class::SignUp);
        assert_eq!(Class::of(&Method::DELETE, "/v1/sessions/{id}"), Class::Write);
    }

    #[test]
    fn limits_are_set_by_name() {
        assert_eq!("off".parse(), Ok(Limits::Off));
        assert_eq!("on".parse(), Ok(Limits::default()));
        let expected = Table { sign_ins: 100, writes: 9, ..Table::default() };
        assert_eq!("sign-ins=100, writes=9".parse(), Ok(Limits::On(expected)));
        for text in ["", "reads", "reads=0", "reads=x", "posts=1"] {
            assert!(text.parse::<Limits>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_asks_too_often_is_told_when_to_come_back() {
        let rated = Rated { allowed: false, remaining: 0, reset_after_s: 17 };
        let mut response = check(rated).expect_err("refused").into_response();
        tell(response.headers_mut(), 60, rated);
        let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(response.status(), 429);
        assert_eq!(
            ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(header),
            ["17", "60", "0", "17"]
        );
        assert!(check(Rated { allowed: true, remaining: 1, reset_after_s: 60 }).is_ok());
    }
}
