//! The wake-ups of a batch for one endpoint. What they have in common is decided once for all of them:
//! whether the endpoint is sent anything, and what its answers say of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use payload::id::EndpointId;
use state::{
    Chain, DisabledReason, Endpoint, Gate, Health, HealthChange, Limited, Outcome, StateError,
};
use tracing::{info, warn};

use crate::handler::{Delivery, Received, Time};
use crate::known::Known;
use crate::limits::{Limit, Share, Shares};
use crate::plan::{Plan, Turn};

/// What a probe may take beside its request.
const PROBE_MARGIN: Duration = Duration::from_secs(10);
/// For so long an endpoint is left alone of which it cannot be found out whether it may be sent something.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// Beyond this many endpoints the memory starts over: an environment lives for hours.
const MAX_REMEMBERED: usize = 10_000;

/// When endpoints last succeeded here. What is known of an endpoint may be seconds old: others may have
/// begun to count its failures, and do not know that it succeeds in between.
#[derive(Debug, Default)]
pub(crate) struct Successes(Mutex<HashMap<EndpointId, Outcome>>);

impl Successes {
    /// What attempts say of an endpoint, together with what is remembered of it.
    fn with(&self, endpoint: EndpointId, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.extend(remembered.get(&endpoint));
        let successes = outcomes.iter().filter(|outcome| outcome.is_success());
        if let Some(last) = successes.max() {
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            remembered.insert(endpoint, *last);
        }
        outcomes
    }
}

/// How long a probe takes at most.
fn probe_takes(endpoint: &Endpoint) -> Duration {
    Duration::from_secs(endpoint.timeout_seconds.into()) + PROBE_MARGIN
}

/// What the attempts of a batch made of an endpoint.
pub(crate) struct Noted {
    pub(crate) change: HealthChange,
    /// The endpoint as it is when it was disabled, because it has failed for too long.
    pub(crate) disabled: Option<Endpoint>,
}

impl Delivery {
    /// Does what the wake-ups for one endpoint ask for, all at once; an answer for each.
    pub(crate) async fn attend(
        &self,
        group: &[&Received],
        known: &Known,
        organization: Option<&Share<'_>>,
        time: Time,
    ) -> Vec<Result<(), StateError>> {
        let plan = |received: &&Received| known.plan(received, time.now());
        let plans: Vec<Result<Plan<'_>, StateError>> = group.iter().map(plan).collect();
        let asks = plans.iter().flatten().find_map(Plan::asks);
        let endpoint = group.first().and_then(|received| known.endpoint(received));
        let mut health = endpoint
            .and_then(|endpoint| known.health(endpoint))
            .cloned();
        let mut gate = Gate::Go;
        if let Some(endpoint) = asks {
            (gate, health) = self.gate(endpoint, health, time.now()).await;
        }
        let probe = asks.map(probe_takes).unwrap_or_default();
        let mut turn = |plan: &Plan<'_>| plan.turn(&mut gate, probe);
        let turns = plans
            .iter()
            .map(|plan| plan.as_ref().map_or(Turn::Go, &mut turn));
        let turns: Vec<Turn> = turns.collect();
        let sends = |(plan, turn): &(&Result<Plan<'_>, _>, &Turn)| {
            matches!(plan, Ok(Plan::Attempt(..))) && matches!(turn, Turn::Go | Turn::Probe)
        };
        let requests = plans.iter().zip(&turns).filter(sends).count();
        let share = endpoint.map(|endpoint| {
            let places = known.places(Limited::Endpoint(endpoint.id));
            Share::new(&self.limits, Limit::of_endpoint(endpoint), places, requests)
        });
        let shares = share.as_ref().map(|endpoint| Shares {
            endpoint,
            organization,
        });
        let acting = plans.into_iter().zip(turns);
        let account = group
            .first()
            .and_then(|received| known.account(received.wake_up.delivery().organization));
        let retention = account.map_or(self.retention, |account| {
            account.organization.retention(self.retention)
        });
        let acting =
            acting.map(async |(plan, turn)| self.act(plan?, turn, shares, retention, time).await);
        let acted = join_all(acting).await;

        let outcomes = acted.iter().flatten().flatten().copied().collect();
        let mut answers: Vec<_> = acted.into_iter().map(|acted| acted.map(drop)).collect();
        if let Some(share) = &share {
            share.give_back(time.now()).await;
        }
        if let Some(endpoint) = endpoint {
            let noted = self.note(endpoint, health, outcomes, time.now()).await;
            let told = self
                .announce_endpoint(endpoint, group, known, noted, time.now())
                .await;
            // One message that comes back is enough to tell again.
            if let (Err(error), Some(first)) = (told, answers.first_mut()) {
                *first = Err(error);
            }
        }
        answers
    }

    /// Whether an endpoint may be sent something, and what is known of it then.
    async fn gate(
        &self,
        endpoint: &Endpoint,
        health: Option<Health>,
        now: Timestamp,
    ) -> (Gate, Option<Health>) {
        let takes = probe_takes(endpoint);
        let admitted = self
            .accounts
            .admit(endpoint, health, takes, self.breaker, now);
        admitted.await.unwrap_or_else(|error| {
            warn!(endpoint.id = %endpoint.id, error = %Chain(&error), "no probe is made");
            (Gate::Wait(ASK_AGAIN), None)
        })
    }

    /// Writes down what attempts say of their endpoint. The attempts are recorded by now: if this fails,
    /// the endpoint is taken for healthier than it is, until its next failure.
    async fn note(
        &self,
        endpoint: &Endpoint,
        health: Option<Health>,
        outcomes: Vec<Outcome>,
        now: Timestamp,
    ) -> Option<Noted> {
        if outcomes.is_empty() {
            return None;
        }
        let outcomes = self.successes.with(endpoint.id, outcomes);
        match self.judge(endpoint, health, &outcomes, now).await {
            Ok(noted) => {
                log(endpoint, &noted);
                Some(noted)
            }
            Err(error) => {
                warn!(endpoint.id = %endpoint.id, error = %Chain(&error), "its health is not noted");
                None
            }
        }
    }

    async fn judge(
        &self,
        endpoint: &Endpoint,
        before: Option<Health>,
        outcomes: &[Outcome],
        now: Timestamp,
    ) -> Result<Noted, StateError> {
        let noted = self
            .accounts
            .note(endpoint, before, outcomes, self.breaker, now);
        let change = noted.await?;
        let fails = |health: &Health| health.is_given_up(now);
        let gives_up = endpoint.enabled && change.after.as_ref().is_some_and(fails);
        let mut disabled = None;
        // What was remembered may miss a success of these seconds, and disabling is for good.
        if gives_up && self.fails_still(endpoint, now).await? {
            let reason = DisabledReason::Failing;
            disabled = (self.accounts)
                .disable_endpoint(endpoint, reason, now)
                .await?;
        }
        Ok(Noted { change, disabled })
    }

    async fn fails_still(&self, endpoint: &Endpoint, now: Timestamp) -> Result<bool, StateError> {
        let health = self.accounts.health(endpoint).await?;
        Ok(health.is_some_and(|health| health.is_given_up(now)))
    }
}

/// One line for each thing that changes what an endpoint is sent.
fn log(endpoint: &Endpoint, noted: &Noted) {
    let circuit = |health: &Option<Health>| health.as_ref().and_then(|health| health.circuit);
    let id = endpoint.id;
    match (circuit(&noted.change.before), circuit(&noted.change.after)) {
        (before, Some(after)) if before.is_none_or(|before| before.times != after.times) => {
            let until = payload::timestamp::canonical(after.open_until);
            warn!(endpoint.id = %id, "the endpoint does not work: its circuit is open until {until}");
        }
        (Some(_), None) => {
            info!(endpoint.id = %id, "the endpoint works again: its circuit is closed")
        }
        _ => {}
    }
    if noted.disabled.is_some() {
        warn!(endpoint.id = %id, "disabled: all attempts at the endpoint have failed for days");
    }
}

#[cfg(test)]
mod tests {
    use state::Answered;

    use super::*;

    #[test]
    fn the_last_success_is_remembered_and_told_with_what_comes_after_it() {
        let endpoint = "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let outcome = |answered, seconds| Outcome {
            at: Timestamp::from_second(seconds).unwrap(),
            answered,
            is_probe: false,
            exhausts: false,
        };
        let successes = Successes::default();
        let failure = outcome(Answered::Outage, 9);
        assert_eq!(successes.with(endpoint, vec![failure]), [failure]);
        let (first, last) = (outcome(Answered::Success, 1), outcome(Answered::Success, 3));
        successes.with(endpoint, vec![last, first]);
        successes.with(endpoint, vec![first]);
        assert_eq!(successes.with(endpoint, vec![failure]), [failure, last]);
        let other = "ep_01BX5ZZKBKACTAV9WEVGEMMVRZ".parse().unwrap();
        assert_eq!(successes.with(other, vec![failure]), [failure]);
    }
}
