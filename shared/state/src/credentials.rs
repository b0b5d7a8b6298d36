//! The table Credentials: what is known of each credential beyond its last event, and the
//! organization's directory of recipients and achievements.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use payload::event::Facts;
use payload::event_type::EventType;
use payload::id::OrganizationId;
use payload::known::{Known, Said, known_credential, unknown_achievement, unknown_recipient};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::batch_get::{Consistency, batch_get};
use crate::directory::Entry;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, from_item, key, number, put, row_in_the_way, sort_key, to_item};

/// How often a row is written again on top of what another event wrote in between.
const MAX_TRIES: usize = 16;

/// The table.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) client: Client,
    pub(crate) table: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CredentialRow {
    known: Known,
    /// When the newest event happened that said it.
    #[serde(serialize_with = "timestamp::serialize")]
    said_at: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
    /// Counts the writes, so that two events do not undo each other.
    revision: u64,
}

/// The last two certificates of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SeriesRow {
    credential_id: String,
    /// Still known when the event of the last one is begun again after a crash.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    previous: Option<String>,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

/// The rows that were found of what an event is about.
#[derive(Debug, Default)]
pub struct Recalled {
    credential: Option<CredentialRow>,
    series: Option<SeriesRow>,
}

impl Credentials {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Fills in what an event leaves out: from the directory, which names things by their ids, then from
    /// earlier events of the credential, then from the directory by the ids that those gave. Without a
    /// request where the event says all itself.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn complete(
        &self,
        organization: OrganizationId,
        event_type: EventType,
        facts: &mut Facts,
        series: Option<&str>,
    ) -> Result<Recalled, StateError> {
        let of_credential = known_credential(event_type, facts).map(keyspace::credential);
        let of_series = series.map(keyspace::series);
        let of_directory = directory_keys(facts);
        let sort_keys = of_directory.iter().chain(&of_credential).chain(&of_series);
        let found = self.read(organization, sort_keys.cloned()).await?;
        let mut recalled = Recalled::default();
        for item in found {
            let sort_key = sort_key(&item);
            if sort_key == of_credential.as_deref() {
                recalled.credential = Some(from_item(item)?);
            } else if sort_key == of_series.as_deref() {
                recalled.series = Some(from_item(item)?);
            } else {
                let entry: Entry = from_item(item)?;
                entry.known.enrich(event_type, facts);
            }
        }
        if let Some(row) = &recalled.credential {
            row.known.enrich(event_type, facts);
        }
        let more = directory_keys(facts).into_iter();
        let more = more.filter(|sort_key| !of_directory.contains(sort_key));
        for item in self.read(organization, more).await? {
            let entry: Entry = from_item(item)?;
            entry.known.enrich(event_type, facts);
        }
        if let Some(row) = &recalled.series {
            let id = facts.credential.as_ref().and_then(|it| it.id.as_ref());
            let mut of_series = [Some(&row.credential_id), row.previous.as_ref()].into_iter();
            facts.source.possible_repeat = of_series.any(|other| other.is_some() && other != id);
        }
        Ok(recalled)
    }

    async fn read(
        &self,
        organization: OrganizationId,
        sort_keys: impl Iterator<Item = String>,
    ) -> Result<Vec<Item>, StateError> {
        let keys = sort_keys.map(|sk| (&self.table, key(keyspace::organization(organization), sk)));
        let keys: Vec<(&String, Item)> = keys.collect();
        let found = batch_get(
            &self.client,
            &keys,
            Consistency::Strong,
            "read what is known of a credential",
        )
        .await?;
        Ok(found.into_iter().map(|(_, item)| item).collect())
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
            let place = (organization, series.as_str());
            self.remember_series(place, credential, recalled.series, now)
                .await?;
        }
        let key = key(
            keyspace::organization(organization),
            keyspace::credential(credential),
        );
        let mut read = recalled.credential;
        for _ in 0..MAX_TRIES {
            let row = learn(read.as_ref(), said, now);
            if read.is_some_and(|read| read.known == row.known) {
                return Ok(());
            }
            match self.write(&row, &key).await? {
                None => return Ok(()),
                Some(current) => read = Some(current),
            }
        }
        Err(StateError::contended("remember a credential"))
    }

    /// The last one wins: it only has to be known that there was another.
    async fn remember_series(
        &self,
        (organization, series): (OrganizationId, &str),
        credential: &str,
        recalled: Option<SeriesRow>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        if recalled
            .as_ref()
            .is_some_and(|row| row.credential_id == credential)
        {
            return Ok(());
        }
        let mut row = to_item(&SeriesRow {
            credential_id: credential.to_owned(),
            previous: recalled.map(|row| row.credential_id),
            updated_at: now,
        })?;
        row.extend(key(
            keyspace::organization(organization),
            keyspace::series(series),
        ));
        let doing = "remember a certificate of a series";
        put(&self.client, &self.table, row, doing).await
    }

    /// Writes a row in place of the one that was read, if there was one; the row that stands there
    /// instead, when somebody else wrote in between.
    async fn write(
        &self,
        row: &CredentialRow,
        key: &Item,
    ) -> Result<Option<CredentialRow>, StateError> {
        let mut item = to_item(row)?;
        item.extend(key.clone());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if row.revision == 1 {
            // FirstHeardOf. [another event of the credential writes] → this write: not over it.
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            // UnchangedSinceRead. read (revision n) → [another event writes n + 1] → this write: only on n.
            put.condition_expression("revision = :read")
                .expression_attribute_values(":read", number(&(row.revision - 1)))
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

/// The lines of the directory that say more of what an event is about.
fn directory_keys(facts: &Facts) -> Vec<String> {
    let recipient = unknown_recipient(facts).map(keyspace::recipient);
    let achievement = unknown_achievement(facts).map(keyspace::achievement);
    recipient.into_iter().chain(achievement).collect()
}

/// The row after an event, on top of the one before.
fn learn(before: Option<&CredentialRow>, said: &Said, now: Timestamp) -> CredentialRow {
    let said_at = before.map_or(Timestamp::MIN, |row| row.said_at);
    let known = before.map_or_else(Default::default, |row| row.known.clone());
    CredentialRow {
        known: known.learn(said.known.clone(), said.timestamp >= said_at),
        said_at: said.timestamp.max(said_at),
        updated_at: now,
        revision: before.map_or(0, |row| row.revision) + 1,
    }
}
