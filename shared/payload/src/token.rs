//! Tokens: a prefix that says what it is, 27 random characters, 6 characters of checksum.
//!
//! The prefix lets secret scanners find a leaked one. 27 characters out of 62 carry 160 bits. The
//! checksum (CRC-32 of all before it, base62) rejects a mistyped one without a look-up. Only the
//! SHA-256 of a token is stored.

use std::fmt;

use rand::CryptoRng;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

const RANDOM_LENGTH: usize = 27;
const CHECKSUM_LENGTH: usize = 6;

/// The text is no token of the kind: something is missing, or mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its form or its checksum is wrong")]
pub struct MalformedToken;

macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        ///
        /// As its holder has it: shown once, never stored, never logged.
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// What every one starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new one.
            pub fn generate(random: &mut impl CryptoRng) -> Self {
                Self(generate($prefix, random))
            }

            /// Takes a text that has the form and the checksum.
            ///
            /// # Errors
            /// It has not; no look-up is needed to refuse it.
            pub fn parse(text: &str) -> Result<Self, MalformedToken> {
                if is_well_formed($prefix, text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(MalformedToken)
                }
            }

            /// The text itself, to be shown to its holder once.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What is stored instead.
            pub fn sha256(&self) -> String {
                sha256(&self.0)
            }

            /// The last four characters, by which people tell theirs apart.
            pub fn hint(&self) -> String {
                format!("{}…{}", $prefix, &self.0[self.0.len() - 4..])
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

token!(
    /// The key of an organization or of the platform: `ck_live_…`.
    ApiKey,
    "ck_live_"
);
token!(
    /// What the URL of a relay ends with, and what alone opens it where the source does not sign: `rt_…`.
    RelayToken,
    "rt_"
);

/// SHA-256 of a presented text, lower-case hex.
pub fn sha256(presented: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(presented))
}

fn generate(prefix: &str, random: &mut impl CryptoRng) -> String {
    let body = format!(
        "{prefix}{}",
        Alphanumeric.sample_string(random, RANDOM_LENGTH)
    );
    let checksum = checksum(&body);
    body + &checksum
}

fn is_well_formed(prefix: &str, text: &str) -> bool {
    let at = text.len().checked_sub(CHECKSUM_LENGTH);
    let Some((body, given)) = at.and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let random = body.strip_prefix(prefix).unwrap_or_default();
    random.len() == RANDOM_LENGTH
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && checksum(body) == given
}

fn checksum(body: &str) -> String {
    let digits = base62::encode(crc32fast::hash(body.as_bytes()));
    format!("{digits:0>CHECKSUM_LENGTH$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_token_is_accepted_as_what_it_is_and_never_shows_itself() {
        let key = ApiKey::generate(&mut rand::rng());
        assert_eq!(ApiKey::parse(key.expose()), Ok(key.clone()));
        assert_eq!(
            key.expose().len(),
            ApiKey::PREFIX.len() + RANDOM_LENGTH + CHECKSUM_LENGTH
        );
        assert_eq!(key.sha256().len(), 64);
        assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
        let token = RelayToken::generate(&mut rand::rng());
        assert_eq!(RelayToken::parse(token.expose()), Ok(token.clone()));
        assert_eq!(format!("{token:?}"), "RelayToken([redacted])");
        assert!(token.hint().starts_with("rt_…"));
        assert!(ApiKey::parse(token.expose()).is_err() && RelayToken::parse(key.expose()).is_err());
    }

    #[test]
    fn any_one_changed_character_is_rejected() {
        let key = ApiKey::generate(&mut rand::rng());
        for at in 0..key.expose().len() {
            let mut typo = key.expose().as_bytes().to_vec();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            let typo = String::from_utf8(typo).unwrap();
            assert_eq!(ApiKey::parse(&typo), Err(MalformedToken), "{at}");
        }
    }

    #[test]
    fn other_texts_are_no_tokens() {
        for text in [
            "",
            "ck_live_",
            "ck_live_ñññññññññññññ",
            "Bearer",
            "ck_test_0000000000000000000000000000000000",
        ] {
            assert_eq!(ApiKey::parse(text), Err(MalformedToken), "{text}");
        }
    }
}
