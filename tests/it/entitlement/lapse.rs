//! The clock takes the access away: what happens to what comes, and to what was on its way.

use payload::billing::access::Access;
use serde_json::{Value, json};

use crate::entitlement::{LONG, SOON, Shop, ids, listener, told};
use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::source::now;
use crate::stack::until;

#[tokio::test]
async fn what_comes_while_access_is_suspended_is_held_also_when_a_person_asks_for_it() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let sent = college.post_event(&issued("a")).await;
    college.delivery_in(&sent, &endpoint, "delivered").await;
    shop.lapse(&college, &endpoint, Access::Suspended).await;

    let event = college.post_event(&issued("b")).await;
    let held = college.delivery_in(&event, &endpoint, "held").await;
    assert_eq!(held["held"], json!({"reason": "suspended"}));
    for event in [&event, &sent] {
        let retry = format!("events/{event}/deliveries/{}/retry", endpoint.id);
        let by_hand = json!({"even_if_disabled": true});
        college.api.post(&retry, by_hand).await.expect(202);
        let again = |delivery: &Value| delivery["status"] == "held" && delivery["replays"] == 1;
        college.delivery(event, &endpoint, again).await;
    }
    let test = format!("endpoints/{}/test", endpoint.id);
    let test = college.api.post(&test, json!({})).await.expect(202);
    let test = test["id"].as_str().unwrap();
    college.delivery_in(test, &endpoint, "held").await;
    assert_eq!(ids(&receiver), [sent]);
}

#[tokio::test]
async fn a_retry_that_comes_due_without_access_is_held_or_cancelled() {
    let shop = Shop::open().await;
    for (access, status, held) in [
        (Access::Suspended, "held", json!({"reason": "suspended"})),
        (Access::Ended, "cancelled", Value::Null),
    ] {
        let college = shop.college(Access::Active).await;
        let receiver = Receiver::start([Reply::Status(500)]).await;
        let wish = json!({"retry_schedule": [8]});
        let endpoint = college.subscribe_with(&receiver.url, wish).await;
        let event = college.post_event(&issued("a")).await;
        college.delivery_in(&event, &endpoint, "retrying").await;
        shop.lapse(&college, &endpoint, access).await;
        let stands = college.delivery_in(&event, &endpoint, status).await;
        assert_eq!((&stands["held"], &stands["attempts"]), (&held, &json!(1)));
        assert_eq!(receiver.count(), 1);
    }
}

#[tokio::test]
async fn a_disabled_endpoint_is_the_reason_that_stays() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let disable = json!({"enabled": false});
    let path = format!("endpoints/{}", endpoint.id);
    college.api.patch(&path, disable).await.expect(200);
    shop.give(&college, &[(now() - LONG, Access::Suspended)])
        .await;
    let event = college.post_event(&issued("a")).await;
    let held = college.delivery_in(&event, &endpoint, "held").await;
    assert_eq!(held["held"], json!({"reason": "endpoint_disabled"}));
    shop.give(&college, &[(now() - LONG, Access::Active)]).await;
    assert_eq!(shop.settle().await["replayed"], 0);
    college.delivery_in(&event, &endpoint, "held").await;
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn each_change_is_told_once_whatever_the_access_is_then() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let (receiver, listening) = listener(&college).await;
    let (active, soon) = (now() - LONG, now() + SOON);
    let grace = (active + LONG / 2, Access::Grace);
    let steps = [(active, Access::Active), grace, (soon, Access::Suspended)];
    shop.give(&college, &steps).await;
    let first = &receiver.requests(1).await[0];
    assert_eq!(told(first), ("ACTIVE".to_owned(), "GRACE".to_owned()));
    first.verify(&listening.secret);
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    let access = &body["data"]["access"];
    assert_eq!(access["since"], payload::timestamp::canonical(grace.0));
    assert_eq!(
        (&access["plan"], &body["data"]["endpoint"]),
        (&json!("enterprise"), &Value::Null)
    );

    // Nobody writes anything: the clock makes it so, and recovery finds it on its agenda.
    until("the clock's change is told", async || {
        shop.settle().await;
        if receiver.count() >= 2 {
            Ok(())
        } else {
            Err(receiver.count())
        }
    })
    .await;
    shop.give(
        &college,
        &[(active, Access::Active), (now(), Access::Ended)],
    )
    .await;
    let all = receiver.requests(3).await;
    let to: Vec<String> = all.iter().map(|webhook| told(webhook).1).collect();
    assert_eq!(to, ["GRACE", "SUSPENDED", "ENDED"]);
    for _ in 0..2 {
        assert_eq!(shop.settle().await["access_changed"], 0);
    }
    let events = college.api.pages("events", 10).await;
    assert_eq!((events.len(), receiver.count()), (3, 3));
    let line = |line: &&String| line.contains("access changed: SUSPENDED → ENDED");
    assert_eq!(shop.stack.log().iter().filter(line).count(), 1);
}
