//! Every point at which a crash or a fault can separate two effects, over the real binaries.
//!
//! Each test injects exactly that one, and asserts who recovers and what anyone sees: nothing, a late
//! webhook, or at most one more with the same `webhook-id`. In the end the log reads `delivered`, once.

mod accepting;
mod answers;
mod delivering;
mod recovering;
mod telling;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::caller::Answer;
use crate::faults::Faults;
use crate::receiver::{Receiver, Reply, Webhook};
use crate::samples::issued;
use crate::stack::{Endpoint, Organization, Stack, text, until};

/// What a receiver does that takes everything.
const CONTENT: [Reply; 1] = [Reply::Status(204)];
/// What one does that takes the second attempt.
const FAILS_ONCE: [Reply; 2] = [Reply::Status(500), Reply::Status(204)];
/// Later than the audit waits for a wake-up.
const AFTER_THE_AUDIT: SignedDuration = SignedDuration::from_mins(7);
/// Until a wake-up whose function died is handed out again.
const VISIBILITY_TIMEOUT: &str = "DeliveryVisibilityTimeout=3";

/// A second attempt comes a second after the first.
fn soon() -> Value {
    json!({"retry_schedule": [1]})
}

/// One organization with one endpoint, and a function each to crash.
struct World {
    stack: Stack,
    faults: Faults,
    college: Organization,
    receiver: Receiver,
    endpoint: Endpoint,
}

impl World {
    /// The receiver does to each request what `replies` says. A second attempt comes a second later.
    async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_with(replies, soon()).await
    }

    /// The endpoint has other members.
    async fn start_with(replies: impl IntoIterator<Item = Reply>, endpoint: Value) -> Self {
        let arguments = ["--environments", "1", "--parameter", VISIBILITY_TIMEOUT];
        let (stack, faults) = Faults::start(&arguments).await;
        let college = stack.create_organization().await;
        let receiver = Receiver::start(replies).await;
        let endpoint = college.subscribe_with(&receiver.url, endpoint).await;
        Self {
            stack,
            faults,
            college,
            receiver,
            endpoint,
        }
    }

    /// Goes on with another organization in the same stack.
    async fn begin_again(&mut self, replies: impl IntoIterator<Item = Reply>) {
        self.college = self.stack.create_organization().await;
        self.receiver = Receiver::start(replies).await;
        let subscribed = self.college.subscribe_with(&self.receiver.url, soon());
        self.endpoint = subscribed.await;
    }

    /// Posts the one event, with always the same idempotency key.
    async fn post(&self) -> Answer {
        let client = self.college.api.with("idempotency-key", "the key");
        client.post_text("events", &issued("a")).await
    }

    /// The one event of which a client has no answer.
    async fn unanswered_event(&self) -> String {
        let events = self.college.api.pages("events", 10).await;
        assert_eq!(events.len(), 1, "{events:#?}");
        text(&events[0], "id")
    }

    /// Nobody has got anything, and the log says that it is to come.
    async fn expect_pending(&self, event: &str) {
        let delivery = self.college.delivery(event, &self.endpoint, |_| true);
        assert_eq!(delivery.await["status"], "pending");
        assert_eq!(self.receiver.count(), 0);
    }

    /// The event was delivered with so many requests, all of them the same, and nothing else was or is to
    /// be sent. Answers the row of the log.
    async fn expect_delivered(
        &self,
        event: &str,
        requests: std::ops::RangeInclusive<usize>,
    ) -> Value {
        let delivery = self
            .college
            .delivery_in(event, &self.endpoint, "delivered")
            .await;
        until("every wake-up is acknowledged", async || {
            match self.stack.backlog().await {
                0 => Ok(()),
                other => Err(other),
            }
        })
        .await;
        let received = self.receiver.received();
        assert!(
            requests.contains(&received.len()),
            "{} requests, not {requests:?}",
            received.len()
        );
        let same =
            |webhook: &Webhook| webhook.id() == event && webhook.body == issued("a").as_bytes();
        assert!(received.iter().all(same), "{received:?}");
        let log = self.college.api.pages("deliveries", 10).await;
        assert_eq!(log.len(), 1, "{log:#?}");
        assert_eq!(log[0]["status"], "delivered");
        delivery
    }
}
