//! Who has no access is refused what makes work, and reads and deletes all there is.

use payload::billing::access::Access;
use payload::dialect::Dialect;
use serde_json::{Value, json};

use crate::entitlement::{LONG, Shop};
use crate::faults::Rule;
use crate::receiver::Receiver;
use crate::samples::issued;
use crate::source::{Source, configuration, now};
use crate::stack::text;

#[tokio::test]
async fn where_nothing_was_paid_nothing_is_taken_and_after_the_payment_it_is() {
    let shop = Shop::open().await;
    let college = shop.stack.create_organization().await;
    let refused = college.api.post_text("events", &issued("a")).await;
    refused.refusal(403, "plan_required");
    let batch = json!({"events": [
        serde_json::from_str::<Value>(&issued("a")).unwrap(), {"type": "nothing"},
    ]});
    let answer = college.api.post("events/batch", batch).await.expect(200);
    let of = |place: usize| {
        let result = &answer["results"][place];
        (result["status"].clone(), result["error"].clone())
    };
    assert_eq!(of(0), (json!(403), json!("plan_required")));
    assert_eq!(of(1), (json!(422), json!("unknown_dialect")));
    let endpoint = json!({"url": "http://127.0.0.1:9/", "event_types": ["*"]});
    let refused = college.api.post("endpoints", endpoint).await;
    refused.refusal(403, "plan_required");
    let relay = configuration(Dialect::Vec);
    let refused = college.api.post("relays", relay).await;
    refused.refusal(403, "plan_required");
    for list in ["events", "endpoints", "deliveries", "relays", "quarantine"] {
        assert!(college.api.pages(list, 10).await.is_empty(), "{list}");
    }

    // What was read seconds ago is read again before anything is refused.
    shop.give(&college, &[(now() - LONG, Access::Active)]).await;
    let receiver = Receiver::content().await;
    college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    assert_eq!(receiver.requests(1).await[0].id(), event);
}

#[tokio::test]
async fn the_webhook_of_a_source_system_is_answered_200_and_not_kept() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let source = Source::create(&shop.stack, &college, Dialect::Vec).await;
    let body = b"{\"event\": \"nothing that can be read\"}";
    shop.give(&college, &[(now() - LONG, Access::Ended)]).await;
    // The environment may have read the organization a moment ago: then the body is kept once more.
    let ignored = crate::stack::until("it is ignored", async || {
        let answer = source.send("", body).await;
        if answer.status == 200 {
            Ok(answer.body)
        } else {
            Err(answer)
        }
    })
    .await;
    assert_eq!(
        (&ignored["ignored"], &ignored["error"]),
        (&json!(true), &json!("plan_required"))
    );
    let kept = college.api.pages("quarantine", 10).await;
    let bad = source.post(&source.http, "", body).await;
    bad.refusal(401, "bad_signature");
    source.send("", body).await.expect(200);
    assert_eq!(college.api.pages("quarantine", 10).await.len(), kept.len());
    let line = |line: &String| line.contains("ignored: the organization's access is ENDED");
    assert!(shop.stack.log().iter().any(line));
}

#[tokio::test]
async fn after_the_end_endpoints_are_as_their_owner_left_them_and_nothing_is_sent_by_hand() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    shop.lapse(&college, &endpoint, Access::Ended).await;

    let shown = college.endpoint(&endpoint).await;
    assert_eq!(
        (&shown["enabled"], &shown["suspended_by"]),
        (&json!(true), &json!("plan_ended"))
    );
    let path = format!("endpoints/{}", endpoint.id);
    for (method, path, body) in [
        ("PATCH", path.clone(), json!({"enabled": true})),
        ("POST", format!("{path}/test"), json!({})),
        ("POST", format!("{path}/replay"), json!({})),
        ("POST", format!("events/{event}/replay"), json!({})),
        (
            "POST",
            format!("events/{event}/deliveries/{}/retry", endpoint.id),
            json!({}),
        ),
    ] {
        let body = Some(body.to_string().into_bytes());
        let method = method.parse().expect("a method of HTTP");
        let answer = college.api.send(method, &path, body).await;
        answer.refusal(403, "plan_required");
    }
    let refused = college.api.post_text("events", &issued("b")).await;
    refused.refusal(403, "plan_required");
    let changed = college
        .api
        .patch(&path, json!({"name": "Later", "enabled": false}))
        .await;
    assert_eq!(changed.expect(200)["enabled"], false);
    let found = college
        .api
        .get(&format!("events/{event}"))
        .await
        .expect(200);
    assert_eq!(text(&found, "id"), event);
    college.api.delete(&path).await.expect(204);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn the_access_of_an_organization_that_has_it_costs_no_request() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Grace).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let asked = ["ingest", "delivery"].map(|function| {
        let noted = shop.faults.inject(Rule::note(function, |request| {
            request.json().to_string().contains("\"entitlement\"")
        }));
        let queries = shop
            .faults
            .inject(Rule::note(function, |request| request.operation == "Query"));
        (noted.if_at_all(), queries)
    });
    for credential in ["a", "b"] {
        let event = college.post_event(&issued(credential)).await;
        college.delivery_in(&event, &endpoint, "delivered").await;
    }
    for (by_name, queries) in &asked {
        // The one query of the organization brings it, and is remembered.
        assert_eq!(by_name.count(), 0);
        assert!((1..=2).contains(&queries.count()), "{}", queries.count());
    }
}
