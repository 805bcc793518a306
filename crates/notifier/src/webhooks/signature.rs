//! Signatures of webhooks (Standard Webhooks 1.0, "Signature scheme", `v1`: HMAC-SHA256).

use aredvi_projectors::webhooks::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header `webhook-signature`: a signature with each of the secrets, separated by spaces. `timestamp_s` is in Unix
/// seconds.
pub(super) fn sign(secrets: &[Secret], id: &str, timestamp_s: i64, body: &str) -> String {
    let signatures: Vec<String> = secrets.iter().map(|secret| one(secret.bytes(), id, timestamp_s, body)).collect();
    signatures.join(" ")
}

fn one(key: &[u8], id: &str, timestamp_s: i64, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(format!("{id}.{timestamp_s}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use standardwebhooks::Webhook;

    /// The example of the specification's own libraries.
    #[test]
    fn the_published_example_is_signed_alike() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let (id, timestamp, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(one(&key, id, timestamp, body), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn another_implementation_signs_the_same() {
        for (id, body) in [("msg_1", "{}"), ("msg_ü", "{\"text\": \"a.b.c\"}"), ("msg_2", "")] {
            let secret = Secret::new([7; 32]);
            let theirs = Webhook::new(&secret.text()).expect("a secret").sign(id, 1_790_000_000, body.as_bytes());
            assert_eq!(sign(&[secret], id, 1_790_000_000, body), theirs.expect("signed"), "{id}");
        }
    }

    #[test]
    fn during_a_rotation_each_secret_signs() {
        let both = sign(&[Secret::new([1; 32]), Secret::new([2; 32])], "msg_1", 1, "{}");
        let alone = [[1; 32], [2; 32]].map(|bytes| sign(&[Secret::new(bytes)], "msg_1", 1, "{}"));
        assert_eq!(both, alone.join(" "));
    }
}
