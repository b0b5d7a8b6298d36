//! Recovery: retries that wait long, and endpoints that are gone. What it does after crashes and lost
//! messages is in `crash_points`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::later;
use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::stack::{Stack, until};

/// Runs recovery as if it were so many minutes later; answers its report.
pub(crate) async fn recover(stack: &Stack, minutes: i64) -> Value {
    later::recover(stack, SignedDuration::from_mins(minutes)).await
}

#[tokio::test]
async fn a_retry_that_waits_longer_than_the_queue_keeps_messages_is_sent_when_it_is_due() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Status(500), Reply::Status(404), Reply::Status(204)]);
    let receiver = receiver.await;
    let members = json!({"retry_schedule": [1_200, 7_200]});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "retrying").await;

    assert_eq!(recover(&stack, 10).await["sweep_sent"], 0);
    assert_eq!(recover(&stack, 25).await["sweep_sent"], 1);
    let attempted = |number: u32| move |delivery: &Value| delivery["attempts"] == number;
    college.delivery(&event, &endpoint, attempted(2)).await;

    assert_eq!(recover(&stack, 90).await["sweep_sent"], 0);
    assert_eq!(recover(&stack, 150).await["sweep_sent"], 1);
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(delivery["attempts"], 3);
    assert_eq!(receiver.count(), 3);
    assert_eq!(recover(&stack, 300).await["sweep_sent"], 0);
}

#[tokio::test]
async fn a_custom_schedule_is_kept_to_its_end() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Status(500)]).await;
    let members = json!({"retry_schedule": [1, 1]});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    let event = college.post_event(&issued("a")).await;
    let delivery = college.delivery_in(&event, &endpoint, "exhausted").await;
    assert_eq!(delivery["attempts"], 3);
    assert!(delivery["next_attempt_at"].is_null());
    // Nothing is lost that recovery would find, at any later time.
    for minutes in [6, 31, 181] {
        assert_eq!(recover(&stack, minutes).await["audit_resent"], 0);
    }
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn a_delivered_event_needs_no_recovery() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    let report = recover(&stack, 6).await;
    assert_eq!(report["audit_checked"], 1, "{report:#}");
    assert_eq!(report["audit_resent"], 0, "{report:#}");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_and_its_deliveries_are_held_until_they_are_asked_for()
{
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Status(410), Reply::Status(204)]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    let path = format!("endpoints/{}", endpoint.id);
    let first = college.post_event(&issued("a")).await;
    let held = college.delivery_in(&first, &endpoint, "held").await;
    assert_eq!(held["history"][0]["error"], "gone");
    let disabled = college.api.get(&path).await.expect(200);
    assert_eq!(disabled["enabled"], false);
    assert_eq!(disabled["disabled"]["reason"], "gone");

    let second = college.post_event(&issued("b")).await;
    college.delivery_in(&second, &endpoint, "held").await;
    assert_eq!(receiver.count(), 1);

    let enable = json!({"enabled": true});
    let enabled = college.api.patch(&path, enable).await.expect(200);
    assert!(enabled.get("disabled").is_none(), "{enabled:#}");
    recover(&stack, 6).await;
    college.delivery_in(&first, &endpoint, "held").await;

    let replay = format!("{path}/replay");
    let replay = college.api.post(&replay, json!({})).await.expect(202);
    assert_eq!(replay["found"], json!({"held": 2}));
    for event in [&first, &second] {
        college.delivery_in(event, &endpoint, "delivered").await;
    }
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut asking = Vec::new();
    for (status, header, expected) in [
        (503, "120", 115..=125),
        (429, "Sat, 21 Nov 2099 10:00:00 GMT", 3_590..=3_605),
        (503, "1", 55..=65),
        // Not of an answer that says nothing of load.
        (500, "120", 3..=7),
    ] {
        let receiver = Receiver::start([Reply::RetryAfter(status, header)]).await;
        let endpoint = college.subscribe(&receiver.url).await;
        asking.push((receiver, endpoint, expected));
    }
    let event = college.post_event(&issued("a")).await;
    for (_receiver, endpoint, expected) in &asking {
        let delivery = college.delivery_in(&event, endpoint, "retrying").await;
        let at = |time: &Value| -> Timestamp { time.as_str().unwrap().parse().unwrap() };
        let next = at(&delivery["next_attempt_at"]);
        let last = at(&delivery["history"][0]["at"]);
        let wait = next.duration_since(last).as_secs();
        assert!(expected.contains(&wait), "{wait}: {delivery:#}");
    }
}

#[tokio::test]
async fn a_scheduled_run_goes_on_where_the_last_one_stopped() {
    let stack = Stack::start().await;
    let mut lags = Vec::new();
    for _ in 0..2 {
        let report = stack.invoke("RecoveryFunction", b"{}".to_vec()).await;
        assert_eq!(report["recovery_failures"], 0, "{report:#}");
        lags.push(report["sweep_lag_ms"].as_i64().unwrap());
    }
    // The first looks back to the first organization: nobody has looked before.
    assert!(lags[0] > 0, "{lags:?}");
    assert_eq!(lags[1], 0);
}

#[tokio::test]
async fn the_queue_is_asked_how_long_it_takes() {
    let stack = Stack::start().await;
    stack.invoke("RecoveryFunction", b"{}".to_vec()).await;
    until("a beat came back", async || {
        let report = stack.invoke("RecoveryFunction", b"{}".to_vec()).await;
        match report["queue_age_ms"].as_i64().unwrap() {
            1..10_000 => Ok(()),
            other => Err(other),
        }
    })
    .await;
}
