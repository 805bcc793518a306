//! Where a list goes on: opaque to clients, made by this community alone.
//!
//! base64url of the kind (1 byte), the journal's short id (8), the payload, and a keyed check (8) over all of it. So a
//! cursor of another list, another journal or nobody's is told apart from one of ours before its payload is read.

use aredvi_events::fingerprint::FingerprintKey;
use aredvi_events::{Id, JournalId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::problem::Problem;

/// The most characters of a cursor.
pub const MAX_CURSOR_CHARS: usize = 2_048;
/// The most bytes of a payload, so that a cursor keeps within [`MAX_CURSOR_CHARS`].
pub const MAX_PAYLOAD_BYTES: usize = MAX_CURSOR_CHARS / 4 * 3 - HEAD_BYTES - CHECK_BYTES;
const HEAD_BYTES: usize = 1 + 8;
const CHECK_BYTES: usize = 8;

/// Which list a cursor belongs to. Numbers are never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `/v1/feed`.
    Feed = 1,
    /// `/v1/actors/{id}/stories`.
    Stories = 2,
    /// `/v1/notifications`.
    Notifications = 3,
    /// `/v1/actors/{id}/followers`.
    Followers = 4,
    /// `/v1/actors/{id}/leaders`.
    Leaders = 5,
    /// `/v1/me/follow-requests`.
    FollowRequests = 6,
    /// `/v1/me/blocks`.
    Blocks = 7,
    /// `/v1/nodes/{id}/comments`.
    Comments = 8,
    /// `…/voters`.
    Voters = 9,
    /// `/v1/hashtags/{name}`.
    Hashtag = 10,
    /// `/v1/people?q=`.
    People = 11,
    /// `/v1/sessions`.
    Sessions = 12,
    /// The event ids of `/v1/stream`.
    Stream = 13,
}

/// Makes and reads cursors for one journal.
#[derive(Clone)]
pub struct Cursors {
    key: FingerprintKey,
    journal: JournalId,
}

/// What a cursor can hold.
pub trait Payload: Sized {
    /// The bytes, at most [`MAX_PAYLOAD_BYTES`].
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads them back.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Cursors {
    /// For the lists of this journal.
    pub const fn new(key: FingerprintKey, journal: JournalId) -> Self {
        Self { key, journal }
    }

    /// The cursor that goes on at `payload`.
    pub fn encode<P: Payload>(&self, kind: Kind, payload: &P) -> String {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + 16 + CHECK_BYTES);
        bytes.push(kind as u8);
        bytes.extend(self.journal.short());
        bytes.extend(payload.to_bytes());
        bytes.extend(self.check(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where a cursor goes on.
    ///
    /// # Errors
    /// 400 [`Problem::bad_cursor`] for everything that [`Cursors::encode`] did not make for this list and journal.
    pub fn decode<P: Payload>(&self, kind: Kind, cursor: &str) -> Result<P, Problem> {
        self.open(kind, cursor).ok_or_else(Problem::bad_cursor)
    }

    /// The same for the cursor of a request, which may have none.
    ///
    /// # Errors
    /// As [`Cursors::decode`].
    pub fn decode_some<P: Payload>(&self, kind: Kind, cursor: Option<&str>) -> Result<Option<P>, Problem> {
        cursor.map(|cursor| self.decode(kind, cursor)).transpose()
    }

    fn open<P: Payload>(&self, kind: Kind, cursor: &str) -> Option<P> {
        if cursor.len() > MAX_CURSOR_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (rest, check) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        let genuine = bool::from(self.check(rest).ct_eq(check));
        let (head, payload) = rest.split_first_chunk::<HEAD_BYTES>()?;
        let ours = head[0] == kind as u8 && head[1..] == self.journal.short();
        if genuine && ours { P::from_bytes(payload) } else { None }
    }

    fn check(&self, bytes: &[u8]) -> [u8; CHECK_BYTES] {
        let hash = self.key.keyed_hash("cursor", bytes);
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&hash[..CHECK_BYTES]);
        check
    }
}

impl Payload for u64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Payload for Id {
    fn to_bytes(&self) -> Vec<u8> {
        self.get().to_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        u64::from_bytes(bytes).and_then(Self::new)
    }
}

/// For those who have a shape of their own, such as the feed.
impl Payload for Vec<u8> {
    fn to_bytes(&self) -> Vec<u8> {
        self.clone()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(bytes.to_vec())
    }
}

macro_rules! pairs {
    ($(($one:ty, $other:ty);)*) => {$(
        impl Payload for ($one, $other) {
            fn to_bytes(&self) -> Vec<u8> {
                [self.0.to_bytes(), self.1.to_bytes()].concat()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let (one, other) = bytes.split_at_checked(8)?;
                Some((<$one>::from_bytes(one)?, <$other>::from_bytes(other)?))
            }
        }
    )*};
}

pairs! {
    (Id, Id);
    (u64, Id);
    (u64, u64);
}

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl Payload for aredvi_events::$id {
            fn to_bytes(&self) -> Vec<u8> {
                self.0.to_bytes()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Id::from_bytes(bytes).map(Self)
            }
        }
    )*};
}

ids!(ActorId, MediumId, CommentId, StoryId, NotificationId, SessionId);

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::ActorId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn cursors(key: u8, journal: u128) -> Cursors {
        Cursors::new(FingerprintKey::new([key; 32]), JournalId(Uuid::from_u128(journal << 64)))
    }

    fn id(number: u64) -> Id {
        Id::new(number).expect("in range")
    }

    #[test]
    fn a_cursor_goes_on_where_it_was_made() {
        let cursors = cursors(1, 1);
        let made = cursors.encode(Kind::Followers, &(id(7), id(9)));
        assert_eq!(cursors.decode(Kind::Followers, &made), Ok((id(7), id(9))));
        let made = cursors.encode(Kind::Blocks, &ActorId(id(u64::MAX >> 1)));
        assert_eq!(cursors.decode(Kind::Blocks, &made), Ok(ActorId(id(u64::MAX >> 1))));
        assert_eq!(cursors.decode_some::<u64>(Kind::Blocks, None), Ok(None));
    }

    #[test]
    fn a_cursor_of_another_list_journal_or_community_is_refused() {
        let made = cursors(1, 1).encode(Kind::Followers, &id(7));
        let refused = Err(Problem::bad_cursor());
        assert_eq!(cursors(1, 1).decode::<Id>(Kind::Leaders, &made), refused);
        assert_eq!(cursors(1, 2).decode::<Id>(Kind::Followers, &made), refused);
        assert_eq!(cursors(2, 1).decode::<Id>(Kind::Followers, &made), refused);
        assert_eq!(cursors(1, 1).decode::<(Id, Id)>(Kind::Followers, &made), Err(Problem::bad_cursor()));
        assert_eq!(cursors(1, 1).decode::<Id>(Kind::Followers, &format!("{made}=")), refused);
        assert_eq!(cursors(1, 1).decode::<Id>(Kind::Followers, ""), refused);
    }

    #[test]
    fn the_largest_payload_fits() {
        let made = cursors(1, 1).encode(Kind::Feed, &vec![7_u8; MAX_PAYLOAD_BYTES]);
        assert!(made.len() <= MAX_CURSOR_CHARS);
        assert_eq!(cursors(1, 1).decode(Kind::Feed, &made), Ok(vec![7_u8; MAX_PAYLOAD_BYTES]));
    }

    proptest! {
        #[test]
        fn a_changed_cursor_is_refused(number in 1_u64..u64::MAX >> 1, at in 0_usize..25, flip in 1_u8..=255) {
            let cursors = cursors(1, 1);
            let mut bytes = URL_SAFE_NO_PAD.decode(cursors.encode(Kind::Stories, &id(number))).expect("ours");
            bytes[at] ^= flip;
            let forged = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(cursors.decode::<Id>(Kind::Stories, &forged), Err(Problem::bad_cursor()));
        }

        #[test]
        fn no_text_makes_decoding_panic(text in ".{0,100}") {
            let _: Result<(Id, Id), Problem> = cursors(1, 1).decode(Kind::Stories, &text);
        }
    }
}
