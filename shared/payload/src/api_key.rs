//! API keys: `ck_live_`, 27 random characters, 6 characters of checksum.
//!
//! The prefix lets secret scanners find a leaked key. 27 characters out of 62 carry 160 bits. The
//! checksum (CRC-32 of all before it, base62) rejects a mistyped key without a look-up. Only the
//! SHA-256 of a key is stored.

use std::fmt;

use rand::CryptoRng;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

/// What every key starts with.
pub const PREFIX: &str = "ck_live_";
const RANDOM_LENGTH: usize = 27;
const CHECKSUM_LENGTH: usize = 6;

/// A key as its holder has it. Shown once, never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// The text is no key: something is missing, or mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: its form or its checksum is wrong")]
pub struct MalformedKey;

impl ApiKey {
    /// Makes a key.
    pub fn generate(random: &mut impl CryptoRng) -> Self {
        let body = format!(
            "{PREFIX}{}",
            Alphanumeric.sample_string(random, RANDOM_LENGTH)
        );
        let checksum = checksum(&body);
        Self(body + &checksum)
    }

    /// Takes a text that has the form and the checksum of a key.
    ///
    /// # Errors
    /// It has not; no look-up is needed to refuse it.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let (body, given) = text
            .len()
            .checked_sub(CHECKSUM_LENGTH)
            .and_then(|at| text.split_at_checked(at))
            .ok_or(MalformedKey)?;
        let random = body.strip_prefix(PREFIX).ok_or(MalformedKey)?;
        let well_formed = random.len() == RANDOM_LENGTH
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if well_formed && checksum(body) == given {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedKey)
        }
    }

    /// The key itself, to be shown to its holder once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored instead of the key.
    pub fn sha256(&self) -> String {
        sha256(&self.0)
    }

    /// The last four characters, by which people tell their keys apart.
    pub fn hint(&self) -> String {
        format!("{PREFIX}…{}", &self.0[self.0.len() - 4..])
    }
}

/// SHA-256 of a presented key, lower-case hex.
pub fn sha256(presented: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(presented))
}

fn checksum(body: &str) -> String {
    let digits = base62::encode(crc32fast::hash(body.as_bytes()));
    format!("{digits:0>CHECKSUM_LENGTH$}")
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_accepted() {
        let key = ApiKey::generate(&mut rand::rng());
        assert_eq!(ApiKey::parse(key.expose()), Ok(key.clone()));
        assert_eq!(
            key.expose().len(),
            PREFIX.len() + RANDOM_LENGTH + CHECKSUM_LENGTH
        );
        assert_eq!(key.sha256().len(), 64);
        assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
    }

    #[test]
    fn any_one_changed_character_is_rejected() {
        let key = ApiKey::generate(&mut rand::rng());
        for at in 0..key.expose().len() {
            let mut typo = key.expose().as_bytes().to_vec();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            let typo = String::from_utf8(typo).unwrap();
            assert_eq!(ApiKey::parse(&typo), Err(MalformedKey), "{at}");
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "ck_live_",
            "ck_live_ñññññññññññññ",
            "Bearer",
            "ck_test_0000000000000000000000000000000000",
        ] {
            assert_eq!(ApiKey::parse(text), Err(MalformedKey), "{text}");
        }
    }
}
