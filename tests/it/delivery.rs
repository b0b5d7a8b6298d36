//! Deliveries that succeed: what a receiver gets, how often, and what is held back.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::receiver::{Receiver, Reply};
use crate::samples::{event_of, issued};
use crate::stack::{Stack, text, until};

#[tokio::test]
async fn a_webhook_is_signed_and_has_its_headers() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;

    let webhook = receiver.requests(1).await.remove(0);
    assert_eq!(webhook.body, issued("a").as_bytes());
    assert_eq!(webhook.header("webhook-id"), event);
    assert_eq!(webhook.header("content-type"), "application/json");
    assert_eq!(webhook.header("user-agent"), "certhooks/1");
    assert!(webhook.header("webhook-signature").starts_with("v1,"));
    assert!(webhook.header("webhook-timestamp").parse::<u64>().is_ok());
    webhook.verify(&endpoint.secret);

    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(delivery["history"][0]["status"], 204);
    assert_eq!(delivery["event_type"], "credential.issued");
    assert!(delivery["next_attempt_at"].is_null());
}

#[tokio::test]
async fn every_endpoint_gets_its_own_copy_with_its_own_signature() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (one, other) = (Receiver::content().await, Receiver::content().await);
    let first = college.subscribe(&one.url).await;
    let second = college
        .subscribe_with(&other.url, json!({"secret": given}))
        .await;
    assert_eq!(second.secret, given);
    let event = college.post_event(&issued("a")).await;
    for (receiver, endpoint) in [(&one, &first), (&other, &second)] {
        let webhook = receiver.requests(1).await.remove(0);
        assert_eq!(webhook.id(), event);
        webhook.verify(&endpoint.secret);
        college.delivery_in(&event, endpoint, "delivered").await;
        assert_eq!(receiver.count(), 1);
    }
}

#[tokio::test]
async fn only_what_is_subscribed_to_arrives() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let all = Receiver::content().await;
    let wanted = json!({"event_types": ["credential.revoked"]});
    let endpoint = college.subscribe_with(&receiver.url, wanted).await;
    college.subscribe(&all.url).await;
    let issue = college.post_event(&issued("a")).await;
    let revocation = college
        .post_event(&event_of("credential.revoked", "a"))
        .await;
    assert_eq!(receiver.requests(1).await[0].id(), revocation);
    all.requests(2).await;
    let path = format!("events/{issue}/deliveries/{}", endpoint.id);
    college.api.get(&path).await.refusal(404, "not_found");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_repeated_event_is_delivered_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    let again = college
        .api
        .post_text("events", &issued("a"))
        .await
        .expect(200);
    assert_eq!(text(&again, "id"), event);
    // The wake-up of a repeated event comes after 10 s; that it does nothing is only seen by waiting for it.
    sleep(Duration::from_millis(11_500)).await;
    assert_eq!(receiver.count(), 1);
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(delivery["attempts"], 1);
}

#[tokio::test]
async fn many_copies_of_an_event_at_once_are_delivered_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Late(Duration::from_millis(200))]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = issued("a");
    let posts = (0..20).map(|_| college.api.post_text("events", &event));
    let answers = futures::future::join_all(posts).await;
    let first = text(&answers[0].body, "id");
    let mut accepted = 0;
    for answer in answers {
        assert!([200, 202].contains(&answer.status), "{answer:?}");
        assert_eq!(text(&answer.body, "id"), first);
        accepted += usize::from(answer.status == 202);
    }
    assert_eq!(accepted, 1);
    college.delivery_in(&first, &endpoint, "delivered").await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_delivery_is_sent_again_by_hand_with_the_same_id() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;

    let path = format!("events/{event}/deliveries/{}/retry", endpoint.id);
    let retried = college.api.post(&path, json!({})).await.expect(202);
    assert_eq!(retried["status"], "retrying");
    let received = receiver.requests(2).await;
    assert_eq!((received[0].id(), received[1].id()), (&*event, &*event));
    assert_eq!(received[0].body, received[1].body);
    received[1].verify(&endpoint.secret);
    let delivery = college
        .delivery(&event, &endpoint, |delivery| delivery["attempts"] == 2)
        .await;
    assert_eq!(delivery["status"], "delivered");
    assert_eq!(delivery["history"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn only_a_delivery_that_exists_is_sent_again() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    let later = college.subscribe(&receiver.url).await;
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (event, endpoint) in [
        (event.clone(), later.id),
        (event, format!("ep_{unknown}")),
        (format!("evt_{unknown}"), endpoint.id),
        ("x".to_owned(), "y".to_owned()),
    ] {
        let path = format!("events/{event}/deliveries/{endpoint}/retry");
        college
            .api
            .post(&path, json!({}))
            .await
            .refusal(404, "not_found");
    }
}

#[tokio::test]
async fn a_disabled_endpoint_holds_its_deliveries_until_it_is_enabled_and_they_are_sent_again() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let disabled = json!({"enabled": false});
    let endpoint = college.subscribe_with(&receiver.url, disabled).await;
    let event = college.post_event(&issued("a")).await;
    let held = college.delivery_in(&event, &endpoint, "held").await;
    assert_eq!(held["attempts"], 0);
    assert_eq!(receiver.count(), 0);

    let retry = format!("events/{event}/deliveries/{}/retry", endpoint.id);
    let refused = college.api.post(&retry, json!({})).await;
    refused.refusal(409, "endpoint_disabled");
    let path = format!("endpoints/{}", endpoint.id);
    college
        .api
        .patch(&path, json!({"enabled": true}))
        .await
        .expect(200);
    // The delivery function may know the endpoint as disabled for a few seconds more.
    until("the held delivery is sent", async || {
        college.api.post(&retry, json!({})).await.expect(202);
        sleep(Duration::from_millis(300)).await;
        if receiver.count() > 0 {
            Ok(())
        } else {
            Err("still held")
        }
    })
    .await;
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(receiver.received()[0].id(), event);
    assert_eq!(delivery["history"][0]["status"], 204);
}

#[tokio::test]
async fn a_new_endpoint_gets_the_first_event_that_is_accepted_for_it() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (old, new) = (Receiver::content().await, Receiver::content().await);
    let endpoint = college.subscribe(&old.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    // Functions forget what they know of an organization after 3 s, each at its own time: here the one
    // that accepts has forgotten, and the one that delivers has just read it again.
    sleep(Duration::from_millis(3_200)).await;
    let path = format!("events/{event}/deliveries/{}/retry", endpoint.id);
    college.api.post(&path, json!({})).await.expect(202);
    old.requests(2).await;
    let added = college.subscribe(&new.url).await;
    let accepted = college
        .api
        .post_text("events", &issued("b"))
        .await
        .expect(202);
    assert_eq!(accepted["endpoints"], json!([endpoint.id, added.id]));
    let event = text(&accepted, "id");
    let delivery = college
        .delivery(&event, &added, |delivery| delivery["status"] != "pending")
        .await;
    assert_eq!(delivery["status"], "delivered", "{delivery:#}");
    assert_eq!(new.requests(1).await[0].id(), event);
}

#[tokio::test]
async fn deliveries_that_were_under_way_to_a_deleted_endpoint_are_held() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Status(500)]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "retrying").await;
    let path = format!("endpoints/{}", endpoint.id);
    college.api.delete(&path).await.expect(204);
    // The second attempt is due 5 s after the first, when what is known of the endpoint is forgotten.
    let held = college.delivery_in(&event, &endpoint, "held").await;
    assert_eq!(held["attempts"], 1);
    assert!(held["next_attempt_at"].is_null());
    assert_eq!(receiver.count(), 1);
}
