//! The table Events: what was accepted, as it was received.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
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
use crate::keyspace;
use crate::rows::{Item, Page, page_end, sort_key, text};

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
    /// The received bytes.
    pub body: Vec<u8>,
    /// The canonical JSON, unless that is what was received and says all there is to say.
    pub(crate) converted: Option<Vec<u8>>,
    /// Its place for who follows the list of events, where that is not its id.
    pub(crate) late: Option<EventId>,
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

    /// Whether it is still to be shown and delivered: the clock decides, not the deletion.
    pub fn is_kept(&self, now: Timestamp) -> bool {
        now < self.kept_until
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

/// Which events a list holds.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only of this type.
    pub event_type: Option<EventType>,
    /// Only about this credential.
    pub credential_id: Option<String>,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Events {
    pub(crate) client: Client,
    pub(crate) table: String,
}

/// How far a list of events got: a month, and in it the last event seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    month: String,
    before: Option<EventId>,
}

impl Position {
    /// Before the newest event.
    pub fn newest(now: Timestamp) -> Self {
        Self {
            month: month_of(now),
            before: None,
        }
    }

    /// After this event, on the way to older ones.
    pub fn after(event: EventId) -> Self {
        Self {
            month: event.month(),
            before: Some(event),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.before {
            Some(event) => write!(f, "{event}"),
            None => write!(f, "{}", self.month),
        }
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(event) = text.parse() {
            return Ok(Self::after(event));
        }
        let is_month = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_month {
            Ok(Self {
                month: text.to_owned(),
                before: None,
            })
        } else {
            Err(())
        }
    }
}

/// Requests one page of a list makes at most: a filter that matches little ends early, with a cursor.
const MAX_REQUESTS: usize = 12;

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

    /// Events of an organization, newest first, from `start` back to `oldest`.
    ///
    /// A page may hold fewer than `limit` events, even none, and still have a next one.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn list(
        &self,
        organization: OrganizationId,
        filter: &EventFilter,
        start: Position,
        oldest: Timestamp,
        limit: usize,
    ) -> Result<Page<StoredEvent>, StateError> {
        let last_month = month_of(oldest);
        let mut position = start;
        let mut items: Vec<StoredEvent> = Vec::new();
        for _ in 0..MAX_REQUESTS {
            if position.month < last_month {
                return Ok(Page { items, next: None });
            }
            let (found, more) = self
                .list_month(organization, filter, &position, limit)
                .await?;
            let kept = |event: &StoredEvent| event.id.created_at() >= oldest;
            items.extend(found.into_iter().filter(kept));
            if items.len() >= limit {
                items.truncate(limit);
                break;
            }
            position = match (more, keyspace::previous_month(&position.month)) {
                (Some(last), _) => Position::after(last),
                (None, Some(month)) => Position {
                    month,
                    before: None,
                },
                (None, None) => return Ok(Page { items, next: None }),
            };
        }
        let next = match items.last() {
            Some(last) if items.len() == limit => Position::after(last.id),
            _ => position,
        };
        Ok(Page {
            items,
            next: Some(next.to_string()),
        })
    }

    /// One request: events of one month that pass the filter, and how far it got when there are more.
    async fn list_month(
        &self,
        organization: OrganizationId,
        filter: &EventFilter,
        position: &Position,
        limit: usize,
    ) -> Result<(Vec<StoredEvent>, Option<EventId>), StateError> {
        let filtered = filter.event_type.is_some() || filter.credential_id.is_some();
        let mut names = HashMap::new();
        let mut values: HashMap<String, AttributeValue> = HashMap::from([
            (
                ":partition".to_owned(),
                text(keyspace::month(organization, &position.month)),
            ),
            (
                ":before".to_owned(),
                text(
                    position
                        .before
                        .map_or_else(|| "evt_~".to_owned(), |id| id.to_string()),
                ),
            ),
        ]);
        let mut conditions = Vec::new();
        if let Some(event_type) = filter.event_type {
            conditions.push("#type = :type");
            names.insert("#type".to_owned(), "type".to_owned());
            values.insert(":type".to_owned(), text(event_type.name()));
        }
        if let Some(credential_id) = &filter.credential_id {
            conditions.push("credential_id = :credential");
            values.insert(":credential".to_owned(), text(credential_id));
        }
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :partition AND sk < :before")
            .set_filter_expression((!conditions.is_empty()).then(|| conditions.join(" AND ")))
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(false)
            // A filter runs after the limit: read on in larger steps.
            .set_limit(if filtered {
                None
            } else {
                i32::try_from(limit).ok()
            })
            .send()
            .await
            .map_err(StateError::while_doing("list events"))?;
        let last = page_end(answer.last_evaluated_key, keyspace::SK);
        let last = last.and_then(|last| last.parse().ok());
        let items = answer.items.unwrap_or_default();
        let events = items.into_iter().filter_map(read_or_report).collect();
        Ok((events, last))
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
