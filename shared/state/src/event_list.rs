//! Events in lists, newest first.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use payload::event_type::EventType;
use payload::id::{EventId, OrganizationId};

use crate::error::StateError;
use crate::events::{Events, StoredEvent, month_of, read_or_report};
use crate::keyspace;
use crate::organization::Keeping;
use crate::rows::{Page, page_end, text};

/// Which events a list holds.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only of this type.
    pub event_type: Option<EventType>,
    /// Only about this credential.
    pub credential_id: Option<String>,
}

impl EventFilter {
    pub(crate) fn includes(&self, event: &StoredEvent) -> bool {
        let is_of = |id: &String| event.credential_id.as_ref() == Some(id);
        self.event_type.is_none_or(|it| it == event.event_type)
            && self.credential_id.as_ref().is_none_or(is_of)
    }
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
    /// Events of an organization that are kept, newest first, from `start` back to the oldest.
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
        keeping: Keeping,
        limit: usize,
    ) -> Result<Page<StoredEvent>, StateError> {
        let last_month = month_of(keeping.oldest());
        let mut position = start;
        let mut items: Vec<StoredEvent> = Vec::new();
        for _ in 0..MAX_REQUESTS {
            if position.month < last_month {
                return Ok(Page { items, next: None });
            }
            let (found, more) = self
                .list_month(organization, filter, &position, limit)
                .await?;
            items.extend(found.into_iter().filter(|event| event.is_kept(keeping)));
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
