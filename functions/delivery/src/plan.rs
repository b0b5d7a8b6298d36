//! What a wake-up leads to, decided from what was read. Nothing here has an effect.

use std::time::Duration;

use jiff::Timestamp;
use payload::billing::access::Access;
use payload::event_type::EventType;
use state::{
    Account, Delivery, DeliveryKey, DeliveryStatus, Endpoint, Gate, Held, OVERDUE_AFTER,
    StoredEvent, WakeUp,
};

use crate::handler::Received;

/// What to do about a wake-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan<'a> {
    /// Nothing is left to do for this delivery, for this reason.
    Done(DeliveryKey, &'static str),
    /// The attempt was recorded, or deferred, but maybe its next wake-up was not sent.
    WakeAgain(&'a Delivery),
    /// The attempt was recorded and was the last one, but maybe nobody was told.
    TellAgain(&'a Delivery, &'a Account),
    /// Keep the delivery for as long as this is so.
    Hold(Delivery, Held),
    /// Send it never: the organization's access is this.
    Cancel(Delivery, Access),
    /// Send it never: what its event said was erased then.
    Erase(Delivery, Timestamp),
    /// It has waited for longer than its event is kept.
    GiveUp(Delivery, Option<&'a Account>),
    /// Make the attempt that follows on this state.
    Attempt(Delivery, Attempted<'a>),
}

impl<'a> Plan<'a> {
    /// The endpoint that it would send to, if it has to ask whether it may.
    pub(crate) fn asks(&self) -> Option<&'a Endpoint> {
        match self {
            Self::Attempt(delivery, attempted) if !delivery.by_hand && !attempted.is_test() => {
                Some(attempted.endpoint)
            }
            _ => None,
        }
    }

    /// Its turn, where the endpoint's gate says so; the probe goes to the first that asks.
    pub(crate) fn turn(&self, gate: &mut Gate, probe: Duration) -> Turn {
        match *gate {
            _ if self.asks().is_none() => Turn::Go,
            Gate::Go => Turn::Go,
            Gate::Probe => {
                *gate = Gate::Wait(probe);
                Turn::Probe
            }
            Gate::Wait(wait) => Turn::Wait(wait),
        }
    }
}

/// Whether an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Go,
    /// It is, to find out for all others.
    Probe,
    /// It is deferred by so much.
    Wait(Duration),
}

/// What an attempt sends, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempted<'a> {
    pub(crate) event: &'a StoredEvent,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) account: &'a Account,
}

impl Attempted<'_> {
    /// Whether a person asked for it to find out.
    fn is_test(&self) -> bool {
        self.event.event_type == EventType::WebhookTest
    }
}

/// Whether a delivery may have a row. One that begins has none; should the queue have duplicated its first
/// message, the condition of the write finds out: one request too many, which is what at-least-once allows.
/// A message that comes late may have been a dead letter, and recovery may have done its work.
pub(crate) fn may_have_begun(wake_up: &WakeUp, redelivered: bool, now: Timestamp) -> bool {
    let age = now.duration_since(wake_up.delivery().event.created_at());
    redelivered || !wake_up.first || age >= OVERDUE_AFTER
}

/// Decides about a wake-up. `account`: the organization's, with the access that it has.
pub(crate) fn plan<'a>(
    received: &Received,
    row: Option<&'a Delivery>,
    event: Option<&'a StoredEvent>,
    account: Option<(&'a Account, Access)>,
    now: Timestamp,
) -> Plan<'a> {
    let wake_up = &received.wake_up;
    let key = wake_up.delivery();
    let Some(event) = event else {
        let account = account.map(|(account, _)| account);
        return match (row, account) {
            (Some(row), _) if row.status.is_open() => Plan::GiveUp(row.clone(), account),
            // Whoever had the message may have given it up, and died before anybody was told.
            (Some(row), Some(account)) if received.redelivered && was_given_up(row, wake_up) => {
                Plan::TellAgain(row, account)
            }
            _ => Plan::Done(key, "its event is no longer kept"),
        };
    };
    if let Some(row) = row {
        if !row.status.is_open() {
            let was_last =
                row.status == DeliveryStatus::Exhausted && wake_up.attempt == row.attempts;
            return match account.filter(|_| was_last) {
                Some((account, _)) => Plan::TellAgain(row, account),
                None => Plan::Done(key, "it was finished before"),
            };
        }
        // What the sweep wakes up needs no message.
        let may_be_unsent = received.redelivered && row.queued;
        if wake_up.attempt <= row.attempts {
            return if may_be_unsent && wake_up.attempt == row.attempts {
                Plan::WakeAgain(row)
            } else {
                Plan::Done(key, "this attempt was made before")
            };
        }
        // Deferred once more it would have two wake-ups, and both would be deferred from then on.
        if row.is_deferred(now) {
            return if may_be_unsent {
                Plan::WakeAgain(row)
            } else {
                Plan::Done(key, "it was deferred before")
            };
        }
    }
    let delivery = row
        .cloned()
        .unwrap_or_else(|| Delivery::pending(key, event.event_type));
    if let Some(erased_at) = event.erased_at {
        return Plan::Erase(delivery, erased_at);
    }
    let Some((account, access)) = account else {
        return Plan::Hold(delivery, Held::EndpointGone);
    };
    // News of the access itself are sent whatever it is: else nobody would hear that it is over.
    let is_news = event.event_type == EventType::BillingAccessChanged;
    if !access.records() && !is_news {
        return Plan::Cancel(delivery, access);
    }
    let Some(endpoint) = account.endpoint(key.endpoint) else {
        return Plan::Hold(delivery, Held::EndpointGone);
    };
    let attempted = Attempted {
        event,
        endpoint,
        account,
    };
    if !endpoint.enabled && !delivery.even_if_disabled && !attempted.is_test() {
        return Plan::Hold(delivery, Held::EndpointDisabled);
    }
    if !access.sends() && !is_news {
        return Plan::Hold(delivery, Held::Suspended);
    }
    Plan::Attempt(delivery, attempted)
}

/// Whether a delivery was given up instead of this attempt.
fn was_given_up(row: &Delivery, wake_up: &WakeUp) -> bool {
    row.status == DeliveryStatus::Exhausted && wake_up.attempt == row.attempts + 1
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use payload::event_type::EventType;
    use payload::id::{EndpointId, EventId, OrganizationId};
    use proptest::prelude::*;
    use state::{Deferred, DeliveryStatus, Later, testing};

    use super::*;

    struct World {
        received: Received,
        event: StoredEvent,
        account: Account,
    }

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    /// An event accepted for one enabled endpoint, and the wake-up for attempt number `attempt`.
    fn world(attempt: u32) -> World {
        let (now, random) = (now(), &mut rand::rng());
        let key = DeliveryKey {
            organization: OrganizationId::new(now, random),
            event: EventId::new(now, random),
            endpoint: EndpointId::new(now + SignedDuration::from_secs(1), random),
        };
        World {
            received: Received {
                message_id: String::new(),
                wake_up: WakeUp::new(key, attempt),
                redelivered: false,
            },
            event: testing::event(key),
            account: testing::account(key),
        }
    }

    fn row(world: &World, status: DeliveryStatus, attempts: u32) -> Delivery {
        Delivery {
            status,
            attempts,
            queued: true,
            revision: 1,
            ..Delivery::pending(
                world.received.wake_up.delivery(),
                EventType::CredentialIssued,
            )
        }
    }

    fn planned<'a>(world: &'a World, row: Option<&'a Delivery>) -> Plan<'a> {
        with_access(world, row, Access::Active)
    }

    fn with_access<'a>(world: &'a World, row: Option<&'a Delivery>, access: Access) -> Plan<'a> {
        let (event, account) = (Some(&world.event), Some((&world.account, access)));
        plan(&world.received, row, event, account, now())
    }

    fn name(plan: &Plan<'_>) -> &'static str {
        match plan {
            Plan::Done(..) => "done",
            Plan::WakeAgain(_) => "wake again",
            Plan::TellAgain(..) => "tell again",
            Plan::Hold(_, Held::Suspended) => "suspend",
            Plan::Hold(..) => "hold",
            Plan::Cancel(..) => "cancel",
            Plan::Erase(..) => "erase",
            Plan::GiveUp(..) => "give up",
            Plan::Attempt(..) => "attempt",
        }
    }

    #[track_caller]
    fn check(attempt: u32, redelivered: bool, status: DeliveryStatus, made: u32, expected: &str) {
        let mut world = world(attempt);
        world.received.redelivered = redelivered;
        let row = row(&world, status, made);
        let name = name(&planned(&world, Some(&row)));
        assert_eq!(
            name, expected,
            "attempt {attempt} of a {status} delivery with {made} made"
        );
    }

    #[test]
    fn no_row_is_looked_for_when_a_delivery_begins_and_nothing_can_have_happened() {
        let key = world(1).received.wake_up.delivery();
        let at = |minutes| key.event.created_at() + SignedDuration::from_mins(minutes);
        assert!(!may_have_begun(&WakeUp::first(key), false, at(4)));
        assert!(may_have_begun(&WakeUp::first(key), true, at(4)));
        assert!(may_have_begun(&WakeUp::first(key), false, at(5)));
        assert!(may_have_begun(&WakeUp::new(key, 1), false, at(0)));
    }

    #[test]
    fn the_first_wake_up_leads_to_the_first_attempt() {
        let world = world(1);
        let Plan::Attempt(delivery, attempted) = planned(&world, None) else {
            panic!("it is attempted")
        };
        assert_eq!((delivery.attempts, delivery.revision), (0, 0));
        assert_eq!(
            attempted.endpoint.id,
            world.received.wake_up.delivery().endpoint
        );
    }

    #[test]
    fn a_wake_up_for_an_attempt_that_was_made_does_nothing() {
        check(1, false, DeliveryStatus::Retrying, 1, "done");
        check(1, true, DeliveryStatus::Retrying, 2, "done");
        check(2, false, DeliveryStatus::Retrying, 1, "attempt");
    }

    #[test]
    fn a_message_that_comes_back_after_its_attempt_sends_the_next_wake_up() {
        check(1, true, DeliveryStatus::Retrying, 1, "wake again");
    }

    #[test]
    fn a_deferred_delivery_is_attempted_when_it_is_due_and_not_by_an_earlier_message() {
        let mut world = world(2);
        let mut row = row(&world, DeliveryStatus::Retrying, 1);
        let wait = Duration::from_secs(30);
        let deferred_at = |seconds| now() - SignedDuration::from_secs(seconds);
        for (seconds, redelivered, queued, expected) in [
            (10, false, true, "done"),
            (10, true, true, "wake again"),
            (10, true, false, "done"),
            (30, false, true, "attempt"),
            (30, true, true, "attempt"),
        ] {
            row.deferred = None;
            let later = Later::AtLeast(wait);
            row.defer(Deferred::CircuitOpen, later, 0.0, deferred_at(seconds));
            (row.queued, world.received.redelivered) = (queued, redelivered);
            let name = name(&planned(&world, Some(&row)));
            assert_eq!(name, expected, "after {seconds} s, {redelivered}, {queued}");
        }
    }

    #[test]
    fn a_delivery_that_recovery_gave_up_is_attempted_when_its_message_turns_up_after_all() {
        check(2, true, DeliveryStatus::Stuck, 1, "attempt");
        check(1, true, DeliveryStatus::Stuck, 0, "attempt");
    }

    #[test]
    fn what_was_erased_is_sent_to_nobody_whoever_asks_for_it() {
        let mut world = world(2);
        world.event.erased_at = Some(now());
        let retry = row(&world, DeliveryStatus::Retrying, 1);
        let by_hand = Delivery {
            by_hand: true,
            even_if_disabled: true,
            ..retry.clone()
        };
        for (access, _) in ACCESS {
            for row in [None, Some(&retry), Some(&by_hand)] {
                assert_eq!(name(&with_access(&world, row, access)), "erase", "{access}");
            }
        }
        let delivered = row(&world, DeliveryStatus::Delivered, 1);
        assert_eq!(name(&planned(&world, Some(&delivered))), "done");
    }

    #[test]
    fn nothing_happens_to_a_finished_delivery() {
        for status in [
            DeliveryStatus::Delivered,
            DeliveryStatus::Skipped,
            DeliveryStatus::Held,
            DeliveryStatus::Cancelled,
        ] {
            check(2, false, status, 1, "done");
            check(1, true, status, 1, "done");
        }
    }

    #[test]
    fn the_last_attempt_of_an_exhausted_delivery_is_told_of_again_and_nothing_else_is() {
        let status = DeliveryStatus::Exhausted;
        check(3, true, status, 3, "tell again");
        check(3, false, status, 3, "tell again");
        check(2, true, status, 3, "done");
        check(4, true, status, 3, "done");
    }

    #[test]
    fn deliveries_of_a_disabled_or_deleted_endpoint_are_held() {
        let mut world = world(1);
        world.account.endpoints[0].enabled = false;
        assert_eq!(name(&planned(&world, None)), "hold");
        let deleted = Account {
            endpoints: Vec::new(),
            ..world.account.clone()
        };
        for account in [Some(&deleted), None] {
            let account = account.map(|account| (account, Access::Active));
            let held = plan(&world.received, None, Some(&world.event), account, now());
            assert_eq!(name(&held), "hold");
        }
    }

    const ACCESS: [(Access, &str); 6] = [
        (Access::Active, "attempt"),
        (Access::Grace, "attempt"),
        (Access::Suspended, "suspend"),
        (Access::Pending, "cancel"),
        (Access::Ended, "cancel"),
        (Access::None, "cancel"),
    ];

    #[test]
    fn what_the_access_does_not_send_waits_or_is_cancelled_whoever_asked_for_it() {
        let mut world = world(2);
        let retry = row(&world, DeliveryStatus::Retrying, 1);
        let by_hand = Delivery {
            by_hand: true,
            even_if_disabled: true,
            ..retry.clone()
        };
        for event_type in [EventType::CredentialIssued, EventType::WebhookTest] {
            world.event.event_type = event_type;
            for (access, expected) in ACCESS {
                for row in [None, Some(&retry), Some(&by_hand)] {
                    assert_eq!(
                        name(&with_access(&world, row, access)),
                        expected,
                        "{access}"
                    );
                }
            }
        }
    }

    #[test]
    fn news_of_the_access_are_sent_whatever_it_is() {
        let mut world = world(1);
        world.event.event_type = EventType::BillingAccessChanged;
        for (access, _) in ACCESS {
            assert_eq!(
                name(&with_access(&world, None, access)),
                "attempt",
                "{access}"
            );
        }
        world.account.endpoints[0].enabled = false;
        for (access, _) in ACCESS {
            assert_eq!(name(&with_access(&world, None, access)), "hold", "{access}");
        }
    }

    #[test]
    fn a_disabled_endpoint_is_the_reason_before_suspended_access_and_ended_access_before_both() {
        let mut world = world(1);
        world.account.endpoints[0].enabled = false;
        let planned = |access| match with_access(&world, None, access) {
            Plan::Hold(_, why) => Some(why),
            Plan::Cancel(..) => None,
            other => panic!("{access}: {other:?}"),
        };
        assert_eq!(planned(Access::Suspended), Some(Held::EndpointDisabled));
        assert_eq!(planned(Access::Ended), None);
    }

    proptest! {
        /// Whatever else is the case: nothing is sent without access but news of it, and nothing is held or
        /// cancelled for the access of who has it.
        #[test]
        fn an_attempt_is_made_only_with_access(
            (attempt, made) in (1_u32..4, 0_u32..4),
            (redelivered, queued, enabled) in any::<(bool, bool, bool)>(),
            (by_hand, even_if_disabled) in any::<(bool, bool)>(),
            status in prop::sample::select(DeliveryStatus::ALL.to_vec()),
            event_type in prop::sample::select(EventType::ALL.to_vec()),
            (access, _) in prop::sample::select(ACCESS.to_vec()),
        ) {
            let mut world = world(attempt);
            world.received.redelivered = redelivered;
            world.event.event_type = event_type;
            world.account.endpoints[0].enabled = enabled;
            let row = Delivery {
                queued,
                by_hand,
                even_if_disabled,
                ..row(&world, status, made)
            };
            let is_news = event_type == EventType::BillingAccessChanged;
            match with_access(&world, Some(&row), access) {
                Plan::Attempt(..) => prop_assert!(access.sends() || is_news),
                Plan::Hold(_, Held::Suspended) => prop_assert_eq!((access, is_news), (Access::Suspended, false)),
                Plan::Cancel(_, given) => prop_assert!(given == access && !access.records() && !is_news),
                Plan::Hold(..) => prop_assert!(!enabled && (access.records() || is_news)),
                Plan::Done(..) | Plan::WakeAgain(_) | Plan::TellAgain(..) | Plan::GiveUp(..) | Plan::Erase(..) => {}
            }
        }
    }

    #[test]
    fn a_test_is_sent_to_a_disabled_endpoint_and_asks_for_no_turn() {
        let mut world = world(1);
        assert!(planned(&world, None).asks().is_some());
        world.account.endpoints[0].enabled = false;
        world.event.event_type = EventType::WebhookTest;
        let plan = planned(&world, None);
        assert_eq!((name(&plan), plan.asks()), ("attempt", None));
    }

    #[test]
    fn a_delivery_to_a_disabled_endpoint_is_attempted_on_demand() {
        let mut world = world(2);
        world.account.endpoints[0].enabled = false;
        let mut row = row(&world, DeliveryStatus::Retrying, 1);
        row.even_if_disabled = true;
        assert_eq!(name(&planned(&world, Some(&row))), "attempt");
    }

    #[test]
    fn one_of_many_attempts_is_the_probe_and_one_that_a_person_asked_for_is_made_in_any_case() {
        let world = world(2);
        let row = row(&world, DeliveryStatus::Retrying, 1);
        let by_hand = Delivery {
            by_hand: true,
            ..row.clone()
        };
        let rows = [&by_hand, &row, &row];
        let wait = Duration::from_secs(25);
        for (mut gate, expected) in [
            (Gate::Go, [Turn::Go; 3]),
            (Gate::Probe, [Turn::Go, Turn::Probe, Turn::Wait(wait)]),
            (
                Gate::Wait(wait),
                [Turn::Go, Turn::Wait(wait), Turn::Wait(wait)],
            ),
        ] {
            let turns = rows.map(|row| planned(&world, Some(row)).turn(&mut gate, wait));
            assert_eq!(turns, expected);
        }
        // What sends nothing has no part in it.
        let mut gate = Gate::Probe;
        let done = plan(&world.received, None, None, None, now());
        assert_eq!(done.turn(&mut gate, wait), Turn::Go);
        assert_eq!(gate, Gate::Probe);
    }

    #[test]
    fn an_event_that_is_no_longer_kept_is_not_delivered() {
        let world = world(1);
        let account = Some((&world.account, Access::Active));
        let planned = plan(&world.received, None, None, account, now());
        assert_eq!(name(&planned), "done");
        for (status, expected) in [
            (DeliveryStatus::Retrying, "give up"),
            (DeliveryStatus::Delivered, "done"),
        ] {
            let row = row(&world, status, 1);
            let planned = plan(&world.received, Some(&row), None, account, now());
            assert_eq!(name(&planned), expected, "{status}");
        }
    }

    #[test]
    fn a_message_that_comes_back_tells_again_of_what_was_given_up_because_its_event_is_not_kept() {
        for (attempt, redelivered, expected) in [
            (3, true, "tell again"),
            (3, false, "done"),
            // It was the last attempt, and was told in its time.
            (2, true, "done"),
        ] {
            let mut world = world(attempt);
            world.received.redelivered = redelivered;
            let row = row(&world, DeliveryStatus::Exhausted, 2);
            let account = Some((&world.account, Access::Active));
            let planned = plan(&world.received, Some(&row), None, account, now());
            assert_eq!(name(&planned), expected, "{attempt} {redelivered}");
        }
    }
}
