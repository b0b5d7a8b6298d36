//! Following the events of an organization: oldest first, none missed and none twice.
//!
//! Events are in the order of their ids, which have the time in them at which they were made. Almost always the
//! event is written within milliseconds of that. Where it is not, because the sender of one that was begun and
//! not finished came back after minutes, somebody has passed its place. So an event that is written more than
//! [`PROMPT`] after its id was made gets another place, the one of a fresh id, by a row of its own:
//!
//!   id is made ── at most 2 s ── the write begins ── at most 2 s ── it is written ── 1 s to spare ── it is shown
//!   id is made ── more ── row of its place ── the event, naming that place
//!
//! A place whose event names another, or that was never written, shows nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures::future::try_join;
use jiff::{SignedDuration, Timestamp};
use payload::id::{EventId, OrganizationId};
use serde::{Deserialize, Serialize};
use tracing::error;

use crate::accepted_event::next_month;
use crate::batch_get::{Consistency, batch_get};
use crate::clock::Clock;
use crate::error::{Chain, StateError};
use crate::event_list::EventFilter;
use crate::event_row::event_key;
use crate::events::{Events, StoredEvent, month_of, read_or_report};
use crate::keyspace;
use crate::organization::Keeping;
use crate::rows::{Item, from_item, key, page_end, put, text, to_item};

/// How long after its id was made the write of an event may begin.
const PROMPT: SignedDuration = SignedDuration::from_secs(2);
/// How long that write may take.
pub(crate) const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// How old an event is before a follower sees it.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// How often a place may have grown old while it was made.
const MAX_PLACES: usize = 8;
/// Requests that a page makes at most for events in their own places: a year of empty months.
const MAX_REQUESTS: usize = 12;

/// The row of a place.
#[derive(Debug, Serialize, Deserialize)]
struct LateRow {
    sk: EventId,
    event: EventId,
    ttl: i64,
}

/// A page of events, oldest first.
#[derive(Debug)]
pub struct Followed {
    /// In the order of their places.
    pub items: Vec<StoredEvent>,
    /// Whether there may be more.
    pub has_more: bool,
    /// The last place that was looked at, from which the list goes on, now or later.
    pub place: Option<EventId>,
}

impl StoredEvent {
    /// Its place for who follows the list.
    pub fn place(&self) -> EventId {
        self.late.unwrap_or(self.id)
    }
}

impl Events {
    /// The place at which an event may be written now: the one before, while that is recent, else another.
    pub(crate) async fn place_for(
        &self,
        (organization, event): (OrganizationId, EventId),
        before: EventId,
        ttl: i64,
        clock: Clock,
    ) -> Result<EventId, StateError> {
        let mut place = before;
        // Making one takes time too.
        for _ in 0..MAX_PLACES {
            let now = clock.now();
            if now.duration_since(place.created_at()) <= PROMPT {
                return Ok(place);
            }
            place = EventId::new(now, &mut rand::rng());
            let sk = place;
            let mut row = to_item(&LateRow { sk, event, ttl })?;
            row.extend(key(keyspace::late(organization), place.to_string()));
            let doing = "make a place for an event";
            put(&self.client, &self.table, row, doing).await?;
        }
        Err(StateError::contended("make a place for an event"))
    }

    /// Events of an organization after a place and that are kept, in the order of their places. What is
    /// younger than five seconds is not there yet.
    ///
    /// A page may hold fewer than `limit` events, even none, and there may be more all the same.
    ///
    /// # Errors
    /// DynamoDB did not answer. A row that cannot be read is passed over, with an error in the log.
    pub async fn follow(
        &self,
        organization: OrganizationId,
        after: Option<EventId>,
        filter: &EventFilter,
        (keeping, limit): (Keeping, usize),
        now: Timestamp,
    ) -> Result<Followed, StateError> {
        let oldest = keeping.oldest();
        let until = now.checked_sub(SHOWN_AFTER).unwrap_or(oldest);
        let end = EventId::greatest_before(until);
        let begins = EventId::greatest_before(oldest);
        let mut place = after.map_or(begins, |after| after.max(begins));
        // Whoever comes again begins where there was something, not at the end of what is settled.
        let mut seen = after;
        let mut items = Vec::new();
        for _ in 0..MAX_REQUESTS {
            if place >= end {
                let (has_more, place) = (false, seen);
                return Ok(Followed {
                    items,
                    has_more,
                    place,
                });
            }
            let month_ends = EventId::greatest_before(next_month(place.created_at()));
            let between = (place, end.min(month_ends));
            let (found, read_to) = self.in_place(organization, between, limit).await?;
            for event in found {
                place = event.place();
                seen = Some(place);
                if filter.includes(&event) && event.is_kept(keeping) {
                    items.push(event);
                }
                if items.len() == limit {
                    let (has_more, place) = (true, seen);
                    return Ok(Followed {
                        items,
                        has_more,
                        place,
                    });
                }
            }
            // The first id of the next month is in the next partition.
            place = if read_to == month_ends {
                EventId::least(next_month(place.created_at()))
            } else {
                read_to
            };
        }
        let (has_more, place) = (true, Some(place));
        Ok(Followed {
            items,
            has_more,
            place,
        })
    }

    /// Events after one place up to another of the same month, and how far it read.
    async fn in_place(
        &self,
        organization: OrganizationId,
        (after, until): (EventId, EventId),
        limit: usize,
    ) -> Result<(Vec<StoredEvent>, EventId), StateError> {
        let month = keyspace::month(organization, &month_of(after.created_at()));
        let late = keyspace::late(organization);
        let ((own, own_more), (late, late_more)) = try_join(
            self.range(month, (after, until), limit),
            self.range(late, (after, until), limit),
        )
        .await?;
        let read_to = own_more.unwrap_or(until).min(late_more.unwrap_or(until));
        let mut places: HashMap<EventId, EventId> = HashMap::new();
        for place in late {
            match from_item(place) {
                Ok(LateRow { sk, event, .. }) => drop(places.insert(sk, event)),
                Err(error) => error!(error = %Chain(&error), "a place of an event cannot be read"),
            }
        }
        let named: HashSet<EventId> = places.values().copied().collect();
        let keys: Vec<(&String, Item)> = named
            .into_iter()
            .map(|event| (&self.table, event_key(organization, event)))
            .collect();
        let doing = "read events by their places";
        let found = batch_get(&self.client, &keys, Consistency::Strong, doing).await?;
        let found = found.into_iter().map(|(_, item)| item);
        let is_there = |event: &StoredEvent| {
            let place = event.late.and_then(|place| places.get(&place));
            place == Some(&event.id)
        };
        let mut events: BTreeMap<EventId, StoredEvent> = BTreeMap::new();
        let own = own.into_iter().filter_map(read_or_report);
        let own = own.filter(|event| event.late.is_none());
        let late = found.filter_map(read_or_report);
        let late = late.filter(is_there);
        for event in own.chain(late).filter(|event| event.place() <= read_to) {
            events.insert(event.place(), event);
        }
        Ok((events.into_values().collect(), read_to))
    }

    /// Rows of a partition after one key up to another, and the last of them when there are more.
    async fn range(
        &self,
        partition: String,
        (after, until): (EventId, EventId),
        limit: usize,
    ) -> Result<(Vec<Item>, Option<EventId>), StateError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :partition AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":partition", text(partition))
            // Nothing sorts between an id and the same with a space behind it.
            .expression_attribute_values(":from", text(format!("{after} ")))
            .expression_attribute_values(":until", text(format!("{until} ")))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(StateError::while_doing("follow events"))?;
        let last = page_end(answer.last_evaluated_key, keyspace::SK);
        let last = last.and_then(|last| last.parse().ok());
        Ok((answer.items.unwrap_or_default(), last))
    }
}
