//! How a delivery waits: for its next attempt, or because that attempt may not be made yet.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::delivery::Delivery;
use crate::delivery_status::DeliveryStatus;
use crate::queue::MAX_DELAY;

/// For so long after its first attempt a delivery is woken up by messages of the queue. AWS takes a
/// function that feeds its own queue for longer for a loop.
const QUEUED_FOR: SignedDuration = SignedDuration::from_mins(20);
/// The shortest wait that is left to the sweep, which has passed what is due within the next minute.
const SHORTEST_SWEPT: Duration = Duration::from_mins(2);
/// A deferred delivery waits for at least this share of the time that it has waited: so the number of
/// deferrals grows with the logarithm of an outage, not with the outage.
const SHARE_OF_AGE: u32 = 4;
/// A wait is made longer by up to this share, so that what was deferred together does not return together;
/// never shorter, because who comes too early is deferred again.
const SPREAD: f64 = 0.4;
/// A wake-up that comes this much too early is taken for punctual: clocks differ.
const PUNCTUAL: SignedDuration = SignedDuration::from_secs(1);

/// Why a delivery waits although its next attempt was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferred {
    /// The endpoint's circuit breaker is open.
    CircuitOpen,
    /// As many requests as the endpoint takes at once are under way.
    Concurrency,
    /// As many requests as an organization may have at once are under way, to all its endpoints.
    OrganizationConcurrency,
    /// The endpoint got as many requests as it takes in this time.
    Rate,
}

/// How long a delivery is deferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// Until its turn, which is its own.
    Turn(Duration),
    /// For this long or longer: others wait for the same.
    AtLeast(Duration),
}

/// That a delivery was deferred since its last attempt. It costs no attempt of the retry schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// Why, the last time.
    pub reason: Deferred,
    /// How often.
    pub times: u32,
    /// When it was the first time.
    #[serde(serialize_with = "timestamp::serialize")]
    pub since: Timestamp,
}

impl Delivery {
    /// Puts the next attempt `wait` from now, with a message of the queue where that may be: `since` is when
    /// the delivery began to keep itself awake, and what takes longer is left to the sweep, if need be for
    /// longer than `wait`.
    pub fn schedule(&mut self, wait: Duration, since: Timestamp, now: Timestamp) {
        self.queued = wait <= MAX_DELAY && now.duration_since(since) < QUEUED_FOR;
        let wait = if self.queued {
            wait
        } else {
            wait.max(SHORTEST_SWEPT)
        };
        self.next_attempt_at = now.checked_add(wait).ok();
    }

    /// Defers the attempt that is due until its turn; without one, by at least a quarter of the time for
    /// which it has been deferred. No attempt is counted, and what was asked for with it still is. `spread`
    /// is a random number in 0..=1.
    pub fn defer(&mut self, reason: Deferred, later: Later, spread: f64, now: Timestamp) {
        let before = self.deferred;
        let since = before.map_or(now, |before| before.since);
        let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let wait = match later {
            Later::Turn(turn) => turn,
            Later::AtLeast(wait) => {
                let wait = wait.max(age / SHARE_OF_AGE);
                wait.mul_f64(1.0 + SPREAD * spread.clamp(0.0, 1.0))
            }
        };
        self.status = DeliveryStatus::waiting_after(self.attempts);
        self.recovered = None;
        self.deferred = Some(Deferral {
            reason,
            times: before.map_or(0, |before| before.times).saturating_add(1),
            since,
        });
        self.schedule(wait, self.schedule_started_at.unwrap_or(since), now);
    }

    /// Ends the deferral, because the attempt is made. What was waited since the retry schedule began is
    /// none of the schedule's time.
    pub fn end_deferral(&mut self, now: Timestamp) {
        let Some(deferral) = self.deferred.take() else {
            return;
        };
        if let Some(started_at) = self.schedule_started_at {
            let since = deferral.since.max(started_at);
            self.deferred_ms += u64::try_from(now.duration_since(since).as_millis()).unwrap_or(0);
        }
    }

    /// Whether it was deferred until later than now: then it has a wake-up of its own for that time, and
    /// another one has nothing to do.
    pub fn is_deferred(&self, now: Timestamp) -> bool {
        let is_early = |due: Timestamp| due.duration_since(now) > PUNCTUAL;
        self.deferred.is_some() && self.next_attempt_at.is_some_and(is_early)
    }
}

#[cfg(test)]
mod tests {
    use payload::event_type::EventType;
    use proptest::prelude::*;

    use super::*;
    use crate::delivery_key::DeliveryKey;
    use crate::restart::Restart;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn delivery() -> Delivery {
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        Delivery::pending(key, EventType::CredentialIssued)
    }

    fn defer(delivery: &mut Delivery, seconds: u64, now: Timestamp) {
        let wait = Duration::from_secs(seconds);
        delivery.defer(Deferred::CircuitOpen, Later::AtLeast(wait), 0.0, now);
    }

    #[test]
    fn a_deferral_consumes_no_attempt_and_wakes_the_same_one_up() {
        for (attempts, status) in [(0, DeliveryStatus::Pending), (3, DeliveryStatus::Retrying)] {
            let mut deferred = Delivery {
                attempts,
                status: DeliveryStatus::Stuck,
                even_if_disabled: true,
                ..delivery()
            };
            let wake_up = deferred.wake_up();
            defer(&mut deferred, 30, now());
            assert_eq!((deferred.status, deferred.attempts), (status, attempts));
            assert_eq!(deferred.wake_up(), wake_up);
            assert_eq!(deferred.wait(now()), Duration::from_secs(30));
            assert!(deferred.queued && deferred.even_if_disabled);
            assert_eq!(deferred.look_at(), deferred.next_attempt_at);
        }
    }

    #[test]
    fn a_deferred_delivery_is_kept_awake_by_the_queue_for_20_minutes_and_then_by_the_sweep() {
        let at = |minutes| now() + SignedDuration::from_mins(minutes);
        let started = Delivery {
            attempts: 1,
            schedule_started_at: Some(now()),
            ..delivery()
        };
        for (minutes, seconds, queued, wait) in [
            (19, 30, true, 30),
            (19, 901, false, 901),
            (20, 30, false, 120),
            (20, 300, false, 300),
        ] {
            let mut deferred = started.clone();
            defer(&mut deferred, seconds, at(minutes));
            assert_eq!(deferred.queued, queued, "{seconds} s after {minutes} min");
            assert_eq!(deferred.wait(at(minutes)), Duration::from_secs(wait));
        }
        // Without an attempt it keeps itself awake since it was first deferred.
        let mut deferred = delivery();
        defer(&mut deferred, 30, now());
        defer(&mut deferred, 30, at(19));
        assert!(deferred.queued);
        defer(&mut deferred, 30, at(20));
        assert!(!deferred.queued);
    }

    #[test]
    fn a_wake_up_before_the_time_of_a_deferred_delivery_is_another_ones() {
        let mut deferred = delivery();
        assert!(!deferred.is_deferred(now()));
        defer(&mut deferred, 30, now());
        for (seconds, expected) in [(0, true), (28, true), (29, false), (31, false)] {
            let at = now() + SignedDuration::from_secs(seconds);
            assert_eq!(deferred.is_deferred(at), expected, "after {seconds} s");
        }
        deferred.restart(Restart {
            at: now(),
            by: None,
            even_if_disabled: false,
        });
        assert!(!deferred.is_deferred(now()));
    }

    #[test]
    fn a_turn_is_kept_however_long_a_delivery_has_been_deferred() {
        let mut deferred = delivery();
        let later = now() + SignedDuration::from_mins(19);
        for (at, seconds) in [(now(), 30), (later, 7)] {
            let turn = Later::Turn(Duration::from_secs(seconds));
            deferred.defer(Deferred::Concurrency, turn, 1.0, at);
            assert_eq!(deferred.wait(at), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn what_was_waited_since_the_schedule_began_is_added_up() {
        let at = |seconds| now() + SignedDuration::from_secs(seconds);
        let mut deferred = delivery();
        defer(&mut deferred, 30, now());
        deferred.end_deferral(at(30));
        assert_eq!((deferred.deferred, deferred.deferred_ms), (None, 0));
        deferred.schedule_started_at = Some(at(30));
        defer(&mut deferred, 30, at(40));
        defer(&mut deferred, 30, at(70));
        deferred.end_deferral(at(101));
        deferred.end_deferral(at(200));
        assert_eq!(deferred.deferred_ms, 61_000);
        defer(&mut deferred, 30, at(201));
        deferred.end_deferral(at(202));
        assert_eq!(deferred.deferred_ms, 62_000);
        deferred.restart(Restart {
            at: now(),
            by: None,
            even_if_disabled: false,
        });
        assert_eq!(deferred.deferred_ms, 0);
    }

    #[test]
    fn what_is_settled_waits_for_nothing() {
        let mut deferred = delivery();
        defer(&mut deferred, 30, now());
        deferred.settle(DeliveryStatus::Held);
        assert_eq!(deferred.deferred, None);
    }

    proptest! {
        #[test]
        fn the_number_of_deferrals_grows_with_the_logarithm_of_the_outage(
            own in 1u64..900,
            hours in 1u32..240,
            spreads in proptest::collection::vec(0.0..=1.0, 1..9),
        ) {
            let mut deferred = delivery();
            let (mut at, own) = (now(), Duration::from_secs(own));
            let outage = Duration::from_hours(hours.into());
            for spread in spreads.iter().cycle() {
                if Duration::try_from(at.duration_since(now())).unwrap() >= outage {
                    break;
                }
                let (since, before) = (now(), deferred.deferred);
                deferred.defer(Deferred::Rate, Later::AtLeast(own), *spread, at);
                let wait = deferred.wait(at);
                prop_assert!(wait >= own);
                prop_assert!(wait <= own.max(SHORTEST_SWEPT).max(outage / 4).mul_f64(1.41));
                let now = deferred.deferred.unwrap();
                prop_assert_eq!(now.since, since);
                prop_assert_eq!(now.times, before.map_or(1, |before| before.times + 1));
                at = deferred.next_attempt_at.unwrap();
            }
            let doublings = (outage.as_secs_f64() / own.as_secs_f64()).log2().max(0.0);
            let times = f64::from(deferred.deferred.unwrap().times);
            // Four waits of its own, then a quarter more each time.
            prop_assert!(times <= 6.0 + 3.2 * doublings, "{times} in {outage:?} of {own:?}");
        }
    }
}
