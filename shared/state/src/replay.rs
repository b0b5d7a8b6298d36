//! A replay: a range of events that is sent to an endpoint again, or for the first time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId, ReplayId};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::accepted_event::AcceptedEvent;
use crate::delivery::Delivery;
use crate::delivery_status::DeliveryStatus;
use crate::endpoints::Endpoint;

/// Wake-ups are sent this far ahead, each with its delay: more than the minute between two runs of
/// recovery, so that a replay goes on evenly.
const AHEAD: SignedDuration = SignedDuration::from_secs(75);

/// Whether a replay goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// It does.
    Running,
    /// It is over.
    Done,
    /// Someone stopped it.
    Cancelled,
    /// The endpoint was disabled or deleted in the middle, or the organization's access ended.
    Stopped,
}

/// A replay and how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// To which endpoint.
    pub endpoint_id: EndpointId,
    /// Events accepted from here,
    #[serde(serialize_with = "timestamp::serialize")]
    pub since: Timestamp,
    /// to before here.
    #[serde(serialize_with = "timestamp::serialize")]
    pub until: Timestamp,
    /// Deliveries that stand like this.
    pub statuses: Vec<DeliveryStatus>,
    /// Events of these types; none named means all.
    pub types: Vec<EventType>,
    /// Whether events that were not accepted for the endpoint are sent too, where it subscribes to
    /// their type now.
    pub backfill: bool,
    /// Whether they are sent although the endpoint is disabled, one attempt each.
    pub even_if_disabled: bool,
    /// Whether they are only counted.
    pub dry_run: bool,
    /// Whether it goes over what was held while the access was suspended, instead of over events.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_release: bool,
    /// At most so many a second.
    pub rate_per_second: u32,
    /// Whether it goes on.
    pub state: ReplayState,
    /// The last event that was looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<EventId>,
    /// When the next one may be sent.
    #[serde(serialize_with = "timestamp::serialize")]
    pub next_at: Timestamp,
    /// Events looked at.
    pub examined: u64,
    /// Deliveries found, by how they stood.
    pub found: BTreeMap<DeliveryStatus, u64>,
    /// Deliveries sent again.
    pub replayed: u64,
    /// When it was asked for.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
    /// When it last got further.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes.
    pub revision: u64,
}

impl Replay {
    /// Whether it could be an event of this replay, as far as the event tells; `endpoint` is the one it
    /// goes to.
    pub fn wants(&self, event: &AcceptedEvent, endpoint: &Endpoint) -> bool {
        let is_accepted = event.endpoints.contains(&self.endpoint_id);
        // What was told of an endpoint is no past that another one makes up for.
        let is_subscribed =
            endpoint.event_types.includes(event.event_type) && !event.event_type.is_operational();
        !event.is_erased
            && (self.types.is_empty() || self.types.contains(&event.event_type))
            && (is_accepted || self.backfill && is_subscribed)
    }

    /// Whether a delivery is to be sent again. One that this replay has sent already is not, whatever
    /// became of it: a run that stops halfway repeats nothing.
    pub fn chooses(&self, delivery: &Delivery) -> bool {
        if self.is_release {
            // By when it was held. Held again it is chosen again: there is nothing else to repeat.
            return delivery.is_suspended() && delivery.updated_at >= self.since;
        }
        let is_new = delivery.revision == 0 && self.backfill;
        delivery.replayed_by != Some(self.id)
            && (is_new || self.statuses.contains(&delivery.status))
    }

    /// Whether an earlier run chose it, stopped halfway, and may not have sent its wake-up.
    pub fn has_begun(&self, delivery: &Delivery) -> bool {
        delivery.replayed_by == Some(self.id)
            && delivery.status.is_scheduled()
            && delivery.attempts == delivery.attempts_before
    }

    /// Whether it may send more now: it has not got too far ahead of its rate.
    pub fn may_go_on(&self, now: Timestamp) -> bool {
        self.state == ReplayState::Running && self.next_at < now + AHEAD
    }

    /// When the next delivery is sent, and makes the one after it wait.
    pub fn take_turn(&mut self, now: Timestamp) -> Timestamp {
        let at = self.next_at.max(now);
        let gap = Duration::from_secs(1) / self.rate_per_second.max(1);
        self.next_at = at.checked_add(gap).unwrap_or(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use payload::dialect::Dialect;
    use payload::event_type::Subscription;

    use super::*;
    use crate::delivery_key::DeliveryKey;
    use crate::held::Held;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn replay() -> Replay {
        Replay {
            id: ReplayId::NIL,
            organization_id: OrganizationId::NIL,
            endpoint_id: EndpointId::NIL,
            since: Timestamp::MIN,
            until: Timestamp::MAX,
            statuses: vec![DeliveryStatus::Pending, DeliveryStatus::Held],
            types: Vec::new(),
            backfill: false,
            even_if_disabled: false,
            dry_run: false,
            is_release: false,
            rate_per_second: 20,
            state: ReplayState::Running,
            after: None,
            next_at: now(),
            examined: 0,
            found: BTreeMap::new(),
            replayed: 0,
            created_at: now(),
            updated_at: now(),
            revision: 1,
        }
    }

    fn endpoint(patterns: &[&str]) -> Endpoint {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        Endpoint {
            event_types: Subscription::parse(Dialect::Canonical, &patterns).unwrap(),
            ..Endpoint::blank(EndpointId::NIL, OrganizationId::NIL, now())
        }
    }

    fn event(endpoints: Vec<EndpointId>) -> AcceptedEvent {
        AcceptedEvent {
            organization: OrganizationId::NIL,
            id: EventId::NIL,
            event_type: EventType::CredentialIssued,
            endpoints,
            is_erased: false,
        }
    }

    #[test]
    fn events_are_wanted_by_type_and_by_whom_they_were_accepted_for() {
        let mine = event(vec![EndpointId::NIL]);
        let earlier = event(Vec::new());
        let (all, other) = (endpoint(&["*"]), endpoint(&["credential.revoked"]));
        let mut replay = replay();
        // What was accepted for the endpoint is its, also when it has unsubscribed since.
        assert!(replay.wants(&mine, &all) && replay.wants(&mine, &other));
        assert!(!replay.wants(&earlier, &all));
        replay.backfill = true;
        assert!(replay.wants(&earlier, &all) && !replay.wants(&earlier, &other));
        let (told, all) = (
            AcceptedEvent {
                event_type: EventType::EndpointFailing,
                ..earlier.clone()
            },
            endpoint(&["*", "endpoint.*"]),
        );
        assert!(!replay.wants(&told, &all) && replay.wants(&earlier, &all));
        replay.types = vec![EventType::CredentialRevoked];
        assert!(!replay.wants(&mine, &all) && !replay.wants(&earlier, &all));
    }

    #[test]
    fn deliveries_are_chosen_by_status_and_once_by_each_replay() {
        let mut delivery = Delivery::pending(DeliveryKey::NONE, EventType::CredentialIssued);
        let mut replay = replay();
        for (status, is_chosen) in [
            (DeliveryStatus::Pending, true),
            (DeliveryStatus::Held, true),
            (DeliveryStatus::Delivered, false),
        ] {
            delivery.status = status;
            assert_eq!(replay.chooses(&delivery), is_chosen, "{status}");
        }
        delivery.status = DeliveryStatus::Held;
        delivery.replayed_by = Some(replay.id);
        assert!(!replay.chooses(&delivery) && !replay.has_begun(&delivery));
        delivery.status = DeliveryStatus::Pending;
        assert!(!replay.chooses(&delivery) && replay.has_begun(&delivery));
        replay.id = "rpl_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        assert!(replay.chooses(&delivery));
    }

    #[test]
    fn a_release_chooses_what_is_held_for_the_access_since_its_beginning() {
        let mut delivery = Delivery::pending(DeliveryKey::NONE, EventType::CredentialIssued);
        delivery.updated_at = now();
        let mut replay = replay();
        replay.is_release = true;
        assert!(!replay.chooses(&delivery));
        for (why, is_chosen) in [
            (Held::Suspended, true),
            (Held::EndpointDisabled, false),
            (Held::EndpointGone, false),
        ] {
            delivery.hold(why);
            assert_eq!(replay.chooses(&delivery), is_chosen, "{why:?}");
        }
        delivery.hold(Held::Suspended);
        delivery.replayed_by = Some(replay.id);
        assert!(replay.chooses(&delivery));
        replay.since = now() + SignedDuration::from_secs(1);
        assert!(!replay.chooses(&delivery));
    }

    #[test]
    fn turns_keep_to_the_rate_and_do_not_run_far_ahead() {
        let mut replay = replay();
        let mut turns = Vec::new();
        while replay.may_go_on(now()) {
            turns.push(replay.take_turn(now()));
        }
        assert_eq!(turns.len(), 75 * 20);
        assert_eq!(
            turns[20].duration_since(now()),
            SignedDuration::from_secs(1)
        );
        // What was not used is not caught up with a flood.
        let later = now() + SignedDuration::from_hours(1);
        assert_eq!(replay.take_turn(later), later);
        assert!(replay.next_at > later);
    }
}
