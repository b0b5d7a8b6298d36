//! Identifiers that are told in another form, and how a receiver gets back to the original.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::native::assert_uuid;
use crate::receiver::{Receiver, Webhook};
use crate::samples;
use crate::stack::Stack;

#[tokio::test]
async fn a_surrogate_is_the_same_in_every_event_and_names_its_original() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let members = json!({"dialect": "certdirectory"});
    college.subscribe_with(&receiver.url, members).await;
    for (number, name) in [
        "certificate.issued",
        "certificate.accepted",
        "certificate.expired",
    ]
    .iter()
    .enumerate()
    {
        college
            .post_event(&samples::named(&format!("thatsme.{name}")).body)
            .await;
        receiver.requests(number + 1).await;
    }
    let received = receiver.received();
    let uuids = |pointer: &str| -> BTreeSet<String> {
        let bodies = received.iter().map(|webhook| &webhook.body);
        let bodies = bodies.map(|body| serde_json::from_slice::<Value>(body).unwrap());
        bodies
            .map(|body| body.pointer(pointer).unwrap().as_str().unwrap().to_owned())
            .collect()
    };
    for pointer in ["/data/credentialUuid", "/data/badgeId"] {
        let uuids = uuids(pointer);
        assert_eq!(uuids.len(), 1, "{pointer}: {uuids:?}");
        assert_uuid(uuids.first().unwrap());
    }
    for webhook in &received {
        assert_eq!(
            source_ids(webhook),
            json!({"/data/credentialUuid": "inv_abc123", "/data/badgeId": "badge_def456"})
        );
    }
}

#[tokio::test]
async fn no_address_of_a_person_stands_among_the_originals() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    college
        .subscribe_with(&receiver.url, json!({"dialect": "beedeez"}))
        .await;
    college
        .post_event(&samples::named("vec.certificate_application.approved").body)
        .await;
    let webhook = &receiver.requests(1).await[0];
    let ids = source_ids(webhook);
    assert_eq!(ids["/_id"], "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15");
    assert!(ids.get("/_userId").is_none(), "{ids}");
    assert!(!format!("{:?}", webhook.headers).contains("john"));
}

fn source_ids(webhook: &Webhook) -> Value {
    let header = webhook.header("x-source-ids");
    let decoded = percent_decode_str(header).decode_utf8().unwrap();
    serde_json::from_str(&decoded).unwrap()
}
