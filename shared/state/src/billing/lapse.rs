//! What is held for an organization while its access is not there, and how much of it is still released when
//! the access is back.

use jiff::{SignedDuration, Timestamp};
use payload::billing::access::{Access, Entitlement};
use payload::timestamp;
use serde::{Deserialize, Serialize};

/// For so long nothing may be recorded; what was held before is not released when it takes longer.
const HELD_AFTER_THE_END: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is known of deliveries that wait for access, as of a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapse {
    /// Since when deliveries may have been held for the access that was not there, and were not released.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub lapsed_since: Option<Timestamp>,
    /// Since when nothing is recorded.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub unrecorded_since: Option<Timestamp>,
    /// What was held before this is not released any more: nothing had been recorded for too long.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub held_from: Option<Timestamp>,
}

impl Lapse {
    /// What becomes of it from one moment to another with this access. The same again changes nothing.
    pub(crate) fn after(self, access: &Entitlement, (from, until): (Timestamp, Timestamp)) -> Self {
        let first = access.since(from).unwrap_or(from);
        let steps = access.steps().iter();
        let later = steps.filter(|step| from < step.from && step.from <= until);
        // What is better counts a little before its step, and then nothing lapsed between the two.
        let later = later.map(|step| (step.from, access.access(step.from)));
        let steps = [(first, access.access(from))].into_iter().chain(later);
        steps.fold(self, |lapse, (at, access)| lapse.while_it_is(access, at))
    }

    /// The access is that from this moment on.
    fn while_it_is(mut self, access: Access, at: Timestamp) -> Self {
        if !access.records() {
            self.unrecorded_since.get_or_insert(at);
        } else if let Some(since) = self.unrecorded_since.take()
            && at.duration_since(since) > HELD_AFTER_THE_END
        {
            self.held_from = Some(at);
        }
        if access == Access::Suspended {
            self.lapsed_since.get_or_insert(at);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use Access::{Active, Ended, None as Never, Pending, Suspended};

    use super::*;
    use crate::testing::entitlement;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + day * 86_400).unwrap()
    }

    #[track_caller]
    fn check(
        steps: &[(i64, Access)],
        lapsed: Option<i64>,
        unrecorded: Option<i64>,
        from: Option<i64>,
    ) {
        let steps: Vec<_> = steps
            .iter()
            .map(|(at, access)| (day(*at), *access))
            .collect();
        let access = entitlement(&steps);
        let lapse = Lapse::default().after(&access, (day(0), day(100)));
        let expected = Lapse {
            lapsed_since: lapsed.map(day),
            unrecorded_since: unrecorded.map(day),
            held_from: from.map(day),
        };
        assert_eq!(lapse, expected);
        assert_eq!(lapse.after(&access, (day(100), day(101))), expected);
        for stop in 1..100 {
            let first = Lapse::default().after(&access, (day(0), day(stop)));
            assert_eq!(
                first.after(&access, (day(stop), day(100))),
                expected,
                "{stop}"
            );
        }
    }

    #[test]
    fn what_was_held_before_more_than_a_week_without_records_is_left_whatever_came_between() {
        let over = [(0, Active), (5, Suspended), (10, Ended)];
        for (then, unrecorded, from) in [
            (&[][..], Some(10), None),
            (&[(17, Active)], None, None),
            (&[(18, Active)], None, Some(18)),
            (&[(17, Pending), (18, Active)], None, Some(18)),
            (&[(11, Never), (12, Pending), (17, Active)], None, None),
            (&[(25, Suspended), (26, Active)], None, Some(25)),
            (&[(12, Active), (13, Ended), (19, Active)], None, None),
        ] {
            check(&[&over[..], then].concat(), Some(5), unrecorded, from);
        }
    }

    #[test]
    fn nothing_is_held_of_who_never_had_access() {
        check(&[], None, Some(0), None);
    }
}
