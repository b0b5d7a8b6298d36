//! What certhooks tells of itself: that an endpoint fails, that it was disabled or enabled, that a
//! delivery was given up, that what is paid for has changed, and tests.
//!
//! The envelope is that of every canonical event; `data` is of its own, and holds no data of people. No
//! other dialect has words for it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::billing::access::Access;
use crate::dialect::Dialect;
use crate::event_type::EventType;
use crate::id::{EndpointId, EventId, OrganizationId};
use crate::timestamp;

/// An operational event.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Operational {
    /// Also the `webhook-id` of its deliveries.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When it happened, not when it was sent.
    #[serde(serialize_with = "timestamp::serialize")]
    pub timestamp: Timestamp,
    /// About what.
    pub data: Data,
}

/// `data` of an operational event.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Data {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Where the event comes from: certhooks itself.
    pub source: Source,
    /// The endpoint it is about. Of `billing.access_changed` none: it is about the organization.
    pub endpoint: Option<About>,
    /// Of `delivery.exhausted`: the delivery that was given up.
    pub delivery: Option<GivenUp>,
    /// Of `billing.access_changed`: from what to what.
    pub access: Option<AccessChanged>,
    /// Of `webhook.test`: the body that was asked for, as the endpoint's dialect writes it.
    pub sample: Option<Value>,
}

/// Always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// The words it is said in.
    pub dialect: Dialect,
    /// `certhooks`.
    pub kind: &'static str,
}

/// An endpoint, without where it is: a URL may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct About {
    /// Its id.
    pub id: EndpointId,
    /// What people call it.
    pub name: String,
    /// Of `endpoint.disabled`: why, `owner`, `gone` or `failing`.
    pub reason: Option<&'static str>,
    /// Of `endpoint.failing`: since when nothing has succeeded.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub failing_since: Option<Timestamp>,
    /// How many attempts have failed since.
    pub failures: Option<u32>,
}

/// A delivery of which every attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GivenUp {
    /// The event that was to be delivered.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// How many attempts were made.
    pub attempts: u32,
    /// The class of the last failure.
    pub last_error: Option<String>,
    /// The status of the last answer, where there was one.
    pub last_status: Option<u16>,
}

/// What an organization's plan gives it, and gave it before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccessChanged {
    /// What it was told to be before.
    pub from: Access,
    /// What it is.
    pub to: Access,
    /// Since when. `null`: there is no subscription, and there never was one.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub since: Option<Timestamp>,
    /// The plan, where it is known.
    pub plan: Option<String>,
}

impl Source {
    /// The only one.
    pub const CERTHOOKS: Self = Self {
        dialect: Dialect::Canonical,
        kind: "certhooks",
    };
}

impl Operational {
    /// The JSON that is stored and sent.
    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event has text keys only")
    }
}
