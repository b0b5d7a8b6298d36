//! An organization whose subscription at Stripe changes, and what becomes of its events meanwhile.

use jiff::{SignedDuration, Timestamp};
use payload::billing::access::Access;
use payload::billing::customer::Customer as Known;
use payload::billing::plans::Plans;
use payload::billing::record::Record;
use payload::billing::stripe_event::{Mode, Said, StripeEvent};
use serde_json::{Value, json};

use crate::later::recover;
use crate::receiver::Receiver;
use crate::samples::issued;
use crate::source::now;
use crate::stack::{Endpoint, Organization, Stack, text, until};
use crate::stripe::{Customer, access};

/// The number of a customer that had a subscription once, so that there is an endpoint.
const FORMER: u32 = 9_000;

/// An organization with an endpoint, whose subscription is over.
pub(super) struct Shopper {
    pub(super) college: Organization,
    pub(super) customer: Customer,
    pub(super) receiver: Receiver,
    pub(super) endpoint: Endpoint,
    /// What was held, in the order in which it came.
    pub(super) held: Vec<String>,
    /// All that was said of its customers.
    said: Vec<String>,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Delivered,
    Held,
    Refused,
}

impl Fate {
    fn of(access: Access) -> Self {
        match access {
            Access::Active | Access::Grace => Self::Delivered,
            Access::Suspended => Self::Held,
            Access::Pending | Access::Ended | Access::None => Self::Refused,
        }
    }
}

impl Shopper {
    /// One with a customer of this number, whose life ends now.
    pub(super) async fn create(stack: &Stack, number: u32) -> Self {
        Self::create_until(stack, number, now()).await
    }

    /// One whose customer's life ends then.
    pub(super) async fn create_until(stack: &Stack, number: u32, end: Timestamp) -> Self {
        let college = stack.create_organization().await;
        let former = Customer::of(&college.id, FORMER + number, end);
        let began = former.event("dahlia/03_customer.subscription.updated.activated");
        let over = former.event("dahlia/11_customer.subscription.deleted");
        stack.stripe(&began).await.expect(200);
        let receiver = Receiver::content().await;
        let endpoint = college.subscribe(&receiver.url).await;
        stack.stripe(&over).await.expect(200);
        Self {
            customer: Customer::of(&college.id, number, end),
            college,
            receiver,
            endpoint,
            held: Vec::new(),
            said: vec![began, over],
        }
    }

    /// Has Stripe say something, and the access be what all that was said comes to.
    pub(super) async fn hears(&mut self, stack: &Stack, event: &str) -> Access {
        stack.stripe(event).await.expect(200);
        self.has_heard(stack, event).await
    }

    /// The access is what all that was said comes to, this with it.
    pub(super) async fn has_heard(&mut self, stack: &Stack, event: &str) -> Access {
        self.said.push(event.to_owned());
        let expected = self.expected();
        let view = stack.billing(&self.college.id).await;
        assert_eq!(access(&view), expected.name(), "{view:#}");
        expected
    }

    /// The access by all that was said, told apart from how it came.
    fn expected(&self) -> Access {
        let mut known: Vec<Known> = Vec::new();
        for said in &self.said {
            let said = StripeEvent::read(said.as_bytes(), Mode::Live).said;
            let Said::Facts(said) = said else {
                panic!("{said:?}")
            };
            let place = known.iter().position(|it| it.id == said.customer);
            let place = place.unwrap_or_else(|| {
                known.push(Known::new(said.customer.clone()));
                known.len() - 1
            });
            said.facts
                .into_iter()
                .for_each(|fact| known[place].learn(fact));
        }
        let plans: Plans = "enterprise".parse().expect("plans");
        let id = self.college.id.parse().expect("an id");
        Record::of(id, &known, &plans).access(now())
    }

    /// Events are from now on treated as this access has it. What was read seconds ago may count for a moment.
    pub(super) async fn is_treated(&mut self, access: Access) {
        let expected = Fate::of(access);
        let is_this = until("events are treated as the access has it", async || {
            let (fate, event) = self.fate().await;
            if fate == expected {
                Ok(event)
            } else {
                Err((fate, access))
            }
        });
        let event = is_this.await;
        if expected == Fate::Held {
            self.held.extend(event);
            // So that there is an order.
            let (_, event) = self.fate().await;
            self.held.extend(event);
        }
    }

    /// What becomes of one event more, and its id if it was accepted.
    async fn fate(&self) -> (Fate, Option<String>) {
        let unique = format!("{:x}", rand::random::<u128>());
        let answer = self.college.api.post_text("events", &issued(&unique)).await;
        if answer.status == 403 {
            answer.refusal(403, "plan_required");
            return (Fate::Refused, None);
        }
        let event = text(&answer.expect(202), "id");
        let is_settled = |delivery: &Value| {
            let settled = ["delivered", "held", "cancelled"];
            settled.iter().any(|status| delivery["status"] == *status)
        };
        let delivery = self.college.delivery(&event, &self.endpoint, is_settled);
        let delivery = delivery.await;
        let fate = match delivery["status"].as_str() {
            Some("delivered") => Fate::Delivered,
            Some("held") => {
                assert_eq!(delivery["held"]["reason"], "suspended", "{delivery:#}");
                Fate::Held
            }
            // Accepted by what was read seconds ago, and not sent by what is so.
            _ => Fate::Refused,
        };
        (fate, Some(event))
    }

    /// All that was held is sent, each once. In which order is tested where the release is.
    pub(super) async fn is_released(&mut self, stack: &Stack) {
        let held = std::mem::take(&mut self.held);
        assert!(!held.is_empty(), "nothing was held");
        until("what was held is sent", async || {
            recover(stack, SignedDuration::ZERO).await;
            let sent = self.sent_of(&held);
            if sent.len() >= held.len() {
                Ok(())
            } else {
                Err(sent)
            }
        })
        .await;
        let (mut sent, mut held) = (self.sent_of(&held), held);
        sent.sort();
        held.sort();
        assert_eq!(sent, held);
    }

    /// Which of these came, in the order in which they came.
    fn sent_of(&self, events: &[String]) -> Vec<String> {
        let received = self.receiver.received();
        let ids = received.iter().map(|webhook| webhook.id().to_owned());
        ids.filter(|id| events.contains(id)).collect()
    }

    /// What it has, without the names by which it differs from others with the same life.
    pub(super) async fn record(&self, stack: &Stack) -> Value {
        let view = stack.billing(&self.college.id).await;
        let record = json!([
            view["access"],
            view["since"],
            view["next"],
            view["needs_reconcile"],
            view["record"],
        ]);
        assert!(view["record"].is_object(), "{view:#}");
        self.customer.without_names(&record)
    }
}
