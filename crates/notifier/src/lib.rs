//! Who is told of what, and how it reaches them; and what else follows, across keys, from what happened.
//!
//! Four consumers of the journal, each a [`View`](aredvi_projectors::view::View) with a schema of its own, and a `run`
//! that keeps it and does its work:
//!
//! - [`planner`]: turns causes into `notification.raised`;
//! - [`ledger`]: the notifier, the only part that touches the outside, through [`channels`] and in the words of
//!   [`templates`];
//! - [`janitor`]: carries what happens to a person to the other keys that it concerns;
//! - [`key_keeper`]: destroys the data keys of those who are gone.
//!
//! Beside them stands [`webhooks`], the notifier's other way out, whose state follows from no log and is no view.
//!
//! All they append has ids derived from its cause, and is appended before they note that it was: a crash repeats events
//! and loses none. Nothing here decides what somebody may see; that is
//! [`visibility`](aredvi_projectors::visibility), asked when a notification is planned and again when it is sent.

mod append;
mod birth;
pub mod channels;
pub mod janitor;
pub mod key_keeper;
pub mod ledger;
pub mod planner;
mod sweep;
pub mod templates;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use aredvi_projectors::facts::Facts;
use aredvi_projectors::facts::follow::Heard;
use aredvi_projectors::sessions::Sessions;

/// What the consumers of a process share.
#[derive(Clone)]
pub struct Deps {
    /// The journal, the schemas, the keys, the clock.
    pub runner: aredvi_projectors::runner::Deps,
    /// What visibility asks, kept by a follower of this process.
    pub facts: Arc<Facts>,
    /// How far the facts have come.
    pub heard: Arc<Heard>,
    /// The view in the cache.
    pub sessions: Sessions,
    /// What the operator chose.
    pub settings: Settings,
}

/// What an operator may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Causes older than this tell nobody, and nothing about them is sent.
    pub max_age: Duration,
    /// How long after its cause the janitor cleans up.
    pub janitor_delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_age: planner::DEFAULT_MAX_AGE, janitor_delay: janitor::DEFAULT_DELAY }
    }
}

/// A span in milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
