//! The table Deliveries: what became of one event for one endpoint.
//!
//! A delivery has no row until its first attempt is over: an accepted event without a row is pending.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::events::{StoredEvent, event_key, read_event};
use crate::keyspace::{self, PK};
use crate::rows::{Item, from_item, key, number, text, to_item};

/// How many attempts of a delivery are kept, the last ones.
pub const HISTORY_LENGTH: usize = 10;
/// Keys of one `BatchGetItem`.
const BATCH: usize = 100;

/// One event for one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "three ids")]
pub struct DeliveryKey {
    pub organization: OrganizationId,
    pub event: EventId,
    pub endpoint: EndpointId,
}

impl DeliveryKey {
    fn item(self) -> Item {
        key(
            keyspace::month(self.organization, &self.event.month()),
            keyspace::delivery(self.event, self.endpoint),
        )
    }
}

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Accepted, not yet attempted.
    Pending,
    /// Attempted without success, and to be attempted again.
    Retrying,
    /// Answered with 2xx.
    Delivered,
    /// All attempts of the schedule failed.
    Exhausted,
    /// Kept until someone asks for it: the endpoint was disabled or gone.
    Held,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Retrying,
        Self::Delivered,
        Self::Exhausted,
        Self::Held,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Held => "held",
        }
    }

    /// Whether a wake-up can still change it.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Retrying => true,
            Self::Delivered | Self::Exhausted | Self::Held => false,
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeliveryStatus {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == name)
            .ok_or(())
    }
}

/// One HTTP request of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1 over the delivery's whole life.
    pub number: u32,
    /// When the request was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
    /// The status of the answer, when there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The class of the failure, when it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// From before the request until the answer was read or given up.
    pub duration_ms: u64,
}

/// The row of a delivery.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Which event.
    pub event_id: EventId,
    /// For which endpoint.
    pub endpoint_id: EndpointId,
    /// The type of the event.
    pub event_type: EventType,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Attempts made so far.
    pub attempts: u32,
    /// Attempts made before the retry schedule was last started: more than none after a retry by hand.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub attempts_before: u32,
    /// The last attempts, oldest first.
    pub history: Vec<Attempt>,
    /// The start of the last answer's body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response: Option<String>,
    /// When the next attempt is due.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub next_attempt_at: Option<Timestamp>,
    /// When this row was last written.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes of the row.
    pub revision: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Without the answer's body, which is the receiver's.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("key", &self.key())
            .field("status", &self.status)
            .field("attempts", &self.attempts)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// A delivery before its first attempt, which has no row yet.
    pub fn pending(key: DeliveryKey, event_type: EventType) -> Self {
        Self {
            organization_id: key.organization,
            event_id: key.event,
            endpoint_id: key.endpoint,
            event_type,
            status: DeliveryStatus::Pending,
            attempts: 0,
            attempts_before: 0,
            history: Vec::new(),
            response: None,
            next_attempt_at: None,
            updated_at: key.event.created_at(),
            revision: 0,
        }
    }

    /// Its three ids.
    pub fn key(&self) -> DeliveryKey {
        DeliveryKey {
            organization: self.organization_id,
            event: self.event_id,
            endpoint: self.endpoint_id,
        }
    }

    /// How long until the next attempt is due.
    pub fn wait(&self, now: Timestamp) -> Duration {
        self.next_attempt_at
            .and_then(|due| Duration::try_from(due.duration_since(now)).ok())
            .unwrap_or_default()
    }
}

/// What became of writing a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It was written.
    Written,
    /// Somebody else wrote since it was read; this is what stands there now.
    Superseded(Box<Delivery>),
}

/// The table.
#[derive(Debug, Clone)]
pub struct Deliveries {
    client: Client,
    table: String,
    events_table: String,
}

/// Rows that wait for longer than the queue can keep a message carry the keys of the index `due`.
#[derive(Serialize)]
struct DeliveryRow<'a> {
    #[serde(flatten)]
    delivery: &'a Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    ttl: i64,
}

impl Deliveries {
    /// The tables of these names.
    pub fn new(client: Client, table: String, events_table: String) -> Self {
        Self {
            client,
            table,
            events_table,
        }
    }

    /// Rows of deliveries, and events, with one request; what does not exist is missing in the maps.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn read(
        &self,
        deliveries: impl Iterator<Item = DeliveryKey>,
        events: impl Iterator<Item = (OrganizationId, EventId)>,
    ) -> Result<
        (
            HashMap<DeliveryKey, Delivery>,
            HashMap<EventId, StoredEvent>,
        ),
        StateError,
    > {
        // One request must not name a key twice.
        let deliveries: BTreeSet<DeliveryKey> = deliveries.collect();
        let events: BTreeSet<(OrganizationId, EventId)> = events.collect();
        let rows = deliveries.into_iter().map(|key| (&self.table, key.item()));
        let events = events
            .into_iter()
            .map(|(of, event)| (&self.events_table, event_key(of, event)));
        let wanted: Vec<(&String, Item)> = rows.chain(events).collect();

        let (mut rows, mut found) = (HashMap::new(), HashMap::new());
        for batch in wanted.chunks(BATCH) {
            let mut request: HashMap<String, KeysAndAttributes> = HashMap::new();
            for table in [&self.table, &self.events_table] {
                let keys: Vec<Item> = batch
                    .iter()
                    .filter(|(of, _)| of == &table)
                    .map(|(_, key)| key.clone())
                    .collect();
                if !keys.is_empty() {
                    let keys = KeysAndAttributes::builder()
                        .set_keys(Some(keys))
                        .consistent_read(true)
                        .build();
                    request.insert(table.clone(), keys.expect("keys are set"));
                }
            }
            while !request.is_empty() {
                let answer = self
                    .client
                    .batch_get_item()
                    .set_request_items(Some(request))
                    .send()
                    .await
                    .map_err(StateError::while_doing("read deliveries"))?;
                for (table, items) in answer.responses.unwrap_or_default() {
                    for item in items {
                        if table == self.table {
                            let row: Delivery = from_item(item)?;
                            rows.insert(row.key(), row);
                        } else {
                            let event = read_event(item)?;
                            found.insert(event.id, event);
                        }
                    }
                }
                // Large answers come in parts.
                request = answer.unprocessed_keys.unwrap_or_default();
            }
        }
        Ok((rows, found))
    }

    /// Writes a row in place of the one that was read (`revision` 0: there was none).
    ///
    /// `sweep` says that no message wakes the next attempt up: the row then waits in the index `due`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn record(
        &self,
        delivery: &mut Delivery,
        sweep: bool,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<Recorded, StateError> {
        let read = delivery.revision;
        delivery.revision += 1;
        delivery.updated_at = now;
        let due = delivery.next_attempt_at.filter(|_| sweep);
        let DeliveryKey {
            organization,
            event,
            endpoint,
        } = delivery.key();
        let mut row = to_item(&DeliveryRow {
            delivery,
            due: due.map(keyspace::due),
            due_at: due.map(|at| keyspace::due_at(at, organization, event, endpoint)),
            ttl: (event.created_at() + retention).as_second(),
        })?;
        row.extend(delivery.key().item());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if read == 0 {
            // FirstOfItsDelivery. nothing read → [another worker with a duplicate message writes] → this
            // write: not over it. One row per delivery, whoever is first.
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            // UnchangedSinceRead. read (revision n) → [another attempt or a retry by hand writes n + 1] →
            // this write: only on n. So a state never goes backwards and none is lost.
            put.condition_expression("revision = :read")
                .expression_attribute_values(":read", number(&read))
        };
        let Err(error) = put.send().await else {
            return Ok(Recorded::Written);
        };
        let current = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
            _ => None,
        };
        match current {
            Some(item) => {
                let current: Delivery = from_item(item)?;
                // The SDK repeats a request whose answer was lost: then the row in the way is this one.
                Ok(if current == *delivery {
                    Recorded::Written
                } else {
                    Recorded::Superseded(Box::new(current))
                })
            }
            None => Err(StateError::while_doing("record an attempt")(error)),
        }
    }

    /// The row of one delivery.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn get(&self, key: DeliveryKey) -> Result<Option<Delivery>, StateError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .consistent_read(true)
            .send()
            .await
            .map_err(StateError::while_doing("read a delivery"))?;
        answer.item.map(from_item).transpose()
    }

    /// All rows of the events from `oldest` to `newest`, both of one month.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn between(
        &self,
        organization: OrganizationId,
        oldest: EventId,
        newest: EventId,
    ) -> Result<HashMap<DeliveryKey, Delivery>, StateError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#pk = :partition AND sk BETWEEN :oldest AND :newest")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(
                ":partition",
                text(keyspace::month(organization, &newest.month())),
            )
            .expression_attribute_values(":oldest", text(format!("{oldest}#")))
            .expression_attribute_values(":newest", text(format!("{newest}#~")))
            .into_paginator()
            .send();
        let mut rows = HashMap::new();
        while let Some(page) = pages.next().await {
            for item in page
                .map_err(StateError::while_doing("list deliveries"))?
                .items
                .unwrap_or_default()
            {
                let row: Delivery = from_item(item)?;
                rows.insert(row.key(), row);
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_an_unswept_one_is_not_in_the_index() {
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        let mut delivery = Delivery::pending(key, EventType::CredentialIssued);
        delivery.history.push(Attempt {
            number: 1,
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            status: Some(500),
            error: Some("server_error".to_owned()),
            duration_ms: 12,
        });
        let row = DeliveryRow {
            delivery: &delivery,
            due: None,
            due_at: None,
            ttl: 1,
        };
        let item = to_item(&row).unwrap();
        assert!(!item.contains_key("due") && !item.contains_key("due_at"));
        assert!(from_item::<Delivery>(item).unwrap() == delivery);
    }
}
