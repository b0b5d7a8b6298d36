//! The table Credentials: what is known of each credential beyond its last event, and the
//! organization's directory of recipients and achievements.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use payload::event::Facts;
use payload::event_type::EventType;
use payload::id::OrganizationId;
use payload::known::{Known, Said, Unknown};
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

/// The last certificate of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SeriesRow {
    credential_id: String,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

/// What was found about the things that an event is about.
#[derive(Debug, Default)]
pub struct Recalled {
    credential: Option<CredentialRow>,
    directory: Vec<Known>,
    series: Option<SeriesRow>,
}

impl Recalled {
    /// Fills in what an event leaves out: first from earlier events, then from the directory.
    pub fn enrich(&self, facts: &mut Facts) {
        let of_credential = self.credential.as_ref().map(|row| &row.known);
        for known in of_credential.into_iter().chain(&self.directory) {
            known.enrich(facts);
        }
        let id = facts.credential.as_ref().and_then(|it| it.id.as_ref());
        let last = self.series.as_ref().map(|row| &row.credential_id);
        facts.source.possible_repeat = last.is_some_and(|last| id != Some(last));
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
        said: &Said,
    ) -> Result<Recalled, StateError> {
        let unknown = Unknown::of(event_type, facts);
        let of_credential = unknown.credential.map(keyspace::credential);
        let of_series = said.series.as_deref().map(keyspace::series);
        let sort_keys = [
            of_credential.clone(),
            of_series.clone(),
            unknown.recipient.map(keyspace::recipient),
            unknown.achievement.map(keyspace::achievement),
        ];
        let keys = sort_keys.into_iter().flatten();
        let keys = keys.map(|sk| (&self.table, key(keyspace::organization(organization), sk)));
        let keys: Vec<(&String, Item)> = keys.collect();
        let mut recalled = Recalled::default();
        let found = batch_get(&self.client, &keys, "read what is known of a credential").await?;
        for (_, item) in found {
            let sort_key = sort_key(&item);
            if sort_key == of_credential.as_deref() {
                recalled.credential = Some(from_item(item)?);
            } else if sort_key == of_series.as_deref() {
                recalled.series = Some(from_item(item)?);
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
        said: &Said,
        recalled: Recalled,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let Some(credential) = &said.credential else {
            return Ok(());
        };
        if let Some(series) = &said.series {
            self.remember_series(organization, series, credential, now)
                .await?;
        }
        let key = key(
            keyspace::organization(organization),
            keyspace::credential(credential),
        );
        let mut read = recalled.credential;
        for _ in 0..MAX_TRIES {
            let before = read.as_ref().map(|row| row.known.clone());
            let known = before.clone().unwrap_or_default().learn(&said.known);
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

    /// The last one wins: it only has to be known that there was another.
    async fn remember_series(
        &self,
        organization: OrganizationId,
        series: &str,
        credential: &str,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut row = to_item(&SeriesRow {
            credential_id: credential.to_owned(),
            updated_at: now,
        })?;
        row.extend(key(
            keyspace::organization(organization),
            keyspace::series(series),
        ));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .send()
            .await
            .map_err(StateError::while_doing(
                "remember a certificate of a series",
            ))?;
        Ok(())
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
