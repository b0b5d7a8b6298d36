//! The table Credentials: what is known of each credential beyond its last event, and the
//! organization's directory of recipients and achievements.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use payload::event::Facts;
use payload::event_type::{EventType, Subject};
use payload::id::OrganizationId;
use payload::known::{Known, Unknown};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::batch_get::batch_get;
use crate::directory::Entry;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, from_item, key, number, row_in_the_way, sort_key, to_item};

/// How often a row is written again on top of what another event wrote in between.
const MAX_TRIES: usize = 5;

/// The table.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) client: Client,
    pub(crate) table: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CredentialRow {
    known: Known,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
    /// Counts the writes, so that two events do not undo each other.
    revision: u64,
}

/// What was found about the things that an event is about.
#[derive(Debug, Default)]
pub struct Recalled {
    credential: Option<CredentialRow>,
    directory: Vec<Known>,
}

impl Recalled {
    /// Fills in what an event leaves out: first from earlier events, then from the directory.
    pub fn enrich(&self, facts: &mut Facts) {
        let of_credential = self.credential.as_ref().map(|row| &row.known);
        for known in of_credential.into_iter().chain(&self.directory) {
            known.enrich(facts);
        }
    }
}

impl Credentials {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// What is known of the things that an event is about; without a request where it says all itself.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn recall(
        &self,
        organization: OrganizationId,
        event_type: EventType,
        facts: &Facts,
    ) -> Result<Recalled, StateError> {
        let unknown = Unknown::of(event_type, facts);
        if unknown.is_empty() {
            return Ok(Recalled::default());
        }
        let of_credential = unknown.credential.map(keyspace::credential);
        let sort_keys = [
            of_credential.clone(),
            unknown.recipient.map(keyspace::recipient),
            unknown.achievement.map(keyspace::achievement),
        ];
        let keys = sort_keys.into_iter().flatten();
        let keys = keys.map(|sk| (&self.table, key(keyspace::organization(organization), sk)));
        let keys: Vec<(&String, Item)> = keys.collect();
        let mut recalled = Recalled::default();
        let found = batch_get(&self.client, &keys, "read what is known of a credential").await?;
        for (_, item) in found {
            if sort_key(&item) == of_credential.as_deref() {
                recalled.credential = Some(from_item(item)?);
            } else {
                recalled.directory.push(from_item::<Entry>(item)?.known);
            }
        }
        Ok(recalled)
    }

    /// Keeps what an event says about its credential, on top of what was recalled.
    ///
    /// # Errors
    /// DynamoDB did not take it. The sender's retry does.
    pub async fn remember(
        &self,
        organization: OrganizationId,
        event_type: EventType,
        credential: Option<&str>,
        said: &Known,
        recalled: Recalled,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let credential = credential.filter(|_| event_type.subject() == Subject::Credential);
        let Some(credential) = credential else {
            return Ok(());
        };
        let key = key(
            keyspace::organization(organization),
            keyspace::credential(credential),
        );
        let mut read = recalled.credential;
        for _ in 0..MAX_TRIES {
            let before = read.as_ref().map(|row| row.known.clone());
            let known = before.clone().unwrap_or_default().learn(said);
            if before.as_ref() == Some(&known) {
                return Ok(());
            }
            let revision = read.map_or(0, |row| row.revision);
            let row = CredentialRow {
                known,
                updated_at: now,
                revision: revision + 1,
            };
            match self.write(&row, &key, revision).await? {
                None => return Ok(()),
                Some(current) => read = Some(current),
            }
        }
        Err(StateError::contended("remember a credential"))
    }

    /// Writes a row in place of the one that was read (`revision` 0: there was none); the row that
    /// stands there instead, when somebody else wrote in between.
    async fn write(
        &self,
        row: &CredentialRow,
        key: &Item,
        revision: u64,
    ) -> Result<Option<CredentialRow>, StateError> {
        let mut item = to_item(row)?;
        item.extend(key.clone());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if revision == 0 {
            // FirstHeardOf. [another event of the credential writes] → this write: not over it.
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            // UnchangedSinceRead. read (revision n) → [another event writes n + 1] → this write: only on n.
            put.condition_expression("revision = :read")
                .expression_attribute_values(":read", number(&revision))
        };
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => {
                let current = row_in_the_way(error, "remember a credential")?;
                Ok(Some(from_item(current)?))
            }
        }
    }
}
