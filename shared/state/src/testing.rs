//! Rows made up for tests of the functions' decisions.

use std::collections::HashMap;

use jiff::Timestamp;
use payload::billing::access::{Access, Entitlement, Step};
use payload::dialect::Dialect;
use payload::event_type::{EventType, Subscription};
use payload::expiry::ReminderDays;
use serde_json::Value;

use crate::accounts::Account;
use crate::billing::Entitled;
use crate::delivery_key::DeliveryKey;
use crate::endpoints::Endpoint;
use crate::events::StoredEvent;
use crate::keyring::Keyring;
use crate::organization::Organization;

/// An organization with one enabled endpoint that wants everything.
pub fn account(key: DeliveryKey) -> Account {
    let created_at = key.organization.created_at();
    let organization = Organization {
        id: key.organization,
        name: "Test".to_owned(),
        time_zone: "UTC".to_owned(),
        reminder_days: ReminderDays::default(),
        retention_days: None,
        created_at,
        revision: 0,
    };
    let endpoint = Endpoint {
        name: "Test".to_owned(),
        url: "https://example.com/".to_owned(),
        event_types: Subscription::parse(Dialect::Canonical, &["*".to_owned()])
            .expect("* matches every type"),
        ..Endpoint::blank(key.endpoint, key.organization, created_at)
    };
    Account {
        organization,
        endpoints: vec![endpoint],
        signing_keys: Vec::new(),
        health: HashMap::new(),
        entitlement: None,
    }
}

/// Access that is this from then on, and that from then on.
pub fn entitlement(steps: &[(Timestamp, Access)]) -> Entitlement {
    let step = |&(from, access): &(Timestamp, Access)| Step { from, access };
    Entitlement::new(steps.iter().map(step))
}

/// The row of an organization that has this access since it was made.
pub fn entitled(access: Access) -> Entitled {
    let since = Timestamp::UNIX_EPOCH;
    Entitled::written(None, entitlement(&[(since, access)]), Value::Null, since)
}

/// A root key that is none of anybody's.
pub fn keyring() -> Keyring {
    Keyring::fixed(r#"{"current": "1", "1": "a text of at least thirty-two characters"}"#)
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
        late: None,
        erased_at: None,
        kept_until: Timestamp::MAX,
    }
}
