//! Rows made up for tests of the functions' decisions.

use payload::dialect::Dialect;
use payload::event_type::{EventType, Subscription};
use payload::secret::Secret;

use crate::accounts::{Account, Organization};
use crate::delivery_key::DeliveryKey;
use crate::endpoints::Endpoint;
use crate::events::StoredEvent;

/// An organization with one enabled endpoint that wants everything.
pub fn account(key: DeliveryKey) -> Account {
    let created_at = key.organization.created_at();
    let organization = Organization {
        id: key.organization,
        name: "Test".to_owned(),
        time_zone: "UTC".to_owned(),
        created_at,
    };
    let secret = Secret::generate(&mut rand::rng());
    let endpoint = Endpoint {
        name: "Test".to_owned(),
        url: "https://example.com/".to_owned(),
        event_types: Subscription::parse(Dialect::Canonical, &["*".to_owned()])
            .expect("* matches every type"),
        ..Endpoint::blank(key.endpoint, key.organization, secret, created_at)
    };
    Account {
        organization,
        endpoints: vec![endpoint],
    }
}

/// An event that was accepted for the endpoint of [`account`].
pub fn event(key: DeliveryKey) -> StoredEvent {
    StoredEvent {
        id: key.event,
        organization_id: key.organization,
        event_type: EventType::CredentialIssued,
        dialect: Dialect::Canonical,
        timestamp: key.event.created_at(),
        credential_id: None,
        endpoint_ids: vec![key.endpoint],
        body: b"{}".to_vec(),
        converted: None,
        kept_until: jiff::Timestamp::MAX,
    }
}
