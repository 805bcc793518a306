//! The secret that a client holds: `ar1_` and the base64url of the person's id (8 bytes, big-endian) and 32 random
//! bytes.
//!
//! It names the person so that a lookup knows the partition before it knows whether the token is any good. Nobody but
//! the client keeps it: the journal and the view hold its SHA-256.

use std::fmt;

use aredvi_events::{ActorId, Id, Mint, Partition, Topic};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const PREFIX: &str = "ar1_";
const PERSON_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
/// The longest text that can be a token, in bytes.
const MAX_TEXT_BYTES: usize = 64;
/// How long the text of a [`TokenHash`] is.
const HASH_CHARS: usize = 43;

/// A session token. `Debug` does not show it.
#[derive(Clone)]
pub struct Token {
    person: ActorId,
    text: Zeroizing<String>,
    hash: TokenHash,
}

/// A text that is no session token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session token")]
pub struct NotAToken;

/// SHA-256 of a token's text, base64url: `token_hash` of [`SessionOpened`](aredvi_events::sessions::SessionOpened).
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl Token {
    /// A new token of a person.
    pub fn mint(mint: &Mint, person: ActorId) -> Self {
        let secret = Zeroizing::new(mint.random::<SECRET_BYTES>());
        let mut bytes = Zeroizing::new([0; PERSON_BYTES + SECRET_BYTES]);
        bytes[..PERSON_BYTES].copy_from_slice(&person.get().to_be_bytes());
        bytes[PERSON_BYTES..].copy_from_slice(secret.as_slice());
        Self::of(person, format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// Reads what a client sent.
    ///
    /// # Errors
    /// [`NotAToken`] for anything that was never minted, whatever its length.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(NotAToken);
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(NotAToken)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotAToken)?);
        let (person, secret) = bytes.split_first_chunk::<PERSON_BYTES>().ok_or(NotAToken)?;
        if secret.len() != SECRET_BYTES {
            return Err(NotAToken);
        }
        let person = Id::new(u64::from_be_bytes(*person)).ok_or(NotAToken)?;
        Ok(Self::of(person.into(), text.to_owned()))
    }

    fn of(person: ActorId, text: String) -> Self {
        let hash = TokenHash(URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes())));
        Self { person, text: Zeroizing::new(text), hash }
    }

    /// Whose it says it is; believe it only when a lookup found its session.
    pub fn person(&self) -> ActorId {
        self.person
    }

    /// Where its session stands.
    pub fn partition(&self) -> Partition {
        Partition::of(Topic::Sessions, &self.person.to_string())
    }

    /// What may be kept of it.
    pub const fn hash(&self) -> &TokenHash {
        &self.hash
    }

    /// The secret itself, for the answer to the one who signed in.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl TokenHash {
    /// Reads the hash in an event; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (text.len() == HASH_CHARS && plain).then(|| Self(text.to_owned()))
    }

    /// Its text, as events carry it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(of {})", self.person)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::Clock;
    use proptest::prelude::*;

    fn token() -> Token {
        Token::mint(&Mint::seeded(Clock::default(), 1), Id::new(77).expect("in range").into())
    }

    #[test]
    fn a_token_comes_back_with_its_person_and_its_hash() {
        let token = token();
        let read = Token::parse(token.reveal()).expect("a token");
        assert_eq!(read.person(), token.person());
        assert_eq!(read.hash(), token.hash());
        assert_eq!(read.partition(), Partition::of(Topic::Sessions, "77"));
        assert_eq!(TokenHash::parse(token.hash().as_str()).as_ref(), Some(token.hash()));
        assert_eq!(token.reveal().len(), 58);
    }

    #[test]
    fn nothing_prints_a_token() {
        let token = token();
        let printed = format!("{token:?} {:?}", token.hash());
        assert_eq!(printed, "Token(of 77) TokenHash(…)");
    }

    proptest! {
        #[test]
        fn what_was_never_minted_is_no_token(text in ".{0,80}", cut in 0_usize..58) {
            prop_assert!(Token::parse(&text).is_err());
            let prefixed = ["ar1_", &text].concat();
            prop_assert!(Token::parse(&prefixed).is_err());
            prop_assert!(Token::parse(&token().reveal()[..cut]).is_err());
        }
    }
}
