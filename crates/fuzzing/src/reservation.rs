//! What a reservation of an idempotency key keeps, and the marks by which rows know their events.

use aredvi_api::writing::Plan;
use aredvi_projectors::seen::{REMEMBERED, Seen};
use uuid::Uuid;

/// What is read says the same when it was written again; whatever a column held, what is remembered is known.
pub fn target(data: &[u8]) {
    if let Some(plan) = Plan::from_bytes(data) {
        assert_eq!(plan.to_bytes().as_slice(), data);
    }
    let mut seen = Seen::from_column(data);
    let events = (1..=REMEMBERED as u128).map(Uuid::from_u128);
    for event in events {
        seen.remember(event);
        assert!(seen.knows(event));
    }
    assert!(Seen::from_column(&seen.clone().into_column()) == seen);
}
