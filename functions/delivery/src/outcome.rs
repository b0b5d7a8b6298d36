//! What an attempt's answer makes of its delivery.

use std::time::Duration;

use jiff::Timestamp;
use payload::retry::Failed;
use state::{Answered, Attempt, Delivery, DeliveryStatus, Endpoint, HISTORY_LENGTH, Held};

use crate::failure::Failure;

/// What came back from one request. Without `Debug`: the body is the receiver's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// When the request was made.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) took: Duration,
    /// The status, when there was an answer.
    pub(crate) status: Option<u16>,
    /// Why it did not succeed.
    pub(crate) failure: Option<Failure>,
    /// For how long the receiver asked to be left alone, if it did so in a way that is followed.
    pub(crate) retry_after: Option<Duration>,
    /// The start of the answer's body.
    pub(crate) body: Option<String>,
}

impl Answer {
    /// What it says of the endpoint.
    pub(crate) fn answered(&self) -> Answered {
        match self.failure {
            None => Answered::Success,
            Some(failure) if failure.is_outage() => Answered::Outage,
            Some(_) => Answered::Refusal,
        }
    }
}

/// The delivery after this answer to its next attempt. `spread` is a random number in 0..=1.
pub(crate) fn apply(
    mut delivery: Delivery,
    answer: &Answer,
    endpoint: &Endpoint,
    now: Timestamp,
    spread: f64,
) -> Delivery {
    let is_first = delivery.attempts == delivery.attempts_before;
    delivery.end_deferral(answer.at);
    delivery.attempts += 1;
    delivery.history.push(Attempt {
        number: delivery.attempts,
        at: answer.at,
        status: answer.status,
        error: answer.failure.map(|failure| failure.name().to_owned()),
        duration_ms: u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        replay: is_first && delivery.replays > 0,
    });
    let surplus = delivery.history.len().saturating_sub(HISTORY_LENGTH);
    delivery.history.drain(..surplus);
    // An answer may repeat what it answers.
    let is_kept = delivery.erased_at.is_none();
    delivery.response = answer.body.clone().filter(|_| is_kept);
    delivery.skipped = None;
    let Some(failure) = answer.failure else {
        delivery.delivered_at.get_or_insert(now);
        delivery.settle(DeliveryStatus::Delivered);
        return delivery;
    };
    // Sent although the endpoint is disabled: one attempt was asked for, and made.
    if !endpoint.enabled {
        delivery.hold(Held::EndpointDisabled);
        return delivery;
    }
    let started_at = *delivery.schedule_started_at.get_or_insert(answer.at);
    let elapsed = Duration::try_from(now.duration_since(started_at)).unwrap_or_default();
    let wait = endpoint.retry_schedule.wait_after(Failed {
        number: delivery.attempts - delivery.attempts_before,
        elapsed: elapsed.saturating_sub(Duration::from_millis(delivery.deferred_ms)),
        overloaded: failure.is_overload(answer.status),
        retry_after: answer.retry_after,
        spread,
    });
    match wait {
        None => delivery.settle(DeliveryStatus::Exhausted),
        Some(wait) => {
            delivery.settle(DeliveryStatus::Retrying);
            delivery.schedule(wait, started_at, now);
        }
    }
    delivery
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use payload::event_type::EventType;
    use serde_json::{Value, json};
    use state::{Deferred, DeliveryKey, Later, Restart, testing};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn key() -> DeliveryKey {
        DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        }
    }

    fn delivery() -> Delivery {
        Delivery::pending(key(), EventType::CredentialIssued)
    }

    fn endpoint(schedule: Value) -> Endpoint {
        Endpoint {
            retry_schedule: serde_json::from_value(schedule).unwrap(),
            ..testing::account(key()).endpoints.remove(0)
        }
    }

    fn by_hand(even_if_disabled: bool) -> Restart {
        Restart {
            at: now(),
            by: None,
            even_if_disabled,
        }
    }

    fn answer(status: u16, at: Timestamp) -> Answer {
        Answer {
            at,
            took: Duration::from_millis(7),
            status: Some(status),
            failure: Failure::of_status(status),
            retry_after: None,
            body: Some("ok".to_owned()),
        }
    }

    fn after(delivery: Delivery, status: u16) -> Delivery {
        let endpoint = endpoint(json!("standard"));
        apply(delivery, &answer(status, now()), &endpoint, now(), 0.5)
    }

    #[test]
    fn success_is_2xx_only() {
        for status in [200, 201, 202, 204, 299] {
            let delivered = after(delivery(), status);
            assert_eq!(delivered.status, DeliveryStatus::Delivered, "{status}");
            assert_eq!(delivered.delivered_at, Some(now()));
        }
        for (status, name) in [
            (199, "unexpected_status"),
            (301, "redirect"),
            (404, "client_error"),
            (410, "gone"),
            (500, "server_error"),
            (600, "unexpected_status"),
        ] {
            let failed = after(delivery(), status);
            assert_eq!(failed.status, DeliveryStatus::Retrying, "{status}");
            assert_eq!(failed.history[0].error.as_deref(), Some(name));
            assert_eq!(failed.delivered_at, None);
        }
    }

    /// How a delivery goes that always fails, each attempt at the time it is due: its waits in seconds, each
    /// with whether the queue wakes it up.
    fn life(schedule: Value) -> (Delivery, Vec<(i64, bool)>) {
        let endpoint = endpoint(schedule);
        let (mut state, mut at, mut waits) = (delivery(), now(), Vec::new());
        loop {
            state = apply(state, &answer(500, at), &endpoint, at, 0.5);
            let Some(next) = state.next_attempt_at else {
                return (state, waits);
            };
            waits.push((next.duration_since(at).as_secs(), state.queued));
            at = next;
        }
    }

    #[test]
    fn failures_are_repeated_by_the_schedule_until_it_ends() {
        let (end, waits) = life(json!("standard"));
        assert_eq!(end.status, DeliveryStatus::Exhausted);
        assert_eq!(
            (end.attempts, end.history.len(), end.queued),
            (10, 10, false)
        );
        assert_eq!(waits[..3], [(5, true), (300, true), (1_800, false)]);
        assert_eq!(waits[8], (86_400, false));
    }

    #[test]
    fn the_queue_wakes_a_delivery_up_in_its_first_20_minutes_and_then_the_sweep_does() {
        let (_, waits) = life(json!([900, 299, 1, 5, 901, 60]));
        let expected = [
            (900, true),
            (299, true),
            (1, true),
            (120, false),
            (901, false),
            (120, false),
        ];
        assert_eq!(waits, expected);
        assert_eq!(life(json!([901])).1, [(901, false)]);
        let (end, burst) = life(json!("burst"));
        assert_eq!((end.attempts, burst.len()), (100, 99));
        assert!(burst.iter().all(|(_, queued)| *queued));
    }

    #[test]
    fn a_delivery_that_is_to_be_attempted_is_on_the_agenda() {
        let failed = after(delivery(), 500);
        assert!(failed.status.is_scheduled() && failed.next_attempt_at.is_some());
        let delivered = after(failed, 200);
        assert_eq!((delivered.next_attempt_at, delivered.queued), (None, false));
    }

    #[test]
    fn a_replay_starts_the_schedule_again_and_keeps_counting() {
        let mut state = delivery();
        (state.attempts, state.status) = (10, DeliveryStatus::Exhausted);
        state.schedule_started_at = Some(now() - SignedDuration::from_hours(80));
        state.restart(by_hand(false));
        let failed = after(state, 500);
        let status = (failed.attempts, failed.status, failed.queued);
        assert_eq!(status, (11, DeliveryStatus::Retrying, true));
        assert_eq!(failed.wait(now()), Duration::from_secs(5));
        assert_eq!(failed.schedule_started_at, Some(now()));
        assert!(failed.history[0].replay);
        let again = after(failed, 500);
        assert!(!again.history[1].replay);
        assert_eq!(again.wait(now()), Duration::from_secs(300));
    }

    #[test]
    fn the_time_for_which_a_delivery_was_deferred_is_none_of_its_schedule() {
        let at = |seconds| now() + SignedDuration::from_secs(seconds);
        let endpoint = endpoint(json!("burst"));
        let fail = |state, at| apply(state, &answer(500, at), &endpoint, at, 0.5);
        let mut state = fail(delivery(), now());
        let later = Later::AtLeast(Duration::from_secs(900));
        state.defer(Deferred::CircuitOpen, later, 0.0, at(1));
        let failed = fail(state.clone(), at(901));
        assert_eq!(
            (failed.status, failed.deferred_ms),
            (DeliveryStatus::Retrying, 900_000)
        );
        assert_eq!(
            fail(failed, at(902 + 599)).status,
            DeliveryStatus::Exhausted
        );
        state.deferred = None;
        assert_eq!(fail(state, at(901)).status, DeliveryStatus::Exhausted);
    }

    #[test]
    fn what_was_delivered_once_stays_delivered_at_that_time() {
        let mut state = after(delivery(), 200);
        state.restart(by_hand(false));
        let later = now() + SignedDuration::from_hours(1);
        let endpoint = endpoint(json!([]));
        for (status, becomes) in [
            (500, DeliveryStatus::Exhausted),
            (200, DeliveryStatus::Delivered),
        ] {
            let state = apply(state.clone(), &answer(status, later), &endpoint, later, 0.5);
            assert_eq!((state.status, state.delivered_at), (becomes, Some(now())));
        }
    }

    #[test]
    fn a_disabled_endpoint_gets_one_attempt_and_its_failure_is_held() {
        let mut state = delivery();
        state.restart(by_hand(true));
        let endpoint = Endpoint {
            enabled: false,
            ..endpoint(json!("standard"))
        };
        for (status, becomes) in [
            (500, DeliveryStatus::Held),
            (200, DeliveryStatus::Delivered),
        ] {
            let state = apply(state.clone(), &answer(status, now()), &endpoint, now(), 0.5);
            assert_eq!((state.status, state.even_if_disabled), (becomes, false));
        }
    }

    #[test]
    fn an_overloaded_receiver_and_one_that_asks_for_time_get_it() {
        let endpoint = endpoint(json!("standard"));
        let wait = |answer: Answer| apply(delivery(), &answer, &endpoint, now(), 0.5).wait(now());
        for (status, seconds) in [(500, 5), (429, 60), (502, 60), (503, 60), (504, 60)] {
            assert_eq!(wait(answer(status, now())), Duration::from_secs(seconds));
        }
        let timeout = Answer {
            status: None,
            failure: Some(Failure::Timeout),
            ..answer(0, now())
        };
        assert_eq!(wait(timeout), Duration::from_secs(60));
        let asked = Answer {
            retry_after: Some(Duration::from_secs(600)),
            ..answer(429, now())
        };
        assert_eq!(wait(asked), Duration::from_secs(600));
    }
}
