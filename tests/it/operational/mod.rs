//! What an organization hears of its endpoints and deliveries.

mod test_sends;

use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply, Webhook};
use crate::samples::issued;
use crate::stack::{Endpoint, Organization, Stack, text, until};

/// The types of the operational events that an endpoint can subscribe to.
const OPERATIONAL: [&str; 2] = ["endpoint.*", "delivery.*"];

/// One attempt and no other.
fn once() -> Value {
    json!({"retry_schedule": [], "name": "Fails"})
}

/// The same, and hears of everything.
fn once_and_hears_all() -> Value {
    json!({"retry_schedule": [], "event_types": ["*", "endpoint.*", "delivery.*"]})
}

/// A receiver that hears of endpoints and deliveries.
async fn watch(college: &Organization) -> (Receiver, Endpoint) {
    let receiver = Receiver::content().await;
    let wish = json!({"event_types": OPERATIONAL});
    let endpoint = college.subscribe_with(&receiver.url, wish).await;
    (receiver, endpoint)
}

/// A receiver that answers everything with this status.
async fn answering(status: u16) -> Receiver {
    Receiver::start([Reply::Status(status)]).await
}

fn body(webhook: &Webhook) -> Value {
    serde_json::from_slice(&webhook.body).expect("JSON")
}

/// The types of all that came, in the order of the alphabet.
fn types(receiver: &Receiver) -> Vec<String> {
    let received = receiver.received();
    let mut types: Vec<String> = received.iter().map(|it| text(&body(it), "type")).collect();
    types.sort();
    types
}

/// Waits until nothing is on its way any more.
async fn settled(stack: &Stack) {
    until("the queue is empty", async || match stack.backlog().await {
        0 => Ok(()),
        left => Err(left),
    })
    .await;
}

#[tokio::test]
async fn who_subscribes_hears_of_a_delivery_that_was_given_up_and_nobody_else_does() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (watcher, watching) = watch(&college).await;
    let (failing, other) = (answering(503).await, Receiver::content().await);
    let fails = college.subscribe_with(&failing.url, once()).await;
    college.subscribe(&other.url).await;
    let stranger = stack.create_organization().await;
    let (elsewhere, _) = watch(&stranger).await;

    let event = college.post_event(&issued("a")).await;
    let heard = watcher.requests(1).await;
    let heard = heard
        .iter()
        .find(|it| body(it)["type"] == "delivery.exhausted");
    let heard = heard.expect("the delivery was given up");
    heard.verify(&watching.secret);
    let said = body(heard);
    assert_eq!(said["id"], heard.id());
    assert_eq!(said["data"]["organization_id"], college.id.as_str());
    let source = json!({"dialect": "canonical", "kind": "certhooks"});
    assert_eq!(said["data"]["source"], source);
    let endpoint = &said["data"]["endpoint"];
    assert_eq!(
        (&endpoint["id"], &endpoint["name"]),
        (&json!(fails.id), &json!("Fails"))
    );
    let expected = json!({
        "event_id": event, "event_type": "credential.issued", "attempts": 1,
        "last_error": "server_error", "last_status": 503,
    });
    assert_eq!(said["data"]["delivery"], expected);
    // A URL may be a secret.
    assert!(!said.to_string().contains("http"), "{said:#}");

    settled(&stack).await;
    assert_eq!(types(&watcher), HEARD_OF_A_FAILURE);
    for receiver in [&failing, &other] {
        assert_eq!(types(receiver), ["credential.issued"]);
    }
    assert_eq!(elsewhere.count(), 0);
    // It is an event like any other.
    let path = format!("events/{}", heard.id());
    let stored = college.api.get(&path).await.expect(200);
    assert_eq!(stored["canonical"], said);
    assert_eq!(stored["endpoints"], json!([watching.id]));
    stranger.api.get(&path).await.refusal(404, "not_found");
}

#[tokio::test]
async fn an_endpoint_hears_nothing_about_itself_and_what_nobody_hears_is_no_event() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let failing = answering(500).await;
    let fails = college
        .subscribe_with(&failing.url, once_and_hears_all())
        .await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &fails, "exhausted").await;
    for enabled in [false, true] {
        let path = format!("endpoints/{}", fails.id);
        college
            .api
            .patch(&path, json!({"enabled": enabled}))
            .await
            .expect(200);
    }
    settled(&stack).await;
    assert_eq!(types(&failing), ["credential.issued"]);
    assert_eq!(college.api.pages("events", 10).await.len(), 1);
}

#[tokio::test]
async fn endpoints_that_fail_and_hear_of_each_other_do_not_go_on_for_ever() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receivers = [answering(500).await, answering(500).await];
    for receiver in &receivers {
        college
            .subscribe_with(&receiver.url, once_and_hears_all())
            .await;
    }
    college.post_event(&issued("a")).await;
    for receiver in &receivers {
        receiver.requests(3).await;
    }
    settled(&stack).await;
    for receiver in &receivers {
        let mut expected = HEARD_OF_A_FAILURE.to_vec();
        expected.insert(0, "credential.issued");
        assert_eq!(types(receiver), expected);
    }
    let events = college.api.pages("events", 10).await;
    assert_eq!(
        events.len(),
        1 + 2 * HEARD_OF_A_FAILURE.len(),
        "{events:#?}"
    );
    let deliveries = college.api.pages("deliveries", 10).await;
    assert!(deliveries.iter().all(|it| it["status"] == "exhausted"));
}

#[tokio::test]
async fn of_many_endpoints_that_all_fail_is_told_no_more_than_an_organization_may_be_sent() {
    const ENDPOINTS: usize = 40;
    let stack = Stack::start_with(&["--parameter", "CircuitBreakerFailures=0"]).await;
    let college = stack.create_organization().await;
    let receiver = answering(500).await;
    for _ in 0..ENDPOINTS {
        let members = once_and_hears_all();
        college.subscribe_with(&receiver.url, members).await;
    }
    college.post_event(&issued("a")).await;
    receiver.requests(ENDPOINTS).await;
    settled(&stack).await;
    let told = college.api.pages("events", 100).await.len() - 1;
    // Each has failed and was given up, and 39 others hear that. A thousand deliveries are made at once, and
    // ten per second while it goes on.
    let within = |seconds: usize| (1_000 + 10 * seconds) / (ENDPOINTS - 1);
    assert!((within(0)..within(60)).contains(&told), "{told}");
}

/// What is heard of an endpoint of which the first delivery was given up.
const HEARD_OF_A_FAILURE: [&str; 2] = ["delivery.exhausted", "endpoint.failing"];

#[tokio::test]
async fn that_an_endpoint_fails_is_heard_of_once_until_something_has_reached_it() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (watcher, _) = watch(&college).await;
    let replies = [500, 500, 204, 500].map(Reply::Status);
    let receiver = Receiver::start(replies).await;
    let endpoint = college.subscribe_with(&receiver.url, once()).await;
    for (credential, status) in [
        ("a", "exhausted"),
        ("b", "exhausted"),
        ("c", "delivered"),
        ("d", "exhausted"),
    ] {
        let event = college.post_event(&issued(credential)).await;
        college.delivery_in(&event, &endpoint, status).await;
        settled(&stack).await;
    }
    let heard = watcher.requests(5).await;
    let exhausted = ["delivery.exhausted"; 3];
    let failing = ["endpoint.failing"; 2];
    assert_eq!(types(&watcher), [&exhausted[..], &failing].concat());
    let is_failing = |it: &&Webhook| body(it)["type"] == "endpoint.failing";
    let said = body(heard.iter().find(is_failing).unwrap());
    let about = &said["data"]["endpoint"];
    assert_eq!(about["failures"], 1);
    assert_eq!(about["failing_since"], said["timestamp"]);
    assert!(said["data"]["delivery"].is_null());
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_heard_of_and_so_is_its_return_each_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (watcher, _) = watch(&college).await;
    let gone = answering(410).await;
    let leaves = college.subscribe_with(&gone.url, once()).await;
    // All are answered 410, and one of them disables it.
    for credential in ["a", "b", "c"] {
        college.post_event(&issued(credential)).await;
    }
    let disabled = body(&watcher.requests(1).await[0]);
    assert_eq!(disabled["type"], "endpoint.disabled");
    assert_eq!(disabled["data"]["endpoint"]["reason"], "gone");
    assert_eq!(disabled["data"]["endpoint"]["id"], leaves.id.as_str());
    assert!(disabled["data"]["delivery"].is_null());
    settled(&stack).await;
    assert_eq!(watcher.count(), 1);

    let path = format!("endpoints/{}", leaves.id);
    for (body, count) in [
        (json!({"enabled": true}), 2),
        // What it is already, and what is about something else, is no news.
        (json!({"enabled": true}), 2),
        (json!({"name": "Other"}), 2),
        (json!({"enabled": false}), 3),
    ] {
        college.api.patch(&path, body).await.expect(200);
        watcher.requests(count).await;
        settled(&stack).await;
        assert_eq!(watcher.count(), count);
    }
    let heard = watcher.received();
    assert_eq!(body(&heard[1])["type"], "endpoint.enabled");
    assert_eq!(body(&heard[1])["data"]["endpoint"]["reason"], Value::Null);
    assert_eq!(body(&heard[2])["data"]["endpoint"]["reason"], "owner");
    assert_eq!(body(&heard[2])["data"]["endpoint"]["name"], "Other");
}

#[tokio::test]
async fn other_dialects_have_no_words_for_it_and_get_the_canonical_ones_when_they_ask_for_them() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let mut wish = json!({"url": receiver.url, "dialect": "beedeez", "event_types": ["certificate_completed", "endpoint.disabled"]});
    let refused = college.api.post("endpoints", wish.clone()).await;
    assert_eq!(
        refused.refusal(422, "unrepresentable_event_type"),
        ["/event_types/1"]
    );
    wish["on_unmappable"] = json!("canonical");
    college.api.post("endpoints", wish).await.expect(201);

    let (other, _) = watch(&college).await;
    let switched = college.subscribe(&other.url).await;
    let path = format!("endpoints/{}", switched.id);
    college
        .api
        .patch(&path, json!({"enabled": false}))
        .await
        .expect(200);
    let heard = &receiver.requests(1).await[0];
    assert_eq!(heard.header("x-dialect"), "canonical");
    assert_eq!(body(heard)["type"], "endpoint.disabled");
}

#[tokio::test]
async fn nobody_can_post_an_operational_event() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (watcher, watching) = watch(&college).await;
    for name in [
        "endpoint.failing",
        "endpoint.disabled",
        "endpoint.enabled",
        "delivery.exhausted",
        "webhook.test",
    ] {
        let forged = json!({
            "type": name, "timestamp": "2026-11-21T10:00:00Z",
            "data": {"endpoint": {"id": watching.id}, "credential": {"id": "a"}},
        });
        for path in ["events", "events?dialect=canonical", "convert?to=canonical"] {
            let refused = college.api.post(path, forged.clone()).await;
            assert_eq!(
                refused.body["details"]["/type"],
                "is an event that certhooks makes itself, and takes from nobody"
            );
            assert_eq!(refused.refusal(422, "validation_error"), ["/type"]);
        }
        let batch = college
            .api
            .post("events/batch", json!([forged]))
            .await
            .expect(200);
        assert_eq!(batch["results"][0]["status"], 422);
    }
    settled(&stack).await;
    assert_eq!(watcher.count(), 0);
    assert_eq!(college.api.pages("events", 10).await.len(), 0);
}
