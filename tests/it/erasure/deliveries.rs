//! What was to be sent is not, and nobody can ask for it again.

use serde_json::{Value, json};

use super::{erase, issued_to};
use crate::receiver::{Receiver, Reply};
use crate::recovery;
use crate::stack::{Stack, text};

const ANA: &str = "ana.souza@example.com";

#[tokio::test]
async fn a_retry_that_is_due_after_the_erasure_is_never_made() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Status(500), Reply::Status(204)]).await;
    let members = json!({"retry_schedule": [1_200]});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    let event = college.post_event(&issued_to("a", ANA)).await;
    college.delivery_in(&event, &endpoint, "retrying").await;
    let erasure = erase(&stack, &college, ANA).await;
    assert_eq!(erasure["erased"]["deliveries"], 1, "{erasure:#}");

    let cancelled = college.delivery_in(&event, &endpoint, "cancelled").await;
    assert_eq!(cancelled["cancelled"]["reason"], "event_erased");
    assert!(cancelled["next_attempt_at"].is_null(), "{cancelled:#}");
    assert!(cancelled["erased_at"].is_string(), "{cancelled:#}");
    for minutes in [30, 24 * 60] {
        let report = recovery::recover(&stack, minutes).await;
        assert_eq!(
            (&report["sweep_sent"], &report["audit_resent"]),
            (&json!(0), &json!(0))
        );
    }
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_replay_of_what_was_erased_is_refused_and_one_of_a_range_passes_over_it() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let theirs = college.post_event(&issued_to("a", ANA)).await;
    let other = college.post_event(&issued_to("b", "bia@example.com")).await;
    for event in [&theirs, &other] {
        college.delivery_in(event, &endpoint, "delivered").await;
    }
    erase(&stack, &college, ANA).await;
    let api = &college.api;
    for path in [
        format!("events/{theirs}/replay"),
        format!("events/{theirs}/deliveries/{}/retry", endpoint.id),
    ] {
        api.post(&path, json!({}))
            .await
            .refusal(410, "event_erased");
    }
    let path = format!("endpoints/{}/replay", endpoint.id);
    let all = json!({"statuses": ["delivered"], "rate_per_second": 500});
    let replay = api.post(&path, all).await.expect(202);
    assert_eq!(replay["found"], json!({"delivered": 1}), "{replay:#}");
    let received = receiver.requests(3).await;
    assert_eq!(received[2].id(), other);
    let delivered = college.delivery(&theirs, &endpoint, |_| true).await;
    assert_eq!(delivered["status"], "delivered");
}

#[tokio::test]
async fn an_answer_that_comes_after_the_erasure_is_not_kept() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Late(std::time::Duration::from_secs(6))]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued_to("a", ANA)).await;
    receiver.requests(1).await;
    erase(&stack, &college, ANA).await;
    let cancelled = college.delivery(&event, &endpoint, |_| true).await;
    assert_eq!(cancelled["status"], "cancelled", "{cancelled:#}");
    // It was on its way.
    let delivered = college.delivery_in(&event, &endpoint, "delivered").await;
    assert!(delivered["erased_at"].is_string(), "{delivered:#}");
    assert_eq!(delivered["response"], Value::Null);
}

#[tokio::test]
async fn a_sender_that_repeats_an_erased_event_brings_nothing_back() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued_to("a", ANA)).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    erase(&stack, &college, ANA).await;
    let again = college.api.post_text("events", &issued_to("a", ANA)).await;
    let again = again.expect(200);
    assert_eq!(
        (text(&again, "id"), &again["duplicate"]),
        (event.clone(), &json!(true))
    );
    college
        .api
        .get("credentials/a")
        .await
        .refusal(404, "not_found");
    college
        .api
        .get(&format!("events/{event}"))
        .await
        .refusal(410, "event_erased");
    assert_eq!(receiver.count(), 1);
}
