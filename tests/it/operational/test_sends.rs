//! Tests of endpoints, which somebody asks for.

use payload::dialect::Dialect;
use payload::secret::Secret;
use payload::signature::{Scheme, Signed};
use serde_json::{Value, json};

use super::{answering, body, once, settled, watch};
use crate::receiver::{Receiver, Reply, Webhook};
use crate::stack::{Endpoint, Organization, Stack, text};

/// Asks for a test, and answers the id of its event.
async fn test(college: &Organization, endpoint: &Endpoint, options: Value) -> String {
    let path = format!("endpoints/{}/test", endpoint.id);
    let asked = college.api.post(&path, options).await.expect(202);
    assert_eq!(asked["type"], "webhook.test");
    assert_eq!(asked["endpoints"], json!([endpoint.id]));
    text(&asked, "id")
}

#[tokio::test]
async fn a_test_reaches_its_endpoint_only_with_headers_and_signature_of_the_dialect() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (other, _) = watch(&college).await;
    for dialect in Dialect::ALL {
        let receiver = Receiver::content().await;
        let wish = json!({"event_types": ["credential.issued"], "dialect": dialect});
        let endpoint = college.subscribe_with(&receiver.url, wish).await;
        let event = test(&college, &endpoint, json!({})).await;
        let tested = &receiver.requests(1).await[0];
        assert_eq!(tested.id(), event);
        tested.verify(&endpoint.secret);
        assert!(tested.headers.get("x-dialect").is_none());
        if let Some(scheme) = Scheme::of(dialect).filter(|_| dialect != Dialect::Canonical) {
            verify(scheme, tested, &endpoint.secret);
        }
        let said = body(tested);
        assert_eq!(
            (&said["id"], &said["type"]),
            (&json!(event), &json!("webhook.test"))
        );
        assert_eq!(said["data"]["endpoint"]["id"], endpoint.id.as_str());
        college.delivery_in(&event, &endpoint, "delivered").await;
    }
    settled(&stack).await;
    assert_eq!(other.count(), 0);
}

/// Fails unless the webhook has the signature of its dialect.
fn verify(scheme: &Scheme, webhook: &Webhook, secret: &str) {
    let signed = Signed {
        id: webhook.id(),
        timestamp: webhook.header("webhook-timestamp"),
        signature: webhook.header(scheme.header),
        body: &webhook.body,
    };
    let at = webhook
        .header("webhook-timestamp")
        .parse()
        .expect("seconds");
    let at = jiff::Timestamp::from_second(at).expect("a time");
    let secret = Secret::parse(secret).expect("a secret");
    let verified = scheme.verify(&secret, signed, at, payload::signature::TOLERANCE);
    verified.unwrap_or_else(|error| panic!("{error}: {webhook:?}"));
}

#[tokio::test]
async fn a_test_may_carry_the_body_that_an_event_would_have() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college
        .subscribe_with(&receiver.url, json!({"dialect": "thatsme"}))
        .await;
    test(
        &college,
        &endpoint,
        json!({"event_type": "credential.issued"}),
    )
    .await;
    let said = body(&receiver.requests(1).await[0]);
    assert_eq!(said["type"], "webhook.test");
    assert_eq!(said["data"]["sample"]["event"], "certificate.issued");

    let path = format!("endpoints/{}/test", endpoint.id);
    for (options, place) in [
        (json!({"event_type": "credential.revoked"}), "/event_type"),
        (json!({"event_type": "endpoint.failing"}), "/event_type"),
        (json!({"event_type": 7}), "/event_type"),
        (json!({"url": "https://example.com/"}), "/url"),
    ] {
        let refused = college.api.post(&path, options).await;
        assert_eq!(refused.refusal(422, "validation_error"), [place]);
    }
    let stranger = stack.create_organization().await;
    stranger
        .api
        .post(&path, json!({}))
        .await
        .refusal(404, "not_found");
    college
        .api
        .get(&path)
        .await
        .refusal(405, "method_not_allowed");
}

#[tokio::test]
async fn a_disabled_endpoint_is_tested_once_and_a_test_that_fails_is_nothing_to_tell_of() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (watcher, _) = watch(&college).await;
    let failing = answering(500).await;
    let endpoint = college.subscribe_with(&failing.url, once()).await;
    let failed = test(&college, &endpoint, json!({})).await;
    college.delivery_in(&failed, &endpoint, "exhausted").await;
    settled(&stack).await;
    assert_eq!(watcher.count(), 0);

    let receiver = Receiver::start([Reply::Status(500), Reply::Status(204)]).await;
    let wish = json!({"enabled": false});
    let endpoint = college.subscribe_with(&receiver.url, wish).await;
    let failed = test(&college, &endpoint, json!({})).await;
    let held = college.delivery_in(&failed, &endpoint, "held").await;
    assert_eq!(held["attempts"], 1);
    let passed = test(&college, &endpoint, json!({})).await;
    college.delivery_in(&passed, &endpoint, "delivered").await;
}

#[tokio::test]
async fn an_endpoint_is_tested_five_times_at_once_and_then_slowly() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (receiver, other) = (Receiver::content().await, Receiver::content().await);
    let endpoint = college.subscribe(&receiver.url).await;
    for _ in 0..5 {
        test(&college, &endpoint, json!({})).await;
    }
    let path = format!("endpoints/{}/test", endpoint.id);
    let refused = college.api.post(&path, json!({})).await;
    let wait = refused.headers["retry-after"].to_str().unwrap();
    assert!((1..=12).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    refused.refusal(429, "rate_limited");
    let other = college.subscribe(&other.url).await;
    test(&college, &other, json!({})).await;
    receiver.requests(5).await;
}
