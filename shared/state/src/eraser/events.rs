//! Events that are about a person: their rows stay, with everything but what they say; of their deliveries
//! the answers go, and what was to be sent is cancelled.
//!
//! ```text
//! delivery:  reads the event ──────────── sends it ──── writes its row (with the answer)
//! erasure:         the event loses its bodies ── each delivery's row says that it is erased
//! ```
//!
//! Either the delivery function reads after the first, and cancels. Or it writes before the second, and the
//! answer is removed. Or its write finds the erased row in its way, also where there was none before: then it
//! keeps no answer. So each delivery gets a row.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use payload::id::{EndpointId, EventId, OrganizationId};
use payload::timestamp;

use super::{Eraser, Looking, MAX_TRIES, found};
use crate::deliveries::Recorded;
use crate::delivery::Delivery;
use crate::delivery_key::DeliveryKey;
use crate::erasure::Found;
use crate::error::StateError;
use crate::event_row::{event_key, read_event};
use crate::events::{Events, StoredEvent};
use crate::organization::Organization;
use crate::rows::{Item, text};

impl Looking<'_> {
    /// Whether an event is about the person and still says something.
    ///
    /// ```text
    /// asked for ── events are completed with what is known of the person ── that is removed
    /// ```
    ///
    /// Of those in between, the ones that were completed: of its credentials all may be.
    fn is_event(&self, item: Item) -> Result<Option<String>, StateError> {
        let event = read_event(item)?;
        let accepted_at = event.id.created_at();
        if event.erased_at.is_some() || accepted_at >= self.completed_until() {
            return Ok(None);
        }
        let ids = &self.erasure.credential_ids;
        let is_of_theirs = || {
            let credential = event.credential_id.as_ref();
            credential.is_some_and(|id| ids.contains(id))
        };
        let is_said = || self.sought.is_named_in(&event.body);
        let is_in_completed = || {
            let completed = event.converted.as_ref();
            completed.is_some_and(|it| self.sought.is_named_in(it))
        };
        let is_theirs = if accepted_at < self.until() {
            is_of_theirs() || is_said() || is_in_completed()
        } else {
            is_of_theirs() || is_in_completed() && !is_said()
        };
        Ok(is_theirs.then(|| event.id.to_string()))
    }
}

impl Eraser<'_> {
    pub(super) async fn look_for_events(&self, looking: &Looking<'_>) -> Result<Found, StateError> {
        let table = &self.events.table;
        let (items, next) = self.rows_of_month(table, looking).await?;
        let found = found(items, None, |item| looking.is_event(item));
        Ok(Found { next, ..found })
    }

    /// Erases an event and its deliveries; how many these are.
    pub(super) async fn remove_event(
        &self,
        organization: &Organization,
        id: &str,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        let unreadable = |_| StateError::unreadable("read the id of an event");
        let id: EventId = id.parse().map_err(unreadable)?;
        let Some(event) = self.events.erase(organization.id, id, now).await? else {
            return Ok(0);
        };
        let mut rows = self.deliveries.between(organization.id, id, id).await?;
        let endpoints: BTreeSet<EndpointId> = rows.keys().map(|key| key.endpoint).collect();
        let endpoints: BTreeSet<EndpointId> =
            endpoints.into_iter().chain(event.endpoint_ids).collect();
        for &endpoint in &endpoints {
            let key = DeliveryKey {
                organization: organization.id,
                event: id,
                endpoint,
            };
            let row = rows.remove(&key);
            let row = row.unwrap_or_else(|| Delivery::pending(key, event.event_type));
            self.remove_answers(row, organization, now).await?;
        }
        Ok(endpoints.len() as u64)
    }

    async fn remove_answers(
        &self,
        mut row: Delivery,
        organization: &Organization,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let retention = organization.retention(self.retention);
        for _ in 0..MAX_TRIES {
            if row.is_erased() {
                return Ok(());
            }
            row.erase(now);
            match self.deliveries.record(&mut row, retention, now).await? {
                Recorded::Written => return Ok(()),
                Recorded::Superseded(current) => row = *current,
            }
        }
        Err(StateError::contended("erase what a delivery was answered"))
    }
}

impl Events {
    /// Removes what an event says; the event as it is then. `None`: it is not there any more.
    async fn erase(
        &self,
        organization: OrganizationId,
        id: EventId,
        now: Timestamp,
    ) -> Result<Option<StoredEvent>, StateError> {
        const DOING: &str = "erase what an event says";
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(event_key(organization, id)))
            .update_expression(
                "SET erased_at = if_not_exists(erased_at, :now) REMOVE bodies, derive",
            )
            // StillThere. found → [it is deleted, its retention is over] → this update: makes no row.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", text(timestamp::canonical(now)))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match update {
            Ok(answer) => answer.attributes.map(read_event).transpose(),
            Err(error) => crate::rows::is_written(Err::<(), _>(error), DOING).map(|_| None),
        }
    }
}
