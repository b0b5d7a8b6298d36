//! Lines of the directory: what an organization says about the ids that its sources use.

use jiff::Timestamp;
use payload::id::OrganizationId;
use payload::known::Known;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::credentials::Credentials;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{self, Item, key, put, to_item};

/// Which ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// Of people.
    Recipients,
    /// Of badges and certificate definitions.
    Achievements,
}

impl Directory {
    /// What it lists, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recipients => "recipient",
            Self::Achievements => "achievement",
        }
    }

    fn key(self, organization: OrganizationId, id: &str) -> Item {
        let sort_key = match self {
            Self::Recipients => keyspace::recipient(id),
            Self::Achievements => keyspace::achievement(id),
        };
        key(keyspace::organization(organization), sort_key)
    }
}

/// A line of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What is said.
    pub known: Known,
    /// How many days a credential of this achievement is valid whose issue does not say it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub validity_days: Option<u16>,
    /// When it was last said.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
}

impl Credentials {
    /// Writes a line in place of the one that is there.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn put_entry(
        &self,
        organization: OrganizationId,
        of: Directory,
        id: &str,
        entry: &Entry,
    ) -> Result<(), StateError> {
        let mut row = to_item(entry)?;
        row.extend(of.key(organization, id));
        let doing = "write a line of the directory";
        put(&self.client, &self.table, row, doing).await
    }

    /// A line.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn entry(
        &self,
        organization: OrganizationId,
        of: Directory,
        id: &str,
    ) -> Result<Option<Entry>, StateError> {
        let key = of.key(organization, id);
        rows::get(
            &self.client,
            &self.table,
            key,
            "read a line of the directory",
        )
        .await
    }

    /// Deletes a line; deleting what is gone is no error.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn delete_entry(
        &self,
        organization: OrganizationId,
        of: Directory,
        id: &str,
    ) -> Result<(), StateError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(of.key(organization, id)))
            .send()
            .await
            .map_err(StateError::while_doing("delete a line of the directory"))?;
        Ok(())
    }
}
