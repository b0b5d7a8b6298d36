//! The table Events: what was accepted, as it was received.

use std::fmt;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use payload::convert::Stored;
use payload::dialect::{Dialect, Hints, parse};
use payload::event::Event;
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use tracing::error;

use crate::error::{Chain, StateError};
use crate::event_row::{event_key, read_event};
use crate::organization::Keeping;
use crate::rows::{Item, sort_key};

/// An accepted event.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What happened.
    pub event_type: EventType,
    /// The dialect it arrived in.
    pub dialect: Dialect,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The credential it is about.
    pub credential_id: Option<String>,
    /// The endpoints that wanted it when it was accepted.
    pub endpoint_ids: Vec<EndpointId>,
    /// The received bytes; none when they were erased.
    pub body: Vec<u8>,
    /// The canonical JSON, unless that is what was received and says all there is to say.
    pub(crate) converted: Option<Vec<u8>>,
    /// Its place for who follows the list of events, where that is not its id.
    pub(crate) late: Option<EventId>,
    /// When what it said was erased.
    pub erased_at: Option<Timestamp>,
    /// DynamoDB deletes it some days after this.
    pub(crate) kept_until: Timestamp,
}

impl StoredEvent {
    /// The forms in which it is stored.
    pub fn stored(&self) -> Stored<'_> {
        Stored {
            event_type: self.event_type,
            dialect: self.dialect,
            received: &self.body,
            canonical: self.canonical(),
        }
    }

    /// Whether it is still to be shown and delivered.
    pub fn is_kept(&self, keeping: Keeping) -> bool {
        keeping.keeps(self.id.created_at(), self.kept_until)
    }

    /// The canonical JSON.
    pub fn canonical(&self) -> &[u8] {
        self.converted.as_deref().unwrap_or(&self.body)
    }

    /// What it says, to be said in other words.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub fn event(&self) -> Result<Event, StateError> {
        const DOING: &str = "read what a stored event says";
        if let Some(converted) = &self.converted {
            let event = Event::read(converted, self.organization_id);
            return event.map_err(StateError::while_doing(DOING));
        }
        let hints = Hints {
            dialect: Some(self.dialect),
            event: None,
            time_zone: &TimeZone::UTC,
            received_at: self.id.created_at(),
        };
        let parsed = parse(&self.body, hints).map_err(StateError::while_doing(DOING))?;
        Ok(parsed.into_event(self.id, self.organization_id))
    }
}

/// Without the bodies: they are people's data.
impl fmt::Debug for StoredEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredEvent")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

/// The table.
#[derive(Debug, Clone)]
pub struct Events {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl Events {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// One event of an organization.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn get(
        &self,
        organization: OrganizationId,
        id: EventId,
    ) -> Result<Option<StoredEvent>, StateError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(event_key(organization, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StateError::while_doing("read an event"))?;
        answer.item.map(read_event).transpose()
    }
}

/// An event, or nothing and an error in the log: one row that cannot be read hides no other.
pub(crate) fn read_or_report(item: Item) -> Option<StoredEvent> {
    let key = sort_key(&item).unwrap_or_default().to_owned();
    read_event(item)
        .inspect_err(
            |error| error!(event.id = key, error = %Chain(error), "an event cannot be read"),
        )
        .ok()
}

pub(crate) fn month_of(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m").to_string()
}
