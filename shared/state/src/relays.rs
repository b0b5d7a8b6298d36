//! Relays: URLs to which source systems send their own webhooks unchanged. Found by the SHA-256 of
//! the token in the URL, listed and deleted by their id.

use std::fmt;

use jiff::Timestamp;
use payload::dialect::Dialect;
use payload::id::{OrganizationId, RelayId};
use payload::secret::Secret;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::audit_log::AuditLine;
use crate::bounded::Bounded;
use crate::error::StateError;
use crate::keyring::Keyring;
use crate::keyspace;
use crate::rows::{Item, key};
use crate::sealed::{Place, Sealed};

/// Most relays of one organization: there are six dialects, and few sources of each.
pub const MAX_RELAYS: usize = 20;

/// Sort key of the row by which a presented token is found.
const BY_DIGEST: &str = "relay";

/// What is known of a relay. Not its token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Its id.
    pub id: RelayId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// For people.
    pub name: String,
    /// What its source writes, and how it signs.
    pub dialect: Dialect,
    /// What its source signs with, where the dialect has a signature.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sealed: Option<Sealed>,
    /// The last characters of its token.
    pub hint: String,
    /// SHA-256 of its token.
    pub sha256: String,
    /// When it was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
}

/// Without the secret and the digest of the token.
impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("id", &self.id)
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

impl Accounts {
    /// Writes a new relay, to be found by digest and by organization; `false` when its organization has as many
    /// as it may.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn create_relay(&self, relay: &Relay, line: &AuditLine) -> Result<bool, StateError> {
        let (organization, doing) = (relay.organization_id, "create a relay");
        let writes = self.put_both(relay, relay_rows(relay))?;
        self.create_within(organization, Bounded::Relays, &writes, line, doing)
            .await
    }

    /// Seals the secret of a relay with the current root key; `false` when there is nothing to do, or the relay
    /// was deleted in between.
    ///
    /// # Errors
    /// It cannot be opened, or DynamoDB did not answer.
    pub async fn reseal_relay(&self, relay: &Relay, keyring: &Keyring) -> Result<bool, StateError> {
        let is_old = |sealed: &Sealed| !keyring.is_current(sealed);
        if !relay.sealed.as_ref().is_some_and(is_old) {
            return Ok(false);
        }
        let Some(secret) = relay.open(keyring).await? else {
            return Ok(false);
        };
        let mut resealed = relay.clone();
        resealed.seal(keyring, &secret);
        self.replace_both(&resealed, relay_rows(relay), "seal a relay again")
            .await
    }

    /// The relay of a presented token, possibly a few seconds old.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn find_relay(
        &self,
        sha256: &str,
        now: Timestamp,
    ) -> Result<Option<Relay>, StateError> {
        if let Some(relay) = self.relays.get(&sha256.to_owned(), now) {
            return Ok(Some(relay));
        }
        let place = key(keyspace::relay_digest(sha256), BY_DIGEST);
        let relay: Option<Relay> = self.find_by_digest(place, "look up a relay").await?;
        if let Some(relay) = &relay {
            self.relays.put(sha256.to_owned(), relay.clone(), now);
        }
        Ok(relay)
    }

    /// All relays of an organization, oldest first.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn list_relays(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<Relay>, StateError> {
        self.list_by_organization(organization, keyspace::RELAY_PREFIX, "list relays")
            .await
    }

    /// Deletes a relay; its URL is unknown everywhere as soon as what was read of it is forgotten.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn delete_relay(&self, relay: &Relay, line: &AuditLine) -> Result<(), StateError> {
        self.delete_both(relay_rows(relay), line, "delete a relay")
            .await?;
        self.relays.forget(&relay.sha256);
        Ok(())
    }
}

/// Where the two rows of a relay lie.
fn relay_rows(relay: &Relay) -> [Item; 2] {
    [
        key(keyspace::relay_digest(&relay.sha256), BY_DIGEST),
        key(
            keyspace::organization(relay.organization_id),
            keyspace::relay(relay.id),
        ),
    ]
}

impl Relay {
    /// Opens what its source signs with; nothing where the dialect has no signature.
    ///
    /// # Errors
    /// It cannot be opened: nothing that comes may be taken, for it cannot be checked.
    pub async fn open(&self, keyring: &Keyring) -> Result<Option<Secret>, StateError> {
        let Some(sealed) = &self.sealed else {
            return Ok(None);
        };
        let id = self.id.to_string();
        let opened = keyring.open(self.place(&id), sealed).await?;
        let secret = std::str::from_utf8(&opened)
            .ok()
            .and_then(Secret::of_source);
        let unreadable = || StateError::unreadable("read the secret of a relay");
        secret.map(Some).ok_or_else(unreadable)
    }

    /// Seals what its source signs with.
    pub fn seal(&mut self, keyring: &Keyring, secret: &Secret) {
        let id = self.id.to_string();
        self.sealed = Some(keyring.seal(self.place(&id), secret.expose().as_bytes()));
    }

    fn place<'a>(&self, holder: &'a str) -> Place<'a> {
        Place {
            organization: self.organization_id,
            holder,
            field: "secret",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{from_item, to_item};
    use crate::testing;

    const SECRET: &str = "do not show";

    fn relay() -> Relay {
        Relay {
            id: "rly_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            organization_id: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            name: "VEC".to_owned(),
            dialect: Dialect::Vec,
            sealed: None,
            hint: "rt_…abcd".to_owned(),
            sha256: "0".repeat(64),
            created_at: "2026-11-21T10:00:00Z".parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_relay_reads_back_as_it_was_written_with_any_secret_or_none() {
        let keyring = testing::keyring();
        for secret in [None, Some("abc"), Some("whsec_not base64"), Some(SECRET)] {
            let mut relay = relay();
            let secret = secret.map(|text| Secret::of_source(text).unwrap());
            if let Some(secret) = &secret {
                relay.seal(&keyring, secret);
            }
            let row = to_item(&relay).unwrap();
            assert!(!format!("{row:?}").contains(SECRET));
            let read: Relay = from_item(row).unwrap();
            assert_eq!(read, relay);
            assert_eq!(read.open(&keyring).await.unwrap(), secret);
            assert!(!format!("{relay:?}").contains("0000"));
        }
    }
}
