//! Writing an event, once, in time for those who follow the list of events.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::{SignedDuration, Timestamp};
use payload::dialect::Dialect;
use payload::id::EventId;
use payload::known::Known;
use serde_bytes::ByteBuf;

use crate::accept::{Receipt, Submission};
use crate::bodies;
use crate::bucket::Bucket;
use crate::clock::Clock;
use crate::error::StateError;
use crate::event_row::{Derive, EventRow, canonical_form, read_event};
use crate::events::{Events, StoredEvent};
use crate::keyspace;
use crate::late::WRITTEN_WITHIN;
use crate::rows::{row_in_the_way, to_item};
use crate::settled::{was_given_up, within};

/// Most compressed bytes of an event's bodies: an item of DynamoDB has at most 400 KiB.
const MAX_STORED: usize = 350 * 1024;
/// How long after it was read the write of an event may begin that was completed with what was known: who erases
/// that waits for longer, and then looks for the event.
pub(crate) const RECALLED_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// How often the write of an event is tried whose answer does not come.
const MAX_TRIES: usize = 5;

impl Events {
    /// Writes the event, unless another request has; returns what stands there and whether it was written now.
    /// `recalled_at`: when that was read with which it was completed, by the same clock.
    pub(crate) async fn write(
        &self,
        id: EventId,
        submission: Submission<'_>,
        recalled_at: Timestamp,
        clock: Clock,
    ) -> Result<(Receipt, bool), StateError> {
        let now = clock.read();
        let Submission {
            organization,
            parsed,
            body,
            endpoints,
            retention,
            ..
        } = submission;
        let dialect = parsed.facts.source.dialect;
        let credential_id = parsed
            .facts
            .credential
            .as_ref()
            .and_then(|credential| credential.id.clone());
        let (event_type, timestamp) = (parsed.event_type, parsed.timestamp);
        let native_event = parsed.facts.source.event.clone();
        let is_enriched = !parsed.facts.enriched.is_empty();
        let known = is_enriched.then(|| Known::of(&parsed.facts));
        let is_as_received = dialect == Dialect::Canonical && !is_enriched;
        let canonical = if is_as_received && body.is_some() {
            Vec::new()
        } else {
            canonical_form(id, organization.id, parsed)
        };
        let body = body.unwrap_or(&canonical);
        let mut stored = bodies::compress(body, &canonical);
        let fits = stored.len() <= MAX_STORED;
        if !fits {
            stored = bodies::compress(body, b"");
        }
        let mut row = EventRow {
            pk: keyspace::month(organization.id, &id.month()),
            sk: id,
            audit: Bucket::of(id, clock.now()),
            event_type,
            dialect,
            timestamp,
            credential_id,
            endpoint_ids: endpoints.clone(),
            bodies: ByteBuf::from(stored),
            body_length: body.len(),
            derive: (!fits).then(|| Derive {
                event: native_event,
                time_zone: organization.time_zone.clone(),
                known,
            }),
            late: None,
            erased_at: None,
            ttl: (now + organization.retention(retention)).as_second(),
        };
        let receipt = Receipt {
            id,
            event_type,
            timestamp,
            dialect,
            endpoints,
            is_erased: false,
        };
        let (mut place, mut is_written) = (id, false);
        for _ in 0..MAX_TRIES {
            let of = (organization.id, id);
            place = self.place_for(of, place, row.ttl, clock).await?;
            row.late = Some(place).filter(|place| *place != id);
            let written_at = clock.now();
            if is_enriched && written_at.duration_since(recalled_at) > RECALLED_WITHIN {
                break;
            }
            row.audit = Bucket::of(id, written_at);
            match self.put_event(&row).await? {
                Put::Made => return Ok((receipt, true)),
                Put::InTheWay(first) => return Ok((Receipt::of(*first), is_written)),
                // Found there by the next try, it may have been this one.
                Put::GivenUp => is_written = true,
            }
        }
        Err(StateError::contended("write an event"))
    }

    /// Writes the row of an event, unless there is one.
    async fn put_event(&self, row: &EventRow) -> Result<Put, StateError> {
        // NotYetWritten. claim (id fixed) → [crash] → retry of the sender: the same id, written once.
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(row)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put
            .customize()
            .config_override(within(WRITTEN_WITHIN))
            .send()
            .await
        {
            Ok(_) => Ok(Put::Made),
            Err(error) if was_given_up(&error) => Ok(Put::GivenUp),
            Err(error) => {
                let first = read_event(row_in_the_way(error, "write an event")?)?;
                Ok(Put::InTheWay(Box::new(first)))
            }
        }
    }
}

/// What became of writing an event.
enum Put {
    Made,
    /// It is there already.
    InTheWay(Box<StoredEvent>),
    /// Nobody knows.
    GivenUp,
}

impl Receipt {
    fn of(event: StoredEvent) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            timestamp: event.timestamp,
            dialect: event.dialect,
            endpoints: event.endpoint_ids,
            is_erased: event.erased_at.is_some(),
        }
    }
}
