//! What the other endpoints of an organization hear of one that fails.
//!
//! Told after it is written down, and before the message is acknowledged: a crash in between comes back
//! and tells then. Told twice, it is the same event.

use jiff::{SignedDuration, Timestamp};
use state::{
    Account, Answered, Delivery as Row, Disabled, Endpoint, Failing, HealthChange, News, Outcome,
    StateError, Teller,
};

use crate::group::Noted;
use crate::handler::{Delivery, Received};
use crate::known::Known;

/// For so long a message comes back that was not acknowledged: ten times the visibility timeout, or less.
const COMES_BACK_WITHIN: SignedDuration = SignedDuration::from_hours(2);

impl Delivery {
    /// Tells those who want to know.
    pub(crate) async fn announce(
        &self,
        account: &Account,
        news: News<'_>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let teller = Teller {
            events: &self.events,
            queue: &self.queue,
            limits: &self.limits,
            retention: self.retention,
        };
        teller.tell(account, news, now).await.map(drop)
    }

    /// Tells what these wake-ups made of their endpoint. `noted`: if there was anything to note.
    pub(crate) async fn announce_endpoint(
        &self,
        endpoint: &Endpoint,
        group: &[&Received],
        known: &Known,
        noted: Option<Noted>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let Some(account) = known.account(endpoint.organization_id) else {
            return Ok(());
        };
        let (change, disabled) = match noted {
            Some(noted) => (noted.change, noted.disabled),
            None => {
                let known = known.health(endpoint);
                let (before, after) = (known.cloned(), known.cloned());
                (HealthChange { before, after }, None)
            }
        };
        let comes_back = group.iter().any(|received| received.redelivered);
        if let Some(failing) = failing(&change, comes_back, now) {
            let news = News::Failing(endpoint, failing);
            self.announce(account, news, now).await?;
        }
        let by_us = |Disabled { at, .. }| now.duration_since(at) < COMES_BACK_WITHIN;
        let was_disabled = comes_back && endpoint.disabled.is_some_and(by_us);
        let disabled = disabled.as_ref().or(was_disabled.then_some(endpoint));
        if let Some(disabled) = disabled {
            let news = News::Switched(disabled);
            self.announce(account, news, now).await?;
        }
        Ok(())
    }
}

/// That an endpoint fails, when the first of its deliveries was given up; again for a message that comes
/// back, because whoever had it may have died without telling.
fn failing(
    HealthChange { before, after }: &HealthChange,
    comes_back: bool,
    now: Timestamp,
) -> Option<Failing> {
    let after = after.as_ref()?;
    let at = after.exhausted_since?;
    let was_known = before
        .as_ref()
        .is_some_and(|before| before.exhausted_since.is_some());
    let may_be_untold = comes_back && now.duration_since(at) < COMES_BACK_WITHIN;
    (!was_known || may_be_untold).then_some(Failing {
        since: after.failing_since,
        failures: after.failures,
        at,
    })
}

/// What a delivery that was given up says of its endpoint to one who finds it so: whoever gave it up may
/// have died before that was noted. If something has succeeded since, the next success says so.
pub(crate) fn unnoted(row: &Row, account: &Account, now: Timestamp) -> Option<Outcome> {
    let health = account.health.get(&row.endpoint_id);
    let is_noted = health.is_some_and(|health| health.exhausted_since.is_some());
    let is_recent = now.duration_since(row.updated_at) < COMES_BACK_WITHIN;
    (row.is_given_up() && is_recent && !is_noted).then_some(Outcome {
        at: row.updated_at,
        answered: Answered::Refusal,
        is_probe: false,
        exhausts: true,
    })
}

#[cfg(test)]
mod tests {
    use payload::event_type::EventType;
    use state::{Breaker, DeliveryKey, DeliveryStatus, Health, testing};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    /// The health of an endpoint of which a delivery was given up, or not.
    fn health(exhausts: bool) -> Health {
        let outcome = |second, exhausts| Outcome {
            at: at(second),
            answered: Answered::Refusal,
            is_probe: false,
            exhausts,
        };
        let outcomes = [outcome(0, false), outcome(9, exhausts)];
        Breaker::after(5).judge(None, &outcomes, at(9)).unwrap()
    }

    #[test]
    fn an_endpoint_fails_when_its_first_delivery_is_given_up() {
        let (fails, gave_up) = (Some(health(false)), Some(health(true)));
        let told = |before: &Option<Health>, after: &Option<Health>| {
            let (before, after) = (before.clone(), after.clone());
            failing(&HealthChange { before, after }, false, at(10))
        };
        assert!(told(&None, &None).is_none());
        assert!(told(&None, &fails).is_none());
        assert!(told(&fails, &gave_up).is_some());
        assert!(told(&gave_up, &gave_up).is_none());
        assert!(told(&gave_up, &None).is_none());
        let said = told(&None, &gave_up).unwrap();
        assert_eq!((said.since, said.failures, said.at), (at(0), 2, at(9)));
    }

    #[test]
    fn a_message_that_comes_back_tells_again_as_long_as_it_comes_back() {
        let (before, after) = (Some(health(true)), Some(health(true)));
        let known = HealthChange { before, after };
        assert!(failing(&known, true, at(600)).is_some());
        assert!(failing(&known, true, at(9) + COMES_BACK_WITHIN).is_none());
    }

    #[test]
    fn what_was_given_up_is_noted_by_one_who_finds_it_unnoted() {
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        let mut account = testing::account(key);
        let row = |event_type| Row {
            status: DeliveryStatus::Exhausted,
            updated_at: at(9),
            ..Row::pending(key, event_type)
        };
        let issued = row(EventType::CredentialIssued);
        assert!(unnoted(&issued, &account, at(10)).is_some_and(|it| it.exhausts));
        assert!(unnoted(&row(EventType::WebhookTest), &account, at(10)).is_none());
        assert!(unnoted(&issued, &account, at(9) + COMES_BACK_WITHIN).is_none());
        account.health.insert(key.endpoint, health(false));
        assert!(unnoted(&issued, &account, at(10)).is_some());
        account.health.insert(key.endpoint, health(true));
        assert!(unnoted(&issued, &account, at(10)).is_none());
    }
}
