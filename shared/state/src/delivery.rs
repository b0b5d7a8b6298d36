//! A delivery: one event for one endpoint, and how it stands.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId, ReplayId};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::deferral::Deferral;
use crate::delivery_key::DeliveryKey;
use crate::delivery_status::{Cancelled, DeliveryStatus, Skipped};
use crate::held::Held;
use crate::keyspace;
use crate::queue::WakeUp;

/// How many attempts of a delivery are kept, the last ones.
pub const HISTORY_LENGTH: usize = 10;

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
    /// Whether it was asked for by a replay, and not the schedule's.
    #[serde(skip_serializing_if = "is_false", default)]
    pub replay: bool,
}

/// How often recovery made a lost wake-up again, and when it last did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the two are said above")]
pub struct Recovered {
    pub times: u8,
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
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
    /// Attempts made before the retry schedule was last started: more than none after a replay.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub attempts_before: u32,
    /// When the first attempt of the retry schedule was made, if it failed.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub schedule_started_at: Option<Timestamp>,
    /// For how long it was deferred since then, up to its last attempt.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub deferred_ms: u64,
    /// The last attempts, oldest first.
    pub history: Vec<Attempt>,
    /// The start of the last answer's body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response: Option<String>,
    /// Why it was not sent, when it was skipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<Skipped>,
    /// Why it is held, when it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held: Option<Held>,
    /// Why it is not sent, when it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancelled: Option<Cancelled>,
    /// When its event was erased: no answer to it is kept.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub erased_at: Option<Timestamp>,
    /// When the next attempt is due.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub next_attempt_at: Option<Timestamp>,
    /// Whether a message in the queue wakes the next attempt up. Else the sweep does when it is due.
    #[serde(skip_serializing_if = "is_false", default)]
    pub queued: bool,
    /// That its wake-up was lost since the last attempt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovered: Option<Recovered>,
    /// That its next attempt was due and may not be made yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deferred: Option<Deferral>,
    /// When it was first answered with 2xx. A replay does not change that.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub delivered_at: Option<Timestamp>,
    /// How often it was replayed.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub replays: u32,
    /// The range replay that replayed it last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replayed_by: Option<ReplayId>,
    /// Whether the next attempt is to be made although the endpoint is disabled.
    #[serde(skip_serializing_if = "is_false", default)]
    pub even_if_disabled: bool,
    /// Whether a person asked for the next attempt: it is made although the endpoint's circuit is open.
    #[serde(skip_serializing_if = "is_false", default)]
    pub by_hand: bool,
    /// When this row was last written.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes of the row.
    pub revision: u64,
}

fn is_zero<N: Default + PartialEq>(count: &N) -> bool {
    *count == N::default()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
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
            held: None,
            cancelled: None,
            erased_at: None,
            schedule_started_at: None,
            deferred_ms: 0,
            next_attempt_at: None,
            queued: false,
            recovered: None,
            deferred: None,
            delivered_at: None,
            replays: 0,
            replayed_by: None,
            even_if_disabled: false,
            by_hand: false,
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

    /// Nothing is to be attempted any more, for now or for good.
    pub fn settle(&mut self, status: DeliveryStatus) {
        self.status = status;
        self.held = None;
        self.cancelled = None;
        self.next_attempt_at = None;
        self.queued = false;
        self.recovered = None;
        self.deferred = None;
        self.even_if_disabled = false;
        self.by_hand = false;
    }

    /// Nothing is to be attempted until this is over.
    pub fn hold(&mut self, why: Held) {
        self.settle(DeliveryStatus::Held);
        self.held = Some(why);
    }

    /// Nothing is ever to be attempted, unless somebody asks for it when this is over.
    pub fn cancel(&mut self, why: Cancelled) {
        self.settle(DeliveryStatus::Cancelled);
        self.cancelled = Some(why);
    }

    /// Its event was erased: nothing of the answers is kept, and what was to be sent is not.
    pub fn erase(&mut self, at: Timestamp) {
        self.response = None;
        self.erased_at.get_or_insert(at);
        let may_be_sent = self.status.is_open() || self.status == DeliveryStatus::Held;
        if may_be_sent {
            self.cancel(Cancelled::EventErased);
        }
    }

    /// Whether there is nothing left to erase.
    pub fn is_erased(&self) -> bool {
        let may_be_sent = self.status.is_open() || self.status == DeliveryStatus::Held;
        self.erased_at.is_some() && self.response.is_none() && !may_be_sent
    }

    /// Goes on where it was before it was held, with an attempt that a message in the queue wakes up now.
    pub fn resume(&mut self, now: Timestamp) {
        self.settle(DeliveryStatus::waiting_after(self.attempts));
        self.next_attempt_at = Some(now);
        self.queued = true;
    }

    /// Whether it is held for as long as its organization's access is suspended.
    pub fn is_suspended(&self) -> bool {
        self.status == DeliveryStatus::Held && self.held == Some(Held::Suspended)
    }

    /// Whether it was given up, and there is something to tell: not of what is told itself.
    pub fn is_given_up(&self) -> bool {
        self.status == DeliveryStatus::Exhausted && !self.event_type.is_operational()
    }

    /// The wake-up that the next attempt needs.
    pub fn wake_up(&self) -> WakeUp {
        WakeUp::new(self.key(), self.attempts + 1)
    }

    /// How long until the next attempt is due.
    pub fn wait(&self, now: Timestamp) -> Duration {
        self.next_attempt_at
            .and_then(|due| Duration::try_from(due.duration_since(now)).ok())
            .unwrap_or_default()
    }
}

/// A row as it is stored: a delivery that is to be attempted carries the keys of the index `due`, and one
/// that was given up, or is held until its organization's access returns, those of its partition for these.
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
    pub(crate) fn new(delivery: &'a Delivery, retention: SignedDuration) -> Self {
        let key = delivery.key();
        let due = if delivery.status == DeliveryStatus::Stuck {
            Some((keyspace::STUCK.to_owned(), delivery.updated_at))
        } else if delivery.is_suspended() {
            let place = keyspace::suspended(key.organization, key.endpoint);
            Some((place, key.event.created_at()))
        } else {
            let look_at = delivery.look_at();
            look_at.map(|at| (Bucket::of(key.event, at).to_string(), at))
        };
        let (due, at) = due.unzip();
        Self {
            delivery,
            due,
            due_at: at.map(|at| keyspace::due_at(at, key.event, key.endpoint)),
            ttl: (key.event.created_at() + retention).as_second(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deferral::Deferred;
    use crate::restart::Restart;
    use crate::rows::{Item, from_item, to_item};

    fn delivery() -> Delivery {
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        Delivery::pending(key, EventType::CredentialIssued)
    }

    fn by_hand(at: Timestamp) -> Restart {
        Restart {
            at,
            by: None,
            even_if_disabled: false,
        }
    }

    fn item(delivery: &Delivery) -> Item {
        to_item(&DeliveryRow::new(delivery, SignedDuration::ZERO)).unwrap()
    }

    #[test]
    fn a_row_reads_back() {
        let time = "2026-11-21T10:30:00Z".parse().unwrap();
        let at = Some(time);
        let delivery = Delivery {
            status: DeliveryStatus::Retrying,
            history: vec![Attempt {
                number: 1,
                at: "2026-11-21T10:00:00Z".parse().unwrap(),
                status: Some(500),
                error: Some("server_error".to_owned()),
                duration_ms: 12,
                replay: true,
            }],
            next_attempt_at: at,
            schedule_started_at: at,
            delivered_at: at,
            queued: true,
            even_if_disabled: true,
            by_hand: true,
            recovered: Some(Recovered { times: 2, at: time }),
            deferred: Some(Deferral {
                reason: Deferred::CircuitOpen,
                times: 3,
                since: time,
            }),
            replayed_by: Some("rpl_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap()),
            ..delivery()
        };
        assert!(from_item::<Delivery>(item(&delivery)).unwrap() == delivery);
    }

    #[test]
    fn what_is_to_be_attempted_stuck_or_suspended_is_in_the_index_and_nothing_else() {
        let mut delivery = delivery();
        delivery.next_attempt_at = Some("2026-11-21T10:30:00Z".parse().unwrap());
        for status in DeliveryStatus::ALL {
            delivery.status = status;
            let is_indexed = item(&delivery).contains_key("due");
            assert_eq!(is_indexed, status.is_open(), "{status}");
            assert_eq!(item(&delivery).contains_key("due_at"), is_indexed);
        }
        for (why, is_indexed) in [
            (Held::Suspended, true),
            (Held::EndpointDisabled, false),
            (Held::EndpointGone, false),
        ] {
            delivery.hold(why);
            assert_eq!(item(&delivery).contains_key("due"), is_indexed, "{why:?}");
            assert!(from_item::<Delivery>(item(&delivery)).unwrap() == delivery);
        }
        delivery.resume(delivery.updated_at);
        assert!(delivery.held.is_none() && item(&delivery).contains_key("due"));
    }

    #[test]
    fn a_replay_begins_the_schedule_again_and_keeps_counting() {
        let at = "2026-11-21T10:30:00Z".parse().unwrap();
        let mut delivery = Delivery {
            status: DeliveryStatus::Exhausted,
            attempts: 10,
            ..delivery()
        };
        for replays in 1..=2 {
            delivery.restart(by_hand(at));
            assert_eq!(delivery.replays, replays);
            assert_eq!(delivery.wake_up().attempt, 11);
            let status = (delivery.status, delivery.attempts_before, delivery.queued);
            assert_eq!(status, (DeliveryStatus::Retrying, 10, true));
        }
        let mut never = super::Delivery::pending(delivery.key(), EventType::CredentialIssued);
        never.restart(by_hand(at));
        assert_eq!(never.status, DeliveryStatus::Pending);
    }

    #[test]
    fn a_row_compared_as_it_is_stored_is_the_row_that_was_written() {
        let at = "2026-11-21T10:00:00.123456789Z".parse().unwrap();
        let mut delivery = delivery();
        (delivery.updated_at, delivery.next_attempt_at) = (at, Some(at));
        let stored = || -> Delivery { from_item(item(&delivery)).unwrap() };
        assert!(stored() != delivery, "times are cut to milliseconds");
        assert!(stored() == stored());
    }
}
