//! The log: lists of events and deliveries, their filters and their pages.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply};
use crate::samples::{self, event_of, issued};
use crate::stack::{Stack, text, until};

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| text(item, "id")).collect()
}

/// Ids of events sort by the millisecond in which they were accepted.
fn newest_first(mut events: Vec<String>) -> Vec<String> {
    events.sort_by(|a, b| b.cmp(a));
    events
}

/// Event and endpoint of each delivery.
fn pairs(deliveries: &[Value]) -> Vec<(String, String)> {
    let pair = |delivery| (text(delivery, "event_id"), text(delivery, "endpoint_id"));
    deliveries.iter().map(pair).collect()
}

#[tokio::test]
async fn events_are_listed_newest_first_each_once_over_all_pages() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut posted = Vec::new();
    for number in 0..23 {
        posted.push(college.post_event(&issued(&format!("{number}"))).await);
    }
    let posted = newest_first(posted);
    for limit in [1, 4, 23, 100] {
        assert_eq!(
            ids(&college.api.pages("events", limit).await),
            posted,
            "limit {limit}"
        );
    }
    let by_default = college.api.get("events").await.expect(200);
    assert_eq!(ids(by_default["data"].as_array().unwrap()), posted);
    assert!(by_default["next_cursor"].is_null());
}

#[tokio::test]
async fn events_that_arrive_between_two_pages_change_nothing_on_the_next() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut posted = Vec::new();
    for number in 0..4 {
        posted.push(college.post_event(&issued(&format!("{number}"))).await);
    }
    let posted = newest_first(posted);
    let first = college.api.get("events?limit=2").await.expect(200);
    college.post_event(&issued("late")).await;
    let path = format!("events?limit=100&cursor={}", text(&first, "next_cursor"));
    let rest = college.api.get(&path).await.expect(200);
    let rest = ids(rest["data"].as_array().unwrap());
    assert_eq!(rest, posted[2..]);
}

#[tokio::test]
async fn events_are_filtered_by_type_and_by_credential() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut revoked = Vec::new();
    let mut of_seven = Vec::new();
    for number in 0..12 {
        let credential = format!("{number}");
        let issue = college.post_event(&issued(&credential)).await;
        let revocation = college
            .post_event(&event_of("credential.revoked", &credential))
            .await;
        if number == 7 {
            of_seven = newest_first(vec![issue, revocation.clone()]);
        }
        revoked.push(revocation);
    }
    let revoked = newest_first(revoked);
    for limit in [5, 100] {
        let found = college
            .api
            .pages("events?type=credential.revoked", limit)
            .await;
        assert_eq!(ids(&found), revoked);
        let found = college.api.pages("events?credential_id=7", limit).await;
        assert_eq!(ids(&found), of_seven);
        let path = "events?credential_id=7&type=credential.revoked";
        let found = ids(&college.api.pages(path, limit).await);
        assert!(
            found.len() == 1 && of_seven.contains(&found[0]),
            "{found:?}"
        );
    }
    assert!(
        college
            .api
            .pages("events?credential_id=none", 5)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_event_is_shown_as_received_and_in_canonical_form() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let sample = samples::named("thatsme.certificate.issued");
    let accepted = college
        .api
        .post_text("events", &sample.body)
        .await
        .expect(202);
    let path = format!("events/{}", text(&accepted, "id"));
    let event = college.api.get(&path).await.expect(200);
    assert_eq!(event["received"], sample.body);
    assert_eq!(event["canonical"]["id"], accepted["id"]);
    assert_eq!(event["canonical"]["type"], "credential.issued");
    assert_eq!(event["canonical"]["data"]["organization_id"], college.id);
    assert_eq!(event["canonical"]["data"]["source"]["dialect"], "thatsme");
    for unknown in ["evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "evt_1", "1"] {
        let path = format!("events/{unknown}");
        college.api.get(&path).await.refusal(404, "not_found");
        let path = format!("events/{unknown}/deliveries");
        college.api.get(&path).await.refusal(404, "not_found");
    }
}

#[tokio::test]
async fn deliveries_are_listed_by_event_by_endpoint_and_by_status_each_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let failing = Receiver::start([Reply::Status(404)]).await;
    let good = college.subscribe(&receiver.url).await;
    let bad = college.subscribe(&failing.url).await;
    let held = college
        .subscribe_with(&receiver.url, json!({"enabled": false}))
        .await;
    let mut events = Vec::new();
    for number in 0..8 {
        events.push(college.post_event(&issued(&format!("{number}"))).await);
    }
    let events = newest_first(events);
    for event in &events {
        college.delivery_in(event, &good, "delivered").await;
        college.delivery_in(event, &bad, "retrying").await;
        college.delivery_in(event, &held, "held").await;
    }

    let mut endpoints = [&good.id, &bad.id, &held.id];
    endpoints.sort();
    let all: Vec<(String, String)> = events
        .iter()
        .flat_map(|event| endpoints.map(|endpoint| (event.clone(), endpoint.clone())))
        .collect();
    for limit in [1, 5, 24, 100] {
        let found = college.api.pages("deliveries", limit).await;
        assert_eq!(pairs(&found), all, "limit {limit}");
    }
    for (endpoint, status) in [(&good, "delivered"), (&bad, "retrying"), (&held, "held")] {
        let of_endpoint = format!("endpoints/{}/deliveries", endpoint.id);
        for path in [
            format!("deliveries?status={status}"),
            format!("deliveries?endpoint_id={}", endpoint.id),
            format!("deliveries?endpoint_id={}&status={status}", endpoint.id),
            of_endpoint.clone(),
            format!("{of_endpoint}?status={status}"),
        ] {
            let found = college.api.pages(&path, 3).await;
            let expected: Vec<_> = events
                .iter()
                .map(|event| (event.clone(), endpoint.id.clone()))
                .collect();
            assert_eq!(pairs(&found), expected, "{path}");
            assert!(
                found.iter().all(|delivery| delivery["status"] == status),
                "{path}"
            );
        }
        let none = college
            .api
            .pages(&format!("{of_endpoint}?status=exhausted"), 3)
            .await;
        assert!(none.is_empty());
    }
    let of_event = college
        .api
        .get(&format!("events/{}/deliveries", events[0]))
        .await
        .expect(200);
    assert_eq!(pairs(of_event["data"].as_array().unwrap()), all[..3]);
}

#[tokio::test]
async fn a_delivery_that_was_not_attempted_yet_is_pending() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let hanging = Receiver::start([Reply::Hang]).await;
    let endpoint = college
        .subscribe_with(&hanging.url, json!({"timeout_seconds": 30}))
        .await;
    let event = college.post_event(&issued("a")).await;
    hanging.requests(1).await;
    for path in [
        "deliveries?status=pending".to_owned(),
        format!("events/{event}/deliveries"),
    ] {
        let list = college.api.get(&path).await.expect(200);
        let delivery = &list["data"][0];
        assert_eq!(delivery["status"], "pending", "{path}");
        assert_eq!(delivery["endpoint_id"], endpoint.id);
        assert_eq!(
            (&delivery["attempts"], &delivery["history"]),
            (&json!(0), &json!([]))
        );
    }
}

#[tokio::test]
async fn a_list_over_many_events_is_complete_where_a_filter_matches_little() {
    const EVENTS: usize = 330;
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let wanted = json!({"event_types": ["credential.revoked"]});
    let endpoint = college.subscribe_with(&receiver.url, wanted).await;
    let first = college
        .post_event(&event_of("credential.revoked", "first"))
        .await;
    for batch in 0..EVENTS.div_ceil(100) {
        let events: Vec<String> = (0..100)
            .map(|number| issued(&format!("{batch} {number}")))
            .collect();
        let body = format!("[{}]", events.join(","));
        college
            .api
            .post_text("events/batch", &body)
            .await
            .expect(200);
    }
    college.delivery_in(&first, &endpoint, "delivered").await;
    let found = until("the list has the one delivery", async || {
        let found = college.api.pages("deliveries?status=delivered", 10).await;
        if found.len() == 1 {
            Ok(found)
        } else {
            Err(found)
        }
    })
    .await;
    assert_eq!(text(&found[0], "event_id"), first);
    let listed = college.api.pages("events?type=credential.issued", 7).await;
    let unique: HashSet<String> = ids(&listed).into_iter().collect();
    assert_eq!((listed.len(), unique.len()), (400, 400));
}

#[tokio::test]
async fn what_a_list_cannot_be_asked_for_is_said() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for (path, parameter) in [
        ("events?limit=0", "?limit"),
        ("events?limit=101", "?limit"),
        ("events?limit=ten", "?limit"),
        ("deliveries?limit=-1", "?limit"),
        ("events?cursor=nonsense", "?cursor"),
        ("events?cursor=%21", "?cursor"),
        ("deliveries?cursor=ZXZ0X3g", "?cursor"),
        ("events?type=certificate.issued", "?type"),
        ("deliveries?status=lost", "?status"),
        ("deliveries?endpoint_id=ep_1", "?endpoint_id"),
    ] {
        let refused = college.api.get(path).await;
        assert_eq!(
            refused.refusal(422, "validation_error"),
            [parameter],
            "{path}"
        );
    }
}
