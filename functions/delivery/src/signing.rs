//! With what an attempt is signed, opened for it.

use jiff::Timestamp;
use payload::custom_headers::Header;
use payload::key_pair::KeyPair;
use payload::secret::Secret;
use payload::webhook::Signers;
use state::{EndpointSecrets, Keyring, StateError};

use crate::plan::Attempted;

/// The secrets of an endpoint that are valid now. Without `Debug`.
pub(crate) struct Signing {
    secrets: EndpointSecrets,
    older_secrets: Vec<Secret>,
    key_pairs: Vec<KeyPair>,
}

impl Signing {
    /// Opens what the endpoint's webhooks are signed with.
    ///
    /// # Errors
    /// Something cannot be opened, or the endpoint wants a signature for which there is no key: nothing may
    /// be sent.
    pub(crate) async fn open(
        keyring: &Keyring,
        attempted: Attempted<'_>,
        now: Timestamp,
    ) -> Result<Self, StateError> {
        let secrets = keyring.open_endpoint(attempted.endpoint).await?;
        let mut key_pairs = Vec::new();
        if attempted.endpoint.ed25519_signature {
            for key in attempted.account.valid_signing_keys(now) {
                key_pairs.push(key.open(keyring).await?);
            }
            if key_pairs.is_empty() {
                return Err(StateError::unreadable("find a signing key"));
            }
        }
        Ok(Self {
            older_secrets: secrets.older(now),
            secrets,
            key_pairs,
        })
    }

    /// What signs.
    pub(crate) fn signers(&self) -> Signers<'_> {
        Signers {
            secret: &self.secrets.secret,
            older_secrets: &self.older_secrets,
            key_pairs: &self.key_pairs,
        }
    }

    /// What the endpoint's owner adds.
    pub(crate) fn own_headers(&self) -> impl Iterator<Item = Header> {
        self.secrets.own_headers()
    }
}
