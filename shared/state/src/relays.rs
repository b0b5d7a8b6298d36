//! Relays: URLs to which source systems send their own webhooks unchanged. Found by the SHA-256 of
//! the token in the URL, listed and deleted by their id.

use std::fmt;

use jiff::Timestamp;
use payload::dialect::Dialect;
use payload::id::{OrganizationId, RelayId};
use payload::secret::Secret;
use payload::timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::accounts::Accounts;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, key};

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
    #[serde(
        serialize_with = "expose",
        deserialize_with = "read_secret",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub secret: Option<Secret>,
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
    /// Writes a new relay, to be found by digest and by organization.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn create_relay(&self, relay: &Relay) -> Result<(), StateError> {
        self.create_both(relay, relay_rows(relay), "create a relay")
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
    pub async fn delete_relay(&self, relay: &Relay) -> Result<(), StateError> {
        self.delete_both(relay_rows(relay), "delete a relay")
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

fn expose<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

fn read_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let secret = Secret::of_source(&text);
    secret
        .map(Some)
        .ok_or_else(|| de::Error::custom("the secret of a relay cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{from_item, to_item};

    fn relay(secret: Option<&str>) -> Relay {
        Relay {
            id: "rly_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            organization_id: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            name: "VEC".to_owned(),
            dialect: Dialect::Vec,
            secret: secret.map(|text| Secret::of_source(text).unwrap()),
            hint: "rt_…abcd".to_owned(),
            sha256: "0".repeat(64),
            created_at: "2026-11-21T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_relay_reads_back_as_it_was_written_with_any_secret_or_none() {
        for secret in [None, Some("abc"), Some("whsec_not base64")] {
            let relay = relay(secret);
            let row = to_item(&relay).unwrap();
            assert_eq!(row.contains_key("secret"), secret.is_some());
            assert_eq!(from_item::<Relay>(row).unwrap(), relay);
        }
    }

    #[test]
    fn the_secret_and_the_digest_are_not_shown() {
        let shown = format!("{:?}", relay(Some("do not show")));
        assert!(
            !shown.contains("do not show") && !shown.contains("0000"),
            "{shown}"
        );
    }
}
