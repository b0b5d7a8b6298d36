//! Sending again: one delivery, one event, or a range.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::receiver::{Receiver, Reply};
use crate::recovery::recover;
use crate::samples::issued;
use crate::stack::{Endpoint, Organization, Stack, text, until};

async fn post(college: &Organization, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for number in 0..count {
        events.push(college.post_event(&issued(&format!("{number}"))).await);
    }
    events
}

async fn replay(college: &Organization, endpoint: &Endpoint, body: Value) -> Value {
    let path = format!("endpoints/{}/replay", endpoint.id);
    college.api.post(&path, body).await.expect(202)
}

async fn enable(college: &Organization, endpoint: &Endpoint, enabled: bool) {
    let path = format!("endpoints/{}", endpoint.id);
    let body = json!({"enabled": enabled});
    college.api.patch(&path, body).await.expect(200);
}

/// Waits until every delivery to an endpoint stands like this.
async fn all_are(college: &Organization, endpoint: &Endpoint, status: &str, count: usize) {
    let path = format!("endpoints/{}/deliveries?status={status}", endpoint.id);
    until("all deliveries are there", async || {
        match college.api.pages(&path, 100).await.len() {
            found if found == count => Ok(()),
            found => Err(found),
        }
    })
    .await;
}

#[tokio::test]
async fn a_range_of_held_deliveries_is_sent_with_the_same_ids_once_each() {
    const EVENTS: usize = 130;
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    enable(&college, &endpoint, false).await;
    let events = post(&college, EVENTS).await;
    all_are(&college, &endpoint, "held", EVENTS).await;
    enable(&college, &endpoint, true).await;

    let counted = replay(&college, &endpoint, json!({"dry_run": true})).await;
    assert_eq!(
        (&counted["state"], &counted["replayed"]),
        (&json!("done"), &json!(0))
    );
    assert_eq!(counted["found"], json!({"held": EVENTS}));
    assert_eq!(receiver.count(), 0);

    let first = replay(&college, &endpoint, json!({"rate_per_second": 500})).await;
    assert_eq!(
        (&first["examined"], &first["replayed"]),
        (&json!(EVENTS), &json!(EVENTS))
    );
    let received = receiver.requests(EVENTS).await;
    let ids: HashSet<&str> = received.iter().map(|webhook| webhook.id()).collect();
    assert_eq!(ids, events.iter().map(String::as_str).collect());
    assert_eq!(received.len(), EVENTS);
    received[0].verify(&endpoint.secret);
    all_are(&college, &endpoint, "delivered", EVENTS).await;

    // What has arrived is not sent again, unless it is asked for.
    let nothing = replay(&college, &endpoint, json!({})).await;
    assert_eq!(
        (&nothing["state"], &nothing["found"]),
        (&json!("done"), &json!({}))
    );
    let body = json!({"statuses": ["delivered"], "rate_per_second": 500});
    let again = replay(&college, &endpoint, body).await;
    assert_eq!(again["found"], json!({"delivered": EVENTS}));
    receiver.requests(2 * EVENTS).await;
    let delivery = college
        .delivery(&events[0], &endpoint, |delivery| delivery["attempts"] == 2)
        .await;
    assert_eq!(
        (&delivery["status"], &delivery["replays"]),
        (&json!("delivered"), &json!(2))
    );
    let replayed: Vec<&Value> = delivery["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["replay"])
        .collect();
    assert_eq!(replayed, [true, true]);

    let path = format!("endpoints/{}/replays", endpoint.id);
    let replays = college.api.pages(&path, 2).await;
    assert_eq!(replays.len(), 4);
    assert_eq!(replays[0]["id"], again["id"]);
}

#[tokio::test]
async fn an_endpoint_gets_what_happened_before_it_existed_when_it_asks_for_that() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let early = Receiver::content().await;
    college.subscribe(&early.url).await;
    let events = post(&college, 3).await;
    early.requests(3).await;
    let receiver = Receiver::content().await;
    let members = json!({"event_types": ["credential.issued"]});
    let late = college.subscribe_with(&receiver.url, members).await;

    let nothing = replay(&college, &late, json!({})).await;
    assert_eq!(
        (&nothing["examined"], &nothing["found"]),
        (&json!(3), &json!({}))
    );
    let all = replay(&college, &late, json!({"backfill": true})).await;
    assert_eq!(all["found"], json!({"pending": 3}));
    receiver.requests(3).await;
    for event in &events {
        let delivery = college.delivery_in(event, &late, "delivered").await;
        assert_eq!(delivery["attempts"], 1);
        let path = format!("events/{event}/deliveries");
        let log = college.api.get(&path).await.expect(200);
        assert_eq!(log["data"].as_array().unwrap().len(), 2, "{log:#}");
    }
    assert_eq!(early.count(), 3);
}

#[tokio::test]
async fn a_range_is_limited_by_time_and_type() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let events = post(&college, 3).await;
    all_are(&college, &endpoint, "delivered", 3).await;
    let second = college.api.get(&format!("events/{}", events[1])).await;
    let since = text(&second.expect(200), "accepted_at");
    for (limits, found) in [
        (json!({"since": since}), json!({"delivered": 2})),
        (json!({"until": since}), json!({"delivered": 1})),
        (
            json!({"types": ["credential.issued"]}),
            json!({"delivered": 3}),
        ),
        (json!({"types": ["credential.revoked"]}), json!({})),
        (json!({"statuses": ["exhausted"]}), json!({})),
    ] {
        let mut body = json!({"dry_run": true, "statuses": ["delivered"]});
        body.as_object_mut()
            .unwrap()
            .extend(limits.as_object().unwrap().clone());
        let counted = replay(&college, &endpoint, body).await;
        assert_eq!(counted["found"], found, "{limits}");
    }
    // Before anything is kept there is nothing, and after now there is nothing yet.
    for span in [
        json!({"since": "2020-01-01T00:00:00Z", "until": "2020-02-01T00:00:00Z"}),
        json!({"since": "2999-01-01T00:00:00Z", "until": "9998-12-31T00:00:00Z"}),
    ] {
        let nothing = replay(&college, &endpoint, span).await;
        assert_eq!(
            (&nothing["state"], &nothing["examined"]),
            (&json!("done"), &json!(0))
        );
    }
    assert_eq!(recover(&stack, 0).await["recovery_failures"], 0);
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn a_replay_keeps_to_its_rate() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    post(&college, 21).await;
    receiver.requests(21).await;
    all_are(&college, &endpoint, "delivered", 21).await;
    let started = Instant::now();
    let body = json!({"statuses": ["delivered"], "rate_per_second": 5});
    replay(&college, &endpoint, body).await;
    receiver.requests(2 * 21).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_long_replay_is_gone_on_with_each_minute_and_can_be_stopped() {
    const EVENTS: usize = 420;
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    enable(&college, &endpoint, false).await;
    post(&college, EVENTS).await;
    all_are(&college, &endpoint, "held", EVENTS).await;
    enable(&college, &endpoint, true).await;

    // Three pages are enough for the minute until recovery comes.
    let begun = replay(&college, &endpoint, json!({"rate_per_second": 4})).await;
    assert_eq!(
        (&begun["state"], &begun["examined"]),
        (&json!("running"), &json!(300))
    );
    assert_eq!(recover(&stack, 0).await["replayed"], 100);
    assert_eq!(recover(&stack, 10).await["replayed"], 0);
    let path = format!("endpoints/{}/replays/{}", endpoint.id, text(&begun, "id"));
    let progress = college.api.get(&path).await.expect(200);
    assert_eq!(
        (&progress["examined"], &progress["replayed"]),
        (&json!(400), &json!(400))
    );

    let stopped = college.api.delete(&path).await.expect(200);
    assert_eq!(stopped["state"], "cancelled");
    assert_eq!(recover(&stack, 10).await["replayed"], 0);
    let again = college.api.delete(&path).await.expect(200);
    assert_eq!(again["state"], "cancelled");
    let rest = replay(
        &college,
        &endpoint,
        json!({"dry_run": true, "statuses": ["held"]}),
    )
    .await;
    assert_eq!(rest["found"], json!({"held": EVENTS - 400}));
}

#[tokio::test]
async fn a_disabled_endpoint_gets_a_replay_on_demand_one_attempt_each() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Status(500), Reply::Status(204)]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    enable(&college, &endpoint, false).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "held").await;
    let retry = format!("events/{event}/deliveries/{}/retry", endpoint.id);
    let range = format!("endpoints/{}/replay", endpoint.id);
    for path in [&retry, &range] {
        let refused = college.api.post(path, json!({})).await;
        refused.refusal(409, "endpoint_disabled");
    }
    let demand = json!({"even_if_disabled": true});
    college.api.post(&retry, demand.clone()).await.expect(202);
    let attempted = |delivery: &Value| delivery["attempts"] == 1;
    let failed = college.delivery(&event, &endpoint, attempted).await;
    assert_eq!(
        (&failed["status"], &failed["replays"]),
        (&json!("held"), &json!(1))
    );
    college.api.post(&range, demand).await.expect(202);
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(
        (&delivery["attempts"], &delivery["replays"]),
        (&json!(2), &json!(2))
    );
    let still = college.api.get(&format!("endpoints/{}", endpoint.id)).await;
    assert_eq!(still.expect(200)["enabled"], false);
}

#[tokio::test]
async fn an_event_is_sent_again_to_all_its_endpoints_or_those_named() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (one, two) = (Receiver::content().await, Receiver::content().await);
    let first = college.subscribe(&one.url).await;
    let second = college.subscribe(&two.url).await;
    let event = college.post_event(&issued("a")).await;
    for endpoint in [&first, &second] {
        college.delivery_in(&event, endpoint, "delivered").await;
    }
    let path = format!("events/{event}/replay");
    let both = college.api.post_text(&path, "").await.expect(202);
    assert_eq!(both["data"].as_array().unwrap().len(), 2, "{both:#}");
    one.requests(2).await;
    two.requests(2).await;
    for endpoint in [&first, &second] {
        college.delivery_in(&event, endpoint, "delivered").await;
    }
    enable(&college, &second, false).await;
    let rest = college.api.post(&path, json!({})).await.expect(202);
    assert_eq!(rest["left_out"], json!([second.id]));
    one.requests(3).await;
    college.delivery_in(&event, &first, "delivered").await;
    let named = json!({"endpoints": [first.id]});
    let named = college.api.post(&path, named).await.expect(202);
    assert_eq!(named["data"].as_array().unwrap().len(), 1, "{named:#}");
    assert_eq!(named["left_out"], json!([]));
    one.requests(4).await;
    assert_eq!(two.count(), 2);
}

#[tokio::test]
async fn what_a_replay_is_asked_for_is_checked_and_belongs_to_its_organization() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let path = format!("endpoints/{}/replay", endpoint.id);
    for (body, pointer) in [
        (json!({"statuses": ["lost"]}), "/statuses"),
        (json!({"statuses": []}), "/statuses"),
        (json!({"types": ["certificate.issued"]}), "/types"),
        (json!({"since": "yesterday"}), "/since"),
        (
            json!({"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
            "/until",
        ),
        (json!({"rate_per_second": 0}), "/rate_per_second"),
        (json!({"rate_per_second": 501}), "/rate_per_second"),
        (json!({"dry_run": "yes"}), "/dry_run"),
        (json!({"dryRun": true}), "/dryRun"),
    ] {
        let refused = college.api.post(&path, body).await;
        assert_eq!(refused.refusal(422, "validation_error"), [pointer]);
    }
    let made = college.api.post_text(&path, "").await.expect(202);
    let one = format!("endpoints/{}/replays/{}", endpoint.id, text(&made, "id"));
    college.api.get(&one).await.expect(200);
    for path in [&path, &one, &format!("endpoints/{}/replays", endpoint.id)] {
        school
            .api
            .get(path)
            .await
            .expect(if path.ends_with("replay") { 405 } else { 404 });
    }
    school
        .api
        .post(&path, json!({}))
        .await
        .refusal(404, "not_found");
    school.api.delete(&one).await.refusal(404, "not_found");
    let unknown = format!("endpoints/{}/replays/rpl_x", endpoint.id);
    college.api.get(&unknown).await.refusal(404, "not_found");
}
