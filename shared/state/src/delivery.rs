//! A delivery: one event for one endpoint, and how it stands.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use payload::convert::Unmappable;
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::keyspace;
use crate::rows::{Item, key};

/// How many attempts of a delivery are kept, the last ones.
pub const HISTORY_LENGTH: usize = 10;

/// One event for one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "three ids")]
pub struct DeliveryKey {
    pub organization: OrganizationId,
    pub event: EventId,
    pub endpoint: EndpointId,
}

impl DeliveryKey {
    pub(crate) fn item(self) -> Item {
        key(
            keyspace::month(self.organization, &self.event.month()),
            keyspace::delivery(self.event, self.endpoint),
        )
    }
}

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Accepted, not yet attempted.
    Pending,
    /// Attempted without success, and to be attempted again.
    Retrying,
    /// Answered with 2xx.
    Delivered,
    /// All attempts of the schedule failed.
    Exhausted,
    /// Kept until someone asks for it: the endpoint was disabled or gone.
    Held,
    /// Not sent: the event cannot be said in the endpoint's dialect.
    Skipped,
}

/// Why a delivery was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", content = "missing", rename_all = "snake_case")]
pub enum Skipped {
    /// The dialect has no event of this type.
    NoSuchType,
    /// The dialect asks for facts that nobody said: canonical paths.
    MissingFacts(Vec<String>),
}

impl From<&Unmappable> for Skipped {
    fn from(why: &Unmappable) -> Self {
        match why {
            Unmappable::NoSuchType => Self::NoSuchType,
            Unmappable::Missing(paths) => {
                Self::MissingFacts(paths.iter().map(ToString::to_string).collect())
            }
        }
    }
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Retrying,
        Self::Delivered,
        Self::Exhausted,
        Self::Held,
        Self::Skipped,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Held => "held",
            Self::Skipped => "skipped",
        }
    }

    /// Whether a wake-up can still change it.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Retrying => true,
            Self::Delivered | Self::Exhausted | Self::Held | Self::Skipped => false,
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeliveryStatus {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == name)
            .ok_or(())
    }
}

/// One HTTP request of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1 over the delivery's whole life.
    pub number: u32,
    /// When the request was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
    /// The status of the answer, when there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The class of the failure, when it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// From before the request until the answer was read or given up.
    pub duration_ms: u64,
}

/// The row of a delivery.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Which event.
    pub event_id: EventId,
    /// For which endpoint.
    pub endpoint_id: EndpointId,
    /// The type of the event.
    pub event_type: EventType,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Attempts made so far.
    pub attempts: u32,
    /// Attempts made before the retry schedule was last started: more than none after a retry by hand.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub attempts_before: u32,
    /// The last attempts, oldest first.
    pub history: Vec<Attempt>,
    /// The start of the last answer's body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response: Option<String>,
    /// Why it was not sent, when it was skipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<Skipped>,
    /// When the next attempt is due.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub next_attempt_at: Option<Timestamp>,
    /// When this row was last written.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes of the row.
    pub revision: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Without the answer's body, which is the receiver's.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("key", &self.key())
            .field("status", &self.status)
            .field("attempts", &self.attempts)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// A delivery before its first attempt, which has no row yet.
    pub fn pending(key: DeliveryKey, event_type: EventType) -> Self {
        Self {
            organization_id: key.organization,
            event_id: key.event,
            endpoint_id: key.endpoint,
            event_type,
            status: DeliveryStatus::Pending,
            attempts: 0,
            attempts_before: 0,
            history: Vec::new(),
            response: None,
            skipped: None,
            next_attempt_at: None,
            updated_at: key.event.created_at(),
            revision: 0,
        }
    }

    /// Its three ids.
    pub fn key(&self) -> DeliveryKey {
        DeliveryKey {
            organization: self.organization_id,
            event: self.event_id,
            endpoint: self.endpoint_id,
        }
    }

    /// How long until the next attempt is due.
    pub fn wait(&self, now: Timestamp) -> Duration {
        self.next_attempt_at
            .and_then(|due| Duration::try_from(due.duration_since(now)).ok())
            .unwrap_or_default()
    }
}

/// Rows that wait for longer than the queue can keep a message carry the keys of the index `due`.
#[derive(Serialize)]
pub(crate) struct DeliveryRow<'a> {
    #[serde(flatten)]
    delivery: &'a Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    ttl: i64,
}

impl<'a> DeliveryRow<'a> {
    /// `sweep`: no message wakes the next attempt up, the index has to.
    pub(crate) fn new(delivery: &'a Delivery, sweep: bool, retention: SignedDuration) -> Self {
        let DeliveryKey {
            organization,
            event,
            endpoint,
        } = delivery.key();
        let due = delivery.next_attempt_at.filter(|_| sweep);
        Self {
            delivery,
            due: due.map(keyspace::due),
            due_at: due.map(|at| keyspace::due_at(at, organization, event, endpoint)),
            ttl: (event.created_at() + retention).as_second(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{from_item, to_item};

    #[test]
    fn a_row_reads_back_and_an_unswept_one_is_not_in_the_index() {
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        let mut delivery = Delivery::pending(key, EventType::CredentialIssued);
        delivery.history.push(Attempt {
            number: 1,
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            status: Some(500),
            error: Some("server_error".to_owned()),
            duration_ms: 12,
        });
        delivery.next_attempt_at = Some("2026-11-21T10:30:00Z".parse().unwrap());
        let row =
            |sweep| to_item(&DeliveryRow::new(&delivery, sweep, SignedDuration::ZERO)).unwrap();
        assert!(row(true).contains_key("due") && row(true).contains_key("due_at"));
        let item = row(false);
        assert!(!item.contains_key("due") && !item.contains_key("due_at"));
        assert!(from_item::<Delivery>(item).unwrap() == delivery);
    }

    #[test]
    fn a_row_compared_as_it_is_stored_is_the_row_that_was_written() {
        let at = "2026-11-21T10:00:00.123456789Z".parse().unwrap();
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        let mut delivery = Delivery::pending(key, EventType::CredentialIssued);
        (delivery.updated_at, delivery.next_attempt_at) = (at, Some(at));
        let stored = || -> Delivery {
            let row = DeliveryRow::new(&delivery, true, SignedDuration::ZERO);
            from_item(to_item(&row).unwrap()).unwrap()
        };
        assert!(stored() != delivery, "times are cut to milliseconds");
        assert!(stored() == stored());
    }
}
