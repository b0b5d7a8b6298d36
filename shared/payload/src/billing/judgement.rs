//! What one subscription gives.

use jiff::{SignedDuration, Timestamp};

use super::access::{Access, Entitlement, Step};
use super::customer::Customer;
use super::invoice::Invoice;
use super::plans::Plans;
use super::record::{Counted, Doubt, FailedPayment, Payment, Reason};
use super::snapshot::{Item, Status};
use super::stripe_id::StripeId;
use super::subscription::{Latest, Subscription};

/// How long a failed payment can be made up for.
const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long after the end of a period the next one may take to be heard of.
const LEEWAY: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What one subscription gives, over time.
pub(super) struct Judgement<'f> {
    subscription: &'f Subscription,
    latest: Latest<'f>,
    steps: Vec<Step>,
    /// What it gives as long as no time runs out.
    pub(super) access: Access,
    pub(super) counted: Counted,
    pub(super) doubt: Option<Doubt>,
}

/// An item with webhooks in it.
struct Entitling<'f> {
    plan: &'f str,
    item: &'f Item,
}

impl<'f> Judgement<'f> {
    /// Judges by all that is known of the customer.
    pub(super) fn of(
        subscription: &'f Subscription,
        customer: &'f Customer,
        plans: &'f Plans,
    ) -> Option<Self> {
        let latest = subscription.latest()?;
        let standing = &latest.snapshot.standing;
        let entitling = (standing.items.iter())
            .filter_map(|item| plans.of(item).map(|plan| Entitling { plan, item }))
            .max_by_key(|it| it.item.period_end);
        let period_end = match &entitling {
            Some(it) => it.item.period_end,
            None => standing
                .items
                .iter()
                .filter_map(|item| item.period_end)
                .max(),
        };
        let invoices = || {
            let id = &subscription.id;
            customer
                .invoices
                .values()
                .filter(move |it| it.said.subscription == *id)
        };
        let asked_for = standing.cancel_at;
        let with_period = period_end.filter(|_| standing.cancels_at_period_end);
        let mut judgement = Self {
            subscription,
            latest,
            steps: Vec::new(),
            access: Access::None,
            counted: Counted {
                id: subscription.id.clone(),
                customer: customer.id.clone(),
                plan: entitling.as_ref().map(|it| it.plan.to_owned()),
                status: standing.status.clone(),
                period_end,
                cancel_at: asked_for.or(with_period),
                grace_until: None,
                paid_through: paid_through(invoices()),
                last_payment: last_payment(invoices()),
                failed_payment: failed_payment(invoices()),
            },
            doubt: None,
        };
        match entitling {
            None => judgement.is_all_along(Access::None),
            Some(_) if subscription.is_over() => judgement.is_all_along(Access::Ended),
            Some(it) => judgement.go_by_status(it.item, &invoices().collect::<Vec<_>>()),
        }
        if latest.is_doubtful {
            judgement.doubt(latest.snapshot.at, Reason::Order);
        }
        Some(judgement)
    }

    /// Its access over time.
    pub(super) fn entitlement(&self) -> Entitlement {
        Entitlement::new(self.steps.iter().copied())
    }

    pub(super) fn has_unknown_status(&self) -> bool {
        self.counted.plan.is_some() && matches!(self.counted.status, Status::Other(_))
    }

    /// What the status says. Source: <https://docs.stripe.com/billing/subscriptions/overview>.
    fn go_by_status(&mut self, item: &Item, invoices: &[&Invoice]) {
        let standing = &self.latest.snapshot.standing;
        let is_paused = standing.is_collection_paused;
        match &standing.status {
            // Nothing is collected, so nothing is sent.
            Status::Trialing | Status::Active | Status::PastDue if is_paused => {
                self.is_all_along(Access::Suspended);
            }
            Status::Trialing | Status::Active => self.is_all_along(Access::Active),
            Status::PastDue => self.go_by_payment(item, invoices),
            Status::Incomplete => self.is_all_along(Access::Pending),
            Status::Canceled | Status::IncompleteExpired => self.is_all_along(Access::Ended),
            // Nobody knows what it means: nothing is sent, and nothing is lost.
            Status::Unpaid | Status::Paused | Status::Other(_) => {
                self.is_all_along(Access::Suspended);
            }
        }
        // A pause has no end that is known; everything else goes on with its next period, or ends.
        if standing.status != Status::Paused {
            self.go_by_period();
        }
    }

    /// A payment is missing: there are 14 days from when it first failed. Nothing that happens meanwhile
    /// makes them begin again, neither other events nor the failure of the next invoice.
    fn go_by_payment(&mut self, item: &Item, invoices: &[&Invoice]) {
        let standing = &self.latest.snapshot.standing;
        let is_latest = |it: &Invoice| Some(&it.id) == standing.latest_invoice.as_ref();
        let latest = invoices.iter().copied().find(|it| is_latest(it));
        // The invoice is heard of before the subscription.
        if let Some(paid_at) = latest.and_then(Invoice::paid_at) {
            self.step(paid_at, Access::Active);
            return;
        }
        let last_paid_at = invoices.iter().filter_map(|it| it.paid_at()).max();
        // One that failed before the last payment, or before it went on without one, is over.
        let is_of_this_failure = |it: &Invoice, at: Timestamp| {
            is_latest(it) || (Some(at) > last_paid_at && !self.subscription.was_paid_for_after(at))
        };
        let failures = invoices
            .iter()
            .filter_map(|it| it.failing_since().map(|at| (it, at)))
            .filter(|(it, at)| is_of_this_failure(it, *at));
        let first_failed_at = failures.map(|(_, at)| at).min();
        let begins = first_failed_at
            .or(item.period_start)
            .unwrap_or(self.latest.since);
        let ends = later(begins, GRACE);
        self.counted.grace_until = Some(ends);
        // The period began before its payment failed.
        if let Some(from) = item.period_start.filter(|from| *from < begins) {
            self.step(from, Access::Active);
        }
        self.step(begins, Access::Grace);
        self.steps.push(Step {
            from: ends,
            access: Access::Suspended,
        });
    }

    /// A period that is over without a word of the next: the word was lost, or nobody said it.
    fn go_by_period(&mut self) {
        let snapshot = self.latest.snapshot;
        let Some(period_end) = self.counted.period_end else {
            self.doubt(snapshot.at, Reason::Overdue);
            return;
        };
        let lapses = later(period_end.max(snapshot.at), LEEWAY);
        if self.access.sends() {
            self.steps.retain(|step| step.from < lapses);
            self.steps.push(Step {
                from: lapses,
                access: Access::Suspended,
            });
        }
        self.doubt(lapses, Reason::Overdue);
    }

    /// It is that since it is what it is.
    fn is_all_along(&mut self, access: Access) {
        self.step(self.latest.since, access);
    }

    /// From then on it is that, until time runs out.
    fn step(&mut self, from: Timestamp, access: Access) {
        self.access = access;
        self.steps.push(Step { from, access });
    }

    /// Notes a reason to ask Stripe; the one that counts first.
    fn doubt(&mut self, from: Timestamp, reason: Reason) {
        let doubt = Doubt {
            subscription: self.counted.id.clone(),
            from,
            reason,
        };
        let is_earlier = |known: &Doubt| known.from <= doubt.from;
        if !self.doubt.as_ref().is_some_and(is_earlier) {
            self.doubt = Some(doubt);
        }
    }
}

/// Stripe's times end where ours do.
fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn paid_through<'f>(invoices: impl Iterator<Item = &'f Invoice>) -> Option<Timestamp> {
    let paid = invoices.filter(|it| it.paid_at().is_some());
    paid.filter_map(|it| it.said.pays_through).max()
}

fn last_payment<'f>(invoices: impl Iterator<Item = &'f Invoice>) -> Option<Payment> {
    let paid = invoices.filter_map(|it| Some((it.paid_at()?, &it.id)));
    paid.max().map(|(at, id): (_, &StripeId)| Payment {
        invoice: id.clone(),
        at,
    })
}

fn failed_payment<'f>(invoices: impl Iterator<Item = &'f Invoice>) -> Option<FailedPayment> {
    let failing = invoices.filter_map(|it| Some((it.failing_since()?, it)));
    let last = failing.max_by_key(|(since, it)| (*since, it.id.clone()));
    last.map(|(since, it)| FailedPayment {
        invoice: it.id.clone(),
        since,
        attempt_count: it.said.attempt_count,
        next_attempt_at: it.said.next_attempt_at,
    })
}
