//! Endpoints: rows of the organization's partition in Accounts.

use std::fmt;

use jiff::Timestamp;
use payload::dialect::Dialect;
use payload::event_type::Subscription;
use payload::id::{EndpointId, OrganizationId};
use payload::retry::RetrySchedule;
use payload::timestamp;
use payload::unmappable::OnUnmappable;
use payload::vocabulary::Vocabulary;
use serde::{Deserialize, Serialize};

use crate::sealed::Sealed;

/// Most endpoints of one organization: then fan-out of an event needs no function of its own.
pub const MAX_ENDPOINTS: usize = 100;

const DEFAULT_TIMEOUT_SECONDS: u8 = 15;
/// What Beedeez promises its receivers.
const DEFAULT_MAX_CONCURRENCY: u8 = 5;

/// A subscriber's URL and how to speak to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// For people.
    pub name: String,
    /// Where webhooks go.
    pub url: String,
    /// Which events it wants.
    pub event_types: Subscription,
    /// The wire format it reads.
    pub dialect: Dialect,
    /// When not, its deliveries are held.
    pub enabled: bool,
    /// Why we disabled it. Nothing when its owner did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disabled: Option<Disabled>,
    /// When it was last enabled or disabled, by whomever.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub switched_at: Option<Timestamp>,
    /// Its [`EndpointSecrets`](crate::EndpointSecrets).
    pub sealed: Sealed,
    /// Whether its webhooks are signed with the organization's key pair too.
    #[serde(default)]
    pub ed25519_signature: bool,
    /// When failed attempts are repeated.
    pub retry_schedule: RetrySchedule,
    /// The deadline of one attempt, 1 to 30.
    pub timeout_seconds: u8,
    /// How many requests it takes at once, as its owner said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_concurrency: Option<u8>,
    /// How many requests it takes per second; without one as many as there are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rate_per_second: Option<u16>,
    /// What it gets of an event that cannot be said in its dialect.
    #[serde(default)]
    pub on_unmappable: OnUnmappable,
    /// Whether its webhooks carry the headers of `CloudEvents`.
    #[serde(default)]
    pub cloudevents: bool,
    /// Whether ids that its dialect needs and the event has in another form are made up from those.
    #[serde(default = "yes")]
    pub surrogate_ids: bool,
    /// Whether a renewed credential may be told as an issued one, where its dialect has no *renewed*.
    #[serde(default)]
    pub downcast_renewed: bool,
    /// When it was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes, so that two people do not overwrite each other's change.
    pub revision: u64,
}

/// That we disabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Why.
    pub reason: DisabledReason,
    /// When.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
}

/// Why we disabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410: it is gone, and wants no more.
    Gone,
    /// For days all its attempts failed.
    Failing,
}

impl DisabledReason {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

impl Endpoint {
    /// One without a URL, a subscription and secrets, all else as it is when nobody says anything about it.
    pub fn blank(id: EndpointId, organization_id: OrganizationId, now: Timestamp) -> Self {
        Self {
            id,
            organization_id,
            name: String::new(),
            url: String::new(),
            event_types: Subscription::default(),
            dialect: Dialect::default(),
            enabled: true,
            disabled: None,
            switched_at: None,
            sealed: Sealed::default(),
            ed25519_signature: false,
            retry_schedule: RetrySchedule::default(),
            timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
            max_concurrency: None,
            rate_per_second: None,
            on_unmappable: OnUnmappable::default(),
            cloudevents: false,
            surrogate_ids: true,
            downcast_renewed: false,
            created_at: now,
            updated_at: now,
            revision: 1,
        }
    }

    /// The same after we have disabled it.
    pub(crate) fn switched_off(&self, reason: DisabledReason, now: Timestamp) -> Self {
        Self {
            enabled: false,
            disabled: Some(Disabled { reason, at: now }),
            switched_at: Some(now),
            updated_at: now,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// How many requests it takes at once.
    pub fn max_concurrency(&self) -> u8 {
        self.max_concurrency.unwrap_or(DEFAULT_MAX_CONCURRENCY)
    }

    /// Whether each of its requests is counted, however quick it answers: its owner said how many it takes, or
    /// its dialect promises it.
    pub fn keeps_concurrency(&self) -> bool {
        self.max_concurrency.is_some() || self.dialect == Dialect::Beedeez
    }

    /// What it can be told.
    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary {
            dialect: self.dialect,
            downcast_renewed: self.downcast_renewed,
        }
    }
}

/// Without the URL, which may carry a token of the receiver's, and the secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rows::{from_item, to_item};

    /// A row as it was written before endpoints had options.
    fn old_row() -> Value {
        json!({
            "id": "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "organization_id": "org_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "name": "HR system",
            "url": "https://example.com/",
            "event_types": ["credential.*"],
            "dialect": "beedeez",
            "enabled": true,
            "sealed": "1.zqzq",
            "retry_schedule": "standard",
            "timeout_seconds": 15,
            "created_at": "2026-11-21T10:00:00.000Z",
            "updated_at": "2026-11-21T10:00:00.000Z",
            "revision": 1,
        })
    }

    fn read(row: &Value) -> Endpoint {
        from_item(to_item(row).unwrap()).unwrap()
    }

    #[test]
    fn a_row_from_before_the_options_has_their_defaults() {
        let old = read(&old_row());
        let blank = Endpoint::blank(old.id, old.organization_id, old.created_at);
        let expected = Endpoint {
            name: "HR system".to_owned(),
            url: "https://example.com/".to_owned(),
            event_types: old.event_types.clone(),
            dialect: Dialect::Beedeez,
            sealed: old.sealed.clone(),
            ..blank
        };
        assert!(old == expected);
    }

    #[test]
    fn every_option_comes_back_from_its_row() {
        let mut row = old_row();
        row["max_concurrency"] = json!(1);
        row["rate_per_second"] = json!(1_000);
        row["on_unmappable"] = json!("native");
        row["cloudevents"] = json!(true);
        row["surrogate_ids"] = json!(false);
        row["downcast_renewed"] = json!(true);
        row["ed25519_signature"] = json!(true);
        let endpoint = read(&row);
        assert_eq!(serde_json::to_value(&endpoint).unwrap(), row);
        let again: Endpoint = from_item(to_item(&endpoint).unwrap()).unwrap();
        assert!(again == endpoint);
        assert!(!format!("{endpoint:?}").contains("zq"));
    }
}
