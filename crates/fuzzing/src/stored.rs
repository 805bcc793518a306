//! How the embedded journal keeps the headers of a record, and positions in their compact form.

use aredvi_events::{JournalId, Partition, Place, Positions, Topic};
use aredvi_journal::stored_headers;
use uuid::Uuid;

/// What is read says the same when it was written again; positions of another journal are not believed.
pub fn target(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    if first.is_multiple_of(2) { headers(rest) } else { positions(rest) }
}

fn headers(bytes: &[u8]) {
    let Some(headers) = stored_headers::decode(bytes) else { return };
    assert_eq!(stored_headers::decode(&stored_headers::encode(&headers)), Some(headers));
}

fn positions(bytes: &[u8]) {
    let (ours, others) = (JournalId(Uuid::nil()), JournalId(Uuid::max()));
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let _ = Positions::decode(text, ours);
    let mut whole = ours.short().to_vec();
    whole.extend_from_slice(bytes);
    let Ok(Some(positions)) = Positions::from_bytes(&whole, ours) else { return };
    assert!(positions.iter().all(|(partition, _)| Partition::all(&Topic::ALL).contains(&partition)));
    assert_eq!(Positions::from_bytes(&positions.to_bytes(ours), ours), Ok(Some(positions.clone())));
    assert_eq!(Positions::from_bytes(&whole, others), Ok(None));
    assert!(positions.covers(&positions, &Topic::ALL));
    for (partition, next) in positions.iter() {
        assert!(!positions.includes(Place { partition, offset: next }));
    }
    let encoded = positions.encode(ours);
    if encoded.len() <= aredvi_events::place::MAX_TOKEN_BYTES {
        assert_eq!(Positions::decode(&encoded, ours), Ok(Some(positions)));
    }
}
