//! The ed25519 key pair of an organization, by which a receiver checks a webhook without a shared secret.
//!
//! Standard Webhooks calls the signature `v1a`, writes the private key as `whsk_` and the public one as
//! `whpk_`, each followed by base64, and signs the same content as `v1`:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//! The public key is also written as a JSON Web Key, RFC 8037.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use ed25519_dalek::{SECRET_KEY_LENGTH, Signature, Signer as _, SigningKey, VerifyingKey};
use rand::CryptoRng;
use serde::Serialize;
use zeroize::Zeroizing;

const PRIVATE_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";

/// A private key with its public one.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The text is no key of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsk_` or `whpk_` followed by the base64 of 32 bytes")]
pub struct MalformedKey;

/// A public key as a JSON Web Key, RFC 7517 and RFC 8037.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the members are those of the RFCs")]
pub struct Jwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub alg: &'static str,
    #[serde(rename = "use")]
    pub usage: &'static str,
    pub kid: String,
    pub x: String,
}

impl KeyPair {
    /// Makes a new one.
    pub fn generate(random: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; SECRET_KEY_LENGTH]);
        random.fill_bytes(seed.as_mut());
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads `whsk_…`.
    ///
    /// # Errors
    /// It is no private key.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let seed = Zeroizing::new(decode(text, PRIVATE_PREFIX)?);
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// `whsk_…`, to be sealed and stored. It is shown to nobody.
    pub fn expose(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(BASE64.encode(self.0.as_bytes()));
        Zeroizing::new(format!("{PRIVATE_PREFIX}{}", encoded.as_str()))
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The 64 bytes of the signature.
    pub(crate) fn sign(&self, content: &[u8]) -> [u8; 64] {
        self.0.sign(content).to_bytes()
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair([redacted])")
    }
}

impl PublicKey {
    /// Reads `whpk_…`.
    ///
    /// # Errors
    /// It is no public key.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let key = VerifyingKey::from_bytes(&decode(text, PUBLIC_PREFIX)?);
        key.map(Self).map_err(|_| MalformedKey)
    }

    /// The key as a member of a JSON Web Key Set, under the name `kid`.
    pub fn jwk(&self, kid: String) -> Jwk {
        Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid,
            x: BASE64_URL.encode(self.0.as_bytes()),
        }
    }

    /// Whether the signature of this content was made with the private key.
    pub(crate) fn accepts(&self, content: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(content, &signature).is_ok())
    }
}

/// `whpk_…`
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", BASE64.encode(self.0.as_bytes()))
    }
}

fn decode(text: &str, prefix: &str) -> Result<[u8; 32], MalformedKey> {
    let encoded = text.strip_prefix(prefix).ok_or(MalformedKey)?;
    let decoded = Zeroizing::new(BASE64.decode(encoded).map_err(|_| MalformedKey)?);
    decoded.as_slice().try_into().map_err(|_| MalformedKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_never_shows_itself() {
        let pair = KeyPair::generate(&mut rand::rng());
        let again = KeyPair::parse(&pair.expose()).unwrap();
        assert_eq!(again.public(), pair.public());
        let public = pair.public().to_string();
        assert_eq!(PublicKey::parse(&public), Ok(pair.public()));
        assert_eq!(format!("{pair:?}"), "KeyPair([redacted])");
        for text in ["", "whsk_", "whsk_AA==", &public] {
            assert!(KeyPair::parse(text).is_err(), "{text}");
        }
        assert_eq!(PublicKey::parse(&pair.expose()), Err(MalformedKey));
    }

    /// RFC 8032, section 7.1, test 2; its public key as in RFC 8037's way of writing.
    #[test]
    fn the_published_vector_is_signed_as_published() {
        let seed = base16ct::lower::decode_vec(
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        );
        let pair = KeyPair::parse(&format!("whsk_{}", BASE64.encode(seed.unwrap()))).unwrap();
        let signature = pair.sign(&[0x72]);
        assert_eq!(
            base16ct::lower::encode_string(&signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(pair.public().accepts(&[0x72], &signature));
        assert!(!pair.public().accepts(&[0x73], &signature));
        assert!(!pair.public().accepts(&[0x72], &signature[1..]));
        let jwk = pair.public().jwk("k".to_owned());
        assert_eq!(jwk.x, "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw");
        assert_eq!(
            serde_json::to_value(jwk).unwrap()["use"],
            serde_json::json!("sig")
        );
    }
}
