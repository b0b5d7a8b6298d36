//! What the audit makes of one delivery, decided from its row. Nothing here has an effect.

use jiff::{SignedDuration, Timestamp};
use payload::event_type::EventType;
use state::{Delivery, DeliveryKey, DeliveryStatus, MAX_RECOVERIES, Recovered};

/// What to do about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is settled, or its time has not come.
    Fine,
    /// Its wake-up is lost: this is its row with another one.
    Lost(Delivery),
    /// It was lost as often as it was made again: this is its row as given up.
    GivenUp(Delivery),
}

/// The times by which a delivery is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// What time it is for what is due.
    pub(crate) now: Timestamp,
    /// What is written as the time when it was woken up.
    pub(crate) written: Timestamp,
    /// How long a wake-up may take until it counts as lost.
    pub(crate) patience: SignedDuration,
}

/// Judges a delivery by its row.
pub(crate) fn judge(row: &Delivery, times: Times) -> Verdict {
    let is_overdue = row
        .look_at()
        .is_some_and(|look_at| times.now.duration_since(look_at) >= times.patience);
    if !is_overdue {
        return Verdict::Fine;
    }
    let before = row.recovered.map_or(0, |recovered| recovered.times);
    let mut row = row.clone();
    if before < MAX_RECOVERIES {
        Verdict::Lost(recovered(row, before + 1, times.written))
    } else {
        row.settle(DeliveryStatus::Stuck);
        Verdict::GivenUp(row)
    }
}

/// The row that a delivery gets that has none although its event was accepted a while ago.
pub(crate) fn without_row(key: DeliveryKey, event_type: EventType, now: Timestamp) -> Delivery {
    let mut row = Delivery::pending(key, event_type);
    row.next_attempt_at = Some(now);
    recovered(row, 1, now)
}

fn recovered(mut row: Delivery, times: u8, now: Timestamp) -> Delivery {
    row.recovered = Some(Recovered { times, at: now });
    row.queued = true;
    row
}

#[cfg(test)]
mod tests {
    use state::OVERDUE_AFTER;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        // After the events of the ids below.
        Timestamp::from_second(1_469_922_850 + 60 * minutes).unwrap()
    }

    fn key() -> DeliveryKey {
        DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        }
    }

    fn due(minutes: i64) -> Delivery {
        Delivery {
            status: DeliveryStatus::Retrying,
            attempts: 2,
            next_attempt_at: Some(at(minutes)),
            ..Delivery::pending(key(), EventType::CredentialIssued)
        }
    }

    fn judge(row: &Delivery, now: Timestamp) -> Verdict {
        let times = Times {
            now,
            written: now,
            patience: OVERDUE_AFTER,
        };
        super::judge(row, times)
    }

    fn lost(row: &Delivery, minutes: i64) -> Delivery {
        match judge(row, at(minutes)) {
            Verdict::Lost(row) => row,
            other => panic!("after {minutes} minutes it is {other:?}"),
        }
    }

    #[test]
    fn a_delivery_is_lost_five_minutes_after_it_was_due_and_not_before() {
        let row = due(10);
        assert_eq!(judge(&row, at(14)), Verdict::Fine);
        let again = lost(&row, 15);
        assert_eq!((again.recovered.unwrap().times, again.queued), (1, true));
        assert_eq!(again.wake_up().attempt, 3);
    }

    #[test]
    fn a_lost_wake_up_is_made_again_three_times_within_a_day_and_then_given_up() {
        let mut row = due(0);
        for minutes in [5, 30, 180] {
            assert_eq!(judge(&row, at(minutes - 1)), Verdict::Fine);
            row = lost(&row, minutes);
        }
        assert_eq!(judge(&row, at(24 * 60 - 1)), Verdict::Fine);
        let Verdict::GivenUp(stuck) = judge(&row, at(24 * 60)) else {
            panic!("given up")
        };
        assert_eq!(stuck.status, DeliveryStatus::Stuck);
        assert_eq!(judge(&stuck, at(48 * 60)), Verdict::Fine);
    }

    #[test]
    fn while_the_queue_is_slow_a_wake_up_is_given_more_time() {
        let times = Times {
            now: at(10),
            written: at(10),
            patience: SignedDuration::from_mins(14),
        };
        assert_eq!(super::judge(&due(0), times), Verdict::Fine);
        let later = Times {
            now: at(14),
            ..times
        };
        assert!(matches!(super::judge(&due(0), later), Verdict::Lost(_)));
    }

    #[test]
    fn what_is_settled_is_fine() {
        for status in DeliveryStatus::ALL {
            let row = Delivery { status, ..due(0) };
            let is_lost = judge(&row, at(60)) != Verdict::Fine;
            assert_eq!(is_lost, status.is_scheduled(), "{status}");
        }
    }

    #[test]
    fn a_delivery_without_a_row_gets_one_that_counts_as_made_again_once() {
        let row = without_row(key(), EventType::CredentialIssued, at(5));
        assert_eq!((row.status, row.revision), (DeliveryStatus::Pending, 0));
        assert_eq!(row.wake_up().attempt, 1);
        assert_eq!(judge(&row, at(29)), Verdict::Fine);
        assert_eq!(lost(&row, 30).recovered.unwrap().times, 2);
    }
}
