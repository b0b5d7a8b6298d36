//! Accepted events as those see them who go through many: without what they say.

use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use serde::Deserialize;

use crate::delivery::DeliveryKey;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, from_item};

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
}

impl AcceptedEvent {
    /// The attributes that [`AcceptedEvent::read`] reads; `#type` is `type`, a reserved word.
    pub(crate) const PROJECTION: &str = "pk, sk, #type, endpoint_ids";

    /// Its delivery to an endpoint.
    pub fn delivery(&self, endpoint: EndpointId) -> DeliveryKey {
        DeliveryKey {
            organization: self.organization,
            event: self.id,
            endpoint,
        }
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
        }
        let entry: Entry = from_item(item)?;
        let organization = keyspace::organization_of(&entry.pk);
        Ok(Self {
            organization: organization
                .ok_or_else(|| StateError::unreadable("read whose an event is"))?,
            id: entry.sk,
            event_type: entry.event_type,
            endpoints: entry.endpoint_ids,
        })
    }
}
