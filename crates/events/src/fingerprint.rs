//! Keyed fingerprints of usernames and e-mail addresses: what verdicts and sign-in compare, so that they hold after the
//! texts themselves are erased.
//!
//! The normal forms are frozen: a log's verdicts depend on them for ever.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::event::unsealed;

/// HMAC-SHA-256 of a normalised text (RFC 2104), base64url in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);
unsealed!(Fingerprint);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| serde::de::Error::custom("a fingerprint has 32 bytes"))
    }
}

impl JsonSchema for Fingerprint {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fingerprint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{43}$",
            "description": "HMAC-SHA-256 of the normalised text with the community's fingerprint key (RFC 2104), base64url without padding.",
        })
    }
}

/// The community's fingerprint key. It is never rotated.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FingerprintKey([u8; 32]);

/// A text that is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct NotAnAddress;

impl FingerprintKey {
    /// The key of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for wrapping.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of a username: ASCII lowercase.
    pub fn username(&self, username: &str) -> Fingerprint {
        self.fingerprint("username", &username.to_ascii_lowercase())
    }

    /// Of an e-mail address in its [normal form](normalise_email).
    ///
    /// # Errors
    /// [`NotAnAddress`].
    pub fn email(&self, email: &str) -> Result<Fingerprint, NotAnAddress> {
        Ok(self.fingerprint("email", &normalise_email(email)?))
    }

    /// Of any bytes, for `purpose` alone: the keyed hash of request bodies and the like.
    pub fn keyed_hash(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut block = [0; SHA256_BLOCK_BYTES];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    fn fingerprint(&self, purpose: &str, normal: &str) -> Fingerprint {
        Fingerprint(self.keyed_hash(purpose, normal.as_bytes()))
    }
}

/// A shorter HMAC key is padded with zeroes to the hash's block (RFC 2104, section 2).
const SHA256_BLOCK_BYTES: usize = 64;

/// The normal form of an address: trimmed, the domain as lowercase A-label (RFC 5890), the local part lowercase, in NFC. Some
/// letters have a composed form in lowercase alone, so it is composed once more.
///
/// # Errors
/// [`NotAnAddress`] when it has no local part or no domain, or white space in its domain.
pub fn normalise_email(email: &str) -> Result<String, NotAnAddress> {
    let email: String = email.trim().nfc().collect();
    let (local, domain) = email.rsplit_once('@').ok_or(NotAnAddress)?;
    let domain = idna::domain_to_ascii(domain).map_err(|_| NotAnAddress)?;
    // What is left of a domain may end in what is trimmed: it would have another normal form.
    if local.is_empty() || domain.is_empty() || domain.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(NotAnAddress);
    }
    let local: String = local.to_lowercase().nfc().collect();
    Ok(format!("{local}@{}", domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_reach_the_same_mailbox_are_one() {
        assert_eq!(normalise_email(" Ana@Bücher.Example "), Ok("ana@xn--bcher-kva.example".to_owned()));
        assert_eq!(normalise_email("e\u{301}@x.org"), normalise_email("É@X.ORG"));
        assert_eq!(normalise_email("T\u{308}@x.org"), normalise_email("\u{1e97}@x.org"), "there is no such capital letter");
        for text in ["", "ana", "@x.org", "ana@", "ana@x.org\u{c}\u{2063}"] {
            assert_eq!(normalise_email(text), Err(NotAnAddress), "{text}");
        }
    }

    #[test]
    fn a_username_and_an_address_of_the_same_text_differ() {
        let key = FingerprintKey::new([1; 32]);
        assert_eq!(key.username("Ana"), key.username("aNA"));
        assert_ne!(Ok(key.username("a@b")), key.email("a@b"));
        assert_ne!(key.username("ana"), FingerprintKey::new([2; 32]).username("ana"));
    }

    /// Frozen: a change here would give other verdicts on an existing log.
    #[test]
    fn a_fingerprint_never_changes() {
        let key = FingerprintKey::new([7; 32]);
        assert_eq!(format!("{:?}", key.username("Ana")), "tFWgCLMylIyNrqVtH-waQpry4dOwjvhu_Mmsx_JjICg");
    }
}
