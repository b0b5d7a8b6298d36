//! The access returns: what was held is sent, oldest first, at its rate, and nothing is lost on the way.

use std::collections::BTreeSet;

use payload::billing::access::Access;
use serde_json::{Value, json};

use crate::entitlement::{LONG, SOON, Shop, ids};
use crate::faults::{Fault, Request, Rule};
use crate::receiver::Receiver;
use crate::samples::issued;
use crate::source::now;
use crate::stack::{Endpoint, Organization, until};

/// Posts so many events, and answers their ids when all of them are held.
async fn held(college: &Organization, endpoint: &Endpoint, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for number in 0..count {
        events.push(college.post_event(&issued(&number.to_string())).await);
    }
    for event in &events {
        college.delivery_in(event, endpoint, "held").await;
    }
    events
}

#[tokio::test]
async fn what_was_held_is_released_oldest_first_and_once() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let start = now() - LONG;
    shop.give(&college, &[(start, Access::Suspended)]).await;
    let events = held(&college, &endpoint, 30).await;
    assert_eq!(shop.settle().await["replayed"], 0);

    shop.give(
        &college,
        &[(start, Access::Suspended), (now(), Access::Active)],
    )
    .await;
    receiver.requests(events.len()).await;
    // The queue delays by whole seconds: those of one second come together.
    for (place, id) in ids(&receiver).iter().enumerate() {
        let posted = events.iter().position(|event| event == id);
        let posted = posted.expect("an event of this test");
        assert!(place.abs_diff(posted) <= 10, "{posted} came as {place}");
    }
    shop.settle().await;
    let replays = format!("endpoints/{}/replays", endpoint.id);
    let replays = college.api.pages(&replays, 10).await;
    let [replay] = replays.as_slice() else {
        panic!("one release: {replays:#?}")
    };
    assert_eq!(
        (&replay["release"], &replay["replayed"]),
        (&json!(true), &json!(30))
    );
    assert_eq!(
        (&replay["rate_per_second"], &replay["found"]),
        (&json!(10), &json!({"held": 30}))
    );
    for event in &events {
        let delivery = college.delivery_in(event, &endpoint, "delivered").await;
        assert_eq!(delivery["attempts"], 1);
        assert_eq!(delivery["held"], Value::Null);
    }
    assert_eq!(receiver.count(), events.len());
}

#[tokio::test]
async fn a_release_that_access_lapses_in_goes_on_when_it_returns_and_loses_nothing() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let start = now() - LONG;
    shop.give(&college, &[(start, Access::Suspended)]).await;
    let events = held(&college, &endpoint, 60).await;

    // At ten a second half of them are sent before the clock takes the access away again.
    let (back, again) = (now(), now() + SOON);
    let lapsing = [
        (start, Access::Suspended),
        (back, Access::Active),
        (again, Access::Suspended),
    ];
    shop.give(&college, &lapsing).await;
    receiver.requests(1).await;
    until("the rest is held again", async || {
        let held = college.api.pages("deliveries?status=held", 100).await.len();
        let delivered = college
            .api
            .pages("deliveries?status=delivered", 100)
            .await
            .len();
        if held > 0 && held + delivered == events.len() {
            Ok(())
        } else {
            Err((held, delivered))
        }
    })
    .await;
    shop.settle().await;
    let sent = receiver.count();
    assert!(sent < events.len(), "{sent}");

    let steps = [lapsing[0], lapsing[1], lapsing[2], (now(), Access::Active)];
    shop.give(&college, &steps).await;
    for event in &events {
        college.delivery_in(event, &endpoint, "delivered").await;
    }
    let received: BTreeSet<String> = ids(&receiver).into_iter().collect();
    assert_eq!(
        (received.len(), receiver.count()),
        (events.len(), events.len())
    );
}

#[tokio::test]
async fn what_is_held_a_moment_after_the_access_returned_is_woken_up_by_who_held_it() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let start = now() - LONG;
    shop.give(&college, &[(start, Access::Suspended)]).await;
    let holds = |request: &Request| request.records_as("held");
    // The function has read that the access is suspended, and writes so only when the SDK tries again.
    let stalled = shop
        .faults
        .inject(Rule::new(Fault::TimeOut, "delivery", holds).times(2));
    let event = college.post_event(&issued("a")).await;
    stalled.happened(1).await;
    shop.give(
        &college,
        &[(start, Access::Suspended), (now(), Access::Active)],
    )
    .await;
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(
        (&delivery["replays"], &delivery["attempts"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(ids(&receiver), [event]);
    let line = |line: &String| line.contains("held no longer: the access is back");
    assert!(shop.stack.log().iter().any(line));
}

#[tokio::test]
async fn what_is_held_for_long_after_the_end_is_not_released() {
    let shop = Shop::open().await;
    let college = shop.college(Access::Active).await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let start = now() - LONG * 20;
    shop.give(&college, &[(start, Access::Suspended)]).await;
    let [old] = held(&college, &endpoint, 1).await.try_into().unwrap();
    // It has ended eight days ago, as Stripe says only now.
    let ended = [
        (start, Access::Suspended),
        (now() - LONG * 8, Access::Ended),
    ];
    shop.give(&college, &ended).await;
    shop.give(&college, &[ended[0], ended[1], (now(), Access::Active)])
        .await;
    let new = college.post_event(&issued("new")).await;
    college.delivery_in(&new, &endpoint, "delivered").await;
    shop.settle().await;
    college.delivery_in(&old, &endpoint, "held").await;
    assert_eq!(ids(&receiver), [new]);
}
