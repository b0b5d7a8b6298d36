//! What happens to subscriptions, and what Stripe says of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::truth::{Shape, Truth, difference};
use super::{DAY, ORGANIZATIONS};
use crate::billing::stripe_event::{Facts, Mode, Said, StripeEvent};

const BEGIN: i64 = 1_762_952_580;
/// Two customers with two subscriptions each.
const SUBSCRIPTIONS: usize = 4;

/// Something that happens to a subscription, if it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::billing) enum Move {
    /// A checkout, for an organization, or for none that is said.
    CheckOut(Option<usize>),
    Begin(&'static str, Option<usize>),
    /// The status changes by itself.
    Become(&'static str),
    Annotate,
    ChangeCard,
    ChangePlan,
    Renew,
    Fail,
    Pay,
    PauseCollection,
    ScheduleEnd,
    WarnOfEnd,
    Delete,
}

/// A Stripe that tells all that happens.
pub(in crate::billing) struct Stripe {
    shape: Shape,
    pub(in crate::billing) now: i64,
    pub(in crate::billing) subscriptions: BTreeMap<usize, Truth>,
    pub(in crate::billing) events: Vec<Value>,
}

impl Stripe {
    pub(in crate::billing) fn new(shape: Shape) -> Self {
        Self {
            shape,
            now: BEGIN,
            subscriptions: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// All that moves tell.
    pub(in crate::billing) fn after(script: &[(usize, Move, i64)], shape: Shape) -> Self {
        let mut stripe = Self::new(shape);
        for (which, step, gap) in script {
            stripe.now += gap;
            stripe.act(*which, *step);
        }
        stripe
    }

    fn tell(&mut self, event_type: &str, object: &Value, before: Option<&Value>) {
        // Ids that do not tell which came first.
        let id = u32::try_from(self.events.len())
            .unwrap()
            .wrapping_mul(2_654_435_761);
        let mut event = json!({
            "id": format!("evt_{id:08x}"),
            "object": "event",
            "created": self.now,
            "livemode": true,
            "type": event_type,
            "data": {"object": object},
        });
        if let Some(before) = before {
            event["data"]["previous_attributes"] = before.clone();
        }
        self.events.push(event);
    }

    fn change(&mut self, which: usize, change: impl FnOnce(&mut Truth)) {
        let truth = self.subscriptions.get_mut(&which).unwrap();
        let before = truth.write(self.shape);
        change(truth);
        let after = truth.write(self.shape);
        let difference = difference(&before, &after);
        self.tell("customer.subscription.updated", &after, Some(&difference));
    }

    fn bill(&mut self, which: usize, event_type: &str, status: &str) {
        let paid_at = (status == "paid").then_some(self.now);
        let invoice = self.subscriptions[&which].write_invoice(self.shape, status, paid_at);
        self.tell(event_type, &invoice, None);
    }

    pub(in crate::billing) fn act(&mut self, which: usize, step: Move) {
        let which = which % SUBSCRIPTIONS;
        let customer = format!("cus_{}", which / 2);
        match (step, self.subscriptions.get(&which).cloned()) {
            (Move::CheckOut(organization), _) => {
                let session = json!({
                    "id": format!("cs_{which}"),
                    "object": "checkout.session",
                    "mode": "subscription",
                    "customer": customer,
                    "subscription": format!("sub_{which}"),
                    "client_reference_id": organization.map(|it| ORGANIZATIONS[it]),
                    "payment_link": null,
                    "metadata": {},
                });
                self.tell("checkout.session.completed", &session, None);
            }
            (Move::Begin(status, organization), None) => {
                let truth = Truth {
                    id: format!("sub_{which}"),
                    customer,
                    status,
                    is_enterprise: true,
                    organization,
                    period: (self.now, self.now + 30 * DAY),
                    cancel_at: None,
                    ended_at: None,
                    is_paused: false,
                    invoice: 0,
                    attempts: 0,
                    notes: 0,
                    card: 0,
                };
                let written = truth.write(self.shape);
                self.tell("customer.subscription.created", &written, None);
                self.subscriptions.insert(which, truth);
            }
            (_, None) | (Move::Begin(..), Some(_)) => {}
            (Move::WarnOfEnd, Some(truth)) => {
                let written = truth.write(self.shape);
                self.tell("customer.subscription.trial_will_end", &written, None);
            }
            (_, Some(truth)) if truth.is_over() => {}
            (step, Some(truth)) => self.live(which, step, &truth),
        }
    }

    fn live(&mut self, which: usize, step: Move, truth: &Truth) {
        let now = self.now;
        match step {
            Move::Become(status) if status != truth.status => {
                self.change(which, |it| it.status = status)
            }
            Move::Annotate => self.change(which, |it| it.notes += 1),
            Move::ChangeCard => self.change(which, |it| it.card += 1),
            Move::ChangePlan => self.change(which, |it| it.is_enterprise = !it.is_enterprise),
            Move::PauseCollection => self.change(which, |it| it.is_paused = !it.is_paused),
            Move::ScheduleEnd => self.change(which, |it| {
                it.cancel_at = it.cancel_at.xor(Some(it.period.1));
            }),
            Move::Renew => {
                self.now = now.max(truth.period.1);
                let period = (self.now, self.now + 30 * DAY);
                self.change(which, |it| {
                    it.period = period;
                    it.invoice += 1;
                    it.attempts = 0;
                });
            }
            Move::Fail => {
                let truth = self.subscriptions.get_mut(&which).unwrap();
                truth.attempts += 1;
                self.bill(which, "invoice.payment_failed", "open");
                if truth_status(self, which) == "active" {
                    self.change(which, |it| it.status = "past_due");
                }
            }
            Move::Pay => {
                self.bill(which, "invoice.paid", "paid");
                if ["past_due", "incomplete", "unpaid"].contains(&truth.status) {
                    self.change(which, |it| it.status = "active");
                }
            }
            Move::Delete => {
                let truth = self.subscriptions.get_mut(&which).unwrap();
                truth.status = "canceled";
                truth.ended_at = Some(now);
                let written = truth.write(self.shape);
                self.tell("customer.subscription.deleted", &written, None);
            }
            _ => {}
        }
    }

    /// What each event says, in the order in which it happened.
    pub(in crate::billing) fn facts(&self) -> Vec<Facts> {
        let events = self.events.iter().map(read);
        let facts = events.map(|event| match event.said {
            Said::Facts(facts) => facts,
            other => panic!("{other:?}"),
        });
        facts.collect()
    }
}

fn truth_status(stripe: &Stripe, which: usize) -> &'static str {
    stripe.subscriptions[&which].status
}

pub(in crate::billing) fn read(event: &Value) -> StripeEvent {
    StripeEvent::read(event.to_string().as_bytes(), Mode::Live)
}
