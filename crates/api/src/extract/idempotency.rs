//! The key under which a write may be repeated.

use axum::extract::OptionalFromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::headers;
use crate::problem::{FieldError, Problem};

/// The most characters of a key.
pub const MAX_KEY_CHARS: usize = 128;

/// What `Idempotency-Key` says: 1 ..= [`MAX_KEY_CHARS`] visible ASCII characters. Take it as an `Option`.
///
/// # Errors
/// 422 for any other key, or for two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of these headers, if there is one.
    ///
    /// # Errors
    /// 422 as above.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(headers::IDEMPOTENCY_KEY).iter();
        let (Some(value), second) = (values.next(), values.next()) else {
            return Ok(None);
        };
        let key = value.as_bytes();
        let usable = second.is_none() && (1..=MAX_KEY_CHARS).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
        match value.to_str() {
            Ok(key) if usable => Ok(Some(Self(key.to_owned()))),
            Ok(_) | Err(_) => {
                let detail = format!("must be one key of 1 to {MAX_KEY_CHARS} visible ASCII characters");
                Err(FieldError::new("/Idempotency-Key", "bad-key", detail).into())
            }
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Self::of(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn key(values: &[&str]) -> Result<Option<String>, u16> {
        let name = headers::IDEMPOTENCY_KEY;
        let value = |text: &&str| HeaderValue::from_bytes(text.as_bytes()).expect("value");
        let headers: HeaderMap = values.iter().map(|text| (name.clone(), value(text))).collect();
        IdempotencyKey::of(&headers).map(|key| key.map(|key| key.0)).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn a_key_is_up_to_128_visible_characters() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["8e03978e-40d5"]), Ok(Some("8e03978e-40d5".to_owned())));
        assert_eq!(key(&[&"k".repeat(128)]), Ok(Some("k".repeat(128))));
        for refused in ["", "a b", "é", &"k".repeat(129)] {
            assert_eq!(key(&[refused]), Err(422), "{refused}");
        }
        assert_eq!(key(&["a", "b"]), Err(422));
    }
}
