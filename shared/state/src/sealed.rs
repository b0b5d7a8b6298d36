//! A secret as it lies in a table: AES-256-GCM, bound to the place it is for.
//!
//! Written as `<version of the root key>.<base64 of nonce and ciphertext>`. The place (organization, holder
//! and field) and the version are associated data: a box that was copied to another row does not open.

use std::fmt;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use payload::id::OrganizationId;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const NONCE_LENGTH: usize = 12;

/// A sealed secret. The default is none, and cannot be opened.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// Where a secret lies, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose it is.
    pub organization: OrganizationId,
    /// The id of the endpoint, relay or key that has it.
    pub holder: &'a str,
    /// Which of its secrets.
    pub field: &'static str,
}

/// The box was sealed with another key or for another place, or it is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal is broken: sealed for another place, with another root key, or damaged")]
pub(crate) struct BrokenSeal;

/// One version of the root key.
pub(crate) struct RootKey {
    version: String,
    cipher: Aes256Gcm,
}

impl Sealed {
    /// The version of the root key it was sealed with.
    pub(crate) fn version(&self) -> Option<&str> {
        Some(self.0.split_once('.')?.0)
    }
}

/// Only the version of the key: what is sealed is nobody's to see, and a log is no place for it either.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.version().unwrap_or("none"))
    }
}

impl RootKey {
    /// From a text that is hard to guess: its SHA-256 is the key.
    pub(crate) fn new(version: &str, text: &str) -> Self {
        let key = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(text)));
        Self {
            version: version.to_owned(),
            cipher: Aes256Gcm::new((&*key).into()),
        }
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Seals a secret for its place. The nonce is random: 2^32 boxes of one key are safe.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &[u8]) -> Sealed {
        let mut nonce = [0; NONCE_LENGTH];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload {
            msg: secret,
            aad: &self.associated(place),
        };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.expect("a secret is shorter than 64 GiB");
        let boxed = BASE64.encode([nonce.as_slice(), &sealed].concat());
        Sealed(format!("{}.{boxed}", self.version))
    }

    /// Opens what was sealed with this key for this place.
    pub(crate) fn open(
        &self,
        place: Place<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, BrokenSeal> {
        let (version, boxed) = sealed.0.split_once('.').ok_or(BrokenSeal)?;
        if version != self.version {
            return Err(BrokenSeal);
        }
        let boxed = BASE64.decode(boxed).map_err(|_| BrokenSeal)?;
        let (nonce, sealed) = boxed.split_at_checked(NONCE_LENGTH).ok_or(BrokenSeal)?;
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| BrokenSeal)?;
        let payload = Payload {
            msg: sealed,
            aad: &self.associated(place),
        };
        let opened = self.cipher.decrypt(&Nonce::from(nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| BrokenSeal)
    }

    fn associated(&self, place: Place<'_>) -> Vec<u8> {
        // No part can hold the bar: two places never read the same.
        let Place {
            organization,
            holder,
            field,
        } = place;
        format!("{organization}|{holder}|{field}|{}", self.version).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place {
        organization: OrganizationId::NIL,
        holder: "ep_1",
        field: "secrets",
    };

    #[test]
    fn a_secret_opens_at_its_place_with_its_key_and_nowhere_else() {
        let key = RootKey::new("1", "a root key");
        let sealed = key.seal(PLACE, b"whsec_zq");
        assert_eq!(**key.open(PLACE, &sealed).unwrap(), *b"whsec_zq");
        assert_ne!(sealed, key.seal(PLACE, b"whsec_zq"), "no nonce twice");
        let other_holder = Place {
            holder: "ep_2",
            ..PLACE
        };
        let other_field = Place {
            field: "headers",
            ..PLACE
        };
        let other_organization = Place {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            ..PLACE
        };
        for elsewhere in [other_holder, other_field, other_organization] {
            assert_eq!(key.open(elsewhere, &sealed).err(), Some(BrokenSeal));
        }
        for other in [RootKey::new("2", "a root key"), RootKey::new("1", "other")] {
            assert_eq!(other.open(PLACE, &sealed).err(), Some(BrokenSeal));
        }
    }

    #[test]
    fn a_damaged_box_does_not_open() {
        let key = RootKey::new("1", "a root key");
        let sealed = key.seal(PLACE, b"whsec_zq");
        for at in 0..sealed.0.len() {
            let mut damaged = sealed.0.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = Sealed(String::from_utf8(damaged).unwrap());
            assert!(key.open(PLACE, &damaged).is_err(), "{at}");
        }
        for text in ["", "1", "1.", "1.AAAA", "whsec_AAAA"] {
            assert!(key.open(PLACE, &Sealed(text.to_owned())).is_err());
        }
        assert!(key.open(PLACE, &Sealed::default()).is_err());
    }

    #[test]
    fn a_sealed_secret_shows_only_the_version_of_its_key() {
        let sealed = RootKey::new("7", "a root key").seal(PLACE, b"whsec_zq");
        assert_eq!(format!("{sealed:?}"), "Sealed(7)");
        assert_eq!(format!("{:?}", Sealed::default()), "Sealed(none)");
    }
}
