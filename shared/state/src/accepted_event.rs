//! Accepted events as those see them who go through many: without what they say.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use serde::Deserialize;
use tracing::error;

use crate::agenda::OVERDUE_AFTER;
use crate::delivery_key::DeliveryKey;
use crate::error::{Chain, StateError};
use crate::events::{Events, month_of};
use crate::keyspace;
use crate::rows::{Item, Page, from_item, page_end, text};

/// An accepted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedEvent {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// The endpoints it was accepted for.
    pub endpoints: Vec<EndpointId>,
    /// Whether what it said was erased, where that was read: the index `audit` does not say it.
    pub is_erased: bool,
}

impl AcceptedEvent {
    /// The attributes that [`AcceptedEvent::read`] reads; `#type` is `type`, a reserved word.
    pub(crate) const PROJECTION: &str = "pk, sk, #type, endpoint_ids, erased_at";

    /// Its delivery to an endpoint.
    pub fn delivery(&self, endpoint: EndpointId) -> DeliveryKey {
        DeliveryKey {
            organization: self.organization,
            event: self.id,
            endpoint,
        }
    }

    /// Whether it was accepted for an endpoint just now: nobody needs to help its first wake-up yet.
    pub fn is_new_to(&self, endpoint: EndpointId, now: Timestamp) -> bool {
        self.endpoints.contains(&endpoint) && now < self.id.created_at() + OVERDUE_AFTER
    }

    /// All its deliveries.
    pub fn deliveries(&self) -> impl Iterator<Item = DeliveryKey> {
        self.endpoints
            .iter()
            .map(|&endpoint| self.delivery(endpoint))
    }

    pub(crate) fn read(item: Item) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Entry {
            pk: String,
            sk: EventId,
            #[serde(rename = "type")]
            event_type: EventType,
            endpoint_ids: Vec<EndpointId>,
            erased_at: Option<String>,
        }
        let entry: Entry = from_item(item)?;
        let organization = keyspace::organization_of(&entry.pk);
        Ok(Self {
            organization: organization
                .ok_or_else(|| StateError::unreadable("read whose an event is"))?,
            id: entry.sk,
            event_type: entry.event_type,
            endpoints: entry.endpoint_ids,
            is_erased: entry.erased_at.is_some(),
        })
    }
}

/// Most months that one page looks into: those without events are passed over, a year of them at once.
const MAX_MONTHS: usize = 12;

impl Events {
    /// Events of an organization that were accepted from `since` to before `until`, oldest first, after
    /// `after`.
    ///
    /// A page may hold fewer than `limit` events, even none, and still have a next one.
    ///
    /// # Errors
    /// DynamoDB did not answer. A row that cannot be read is passed over, with an error in the log.
    pub async fn accepted_between(
        &self,
        organization: OrganizationId,
        after: Option<EventId>,
        (since, until): (Timestamp, Timestamp),
        limit: usize,
    ) -> Result<Page<AcceptedEvent>, StateError> {
        let end = EventId::least(until);
        let mut from = match after {
            // Nothing sorts between an id and the same with a space behind it.
            Some(after) => format!("{after} "),
            None => EventId::least(since).to_string(),
        };
        // DynamoDB refuses a range that ends before it begins.
        if from > end.to_string() {
            let (items, next) = (Vec::new(), None);
            return Ok(Page { items, next });
        }
        let mut begins = after.map_or(since, EventId::created_at);
        for _ in 0..MAX_MONTHS {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :partition AND sk BETWEEN :from AND :until")
                .projection_expression(AcceptedEvent::PROJECTION)
                .expression_attribute_names("#type", "type")
                .expression_attribute_values(
                    ":partition",
                    text(keyspace::month(organization, &month_of(begins))),
                )
                .expression_attribute_values(":from", text(&from))
                .expression_attribute_values(":until", text(end.to_string()))
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(StateError::while_doing("list accepted events"))?;
            let items = answer.items.unwrap_or_default();
            let items: Vec<AcceptedEvent> = items.into_iter().filter_map(read_or_report).collect();
            let last = page_end(answer.last_evaluated_key, keyspace::SK);
            begins = next_month(begins);
            let next = last
                .or_else(|| (begins < until).then(|| EventId::greatest_before(begins).to_string()));
            if !items.is_empty() || next.is_none() {
                return Ok(Page { items, next });
            }
            from = EventId::least(begins).to_string();
        }
        let next = Some(EventId::greatest_before(begins).to_string());
        Ok(Page {
            items: Vec::new(),
            next,
        })
    }
}

/// An event, or nothing and an error in the log: one row that cannot be read stops no replay.
fn read_or_report(item: Item) -> Option<AcceptedEvent> {
    AcceptedEvent::read(item)
        .inspect_err(|error| error!(error = %Chain(error), "an event cannot be read"))
        .ok()
}

/// When the month after the one of `at` begins.
pub(crate) fn next_month(at: Timestamp) -> Timestamp {
    let this = at.to_zoned(TimeZone::UTC).date().first_of_month();
    let next = this.checked_add(Span::new().months(1));
    let next = next.and_then(|next| next.to_zoned(TimeZone::UTC));
    next.map_or(Timestamp::MAX, |next| next.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_when_the_one_before_is_over() {
        for (at, begins) in [
            ("2026-11-21T10:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"),
            ("2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ] {
            let begins: Timestamp = begins.parse().unwrap();
            assert_eq!(next_month(at.parse().unwrap()), begins);
            assert!(EventId::greatest_before(begins) < EventId::least(begins));
            assert_ne!(EventId::greatest_before(begins).month(), month_of(begins));
        }
    }
}
