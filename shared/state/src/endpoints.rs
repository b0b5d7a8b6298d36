//! Endpoints: rows of the organization's partition in Accounts.

use std::fmt;

use jiff::Timestamp;
use payload::dialect::Dialect;
use payload::event_type::Subscription;
use payload::id::{EndpointId, OrganizationId};
use payload::retry::RetrySchedule;
use payload::secret::Secret;
use payload::timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most endpoints of one organization: then fan-out of an event needs no function of its own.
pub const MAX_ENDPOINTS: usize = 100;

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
    /// Signs its webhooks.
    #[serde(serialize_with = "expose", deserialize_with = "parse_secret")]
    pub secret: Secret,
    /// When failed attempts are repeated.
    pub retry_schedule: RetrySchedule,
    /// The deadline of one attempt, 1 to 30.
    pub timeout_seconds: u8,
    /// When it was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes, so that two people do not overwrite each other's change.
    pub revision: u64,
}

/// Without the URL, which may carry a token of the receiver's, and the secret.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn parse_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Secret::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}
