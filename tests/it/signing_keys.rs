//! Signatures by an organization's key pair: `v1a` beside `v1`, checked with nothing but the public key.

use jiff::Timestamp;
use payload::key_pair::PublicKey;
use payload::signature::{Signed, TOLERANCE, verify_asymmetric};
use serde_json::{Value, json};

use crate::receiver::{Receiver, Webhook};
use crate::samples::issued;
use crate::stack::{Organization, Stack, text};

#[expect(clippy::disallowed_methods, reason = "a receiver reads its own clock")]
fn is_signed_by(webhook: &Webhook, key: &Value) -> bool {
    let signed = Signed {
        id: webhook.id(),
        timestamp: webhook.header("webhook-timestamp"),
        signature: webhook.header("webhook-signature"),
        body: &webhook.body,
    };
    let key = PublicKey::parse(&text(key, "whpk")).unwrap();
    verify_asymmetric(&key, signed, Timestamp::now(), TOLERANCE).is_ok()
}

/// The public keys of an organization, as anybody gets them.
async fn published(stack: &Stack, college: &Organization) -> Vec<Value> {
    let path = format!("organizations/{}/jwks.json", college.id);
    let set = stack.caller(None).get(&path).await.expect(200);
    set["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_endpoint_that_asks_for_it_is_signed_for_with_the_key_pair_of_its_organization() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let (asymmetric, plain) = (Receiver::content().await, Receiver::content().await);
    assert!(published(&stack, &college).await.is_empty());
    let options = json!({"ed25519_signature": true});
    let endpoint = college
        .subscribe_with(&asymmetric.url, options.clone())
        .await;
    college.subscribe(&plain.url).await;
    school.subscribe_with(&plain.url, options).await;
    let keys = published(&stack, &college).await;
    let [key] = keys.as_slice() else {
        panic!("one key: {keys:#?}")
    };
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert!(key["kid"].as_str().unwrap().starts_with("sgk_"));

    college.post_event(&issued("a")).await;
    let webhook = asymmetric.requests(1).await.remove(0);
    webhook.verify(&endpoint.secret);
    assert!(is_signed_by(&webhook, key));
    let theirs = published(&stack, &school).await.remove(0);
    assert!(!is_signed_by(&webhook, &theirs));
    let webhook = plain.requests(1).await.remove(0);
    assert!(!webhook.header("webhook-signature").contains("v1a"));
}

#[tokio::test]
async fn while_a_key_pair_is_replaced_both_sign_and_both_are_published() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let options = json!({"ed25519_signature": true});
    college.subscribe_with(&receiver.url, options).await;
    let before = published(&stack, &college).await.remove(0);
    let path = format!("organizations/{}/signing-keys", college.id);
    let rotate = format!("{path}/rotate");
    let rotated = college.api.post(&rotate, json!({})).await.expect(201);
    let both = published(&stack, &college).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[0]["whpk"], rotated["public_key"]);
    assert_eq!(both[1], before);
    college.post_event(&issued("a")).await;
    let webhook = receiver.requests(1).await.remove(0);
    assert!(both.iter().all(|key| is_signed_by(&webhook, key)));

    let at_once = json!({"overlap_hours": 0});
    let made = college.api.post(&rotate, at_once).await.expect(201);
    let listed = college.api.get(&path).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["id"], made["id"]);
    let last = published(&stack, &college).await.remove(0);
    // What is remembered of an organization is a few seconds old.
    let is_awaited = |webhook: &Webhook| {
        is_signed_by(webhook, &last) && !both.iter().any(|key| is_signed_by(webhook, key))
    };
    receiver.until(&college, is_awaited).await;
}

#[tokio::test]
async fn the_key_pairs_of_another_organization_are_not_ones_own_to_replace() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let path = format!("organizations/{}/signing-keys", school.id);
    college.api.get(&path).await.refusal(403, "forbidden");
    let rotate = format!("{path}/rotate");
    let refused = college.api.post(&rotate, json!({})).await;
    refused.refusal(403, "forbidden");
    let path = format!("organizations/{}/reseal", college.id);
    college
        .api
        .post(&path, json!({}))
        .await
        .refusal(403, "forbidden");
    let nobody = "organizations/org_01ARZ3NDEKTSV4RRFFQ69G5FAV/jwks.json";
    stack
        .caller(None)
        .get(nobody)
        .await
        .refusal(404, "not_found");
}
