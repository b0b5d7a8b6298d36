//! How an endpoint is doing: what is known of it while its attempts fail, and the circuit breaker.
//!
//! A healthy endpoint has no row. All here is decided from values; the rows are in `health_rows`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use payload::timestamp;
use serde::{Deserialize, Serialize};

/// For how long a circuit opens the first time, and at most. It doubles each time that its probe fails.
const OPEN_FOR: Duration = Duration::from_secs(30);
const MAX_OPEN: Duration = Duration::from_mins(15);
/// An endpoint is given up when it has only failed for so long,
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);
/// and at least so often.
const GIVEN_UP_FAILURES: u32 = 20;
/// From then on a failure that decides nothing is written down if the last one was so long ago: a row that
/// every attempt of a busy endpoint writes would be the slowest of all.
const NEWS_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What an attempt says of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    /// Nothing was sent: its delivery was given up before.
    Nothing,
    /// It works not at all: no connection, no answer, none in time, or a 5xx.
    Outage,
    /// It is there, and did not take the webhook.
    Refusal,
    /// It took it.
    Success,
}

/// What became of one attempt, as far as the endpoint's health depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// When it was over.
    pub at: Timestamp,
    /// What it says.
    pub answered: Answered,
    /// Whether it was the probe of an open circuit.
    pub is_probe: bool,
    /// Whether it was its delivery's last.
    pub exhausts: bool,
}

impl Outcome {
    /// Whether the endpoint took the webhook.
    pub fn is_success(&self) -> bool {
        self.answered == Answered::Success
    }
}

/// An endpoint that fails: what happened since its last success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// When its first attempt failed.
    #[serde(serialize_with = "timestamp::serialize")]
    pub failing_since: Timestamp,
    /// How many attempts failed. Of many at once not all are counted.
    pub failures: u32,
    /// When the last of them failed.
    #[serde(serialize_with = "timestamp::serialize")]
    pub last_failure_at: Timestamp,
    /// How many of them were outages, counted up to what opens the circuit.
    pub outages: u32,
    /// Its circuit breaker, when that is not closed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub circuit: Option<Circuit>,
    /// When a delivery was first exhausted.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub exhausted_since: Option<Timestamp>,
    /// Counts the writes of the row.
    pub revision: u64,
}

/// A circuit that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// No attempt is made before this time. Then one is: the probe.
    #[serde(serialize_with = "timestamp::serialize")]
    pub open_until: Timestamp,
    /// How often it has opened.
    pub times: u32,
    /// By when the probe that is under way is over, or whoever makes it has died.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub probed_until: Option<Timestamp>,
}

impl Circuit {
    fn opened(times: u32, now: Timestamp) -> Self {
        let doubled = OPEN_FOR.saturating_mul(2u32.saturating_pow(times.saturating_sub(1)));
        Self {
            open_until: later(now, doubled.min(MAX_OPEN)),
            times,
            probed_until: None,
        }
    }
}

/// After how many outages in a row the circuit of an endpoint opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker(u32);

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Go,
    /// One may, to find out; whoever makes it says so first.
    Probe,
    /// None may, for so long.
    Wait(Duration),
}

impl Breaker {
    /// Opens circuits after so many outages in a row; 0: never.
    pub fn after(outages: u32) -> Self {
        Self(outages)
    }

    /// Whether an endpoint may be sent something.
    pub fn gate(self, health: Option<&Health>, now: Timestamp) -> Gate {
        let circuit = health.and_then(|health| health.circuit);
        let Some(circuit) = circuit.filter(|_| self.0 > 0) else {
            return Gate::Go;
        };
        let shut_until = circuit.probed_until.unwrap_or(circuit.open_until);
        match Duration::try_from(shut_until.duration_since(now)) {
            Ok(wait) if !wait.is_zero() => Gate::Wait(wait),
            _ => Gate::Probe,
        }
    }

    /// The health of an endpoint after these attempts, in whatever order they are given. `None`: it is well.
    pub fn judge(
        self,
        known: Option<Health>,
        outcomes: &[Outcome],
        now: Timestamp,
    ) -> Option<Health> {
        let mut outcomes = outcomes.to_vec();
        outcomes.sort_unstable();
        outcomes.into_iter().fold(known, |health, outcome| {
            self.after_one(health, outcome, now)
        })
    }

    fn after_one(self, health: Option<Health>, outcome: Outcome, now: Timestamp) -> Option<Health> {
        let at = outcome.at;
        if outcome.is_success() {
            return health?.after_success(at);
        }
        let mut health = health.unwrap_or_else(|| Health::failing(at));
        if outcome.answered != Answered::Nothing {
            health.failures = health.failures.saturating_add(1);
            health.last_failure_at = health.last_failure_at.max(at);
        }
        if outcome.exhausts {
            health.exhausted_since.get_or_insert(at);
        }
        let is_outage = outcome.answered == Answered::Outage;
        health.outages = self.0.min(health.outages + u32::from(is_outage));
        health.circuit = match health.circuit {
            Some(circuit) if outcome.is_probe => {
                // Who refuses is there: nothing is spared by leaving it alone.
                is_outage.then(|| Circuit::opened(circuit.times.saturating_add(1), now))
            }
            None if is_outage && self.0 > 0 && health.outages == self.0 => {
                Some(Circuit::opened(1, now))
            }
            circuit => circuit,
        };
        if outcome.is_probe && !is_outage {
            health.outages = 0;
        }
        Some(health)
    }
}

impl Health {
    fn failing(since: Timestamp) -> Self {
        Self {
            failing_since: since,
            failures: 0,
            last_failure_at: since,
            outages: 0,
            circuit: None,
            exhausted_since: None,
            revision: 0,
        }
    }

    /// What is left to be said after a success, which others may have made before the last failure.
    fn after_success(self, at: Timestamp) -> Option<Self> {
        if at >= self.last_failure_at {
            None
        } else if at < self.failing_since {
            Some(self)
        } else {
            Some(Self {
                failures: 1,
                outages: self.outages.min(1),
                revision: self.revision,
                ..Self::failing(self.last_failure_at)
            })
        }
    }

    /// With a probe under way that takes at most so long.
    pub fn probed(mut self, takes: Duration, now: Timestamp) -> Self {
        if let Some(circuit) = &mut self.circuit {
            circuit.probed_until = Some(later(now, takes));
        }
        self
    }

    /// Whether its endpoint is to be disabled.
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        self.failures >= GIVEN_UP_FAILURES
            && now.duration_since(self.failing_since) >= GIVEN_UP_AFTER
    }

    /// Whether it is worth a write where `known` stands.
    pub(crate) fn is_news(&self, known: &Self) -> bool {
        let same = Self {
            failures: self.failures,
            last_failure_at: self.last_failure_at,
            revision: self.revision,
            ..known.clone()
        };
        let since = self.last_failure_at.duration_since(known.last_failure_at);
        *self != same || known.failures < GIVEN_UP_FAILURES || since >= NEWS_AFTER
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BREAKER: Breaker = Breaker(5);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn outcome(answered: Answered, seconds: i64) -> Outcome {
        Outcome {
            at: at(seconds),
            answered,
            is_probe: false,
            exhausts: false,
        }
    }

    fn probe(answered: Answered, seconds: i64) -> Outcome {
        Outcome {
            is_probe: true,
            ..outcome(answered, seconds)
        }
    }

    /// After these answers, one a second.
    fn after(answers: &[Answered]) -> Option<Health> {
        answers.iter().zip(0..).fold(None, |health, (answer, n)| {
            BREAKER.judge(health, &[outcome(*answer, n)], at(n))
        })
    }

    fn opened() -> Health {
        after(&[Answered::Outage; 5]).unwrap()
    }

    #[test]
    fn five_outages_in_a_row_open_the_circuit_and_a_success_between_them_does_not() {
        use Answered::{Outage, Refusal, Success};
        let is_open = |answers: &[Answered]| after(answers).is_some_and(|h| h.circuit.is_some());
        assert!(!is_open(&[Outage; 4]));
        assert!(is_open(&[Outage; 5]));
        assert!(!is_open(&[Outage, Outage, Outage, Success, Outage, Outage]));
        // A refusal counts for nothing and interrupts nothing.
        assert!(!is_open(&[Refusal; 9]));
        assert!(is_open(&[Outage, Outage, Refusal, Outage, Outage, Outage]));
        assert_eq!(after(&[Outage, Refusal, Success]), None);
    }

    #[test]
    fn a_delivery_that_is_given_up_unsent_is_no_failed_attempt() {
        let given_up = Outcome {
            exhausts: true,
            ..outcome(Answered::Nothing, 9)
        };
        let failing = after(&[Answered::Outage]);
        for (known, failures) in [(failing, 1), (None, 0)] {
            let health = BREAKER.judge(known, &[given_up], at(9)).unwrap();
            assert_eq!((health.failures, health.circuit), (failures, None));
            assert_eq!(health.exhausted_since, Some(at(9)));
            let success = [outcome(Answered::Success, 10)];
            assert_eq!(BREAKER.judge(Some(health), &success, at(10)), None);
        }
    }

    #[test]
    fn an_open_circuit_lets_nothing_through_for_30_seconds_and_then_one_probe() {
        let health = opened();
        let gate = |health: &Health, seconds| BREAKER.gate(Some(health), at(seconds));
        assert_eq!(gate(&health, 4), Gate::Wait(Duration::from_secs(30)));
        assert_eq!(gate(&health, 33), Gate::Wait(Duration::from_secs(1)));
        assert_eq!(gate(&health, 34), Gate::Probe);
        let probed = health.probed(Duration::from_secs(25), at(34));
        assert_eq!(gate(&probed, 34), Gate::Wait(Duration::from_secs(25)));
        // Who made the probe has died.
        assert_eq!(gate(&probed, 59), Gate::Probe);
        assert_eq!(BREAKER.gate(None, at(0)), Gate::Go);
        assert_eq!(gate(&after(&[Answered::Outage; 4]).unwrap(), 9), Gate::Go);
    }

    #[test]
    fn a_circuit_opens_for_twice_as_long_each_time_its_probe_fails_up_to_15_minutes() {
        let (mut health, mut now, mut waits) = (opened(), 4, Vec::new());
        for _ in 0..7 {
            let open = health.circuit.unwrap().open_until;
            waits.push(open.duration_since(at(now)).as_secs());
            now += waits.last().unwrap();
            let failed = [probe(Answered::Outage, now)];
            health = BREAKER.judge(Some(health), &failed, at(now)).unwrap();
            assert_eq!(health.circuit.unwrap().probed_until, None);
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
    }

    #[test]
    fn a_probe_that_is_answered_closes_the_circuit() {
        let probed = opened().probed(Duration::from_secs(25), at(34));
        let success = [probe(Answered::Success, 35)];
        assert_eq!(BREAKER.judge(Some(probed.clone()), &success, at(35)), None);
        let refusal = [probe(Answered::Refusal, 35)];
        let refused = BREAKER.judge(Some(probed), &refusal, at(35)).unwrap();
        assert_eq!(
            (refused.circuit, refused.outages, refused.failures),
            (None, 0, 6)
        );
    }

    #[test]
    fn attempts_that_were_under_way_when_a_circuit_opened_do_not_open_it_for_longer() {
        let health = opened();
        let late = [outcome(Answered::Outage, 40), outcome(Answered::Outage, 41)];
        let after = BREAKER.judge(Some(health.clone()), &late, at(41)).unwrap();
        assert_eq!(after.circuit, health.circuit);
        let success = [outcome(Answered::Success, 42)];
        assert_eq!(BREAKER.judge(Some(after), &success, at(42)), None);
    }

    #[test]
    fn a_breaker_that_is_off_opens_nothing_and_keeps_nothing_open() {
        let off = Breaker::after(0);
        assert_eq!(off.gate(Some(&opened()), at(4)), Gate::Go);
        let outages = [outcome(Answered::Outage, 0); 9];
        let health = off.judge(None, &outages, at(0)).unwrap();
        assert_eq!((health.failures, health.circuit), (9, None));
    }

    #[test]
    fn a_success_that_others_made_in_between_leaves_the_last_failure() {
        let health = after(&[Answered::Outage; 4]).unwrap();
        let with_success = |seconds| {
            let outcomes = [outcome(Answered::Success, seconds)];
            BREAKER.judge(Some(health.clone()), &outcomes, at(9))
        };
        assert_eq!(with_success(-1), Some(health.clone()));
        let cut = with_success(1).unwrap();
        assert_eq!(
            (cut.failing_since, cut.failures, cut.outages),
            (at(3), 1, 1)
        );
        assert_eq!(with_success(3), None);
    }

    #[test]
    fn an_endpoint_is_given_up_after_five_days_and_20_attempts_without_a_success() {
        let days = |days: i64| at(days * 24 * 60 * 60);
        let health = |failures| Health {
            failures,
            ..Health::failing(at(0))
        };
        assert!(health(20).is_given_up(days(5)));
        assert!(!health(19).is_given_up(days(9)));
        assert!(!health(99).is_given_up(days(5) - SignedDuration::from_secs(1)));
    }

    #[test]
    fn of_many_failures_one_in_ten_seconds_is_written_and_what_decides_something_always() {
        let known = Health {
            failures: 20,
            ..Health::failing(at(0))
        };
        let next = |seconds, exhausts| {
            let failed = Outcome {
                exhausts,
                ..outcome(Answered::Refusal, seconds)
            };
            BREAKER
                .judge(Some(known.clone()), &[failed], at(seconds))
                .unwrap()
        };
        assert!(!next(9, false).is_news(&known));
        assert!(next(10, false).is_news(&known));
        assert!(next(1, true).is_news(&known));
        let few = Health {
            failures: 19,
            ..known.clone()
        };
        assert!(next(1, false).is_news(&few));
        let probed = opened().probed(Duration::from_secs(9), at(40));
        assert!(probed.is_news(&opened()));
    }

    fn outcomes() -> impl Strategy<Value = Vec<Outcome>> {
        let answered = prop_oneof![
            Just(Answered::Success),
            Just(Answered::Refusal),
            Just(Answered::Outage),
        ];
        let one = (answered, 0..60i64, any::<bool>(), any::<bool>());
        let outcome = one.prop_map(|(answered, seconds, is_probe, exhausts)| Outcome {
            at: at(seconds),
            answered,
            is_probe,
            exhausts,
        });
        proptest::collection::vec(outcome, 0..20)
    }

    proptest! {
        #[test]
        fn the_order_in_which_attempts_are_reported_does_not_matter(
            (first, second) in outcomes().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            known in prop_oneof![Just(None), Just(Some(opened()))],
        ) {
            let judged = |outcomes: &[Outcome]| BREAKER.judge(known.clone(), outcomes, at(60));
            prop_assert_eq!(judged(&first), judged(&second));
        }

        #[test]
        fn an_endpoint_whose_last_attempt_succeeded_is_well_and_one_whose_last_failed_is_not(
            outcomes in outcomes(),
        ) {
            let health = BREAKER.judge(None, &outcomes, at(60));
            let last = outcomes.iter().max();
            let fails = last.is_some_and(|last| last.answered != Answered::Success);
            prop_assert_eq!(health.is_some(), fails);
            if let Some(health) = health {
                let since_success = outcomes
                    .iter()
                    .filter(|outcome| outcome.answered == Answered::Success)
                    .max();
                let streak: Vec<_> = outcomes.iter().filter(|o| Some(*o) > since_success).collect();
                prop_assert_eq!(health.failures as usize, streak.len());
                prop_assert_eq!(Some(health.failing_since), streak.iter().map(|o| o.at).min());
                prop_assert_eq!(Some(health.last_failure_at), streak.iter().map(|o| o.at).max());
            }
        }

        #[test]
        fn a_gate_never_stays_shut_without_an_attempt(
            outcomes in outcomes(),
            wait in 0..2_000i64,
        ) {
            let health = BREAKER.judge(None, &outcomes, at(60));
            let gate = BREAKER.gate(health.as_ref(), at(60 + wait));
            if let Gate::Wait(remaining) = gate {
                prop_assert!(remaining <= MAX_OPEN);
                let then = at(60 + wait) + SignedDuration::try_from(remaining).unwrap();
                prop_assert_eq!(BREAKER.gate(health.as_ref(), then), Gate::Probe);
            }
        }
    }
}
