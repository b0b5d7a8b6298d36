//! How many events an organization may send.
//!
//! All environments share one row per organization, but not every event writes to it. An environment lets
//! through what comes, and pays for it afterwards: once for a quarter of a second's worth of events. So at 200
//! events per second a write is shared by 50 events, whether they come in a second or in an hour, and what is
//! let through beyond the rate is at most that much per environment, once. Who cannot pay is refused until it
//! can; while an environment knows that, it asks nobody.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use payload::id::OrganizationId;
use reply::Problem;
use state::{Flow, Limited, Limits, Rate, Taken};
use tracing::info;

/// What an organization may send at once after a pause, in seconds' worth.
const BURST_SECONDS: u32 = 10;
/// It is never less than a full batch.
const LEAST_BURST: u32 = 100;
/// The part of a second's events that an environment pays for together.
const SHARE: u32 = 4;
/// Beyond this many organizations the debts are forgotten: an environment lives for hours.
const MAX_DEBTORS: usize = 10_000;

/// The limit of each organization's events.
#[derive(Debug)]
pub(crate) struct RateLimit {
    limits: Limits,
    /// `None`: there is no limit.
    price: Option<Price>,
    debts: Mutex<HashMap<OrganizationId, Debt>>,
}

/// What the rate means for one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Price {
    rate: Rate,
    /// So many events are paid for together.
    paid_at: u32,
}

/// What an environment knows of an organization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Debt {
    /// Events that were let through and are not paid for.
    events: u32,
    /// Until then there is no room for `refused` events: nobody gives tokens back.
    refused_until: Option<(Timestamp, u32)>,
}

/// What becomes of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// They may pass.
    Pass,
    /// They may, when so many can be paid for.
    Pay(u32),
    /// They may not, before that time.
    Refuse(Timestamp),
}

impl Price {
    fn new(per_second: u32) -> Option<Self> {
        let burst = per_second.saturating_mul(BURST_SECONDS).max(LEAST_BURST);
        let paid_at = (per_second / SHARE).max(1);
        // A full batch is paid for with what is owed.
        let rate = Rate::bursting(per_second, burst.saturating_add(paid_at));
        (per_second > 0).then_some(Self { rate, paid_at })
    }
}

impl Debt {
    /// Decides about `events` more. What is to be paid is no longer owed.
    fn add(&mut self, events: u32, price: Price, now: Timestamp) -> Verdict {
        let owed = self.events.saturating_add(events);
        if owed < price.paid_at {
            self.events = owed;
            return Verdict::Pass;
        }
        match self.refused_until {
            Some((until, refused)) if owed >= refused && now < until => Verdict::Refuse(until),
            _ => {
                self.events = 0;
                Verdict::Pay(owed)
            }
        }
    }

    /// `owed`, with these `events` among them, could not be paid: they do not pass, what passed before is owed.
    fn put_back(&mut self, (owed, events): (u32, u32), price: Price, until: Timestamp) {
        // Others may owe again already. An environment of Lambda makes one request at a time: there none does.
        let most = price.paid_at - 1;
        self.events = self.events.saturating_add(owed - events).min(most);
        self.refused_until = Some((until, owed));
    }
}

impl RateLimit {
    /// So many events per second for each organization; 0 is no limit.
    pub(crate) fn new(limits: Limits, per_second: u32) -> Self {
        Self {
            limits,
            price: Price::new(per_second),
            debts: Mutex::default(),
        }
    }

    /// Lets events pass, or refuses all of them with 429.
    pub(crate) async fn admit(
        &self,
        organization: OrganizationId,
        events: usize,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Some(price) = self.price else {
            return Ok(());
        };
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let verdict = self.debt(|debts| {
            let debt = debts.entry(organization).or_default();
            debt.add(events, price, now)
        });
        let until = match verdict {
            Verdict::Pass => return Ok(()),
            Verdict::Refuse(until) => until,
            Verdict::Pay(owed) => {
                let of = Limited::Organization(organization);
                let paid = self
                    .limits
                    .take(of, Flow::Events, price.rate, (owed, owed), None, now);
                let Taken::Wait(wait) = paid.await? else {
                    return Ok(());
                };
                let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
                self.debt(|debts| {
                    let debt = debts.entry(organization).or_default();
                    debt.put_back((owed, events), price, until);
                });
                until
            }
        };
        info!(organization.id = %organization, events, "refused: more events than its rate");
        let wait = until.duration_since(now).try_into().unwrap_or_default();
        Err(Problem::rate_limited(
            "the organization sends more events than it may: repeat this request later",
            wait,
        ))
    }

    fn debt<T>(&self, act: impl FnOnce(&mut HashMap<OrganizationId, Debt>) -> T) -> T {
        let mut debts: MutexGuard<'_, _> =
            self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        if debts.len() >= MAX_DEBTORS {
            debts.clear();
        }
        act(&mut debts)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_quarter_of_a_seconds_events_are_paid_for_together() {
        let price = Price::new(200).unwrap();
        let mut debt = Debt::default();
        for _ in 1..50 {
            assert_eq!(debt.add(1, price, now()), Verdict::Pass);
        }
        assert_eq!(debt.add(1, price, now()), Verdict::Pay(50));
        assert_eq!(debt.add(1, price, now()), Verdict::Pass);
        assert_eq!(debt.add(100, price, now()), Verdict::Pay(101));
    }

    #[test]
    fn where_few_are_allowed_each_is_paid_for() {
        for per_second in 1..8 {
            let price = Price::new(per_second).unwrap();
            assert_eq!(Debt::default().add(1, price, now()), Verdict::Pay(1));
        }
        assert_eq!(Price::new(0), None);
    }

    #[test]
    fn who_could_not_pay_is_refused_until_it_can_but_for_what_is_smaller() {
        let price = Price::new(4).unwrap();
        let mut debt = Debt::default();
        let until = now() + SignedDuration::from_secs(3);
        debt.put_back((10, 10), price, until);
        assert_eq!(debt.add(10, price, now()), Verdict::Refuse(until));
        assert_eq!(debt.add(9, price, now()), Verdict::Pay(9));
        assert_eq!(debt.add(10, price, until), Verdict::Pay(10));
    }

    proptest! {
        #[test]
        fn every_event_that_passes_is_paid_for_but_for_less_than_a_share(
            per_second in 1u32..2_000,
            requests in prop::collection::vec((1u32..=100, any::<bool>()), 1..200),
        ) {
            let price = Price::new(per_second).unwrap();
            let mut debt = Debt::default();
            let (mut passed, mut paid) = (0, 0);
            for (events, can_pay) in requests {
                match debt.add(events, price, now()) {
                    Verdict::Pass => passed += events,
                    Verdict::Pay(owed) if can_pay => (passed, paid) = (passed + events, paid + owed),
                    Verdict::Pay(owed) => debt.put_back((owed, events), price, now()),
                    Verdict::Refuse(until) => prop_assert!(until > now()),
                }
                prop_assert_eq!(passed, paid + debt.events);
                prop_assert!(debt.events < price.paid_at);
            }
        }
    }
}
