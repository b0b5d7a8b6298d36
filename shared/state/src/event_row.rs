//! The row of an event, and the bodies in it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use payload::dialect::{self, Dialect, Hints, Parsed};
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use payload::known::Known;
use payload::timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::bodies;
use crate::bucket::Bucket;
use crate::error::StateError;
use crate::events::StoredEvent;
use crate::keyspace;
use crate::rows::{Item, from_item, key};

#[derive(Serialize, Deserialize)]
pub(crate) struct EventRow {
    pub(crate) pk: String,
    pub(crate) sk: EventId,
    /// Key of the index `audit`: when the event was written. Its id may be hours older, when a sender's
    /// retry continues what was begun then.
    pub(crate) audit: Bucket,
    #[serde(rename = "type")]
    pub(crate) event_type: EventType,
    pub(crate) dialect: Dialect,
    #[serde(serialize_with = "timestamp::serialize")]
    pub(crate) timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) credential_id: Option<String>,
    pub(crate) endpoint_ids: Vec<EndpointId>,
    /// The received body and, unless it is the same, the canonical form: see [`bodies`]. Nothing when erased.
    #[serde(default)]
    pub(crate) bodies: ByteBuf,
    /// Bytes of the received body.
    pub(crate) body_length: usize,
    /// Instead of a canonical form that does not fit beside a body that hardly shrinks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) derive: Option<Derive>,
    /// Where followers of the list of events find it, when it was written long after it got its id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) late: Option<EventId>,
    /// When what it said was erased.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub(crate) erased_at: Option<Timestamp>,
    pub(crate) ttl: i64,
}

/// What reading the body again takes, beside the body.
#[derive(Serialize, Deserialize)]
pub(crate) struct Derive {
    pub(crate) event: String,
    pub(crate) time_zone: String,
    /// What was filled in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) known: Option<Known>,
}

/// The canonical JSON of an event.
pub(crate) fn canonical_form(id: EventId, organization: OrganizationId, parsed: Parsed) -> Vec<u8> {
    let event = parsed.into_event(id, organization);
    serde_json::to_vec(&event).expect("an event has text keys only")
}

/// The canonical JSON of an event that is stored without it.
fn derive(
    row: &EventRow,
    organization: OrganizationId,
    derive: &Derive,
    body: &[u8],
) -> Result<Vec<u8>, StateError> {
    let time_zone = TimeZone::get(&derive.time_zone).unwrap_or(TimeZone::UTC);
    let hints = Hints {
        dialect: Some(row.dialect),
        event: Some(&derive.event),
        time_zone: &time_zone,
        received_at: row.sk.created_at(),
    };
    let parsed = dialect::parse(body, hints);
    let mut parsed = parsed.map_err(StateError::while_doing("convert a stored event"))?;
    if let Some(known) = &derive.known {
        known.enrich(row.event_type, &mut parsed.facts);
    }
    Ok(canonical_form(row.sk, organization, parsed))
}

pub(crate) fn event_key(organization: OrganizationId, id: EventId) -> Item {
    key(keyspace::month(organization, &id.month()), id.to_string())
}

pub(crate) fn read_event(item: Item) -> Result<StoredEvent, StateError> {
    let row: EventRow = from_item(item)?;
    let organization_id = keyspace::organization_of(&row.pk)
        .ok_or_else(|| StateError::while_doing("read the key of an event")(row.pk.clone()))?;
    let (body, canonical) = match row.erased_at {
        Some(_) => (Vec::new(), Vec::new()),
        None => bodies::decompress(&row.bodies, row.body_length)
            .map_err(StateError::while_doing("read the bodies of an event"))?,
    };
    let converted = match &row.derive {
        Some(how) => Some(derive(&row, organization_id, how, &body)?),
        None => Some(canonical).filter(|canonical| !canonical.is_empty()),
    };
    Ok(StoredEvent {
        id: row.sk,
        organization_id,
        event_type: row.event_type,
        dialect: row.dialect,
        timestamp: row.timestamp,
        credential_id: row.credential_id,
        endpoint_ids: row.endpoint_ids,
        body,
        converted,
        late: row.late,
        erased_at: row.erased_at,
        kept_until: Timestamp::from_second(row.ttl).unwrap_or(Timestamp::MAX),
    })
}
