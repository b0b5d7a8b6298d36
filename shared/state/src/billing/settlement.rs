//! What follows from an organization's access, decided from its row and the clock. Nothing here has an
//! effect.

use jiff::Timestamp;
use payload::billing::access::Access;
use payload::id::{EndpointId, ReplayId};
use sha2::{Digest as _, Sha256};

use crate::billing::entitlements::{Entitled, Told};

/// The access is another than the one that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was told.
    pub from: Access,
    /// What it is.
    pub to: Access,
    /// Since when. Nothing: there is no subscription, and there never was one.
    pub since: Option<Timestamp>,
    /// The plan, where it is known.
    pub plan: Option<String>,
    /// When the one before was settled: with it this change is another one than the same at another time.
    pub(crate) told_at: Option<Timestamp>,
}

/// What was held is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    /// Since when it was held.
    pub(crate) lapsed_since: Timestamp,
    /// Since when the access is back.
    pub(crate) since: Timestamp,
    /// What was held before is left.
    pub(crate) held_from: Option<Timestamp>,
}

impl Release {
    /// The replay of an endpoint that does it: whoever settles the same starts the same.
    pub(crate) fn replay(&self, endpoint: EndpointId) -> ReplayId {
        let named = format!(
            "release#{endpoint}#{}#{}",
            self.lapsed_since.as_millisecond(),
            self.since.as_millisecond(),
        );
        let digest = Sha256::digest(named);
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        ReplayId::made_of(self.since, first)
    }
}

/// What is to be done, and the row that says that it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) change: Option<Change>,
    pub(crate) release: Option<Release>,
    pub(crate) next: Entitled,
}

/// Compares what an organization has with what was told of it and done about it; nothing when both are one.
pub(crate) fn settlement(read: &Entitled, now: Timestamp) -> Option<Settlement> {
    let access = read.entitlement.access(now);
    let since = read.entitlement.since(now);
    let from = read.told.map_or(Access::None, |told| told.access);
    let change = (from != access).then(|| Change {
        from,
        to: access,
        since,
        plan: read.plan().map(str::to_owned),
        told_at: read.told.map(|told| told.at),
    });

    let mut next = read.clone();
    next.lapse = read.lapse_until(now);
    let mut release = None;
    if access.sends()
        && let Some(lapsed_since) = next.lapse.lapsed_since.take()
    {
        release = Some(Release {
            lapsed_since,
            since: since.unwrap_or(now),
            held_from: next.lapse.held_from,
        });
    }
    if change.is_some() {
        next.told = Some(Told {
            access,
            since,
            at: now,
        });
    }
    next.due_at = next.due(now);
    if next == *read {
        return None;
    }
    next.updated_at = now;
    next.revision += 1;
    Some(Settlement {
        change,
        release,
        next,
    })
}

#[cfg(test)]
mod tests {
    use Access::{Active, Ended, Grace, None as Never, Pending, Suspended};
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::entitlement;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn day(day: i64) -> Timestamp {
        at(day * 86_400)
    }

    fn written(steps: &[(Timestamp, Access)], now: Timestamp) -> Entitled {
        Entitled::written(None, entitlement(steps), json!({"plan": "enterprise"}), now)
    }

    /// What follows at this time, which is done.
    fn settle(entitled: &mut Entitled, now: Timestamp) -> (Option<(Access, Access)>, bool) {
        let Some(done) = settlement(entitled, now) else {
            return (None, false);
        };
        *entitled = done.next;
        let change = done.change.map(|change| (change.from, change.to));
        (change, done.release.is_some())
    }

    #[test]
    fn a_change_is_told_once_and_what_was_held_is_released_when_the_access_returns() {
        let lapse = [(day(0), Active), (day(10), Grace), (day(24), Suspended)];
        let mut row = written(&lapse, day(1));
        assert_eq!(settle(&mut row, day(1)), (Some((Never, Active)), false));
        assert_eq!(
            (settle(&mut row, day(2)), row.due_at),
            ((None, false), Some(day(10)))
        );
        assert_eq!(settle(&mut row, day(10)), (Some((Active, Grace)), false));
        assert_eq!(settle(&mut row, day(25)), (Some((Grace, Suspended)), false));
        assert_eq!((row.lapse.lapsed_since, row.due_at), (Some(day(24)), None));
        assert_eq!(settle(&mut row, day(26)), (None, false));
        let paid = entitlement(&[lapse[0], lapse[1], lapse[2], (day(27), Active)]);
        let mut row = Entitled::written(Some(&row), paid, Value::Null, day(27));
        assert_eq!(settle(&mut row, day(27)), (Some((Suspended, Active)), true));
        assert_eq!(
            (settle(&mut row, day(28)), row.lapse.lapsed_since),
            ((None, false), None)
        );
    }

    #[test]
    fn a_lapse_that_is_over_before_anyone_looked_is_no_news_and_released() {
        let steps = [(day(0), Active), (day(1), Suspended), (day(2), Active)];
        let mut row = written(&steps, at(1));
        settle(&mut row, at(1));
        assert_eq!(settle(&mut row, day(3)), (None, true));
        assert_eq!(settle(&mut row, day(3)), (None, false));
    }

    #[test]
    fn what_was_held_is_left_when_the_access_was_over_for_more_than_seven_days() {
        for (back, held_from) in [(day(17), None), (day(18), Some(day(18)))] {
            let over = [(day(0), Active), (day(5), Suspended), (day(10), Ended)];
            let mut row = written(&over, at(1));
            for now in [at(1), day(5), day(10)] {
                settle(&mut row, now);
            }
            let again = entitlement(&[over[0], over[1], over[2], (back, Active)]);
            let row = Entitled::written(Some(&row), again, Value::Null, back);
            let done = settlement(&row, back).unwrap();
            assert_eq!(done.release.unwrap().held_from, held_from);
            assert_eq!(done.next.lapse.held_from, held_from);
        }
    }

    #[test]
    fn a_first_payment_that_is_awaited_does_not_make_the_end_younger() {
        let over = [(day(0), Active), (day(5), Suspended), (day(10), Ended)];
        let mut row = written(&over, at(1));
        for now in [at(1), day(5), day(10)] {
            settle(&mut row, now);
        }
        let again = entitlement(&[over[0], over[1], over[2], (day(25), Pending)]);
        let mut row = Entitled::written(Some(&row), again, Value::Null, day(25));
        assert_eq!(settle(&mut row, day(25)), (Some((Ended, Pending)), false));
        let paid = entitlement(&[over[0], over[1], over[2], (day(26), Active)]);
        let row = Entitled::written(Some(&row), paid, Value::Null, day(26));
        let done = settlement(&row, day(26)).unwrap();
        assert_eq!(done.release.unwrap().held_from, Some(day(26)));
    }

    #[test]
    fn the_replay_of_a_release_is_the_same_for_whoever_starts_it_and_another_for_another_one() {
        let endpoint = |last: char| {
            format!("ep_01ARZ3NDEKTSV4RRFFQ69G5FA{last}")
                .parse()
                .unwrap()
        };
        let release = |lapsed, since| Release {
            lapsed_since: at(lapsed),
            since: at(since),
            held_from: None,
        };
        let id = release(1, 2).replay(endpoint('A'));
        assert_eq!(id, release(1, 2).replay(endpoint('A')));
        assert_eq!(id.created_at(), at(2));
        for other in [
            release(1, 2).replay(endpoint('B')),
            release(0, 2).replay(endpoint('A')),
            release(1, 3).replay(endpoint('A')),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn the_same_change_at_another_time_is_another_one() {
        let mut row = written(&[(day(0), Active)], at(1));
        let first = settlement(&row, at(1)).unwrap().change.unwrap();
        settle(&mut row, at(1));
        let none = Entitled::written(Some(&row), entitlement(&[]), Value::Null, at(2));
        let none = settlement(&none, at(2)).unwrap();
        assert_eq!(none.change.as_ref().unwrap().since, None);
        let steps = entitlement(&[(day(0), Active)]);
        let back = Entitled::written(Some(&none.next), steps, Value::Null, at(3));
        let again = settlement(&back, at(3)).unwrap().change.unwrap();
        assert_eq!((first.since, first.to), (again.since, again.to));
        assert_ne!(first.told_at, again.told_at);
    }

    fn any_steps() -> impl Strategy<Value = Vec<(Timestamp, Access)>> {
        let access = prop::sample::select(vec![Active, Grace, Suspended, Pending, Ended, Never]);
        prop::collection::vec((0_i64..100, access), 0..6).prop_map(|steps| {
            let step = |(second, access)| (at(second), access);
            steps.into_iter().map(step).collect()
        })
    }

    proptest! {
        /// Writes and looks at any times, some of which crash before they write down what they did.
        #[test]
        fn after_each_look_all_is_told_and_nothing_that_was_held_waits_while_it_may_be_sent(
            lives in prop::collection::vec((any_steps(), prop::collection::vec((0_i64..40, any::<bool>()), 0..5)), 1..5)
        ) {
            let mut row: Option<Entitled> = None;
            let mut now = at(0);
            let (mut told, mut may_wait) = (Never, false);
            for (steps, looks) in lives {
                let mut next = Entitled::written(row.as_ref(), entitlement(&steps), Value::Null, now);
                may_wait |= next.entitlement.access(now) == Suspended;
                for (later, crashes) in looks {
                    let before = now;
                    now += SignedDuration::from_secs(later);
                    may_wait |= (0..=later).any(|passed| {
                        next.entitlement.access(before + SignedDuration::from_secs(passed)) == Suspended
                    });
                    let access = next.entitlement.access(now);
                    let done = settlement(&next, now);
                    let change = done.as_ref().and_then(|done| done.change.clone());
                    prop_assert_eq!(change.is_some(), access != told);
                    let releases = done.as_ref().is_some_and(|done| done.release.is_some());
                    prop_assert_eq!(releases, may_wait && access.sends());
                    prop_assert_eq!(done.clone(), settlement(&next, now));
                    if crashes {
                        continue;
                    }
                    if let Some(done) = done {
                        next = done.next;
                    }
                    told = access;
                    may_wait &= !releases;
                    prop_assert_eq!(settlement(&next, now), None);
                    prop_assert!(next.due_at.is_none_or(|due| due > now));
                }
                row = Some(next);
            }
        }
    }
}
