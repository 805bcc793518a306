//! Seals: personal text is encrypted with its actor's data key, which an erasure destroys.
//!
//! A seal is bound to the event that carries it: the associated data is the event's id.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::ActorId;

/// Bytes of an XChaCha20 nonce.
pub const NONCE_BYTES: usize = 24;

/// One text sealed with the data key of the actor it belongs to: `{"k": actor, "b": base64url(nonce ‖ ciphertext)}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sealed {
    /// Whose data key opens it.
    #[serde(rename = "k")]
    pub actor: ActorId,
    /// Nonce and ciphertext, base64url without padding.
    #[serde(rename = "b")]
    pub text: SealedBytes,
}

/// Nonce and ciphertext of a seal; base64url in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBytes(Vec<u8>);

/// What came out of a seal.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    /// The text.
    Text(String),
    /// The actor is erased: the text is gone for good.
    Erased,
}

/// A seal that its key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open with its actor's key for this event")]
pub struct BrokenSeal;

/// The key of one actor's texts. It exists wrapped in the `keys` schema, and nowhere in the journal.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; 32]);

/// Wraps data keys. Losing it loses every sealed text.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl Opened {
    /// The text, or nothing when it is erased.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Erased => None,
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(…)",
            Self::Erased => "Erased",
        })
    }
}

impl DataKey {
    /// The key of these bytes; they must be random.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Seals `text` of `actor` for the event `event`. A nonce must never be used twice with a key.
    pub fn seal(&self, actor: ActorId, event: Uuid, nonce: [u8; NONCE_BYTES], text: &str) -> Sealed {
        Sealed { actor, text: SealedBytes(encrypt(&self.0, event.as_bytes(), nonce, text.as_bytes())) }
    }

    /// Opens a seal that the event `event` carries.
    ///
    /// # Errors
    /// [`BrokenSeal`] when the key, the event or the bytes are others.
    pub fn open(&self, sealed: &Sealed, event: Uuid) -> Result<String, BrokenSeal> {
        let bytes = decrypt(&self.0, event.as_bytes(), &sealed.text.0)?;
        String::from_utf8(bytes).map_err(|_| BrokenSeal)
    }
}

impl MasterKey {
    /// The key of these bytes; they must be random.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Wraps the key material called `name`, such as an actor's id.
    pub fn wrap(&self, name: &str, nonce: [u8; NONCE_BYTES], material: &[u8; 32]) -> Vec<u8> {
        encrypt(&self.0, name.as_bytes(), nonce, material)
    }

    /// Wraps an actor's data key.
    pub fn wrap_data_key(&self, actor: ActorId, nonce: [u8; NONCE_BYTES], key: &DataKey) -> Vec<u8> {
        self.wrap(&actor.to_string(), nonce, &key.0)
    }

    /// Unwraps the key material called `name`.
    ///
    /// # Errors
    /// [`BrokenSeal`] when it was wrapped with another master key or under another name.
    pub fn unwrap_material(&self, name: &str, wrapped: &[u8]) -> Result<[u8; 32], BrokenSeal> {
        decrypt(&self.0, name.as_bytes(), wrapped)?.try_into().map_err(|_| BrokenSeal)
    }

    /// Unwraps an actor's data key.
    ///
    /// # Errors
    /// [`BrokenSeal`] when it was wrapped with another master key or for another actor.
    pub fn unwrap_data_key(&self, actor: ActorId, wrapped: &[u8]) -> Result<DataKey, BrokenSeal> {
        self.unwrap_material(&actor.to_string(), wrapped).map(DataKey)
    }
}

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): nonce ‖ ciphertext with tag.
fn encrypt(key: &[u8; 32], associated: &[u8], nonce: [u8; NONCE_BYTES], text: &[u8]) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new(&(*key).into());
    let mut bytes = nonce.to_vec();
    #[expect(clippy::expect_used, reason = "fails only past 256 GiB, and no text comes near")]
    bytes.extend(cipher.encrypt(&XNonce::from(nonce), Payload { msg: text, aad: associated }).expect("a text below 256 GiB"));
    bytes
}

fn decrypt(key: &[u8; 32], associated: &[u8], bytes: &[u8]) -> Result<Vec<u8>, BrokenSeal> {
    let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(BrokenSeal)?;
    let cipher = XChaCha20Poly1305::new(&(*key).into());
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: associated }).map_err(|_| BrokenSeal)
}

impl fmt::Debug for SealedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sealed bytes", self.0.len())
    }
}

impl Serialize for SealedBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SealedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for SealedBytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SealedBytes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // At least nonce and tag. `contentEncoding` would ask for padding.
        json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_-]{54,}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    const KEY: DataKey = DataKey::new([3; 32]);
    const EVENT: Uuid = Uuid::from_u128(1);

    fn actor(number: u64) -> ActorId {
        Id::new(number).expect("in range").into()
    }

    #[test]
    fn a_seal_opens_with_its_key_for_its_event_alone() {
        let sealed = KEY.seal(actor(7), EVENT, [9; 24], "héllo");
        assert_eq!(KEY.open(&sealed, EVENT), Ok("héllo".to_owned()));
        assert_eq!(KEY.open(&sealed, Uuid::from_u128(2)), Err(BrokenSeal));
        assert_eq!(DataKey::new([4; 32]).open(&sealed, EVENT), Err(BrokenSeal));
    }

    #[test]
    fn a_seal_is_two_fields_in_json_and_shows_nothing() {
        let sealed = KEY.seal(actor(7), EVENT, [9; 24], "a secret");
        let json = serde_json::to_string(&sealed).expect("json");
        assert!(json.starts_with(r#"{"k":"7","b":"CQkJ"#), "{json}");
        assert_eq!(serde_json::from_str::<Sealed>(&json).expect("json"), sealed);
        assert!(!format!("{sealed:?} {:?}", Opened::Text("a secret".to_owned())).contains("secret"));
    }

    #[test]
    fn a_wrapped_key_is_bound_to_its_actor() {
        let master = MasterKey::new([5; 32]);
        let wrapped = master.wrap_data_key(actor(7), [1; 24], &KEY);
        assert!(master.unwrap_data_key(actor(7), &wrapped).is_ok());
        assert!(master.unwrap_data_key(actor(8), &wrapped).is_err());
        assert!(MasterKey::new([6; 32]).unwrap_data_key(actor(7), &wrapped).is_err());
    }
}
