//! What an organization's access switches, while the stack sells it: what is accepted, sent, held, released
//! and cancelled, and who hears of it.
//!
//! The row of the entitlement is written as the billing function writes it, by the same operation; what follows
//! is done by recovery, or by the clock alone.

mod lapse;
mod refused;
mod release;
mod settling;

use jiff::{SignedDuration, Timestamp};
use payload::billing::access::{Access, Entitlement, Step};
use serde_json::{Value, json};
use state::Accounts;

use crate::faults::Faults;
use crate::later::recover;
use crate::receiver::{Receiver, Webhook};
use crate::source::now;
use crate::stack::{Endpoint, Organization, Stack, text, until};
use crate::stripe::SELLING;

/// For so long an organization has had the access that it has at first.
const LONG: SignedDuration = SignedDuration::from_hours(24);
/// Soon enough to be awaited, and late enough for something to be done before.
const SOON: SignedDuration = SignedDuration::from_secs(3);

/// A stack that sells webhooks.
struct Shop {
    stack: Stack,
    faults: Faults,
    accounts: Accounts,
}

impl Shop {
    async fn open() -> Self {
        let arguments = [&SELLING[..], &["--environments", "1"]].concat();
        let (stack, faults) = Faults::start(&arguments).await;
        // Any request to the tables says where they are.
        stack.platform().get("organizations").await.expect(200);
        let accounts = Accounts::new(faults.client(), "local-AccountsTable".to_owned());
        Self {
            stack,
            faults,
            accounts,
        }
    }

    /// Writes an organization's access over time, as it is derived from what Stripe said.
    async fn write(&self, college: &Organization, steps: &[(Timestamp, Access)]) {
        let id = college.id.parse().expect("an id");
        let step = |&(from, access): &(Timestamp, Access)| Step { from, access };
        let entitlement = Entitlement::new(steps.iter().map(step));
        let read = self.accounts.entitlement(id).await.expect("a row");
        let record = (json!({"plan": "enterprise"}), None);
        let written =
            self.accounts
                .write_entitlement(id, &entitlement, record, read.as_ref(), now());
        assert!(written.await.expect("it is written"), "nobody else writes");
    }

    /// Writes an organization's access over time, and what follows from it is done.
    async fn give(&self, college: &Organization, steps: &[(Timestamp, Access)]) {
        self.write(college, steps).await;
        self.settle().await;
    }

    /// An organization that has had this access for long.
    async fn college(&self, access: Access) -> Organization {
        let college = self.stack.create_organization().await;
        self.give(&college, &[(now() - LONG, access)]).await;
        college
    }

    /// What the clock or a write has changed is told and done.
    async fn settle(&self) -> Value {
        recover(&self.stack, SignedDuration::ZERO).await
    }

    /// The access is active, and the clock makes it this soon. Answers when it has.
    async fn lapse(&self, college: &Organization, endpoint: &Endpoint, to: Access) {
        let steps = [(now() - LONG, Access::Active), (now() + SOON, to)];
        self.give(college, &steps).await;
        let expected = match to {
            Access::Suspended => "plan_suspended",
            Access::Ended => "plan_ended",
            other => panic!("nothing lapses to {other}"),
        };
        until("the clock has changed the access", async || {
            let shown = college.endpoint(endpoint).await;
            if shown["suspended_by"] == expected {
                Ok(())
            } else {
                Err(shown["suspended_by"].clone())
            }
        })
        .await;
    }
}

impl Organization {
    async fn endpoint(&self, endpoint: &Endpoint) -> Value {
        let path = format!("endpoints/{}", endpoint.id);
        self.api.get(&path).await.expect(200)
    }
}

/// A receiver that hears of changes of access and of nothing else.
async fn listener(college: &Organization) -> (Receiver, Endpoint) {
    let receiver = Receiver::content().await;
    let wish = json!({"event_types": ["billing.*"]});
    let endpoint = college.subscribe_with(&receiver.url, wish).await;
    (receiver, endpoint)
}

/// From what to what the access changed, as it was told.
fn told(webhook: &Webhook) -> (String, String) {
    let body: Value = serde_json::from_slice(&webhook.body).expect("JSON");
    assert_eq!(body["type"], "billing.access_changed", "{body:#}");
    let access = &body["data"]["access"];
    (text(access, "from"), text(access, "to"))
}

/// The ids of what came, in the order in which it came.
fn ids(receiver: &Receiver) -> Vec<String> {
    let received = receiver.received();
    received.iter().map(|it| it.id().to_owned()).collect()
}
