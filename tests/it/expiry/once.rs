//! Each notice is one event, whoever says it and however often the checker runs.

use futures::future::join_all;
use serde_json::json;

use super::{check, in_hours, issue, post, scheduled, types};
use crate::receiver::Receiver;
use crate::stack::{Stack, text};

#[tokio::test]
async fn runs_side_by_side_announce_each_credential_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let members = json!({"event_types": ["credential.expired"]});
    college.subscribe_with(&receiver.url, members).await;
    for number in 0..20 {
        issue(&college, &format!("c{number}"), &in_hours(-1)).await;
    }
    let runs = (0..4).map(|_| stack.invoke("ExpiryFunction", scheduled()));
    let reports = join_all(runs).await;
    let announced = reports
        .iter()
        .map(|it| it["notices_expired"].as_u64().expect("a number"));
    assert_eq!(announced.sum::<u64>(), 20, "{reports:#?}");
    check(&stack).await;
    receiver.requests(20).await;
    let events = college
        .api
        .pages("events?type=credential.expired", 100)
        .await;
    assert_eq!(events.len(), 20);
}

#[tokio::test]
async fn what_the_source_says_after_the_clock_is_the_same_event() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let ends = in_hours(-1);
    issue(&college, "a", &ends).await;
    check(&stack).await;
    let shown = college.api.get("credentials/a").await.expect(200);
    let ours = text(&shown["events"][0], "id");
    for (at, more) in [
        // With its date and without, by its own key and by none.
        (&ends, json!({"id": "a", "expires_at": ends})),
        (&in_hours(0), json!({"id": "a"})),
    ] {
        let event = json!({
            "type": "credential.expired", "timestamp": at, "data": {"credential": more},
        });
        let caller = college
            .api
            .with("idempotency-key", &format!("expired at {at}"));
        for caller in [&caller, &college.api] {
            let repeated = caller.post("events", event.clone()).await.expect(200);
            assert_eq!(
                (&repeated["id"], &repeated["duplicate"]),
                (&json!(ours), &json!(true))
            );
        }
    }
    assert_eq!(
        types(&college, "a").await,
        ["credential.issued", "credential.expired"]
    );
}

#[tokio::test]
async fn what_the_source_says_before_the_clock_needs_no_other_event() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    issue(&college, "a", &in_hours(-1)).await;
    post(&college, "credential.expired", "a", json!({})).await;
    let report = check(&stack).await;
    assert_eq!(
        (&report["notices_expired"], &report["notices_repeated"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        types(&college, "a").await,
        ["credential.issued", "credential.expired"]
    );
}
