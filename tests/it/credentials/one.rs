//! One credential, by any of its ids, with what its subscribers got of it.

use serde_json::{Value, json};

use super::{post, post_sample, shown};
use crate::receiver::Receiver;
use crate::stack::Stack;

#[tokio::test]
async fn a_credential_is_shown_with_its_events_and_their_deliveries() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let issued = post(
        &college,
        "credential.issued",
        ("c", "2026-01-01T00:00:00Z"),
        json!({}),
    )
    .await;
    let revoked = post(
        &college,
        "credential.revoked",
        ("c", "2026-02-01T00:00:00Z"),
        json!({}),
    )
    .await;
    for event in [&issued, &revoked] {
        college.delivery_in(event, &endpoint, "delivered").await;
    }
    let credential = shown(&college, "c").await;
    let events = credential["events"].as_array().expect("events");
    let ids: Vec<&Value> = events.iter().map(|event| &event["id"]).collect();
    assert_eq!(ids, [&json!(revoked), &json!(issued)]);
    for event in events {
        let deliveries = event["deliveries"].as_array().expect("deliveries");
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0]["status"], "delivered");
        assert_eq!(deliveries[0]["endpoint_id"], endpoint.id);
    }
}

#[tokio::test]
async fn it_is_found_by_the_ids_that_subscribers_of_other_dialects_got() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut receivers = Vec::new();
    for dialect in ["certdirectory", "beedeez", "thatsme"] {
        let receiver = Receiver::content().await;
        college
            .subscribe_with(&receiver.url, json!({"dialect": dialect}))
            .await;
        receivers.push(receiver);
    }
    post_sample(&college, "thatsme.certificate.issued", |_| {}).await;
    let mut told: Vec<Value> = Vec::new();
    for receiver in &receivers {
        let webhook = &receiver.requests(1).await[0];
        told.push(serde_json::from_slice(&webhook.body).expect("JSON"));
    }
    let ids = [
        &told[0]["data"]["credentialUuid"],
        &told[1]["_id"],
        &told[2]["data"]["invitation_id"],
    ];
    for id in ids {
        let id = id.as_str().expect("an id");
        assert_eq!(shown(&college, id).await["id"], "inv_abc123", "{id}");
    }
    let known_as = shown(&college, "inv_abc123").await["alsoKnownAs"].clone();
    assert_eq!(known_as.as_array().expect("ids").len(), 2, "{known_as}");
    let date = json!({"expires_at": "2099-01-01T00:00:00Z"});
    let path = format!("credentials/{}", ids[1].as_str().expect("an id"));
    let dated = college.api.patch(&path, date).await.expect(200);
    assert_eq!(dated["id"], "inv_abc123");
    // Where the same credential is somebody else's, its other ids are others.
    let other = stack.create_organization().await;
    other.api.get(&path).await.refusal(404, "not_found");
}
