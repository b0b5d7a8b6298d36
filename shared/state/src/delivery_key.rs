//! Which delivery.

use payload::id::{EndpointId, EventId, OrganizationId};

use crate::keyspace::{self, PK};
use crate::rows::{Item, key, sort_key};

/// One event for one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "three ids")]
pub struct DeliveryKey {
    pub organization: OrganizationId,
    pub event: EventId,
    pub endpoint: EndpointId,
}

impl DeliveryKey {
    /// The key of no delivery.
    pub(crate) const NONE: Self = Self {
        organization: OrganizationId::NIL,
        event: EventId::NIL,
        endpoint: EndpointId::NIL,
    };

    /// The key in the two attributes of a row, or of its entry in an index.
    pub(crate) fn read(item: &Item) -> Option<Self> {
        let organization = keyspace::organization_of(item.get(PK)?.as_s().ok()?)?;
        Self::of(organization, sort_key(item)?)
    }

    /// The key of an organization's delivery, by the sort key of its row.
    pub(crate) fn of(organization: OrganizationId, sort_key: &str) -> Option<Self> {
        let (event, endpoint) = sort_key.split_once('#')?;
        Some(Self {
            organization,
            event: event.parse().ok()?,
            endpoint: endpoint.parse().ok()?,
        })
    }

    pub(crate) fn item(self) -> Item {
        key(
            keyspace::month(self.organization, &self.event.month()),
            keyspace::delivery(self.event, self.endpoint),
        )
    }
}
