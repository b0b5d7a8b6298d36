//! Texts out of Secrets Manager that are somebody else's secrets.

use std::fmt;

use aws_sdk_secretsmanager::Client;
use zeroize::Zeroizing;

use crate::error::StateError;

/// Reads them.
#[derive(Clone)]
pub struct SecretTexts(Client);

impl SecretTexts {
    /// With this client.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The text of a secret, by its name or ARN; empty if it holds none.
    ///
    /// # Errors
    /// Secrets Manager did not answer.
    pub async fn read(&self, id: &str) -> Result<Zeroizing<String>, StateError> {
        let answer = self.0.get_secret_value().secret_id(id).send().await;
        let answer = answer.map_err(StateError::while_doing("read a secret"))?;
        Ok(Zeroizing::new(answer.secret_string.unwrap_or_default()))
    }
}

impl fmt::Debug for SecretTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretTexts")
    }
}
