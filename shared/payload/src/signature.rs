//! Standard Webhooks signatures.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//! The signed content is `{webhook-id}.{webhook-timestamp}.{body}`, the scheme `v1` is
//! HMAC-SHA256 in base64, and the header may hold several signatures, separated by spaces.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use rand::CryptoRng;
use sha2::Sha256;

/// The header with the id of the event, equal in every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, Unix seconds.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far the timestamp may be from the receiver's clock, both ways.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

const PREFIX: &str = "whsec_";
const SCHEME: &str = "v1";
const GENERATED_LENGTH: usize = 32;

/// The signing secret of an endpoint: 24 to 64 bytes, written `whsec_` + base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// The text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` followed by the base64 of 24 to 64 bytes")]
pub struct MalformedSecret;

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The timestamp header is no number of seconds.
    #[error("the timestamp is not a number of seconds")]
    MalformedTimestamp,
    /// The timestamp is more than [`TOLERANCE`] in the past.
    #[error("the timestamp is too old")]
    TooOld,
    /// The timestamp is more than [`TOLERANCE`] in the future.
    #[error("the timestamp is in the future")]
    InTheFuture,
    /// None of the signatures is that of this content with this secret.
    #[error("no signature matches")]
    NoMatch,
}

impl Secret {
    /// Makes a secret of 32 bytes.
    pub fn generate(random: &mut impl CryptoRng) -> Self {
        let mut bytes = vec![0; GENERATED_LENGTH];
        random.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// The text is not one.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(MalformedSecret)?;
        let bytes = BASE64.decode(encoded).map_err(|_| MalformedSecret)?;
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(MalformedSecret)
        }
    }

    /// The secret as `whsec_…`, to be stored or shown to its owner once.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(&self.0))
    }

    /// The value of the signature header for one attempt, made at `timestamp`.
    pub fn sign(&self, id: &str, timestamp: Timestamp, body: &[u8]) -> String {
        let signature = self
            .mac(id, &timestamp.as_second().to_string(), body)
            .finalize()
            .into_bytes();
        format!("{SCHEME},{}", BASE64.encode(signature))
    }

    /// Accepts a delivery whose header holds a signature made with this secret, close to `now`.
    ///
    /// # Errors
    /// The first reason not to; the comparison takes the same time wherever the signatures differ.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let seconds = timestamp
            .parse()
            .map_err(|_| SignatureError::MalformedTimestamp)?;
        let sent_at =
            Timestamp::from_second(seconds).map_err(|_| SignatureError::MalformedTimestamp)?;
        let age = now.duration_since(sent_at);
        if age > TOLERANCE {
            return Err(SignatureError::TooOld);
        }
        if age < -TOLERANCE {
            return Err(SignatureError::InTheFuture);
        }
        let mac = self.mac(id, timestamp, body);
        let matches = signatures
            .split(' ')
            .filter_map(|signature| signature.split_once(','))
            .filter(|(scheme, _)| *scheme == SCHEME)
            .filter_map(|(_, signature)| BASE64.decode(signature).ok())
            .any(|signature| mac.clone().verify_slice(&signature).is_ok());
        if matches {
            Ok(())
        } else {
            Err(SignatureError::NoMatch)
        }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Standard Webhooks reference libraries' tests.
    const PUBLISHED_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const PUBLISHED_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const PUBLISHED_BODY: &[u8] = br#"{"test": 2432232314}"#;
    const PUBLISHED_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[track_caller]
    fn check(timestamp: &str, signatures: &str, now: i64, expected: Result<(), SignatureError>) {
        let secret = Secret::parse(PUBLISHED_SECRET).unwrap();
        assert_eq!(
            secret.verify(PUBLISHED_ID, timestamp, signatures, PUBLISHED_BODY, at(now)),
            expected
        );
    }

    #[test]
    fn the_published_vectors_are_signed_as_published() {
        let secret = Secret::parse(PUBLISHED_SECRET).unwrap();
        assert_eq!(
            secret.sign(PUBLISHED_ID, at(1_614_265_330), PUBLISHED_BODY),
            PUBLISHED_SIGNATURE
        );
        let secret = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap();
        let body =
            br#"{"event":"certificate.issued","created_at":"2026-03-18T10:30:00Z","data":{}}"#;
        let expected = "v1,utKgkqywDGJXCWBRMMllLWmUl5QrFoXjkTu26ivFcys=";
        assert_eq!(secret.sign("msg_1", at(1_711_234_567), body), expected);
    }

    #[test]
    fn one_good_signature_among_several_is_enough() {
        check("1614265330", PUBLISHED_SIGNATURE, 1_614_265_330, Ok(()));
        let several = format!(
            "v1,AAAA v2,{} v1a,x {PUBLISHED_SIGNATURE} junk",
            &PUBLISHED_SIGNATURE[3..]
        );
        check("1614265330", &several, 1_614_265_330, Ok(()));
    }

    #[test]
    fn a_wrong_or_truncated_signature_is_refused() {
        let no_match = Err(SignatureError::NoMatch);
        for bad in [
            &PUBLISHED_SIGNATURE[..20],
            "",
            "v1",
            "v1,",
            &PUBLISHED_SIGNATURE[3..],
            "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ] {
            check("1614265330", bad, 1_614_265_330, no_match);
        }
        check("1614265331", PUBLISHED_SIGNATURE, 1_614_265_330, no_match);
    }

    #[test]
    fn a_timestamp_too_far_away_is_refused() {
        check(
            "1614265330",
            PUBLISHED_SIGNATURE,
            1_614_265_330 + 300,
            Ok(()),
        );
        check(
            "1614265330",
            PUBLISHED_SIGNATURE,
            1_614_265_330 + 301,
            Err(SignatureError::TooOld),
        );
        check(
            "1614265330",
            PUBLISHED_SIGNATURE,
            1_614_265_330 - 300,
            Ok(()),
        );
        check(
            "1614265330",
            PUBLISHED_SIGNATURE,
            1_614_265_330 - 301,
            Err(SignatureError::InTheFuture),
        );
        for bad in ["", "soon", "1.5", "99999999999999999999"] {
            check(
                bad,
                PUBLISHED_SIGNATURE,
                1_614_265_330,
                Err(SignatureError::MalformedTimestamp),
            );
        }
    }

    #[test]
    fn a_secret_has_24_to_64_bytes_and_never_shows_itself() {
        let secret = Secret::generate(&mut rand::rng());
        assert_eq!(Secret::parse(&secret.expose()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
        let of_length =
            |length: usize| Secret::parse(&format!("whsec_{}", BASE64.encode(vec![7; length])));
        assert!(of_length(24).is_ok() && of_length(64).is_ok());
        assert!(of_length(23).is_err() && of_length(65).is_err());
        assert!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
        assert!(Secret::parse("whsec_not base64").is_err());
    }
}
