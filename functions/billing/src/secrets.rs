//! Stripe's secrets, out of Secrets Manager.

use std::fmt;

use payload::billing::stripe_signature::StripeSecrets;
use state::{SecretTexts, StateError};

use crate::config::Config;

/// What the function keeps to itself.
#[derive(Clone)]
pub struct Secrets {
    pub(crate) webhook: StripeSecrets,
    /// A restricted key that may read subscriptions, where there is one.
    pub(crate) read_key: Option<String>,
}

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Secrets Manager did not answer.
    #[error(transparent)]
    Unread(#[from] StateError),
    /// An empty secret would be everyone's.
    #[error("the secret of Stripe's webhook endpoint {0}")]
    NoSecret(#[from] payload::billing::stripe_signature::NoSecret),
}

impl Secrets {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// Secrets Manager did not answer, or the signing secret is empty: the function must not start.
    pub async fn read(secrets: &SecretTexts, config: &Config) -> Result<Self, Unusable> {
        let webhook = secrets.read(&config.webhook_secret).await?;
        let read_key = match config.read_key.as_str() {
            "" => None,
            id => Some(secrets.read(id).await?.trim().to_owned()),
        };
        Ok(Self {
            webhook: StripeSecrets::parse(&webhook)?,
            read_key: read_key.filter(|key| !key.is_empty()),
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("webhook", &self.webhook)
            .field("read_key", &self.read_key.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}
