//! API keys of organizations: found by their SHA-256, listed and revoked by their id.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use jiff::Timestamp;
use payload::id::{KeyId, OrganizationId};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, from_item, key, text, to_item};

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
    pub async fn create_key(&self, record: &KeyRecord) -> Result<(), StateError> {
        let rows = key_rows(record).map(|place| {
            let mut row = to_item(record)?;
            row.extend(place);
            Ok(self.put_in_transaction(row))
        });
        let writes = rows.into_iter().collect::<Result<_, StateError>>()?;
        self.client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await
            .map_err(StateError::while_doing("create a key"))?;
        Ok(())
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
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(keyspace::key_digest(sha256), BY_DIGEST)))
            // A key works as soon as it is made, and what is remembered of it is never older than its end.
            .consistent_read(true)
            .send()
            .await
            .map_err(StateError::while_doing("look up a key"))?;
        let record: Option<KeyRecord> = answer.item.map(from_item).transpose()?;
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
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :organization AND begins_with(sk, :keys)")
            .expression_attribute_values(
                ":organization",
                text(keyspace::organization(organization)),
            )
            .expression_attribute_values(":keys", text(keyspace::KEY_PREFIX))
            .into_paginator()
            .send();
        let mut records = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page
                .map_err(StateError::while_doing("list keys"))?
                .items
                .unwrap_or_default()
            {
                records.push(from_item(item)?);
            }
        }
        Ok(records)
    }

    /// Deletes a key; it is refused everywhere as soon as what was read of it is forgotten.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn revoke_key(&self, record: &KeyRecord) -> Result<(), StateError> {
        let deletes = key_rows(record).map(|place| {
            let delete = Delete::builder()
                .table_name(&self.table)
                .set_key(Some(place))
                .build();
            TransactWriteItem::builder()
                .delete(delete.expect("table and key are set"))
                .build()
        });
        self.client
            .transact_write_items()
            .set_transact_items(Some(deletes.into()))
            .send()
            .await
            .map_err(StateError::while_doing("revoke a key"))?;
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
