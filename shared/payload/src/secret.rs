//! The shared secret of an endpoint, by which a receiver knows that a webhook is ours.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::CryptoRng;

const PREFIX: &str = "whsec_";
const GENERATED_LENGTH: usize = 32;
/// Longest secret of a source system that is taken, bytes.
const MAX_FOREIGN: usize = 256;

/// A signing secret: as it is written, and the bytes that Standard Webhooks makes of it.
///
/// Standard Webhooks writes `whsec_` + base64 and signs with the decoded bytes. The source systems'
/// own schemes know no such form and sign with the text as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    decoded: Vec<u8>,
}

/// The text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `whsec_` followed by the base64 of 24 to 64 bytes, or 24 to 64 visible ASCII characters"
)]
pub struct MalformedSecret;

impl Secret {
    /// Makes a secret of 32 bytes.
    pub fn generate(random: &mut impl CryptoRng) -> Self {
        let mut decoded = vec![0; GENERATED_LENGTH];
        random.fill_bytes(&mut decoded);
        Self {
            text: format!("{PREFIX}{}", BASE64.encode(&decoded)),
            decoded,
        }
    }

    /// Reads `whsec_…`, or the secret that a receiver already has: then both kinds of scheme sign with
    /// its text.
    ///
    /// # Errors
    /// It has fewer than 24 bytes or more than 64, or is no base64 after `whsec_`.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let decoded = match text.strip_prefix(PREFIX) {
            Some(encoded) => BASE64.decode(encoded).map_err(|_| MalformedSecret)?,
            None if text.bytes().all(|byte| byte.is_ascii_graphic()) => text.into(),
            None => return Err(MalformedSecret),
        };
        let text = text.to_owned();
        if (24..=64).contains(&decoded.len()) {
            Ok(Self { text, decoded })
        } else {
            Err(MalformedSecret)
        }
    }

    /// A secret that a source system made, in whatever form it makes them. `None` when it is blank or
    /// longer than 256 bytes.
    pub fn of_source(text: &str) -> Option<Self> {
        if text.trim().is_empty() || text.len() > MAX_FOREIGN {
            return None;
        }
        Some(Self::parse(text).unwrap_or_else(|_| Self {
            text: text.to_owned(),
            decoded: text.into(),
        }))
    }

    /// The secret as it is written, to be stored or shown to its owner once.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The key of Standard Webhooks.
    pub(crate) fn decoded(&self) -> &[u8] {
        &self.decoded
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

    #[test]
    fn a_secret_has_24_to_64_bytes_and_never_shows_itself() {
        let secret = Secret::generate(&mut rand::rng());
        assert_eq!(Secret::parse(secret.expose()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
        let of_length =
            |length: usize| Secret::parse(&format!("whsec_{}", BASE64.encode(vec![7; length])));
        assert!(of_length(24).is_ok() && of_length(64).is_ok());
        assert!(of_length(23).is_err() && of_length(65).is_err());
        assert!(Secret::parse("whsec_not base64").is_err());
        assert_eq!(
            Secret::parse(&"x".repeat(24)).unwrap().decoded(),
            [b'x'; 24]
        );
        for bad in [
            "x".repeat(23),
            "x".repeat(65),
            "x ".repeat(20),
            "ã".repeat(20),
        ] {
            assert!(Secret::parse(&bad).is_err());
        }
    }

    #[test]
    fn a_source_system_may_have_any_secret_but_a_blank_one() {
        assert_eq!(Secret::of_source("abc").unwrap().expose(), "abc");
        assert!(Secret::of_source(" ").is_none());
        assert!(Secret::of_source(&"x".repeat(257)).is_none());
    }
}
