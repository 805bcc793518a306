//! Cursors of lists and ids of streams, session tokens, ids.

use aredvi_api::cursor::{Cursors, Kind, MAX_PAYLOAD_BYTES, Payload};
use aredvi_api::streams::At;
use aredvi_api::v1::{feed, search};
use aredvi_events::fingerprint::FingerprintKey;
use aredvi_events::{ActorId, Id, JournalId};
use aredvi_projectors::sessions::{Token, TokenHash};
use uuid::Uuid;

use crate::choice;

const KINDS: [Kind; 13] = [
    Kind::Feed,
    Kind::Stories,
    Kind::Notifications,
    Kind::Followers,
    Kind::Leaders,
    Kind::FollowRequests,
    Kind::Blocks,
    Kind::Comments,
    Kind::Voters,
    Kind::Hashtag,
    Kind::People,
    Kind::Sessions,
    Kind::Stream,
];

/// A cursor that we did not make is refused by every list. What one of ours holds is read, and says the same when it was
/// written again.
pub fn target(data: &[u8]) {
    if let Some((first, text)) = choice(data) {
        match first % 3 {
            0 => forged(text),
            1 => id(text),
            _ => token(text),
        }
    }
    payload::<At>(data);
    payload::<feed::Turn>(data);
    payload::<search::After>(data);
    payload::<ActorId>(data);
    payload::<(Id, Id)>(data);
    payload::<(u64, Id)>(data);
}

fn cursors() -> Cursors {
    Cursors::new(FingerprintKey::new([7; 32]), JournalId(Uuid::from_u128(1)))
}

fn forged(text: &str) {
    for kind in KINDS {
        assert!(cursors().decode::<Vec<u8>>(kind, text).is_err(), "a cursor that we did not make is taken for ours");
    }
}

fn payload<P: Payload>(data: &[u8]) {
    if data.len() > MAX_PAYLOAD_BYTES {
        return;
    }
    let made = cursors().encode(Kind::Stream, &data.to_vec());
    let Ok(read) = cursors().decode::<P>(Kind::Stream, &made) else { return };
    assert!(cursors().decode::<P>(Kind::Feed, &made).is_err(), "a cursor of another list is taken");
    let bytes = read.to_bytes();
    let again = P::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(again.to_bytes(), bytes);
}

fn id(text: &str) {
    let Ok(id) = text.parse::<Id>() else { return };
    assert_eq!(id.to_string(), text, "an id is written in one way alone");
    assert_eq!(Id::try_from(id.as_i64()), Ok(id));
}

fn token(text: &str) {
    if let Ok(token) = Token::parse(text) {
        assert_eq!(token.reveal(), text);
        assert!(!format!("{token:?}").contains(text));
        assert_eq!(TokenHash::parse(token.hash().as_str()).as_ref(), Some(token.hash()));
    }
    if let Some(hash) = TokenHash::parse(text) {
        assert_eq!(hash.as_str(), text);
    }
}
