//! When two requests mean the same event.

use base16ct::lower;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::dialect::Dialect;
use crate::expiry::Notice;

/// The longest `Idempotency-Key` that is taken, in bytes.
pub const MAX_KEY_LENGTH: usize = 255;

/// What identifies an event within its organization.
#[derive(Clone, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// The sender's `Idempotency-Key` header.
    Explicit(String),
    /// What the dialect makes unique, in order; see [`crate::dialect::Parsed::natural_key`].
    Natural(Dialect, Vec<String>),
    /// What makes an operational event unique, in order: never the same as a sender's.
    Operational(Vec<String>),
    /// What is announced of the end of a credential's validity: the credential, the day of the end in UTC, and
    /// the notice. The time of that day does not matter: one source writes the end of a credential with it in
    /// the one event and without in the other.
    Notice(String, Date, Notice),
}

impl IdempotencyKey {
    /// A text of fixed length that stands for the key: natural keys hold people's e-mail addresses,
    /// which do not belong into the key of a table.
    pub fn digest(&self) -> String {
        let parts = match self {
            Self::Explicit(key) => serde_json::json!(["explicit", key]),
            Self::Natural(dialect, parts) => serde_json::json!(["natural", dialect, parts]),
            Self::Operational(parts) => serde_json::json!(["operational", parts]),
            Self::Notice(credential, day, notice) => {
                serde_json::json!(["notice", credential, day.to_string(), notice])
            }
        };
        lower::encode_string(&Sha256::digest(parts.to_string()))
    }

    /// That of a notice about the end of a credential's validity.
    pub fn of_notice(credential: &str, expires_at: Timestamp, notice: Notice) -> Self {
        let day = expires_at.to_zoned(TimeZone::UTC).date();
        Self::Notice(credential.to_owned(), day, notice)
    }

    /// Whether the sender chose it: then another body under the same key is a mistake of theirs.
    /// A natural key is ours, and a source may write the same event twice with other bytes.
    pub fn is_explicit(&self) -> bool {
        matches!(self, Self::Explicit(_))
    }
}

/// What must be equal for two bodies to be the same: the bytes, and the name of the event where the
/// bytes do not say it.
pub fn fingerprint(native_event: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(native_event);
    hash.update([0]);
    hash.update(body);
    lower::encode_string(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn natural(parts: &[&str]) -> String {
        IdempotencyKey::Natural(
            Dialect::Vec,
            parts.iter().map(|part| (*part).to_owned()).collect(),
        )
        .digest()
    }

    fn notice(credential: &str, expires_at: &str, notice: Notice) -> String {
        let expires_at = expires_at.parse().unwrap();
        IdempotencyKey::of_notice(credential, expires_at, notice).digest()
    }

    #[test]
    fn keys_differ_when_any_part_or_its_border_differs() {
        let keys = [
            natural(&["a", "b"]),
            natural(&["ab"]),
            natural(&["a", "b", ""]),
            natural(&["a\",\"b"]),
            IdempotencyKey::Natural(Dialect::Thatsme, vec!["ab".into()]).digest(),
            IdempotencyKey::Explicit("ab".into()).digest(),
            IdempotencyKey::Operational(vec!["ab".into()]).digest(),
            notice("ab", "2028-03-31T00:00:00Z", Notice::Expired),
            notice("a", "2028-03-31T00:00:00Z", Notice::Expired),
            notice("ab", "2028-04-01T00:00:00Z", Notice::Expired),
            notice("ab", "2028-03-31T00:00:00Z", Notice::from(1)),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(key.len(), 64);
            assert!(!keys[..index].contains(key));
        }
        assert_eq!(natural(&["a", "b"]), natural(&["a", "b"]));
        // The same day.
        assert_eq!(
            notice("ab", "2028-03-31T23:59:59Z", Notice::Expired),
            notice("ab", "2028-03-31T00:00:00Z", Notice::Expired),
        );
    }

    #[test]
    fn the_same_document_for_another_event_is_another_body() {
        assert_ne!(
            fingerprint("certificate_completed", b"{}"),
            fingerprint("certificate_expired", b"{}")
        );
        assert_ne!(fingerprint("a", b"{}"), fingerprint("a", b"{ }"));
    }
}
