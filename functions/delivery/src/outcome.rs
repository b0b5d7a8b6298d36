//! What an attempt's answer makes of its delivery.

use std::time::Duration;

use jiff::Timestamp;
use payload::retry::RetrySchedule;
use state::{Attempt, Delivery, DeliveryStatus, HISTORY_LENGTH, MAX_DELAY};

/// Why an attempt did not succeed, as the log names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Answered 3xx, which is never followed.
    Redirect,
    /// Answered 4xx.
    ClientError,
    /// Answered 5xx.
    ServerError,
    /// Answered with a status that is none of these.
    UnexpectedStatus,
    /// Not over within the endpoint's timeout.
    Timeout,
    /// No connection: the name is unknown, nobody listens, or TLS failed.
    Connect,
    /// The name resolves to an address that webhooks may not be sent to.
    BlockedAddress,
    /// The endpoint's URL is none a webhook may be sent to.
    BlockedTarget,
    /// The connection broke before the answer was complete.
    Broken,
}

impl Failure {
    /// Its name in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::UnexpectedStatus => "unexpected_status",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::BlockedAddress => "blocked_address",
            Self::BlockedTarget => "blocked_target",
            Self::Broken => "broken",
        }
    }

    /// The failure that an answer with this status is; `None` for success, which is 2xx only.
    pub(crate) const fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            300..=399 => Some(Self::Redirect),
            400..=499 => Some(Self::ClientError),
            500..=599 => Some(Self::ServerError),
            _ => Some(Self::UnexpectedStatus),
        }
    }
}

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
    /// The start of the answer's body.
    pub(crate) body: Option<String>,
}

/// The delivery after this answer to its next attempt. `spread` is a random number in 0..=1.
pub(crate) fn apply(
    mut delivery: Delivery,
    answer: &Answer,
    schedule: RetrySchedule,
    now: Timestamp,
    spread: f64,
) -> Delivery {
    delivery.attempts += 1;
    delivery.history.push(Attempt {
        number: delivery.attempts,
        at: answer.at,
        status: answer.status,
        error: answer.failure.map(|failure| failure.name().to_owned()),
        duration_ms: u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
    });
    let surplus = delivery.history.len().saturating_sub(HISTORY_LENGTH);
    delivery.history.drain(..surplus);
    delivery.response.clone_from(&answer.body);
    delivery.skipped = None;
    delivery.next_attempt_at = None;
    delivery.status = match answer.failure {
        None => DeliveryStatus::Delivered,
        Some(_) => {
            match schedule.wait_after(delivery.attempts - delivery.attempts_before, spread) {
                Some(wait) => {
                    delivery.next_attempt_at = now.checked_add(wait).ok();
                    DeliveryStatus::Retrying
                }
                None => DeliveryStatus::Exhausted,
            }
        }
    };
    delivery
}

/// Whether a message can wake the next attempt up, which the queue keeps for 15 minutes at most. A
/// longer wait is left to the index of due deliveries.
pub(crate) fn fits_the_queue(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.wait(now) <= MAX_DELAY
}

#[cfg(test)]
mod tests {
    use payload::event_type::EventType;
    use state::DeliveryKey;

    use super::*;

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

    fn answer(status: u16) -> Answer {
        Answer {
            at: now(),
            took: Duration::from_millis(7),
            status: Some(status),
            failure: Failure::of_status(status),
            body: Some("ok".to_owned()),
        }
    }

    fn after(delivery: Delivery, status: u16) -> Delivery {
        apply(
            delivery,
            &answer(status),
            RetrySchedule::Standard,
            now(),
            0.5,
        )
    }

    #[test]
    fn success_is_2xx_only() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(
                after(delivery(), status).status,
                DeliveryStatus::Delivered,
                "{status}"
            );
        }
        for (status, name) in [
            (199, "unexpected_status"),
            (301, "redirect"),
            (404, "client_error"),
            (500, "server_error"),
            (600, "unexpected_status"),
        ] {
            let failed = after(delivery(), status);
            assert_eq!(failed.status, DeliveryStatus::Retrying, "{status}");
            assert_eq!(failed.history[0].error.as_deref(), Some(name));
        }
    }

    #[test]
    fn failures_are_repeated_by_the_schedule_until_it_ends() {
        let mut waits = Vec::new();
        let mut state = delivery();
        while state.status != DeliveryStatus::Exhausted {
            state = after(state, 500);
            waits.push((state.wait(now()).as_secs(), fits_the_queue(&state, now())));
        }
        assert_eq!(state.attempts, 10);
        assert_eq!(waits[..3], [(5, true), (300, true), (1_800, false)]);
        assert_eq!(waits[8], (86_400, false));
        assert_eq!(state.next_attempt_at, None);
        assert_eq!(state.history.len(), 10);
    }

    #[test]
    fn a_retry_by_hand_starts_the_schedule_again_and_keeps_counting() {
        let mut state = delivery();
        (state.attempts, state.attempts_before, state.status) = (10, 10, DeliveryStatus::Retrying);
        let state = after(state, 503);
        assert_eq!(
            (state.attempts, state.status),
            (11, DeliveryStatus::Retrying)
        );
        assert_eq!(state.wait(now()), Duration::from_secs(5));
        assert_eq!(state.history[0].number, 11);
    }
}
