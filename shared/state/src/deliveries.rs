//! The table Deliveries: what became of one event for one endpoint.
//!
//! A delivery has no row until its first attempt is over: an accepted event without a row is pending.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use payload::id::{EventId, OrganizationId};
use tracing::error;

use crate::batch_get::{Consistency, batch_get};
use crate::delivery::{Delivery, DeliveryRow};
use crate::delivery_key::DeliveryKey;
use crate::error::{Chain, StateError};
use crate::event_row::{event_key, read_event};
use crate::events::StoredEvent;
use crate::keyspace::{self, PK};
use crate::limits::{Keys, Limited, Places};
use crate::rows::{self, Item, from_item, number, row_in_the_way, sort_key, text, to_item};

/// Rows that are read with one request, and requests that are made side by side.
const ROWS_AT_ONCE: usize = 100;
const PAGES_AT_ONCE: usize = 8;

/// What became of writing a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It was written.
    Written,
    /// Somebody else wrote since it was read; this is what stands there now.
    Superseded(Box<Delivery>),
}

/// What a batch of wake-ups is about, as it is stored.
#[derive(Debug, Default)]
pub struct Found {
    /// Rows of deliveries.
    pub rows: HashMap<DeliveryKey, Delivery>,
    /// Events.
    pub events: HashMap<EventId, StoredEvent>,
    /// Events of which a row exists that cannot be read: no reason to keep others waiting.
    pub unreadable: HashSet<EventId>,
    /// What is known of limits, where requests were ever counted.
    pub places: HashMap<Limited, Places>,
}

impl Found {
    fn take_places(&mut self, item: Item) {
        let partition = item.get(PK).and_then(|pk| pk.as_s().ok());
        let Some(of) = partition.and_then(|pk| keyspace::limited(pk)) else {
            return;
        };
        // A row that cannot be read counts nothing until it expires.
        let places = Places::read(item).unwrap_or_else(|error| {
            error!(limited = %of, error = %Chain(&error), "what was taken of a limit is not known");
            Places::default()
        });
        self.places.insert(of, places);
    }

    fn take(&mut self, item: Item, is_delivery: bool) {
        // The sort keys of both tables start with the event's id.
        let sort_key = sort_key(&item).unwrap_or_default();
        let event: Option<EventId> = sort_key.split('#').next().and_then(|id| id.parse().ok());
        let taken = if is_delivery {
            from_item(item).map(|row: Delivery| drop(self.rows.insert(row.key(), row)))
        } else {
            read_event(item).map(|event| drop(self.events.insert(event.id, event)))
        };
        if let Err(error) = taken {
            error!(event.id = ?event, error = %Chain(&error), "a row cannot be read");
            self.unreadable.extend(event);
        }
    }
}

/// The table.
#[derive(Debug, Clone)]
pub struct Deliveries {
    pub(crate) client: Client,
    pub(crate) table: String,
    events_table: String,
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

    /// Rows of deliveries, events, and places of endpoints, with one request; what does not exist is missing
    /// in the maps.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn read(
        &self,
        deliveries: impl Iterator<Item = DeliveryKey>,
        events: impl Iterator<Item = (OrganizationId, EventId)>,
        places: Keys<'_>,
    ) -> Result<Found, StateError> {
        // One request must not name a key twice.
        let deliveries: BTreeSet<DeliveryKey> = deliveries.collect();
        let events: BTreeSet<(OrganizationId, EventId)> = events.collect();
        let rows = deliveries.into_iter().map(|key| (&self.table, key.item()));
        let events = events
            .into_iter()
            .map(|(of, event)| (&self.events_table, event_key(of, event)));
        let wanted: Vec<(&String, Item)> = rows.chain(events).chain(places.0).collect();
        let mut found = Found::default();
        for (table, item) in batch_get(
            &self.client,
            &wanted,
            Consistency::Strong,
            "read deliveries",
        )
        .await?
        {
            if table == self.table || table == self.events_table {
                found.take(item, table == self.table);
            } else {
                found.take_places(item);
            }
        }
        Ok(found)
    }

    /// Rows of these deliveries, possibly as they were a moment ago; what does not exist is missing, and a
    /// row that cannot be read is an error of its own.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn recent_rows(
        &self,
        deliveries: impl Iterator<Item = DeliveryKey>,
    ) -> Result<HashMap<DeliveryKey, Result<Delivery, StateError>>, StateError> {
        let keys: Vec<(&String, Item)> = deliveries.map(|key| (&self.table, key.item())).collect();
        let (client, doing) = (&self.client, "read deliveries");
        let pages: Vec<_> = keys
            .chunks(ROWS_AT_ONCE)
            .map(|keys| batch_get(client, keys, Consistency::Eventual, doing))
            .collect();
        let pages = stream::iter(pages).buffer_unordered(PAGES_AT_ONCE);
        let pages: Vec<Vec<(String, Item)>> = pages.try_collect().await?;
        let items = pages.into_iter().flatten().map(|(_, item)| item);
        Ok(items
            .filter_map(|item| Some((DeliveryKey::read(&item)?, from_item(item))))
            .collect())
    }

    /// Writes a row in place of the one that was read (`revision` 0: there was none).
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn record(
        &self,
        delivery: &mut Delivery,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<Recorded, StateError> {
        let read = delivery.revision;
        delivery.revision += 1;
        delivery.updated_at = now;
        let stored = DeliveryRow::new(delivery, retention);
        let mut row = to_item(&stored)?;
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
        let current: Delivery = from_item(row_in_the_way(error, "record an attempt")?)?;
        // The SDK repeats a request whose answer was lost: then the row in the way is this one,
        // compared as it is stored, with times cut to milliseconds.
        let written: Delivery = from_item(to_item(&stored)?)?;
        Ok(if current == written {
            Recorded::Written
        } else {
            Recorded::Superseded(Box::new(current))
        })
    }

    /// The row of one delivery.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn get(&self, key: DeliveryKey) -> Result<Option<Delivery>, StateError> {
        let key = key.item();
        rows::get(&self.client, &self.table, key, "read a delivery").await
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
