//! API keys of organizations: found by their SHA-256, listed and revoked by their id.

use jiff::Timestamp;
use payload::id::{KeyId, OrganizationId};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::audit_log::AuditLine;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, key};

/// Sort key of the row by which a presented key is found.
const BY_DIGEST: &str = "key";

/// What is known of a key. Not the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The handle of the key.
    pub id: KeyId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// For people.
    pub name: String,
    /// Its last characters.
    pub hint: String,
    /// SHA-256 of the key.
    pub sha256: String,
    /// When it was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub expires_at: Option<Timestamp>,
}

impl Accounts {
    /// Writes the record of a new key, to be found by digest and by organization.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn create_key(&self, record: &KeyRecord, line: &AuditLine) -> Result<(), StateError> {
        self.create_both(record, key_rows(record), line, "create a key")
            .await
    }

    /// The record of a presented key, possibly a few seconds old.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn find_key(
        &self,
        sha256: &str,
        now: Timestamp,
    ) -> Result<Option<KeyRecord>, StateError> {
        if let Some(record) = self.keys.get(&sha256.to_owned(), now) {
            return Ok(Some(record));
        }
        let place = key(keyspace::key_digest(sha256), BY_DIGEST);
        let record: Option<KeyRecord> = self.find_by_digest(place, "look up a key").await?;
        if let Some(record) = &record {
            self.keys.put(sha256.to_owned(), record.clone(), now);
        }
        Ok(record)
    }

    /// All keys of an organization, oldest first.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn list_keys(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<KeyRecord>, StateError> {
        self.list_by_organization(organization, keyspace::KEY_PREFIX, "list keys")
            .await
    }

    /// Deletes a key; it is refused everywhere as soon as what was read of it is forgotten.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn revoke_key(&self, record: &KeyRecord, line: &AuditLine) -> Result<(), StateError> {
        self.delete_both(key_rows(record), line, "revoke a key")
            .await?;
        self.keys.forget(&record.sha256);
        Ok(())
    }
}

/// Where the two rows of a key lie.
fn key_rows(record: &KeyRecord) -> [Item; 2] {
    [
        key(keyspace::key_digest(&record.sha256), BY_DIGEST),
        key(
            keyspace::organization(record.organization_id),
            keyspace::key(record.id),
        ),
    ]
}
