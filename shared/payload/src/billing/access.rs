//! What an organization has paid for, and when that changes by itself.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::timestamp;

/// Whether an organization's webhooks are paid for. The better one is the smaller one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Access {
    /// They are.
    Active,
    /// A payment failed, and there is still time to make up for it.
    Grace,
    /// A payment failed for too long, or the subscription pauses: webhooks wait.
    Suspended,
    /// The first payment is not through.
    Pending,
    /// The subscription is over.
    Ended,
    /// There never was one, or none to a plan with webhooks.
    None,
}

impl Access {
    /// Whether webhooks are sent.
    pub const fn sends(self) -> bool {
        matches!(self, Self::Active | Self::Grace)
    }

    /// Whether events are accepted, be it to be kept until they may be sent.
    pub const fn records(self) -> bool {
        matches!(self, Self::Active | Self::Grace | Self::Suspended)
    }

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Grace => "GRACE",
            Self::Suspended => "SUSPENDED",
            Self::Pending => "PENDING",
            Self::Ended => "ENDED",
            Self::None => "NONE",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much later than ours the clock of Stripe may be: as much as a signature may be.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Access over time: what it is, and what becomes of it when Stripe says nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// In the order of time, each other than the one before. Before the first there is no access.
    ///
    /// A better one counts as much earlier as the clocks may differ: who changes from one plan to another, or
    /// has just paid, has access throughout.
    steps: Vec<Step>,
}

/// From when on it is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// From this moment on.
    #[serde(serialize_with = "timestamp::serialize")]
    pub from: Timestamp,
    /// What it is.
    pub access: Access,
}

impl Entitlement {
    /// Steps in any order; of two at the same moment the later one counts.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut sorted: Vec<Step> = steps.into_iter().collect();
        sorted.sort_by_key(|step| step.from);
        let mut steps: Vec<Step> = Vec::with_capacity(sorted.len());
        for step in sorted {
            steps.pop_if(|last| last.from == step.from);
            if steps.last().map_or(Access::None, |last| last.access) != step.access {
                steps.push(step);
            }
        }
        Self { steps }
    }

    /// The best of several at each moment.
    pub fn best(of: &[Self]) -> Self {
        let moments = of.iter().flat_map(|each| &each.steps);
        Self::new(moments.map(|step| Step {
            from: step.from,
            access: (of.iter().map(|each| each.exactly(step.from)).min()).unwrap_or(Access::None),
        }))
    }

    /// What it is, by Stripe's clock.
    fn exactly(&self, at: Timestamp) -> Access {
        let step = self.steps.iter().rfind(|step| step.from <= at);
        step.map_or(Access::None, |step| step.access)
    }

    /// The steps, in the order of time.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What it is at `now`.
    pub fn access(&self, now: Timestamp) -> Access {
        self.at(now).map_or(Access::None, |step| step.access)
    }

    /// Since when it is what it is at `now`; `None`: it never was anything else.
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        self.at(now).map(|step| step.from)
    }

    /// What it becomes next by itself.
    pub fn next(&self, now: Timestamp) -> Option<Step> {
        let reached = self.since(now).map_or(now, |since| since.max(now));
        self.steps.iter().find(|step| step.from > reached).copied()
    }

    fn at(&self, now: Timestamp) -> Option<&Step> {
        let reached = self.steps.iter().rfind(|step| step.from <= now);
        let is_near = |step: &&Step| step.from > now && step.from.duration_since(now) <= SKEW;
        let near = self.steps.iter().filter(is_near);
        reached
            .into_iter()
            .chain(near)
            .min_by_key(|step| step.access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(second: i64, access: Access) -> Step {
        Step {
            from: Timestamp::from_second(second).unwrap(),
            access,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn access_is_what_the_last_step_says_and_none_before_the_first() {
        let access = Entitlement::new([step(20, Access::Suspended), step(10, Access::Active)]);
        for (second, expected, since) in [
            (-291, Access::None, None),
            // Stripe's clock may be ahead of ours.
            (-290, Access::Active, Some(10)),
            (9, Access::Active, Some(10)),
            (10, Access::Active, Some(10)),
            (19, Access::Active, Some(10)),
            (20, Access::Suspended, Some(20)),
        ] {
            assert_eq!(access.access(at(second)), expected);
            assert_eq!(access.since(at(second)), since.map(at));
        }
        assert_eq!(access.next(at(-291)), Some(step(10, Access::Active)));
        assert_eq!(access.next(at(9)), Some(step(20, Access::Suspended)));
        assert_eq!(access.next(at(10)), Some(step(20, Access::Suspended)));
        assert_eq!(access.next(at(20)), None);
    }

    #[test]
    fn what_is_better_counts_as_much_earlier_as_clocks_may_differ_and_what_is_worse_does_not() {
        let paid = [
            step(1_000, Access::Suspended),
            step(2_000, Access::Active),
            step(2_100, Access::Grace),
        ];
        let access = Entitlement::new(paid);
        for (second, expected) in [
            (1_699, Access::Suspended),
            (1_700, Access::Active),
            (2_099, Access::Active),
            (2_100, Access::Grace),
        ] {
            assert_eq!(access.access(at(second)), expected, "{second}");
        }
        assert_eq!(access.next(at(1_700)), Some(paid[2]));
    }

    #[test]
    fn steps_that_change_nothing_are_left_out() {
        let steps = [
            step(1, Access::None),
            step(2, Access::Active),
            step(3, Access::Active),
            step(4, Access::Grace),
            step(4, Access::Suspended),
        ];
        let expected = [step(2, Access::Active), step(4, Access::Suspended)];
        assert_eq!(Entitlement::new(steps).steps, expected);
    }

    #[test]
    fn of_several_the_best_counts_at_each_moment() {
        let a = [step(1, Access::Active), step(5, Access::Ended)];
        let b = [
            step(3, Access::Pending),
            step(4, Access::Active),
            step(9, Access::Grace),
        ];
        let best = Entitlement::best(&[Entitlement::new(a), Entitlement::new(b)]);
        assert_eq!(
            best.steps(),
            [step(1, Access::Active), step(9, Access::Grace)]
        );
        assert_eq!(Entitlement::best(&[]).steps(), []);
    }

    #[test]
    fn only_paid_access_sends_and_what_is_suspended_is_still_recorded() {
        use Access::{Active, Ended, Grace, None, Pending, Suspended};
        let sends = [Active, Grace];
        let records = [Active, Grace, Suspended];
        for access in [Active, Grace, Suspended, Pending, Ended, None] {
            assert_eq!(access.sends(), sends.contains(&access), "{access}");
            assert_eq!(access.records(), records.contains(&access), "{access}");
        }
    }
}
