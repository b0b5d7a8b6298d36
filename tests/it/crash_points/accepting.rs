//! Ingest crashes, or what it asks of others fails.

use crate::crash_points::{AFTER_THE_AUDIT, CONTENT, World};
use crate::faults::{Fault, Request, Rule};
use crate::later::recover;
use crate::receiver::Receiver;
use crate::stack::{Endpoint, text, until};

const INGEST: &str = "ingest";
/// One more than fit into one request to the queue.
const ENDPOINTS: usize = 11;

#[tokio::test]
async fn after_the_idempotency_row_the_clients_retry_continues_with_the_same_id() {
    let world = World::start(CONTENT).await;
    let killed = Rule::new(Fault::KillAfter, INGEST, Request::claims_a_key);
    let killed = world.faults.inject(killed);
    world.post().await.expect(500);
    let claimed = killed.happened(1).await[0].put("event_id");
    assert_eq!(world.college.api.pages("events", 10).await.len(), 0);

    let accepted = world.post().await.expect(200);
    assert_eq!(accepted["id"], claimed);
    world.expect_delivered(&claimed, 1..=1).await;
}

#[tokio::test]
async fn after_the_event_row_the_clients_retry_sends_what_was_not_sent() {
    let world = World::start(CONTENT).await;
    let killed = Rule::new(Fault::KillAfter, INGEST, Request::writes_an_event);
    let _killed = world.faults.inject(killed);
    world.post().await.expect(500);
    let event = world.unanswered_event().await;
    world.expect_pending(&event).await;

    assert_eq!(world.post().await.expect(200)["id"], event);
    world.expect_delivered(&event, 1..=1).await;
}

#[tokio::test]
async fn after_the_event_row_the_audit_sends_what_nobody_asks_for_again() {
    let world = World::start(CONTENT).await;
    let killed = Rule::new(Fault::KillAfter, INGEST, Request::writes_an_event);
    let _killed = world.faults.inject(killed);
    world.post().await.expect(500);
    let event = world.unanswered_event().await;
    world.expect_pending(&event).await;

    recover(&world.stack, AFTER_THE_AUDIT).await;
    world.expect_delivered(&event, 1..=1).await;
}

#[tokio::test]
async fn after_some_wake_ups_the_audit_sends_the_others() {
    let world = World::start(CONTENT).await;
    let mut others: Vec<(Receiver, Endpoint)> = Vec::new();
    for _ in 1..ENDPOINTS {
        let receiver = Receiver::content().await;
        let endpoint = world.college.subscribe(&receiver.url).await;
        others.push((receiver, endpoint));
    }
    // Two requests are made side by side: one is answered too late, the other not at all.
    let killed = Rule::new(Fault::KillAfter, INGEST, |request| request.wake_ups() == 10);
    let killed = world.faults.inject(killed);
    let kept = Rule::new(Fault::TimeOut, INGEST, |request| request.wake_ups() == 1);
    let _kept = world.faults.inject(kept.always()).if_at_all();
    world.post().await.expect(500);
    killed.happened(1).await;
    let event = world.unanswered_event().await;
    until("the wake-ups that were sent have come", async || {
        let log = world.college.api.pages("deliveries", 100).await;
        let delivered = log.iter().filter(|row| row["status"] == "delivered");
        match delivered.count() {
            10 => Ok(()),
            other => Err(other),
        }
    })
    .await;

    recover(&world.stack, AFTER_THE_AUDIT).await;
    for (receiver, endpoint) in &others {
        world
            .college
            .delivery_in(&event, endpoint, "delivered")
            .await;
        assert_eq!(receiver.count(), 1);
    }
    world
        .college
        .delivery_in(&event, &world.endpoint, "delivered")
        .await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn after_all_wake_ups_the_clients_retry_is_answered_with_the_event_that_is_under_way() {
    let world = World::start(CONTENT).await;
    let killed = Rule::new(Fault::KillAfter, INGEST, Request::sends);
    let _killed = world.faults.inject(killed);
    world.post().await.expect(500);
    let event = world.unanswered_event().await;

    assert_eq!(world.post().await.expect(200)["id"], event);
    world.expect_delivered(&event, 1..=2).await;
}

#[tokio::test]
async fn a_wake_up_that_the_queue_loses_is_sent_again_by_the_audit() {
    let world = World::start(CONTENT).await;
    let lost = Rule::new(Fault::LoseMessages, INGEST, Request::sends);
    let lost = world.faults.inject(lost);
    let event = text(&world.post().await.expect(202), "id");
    lost.happened(1).await;
    world.expect_pending(&event).await;

    recover(&world.stack, AFTER_THE_AUDIT).await;
    world.expect_delivered(&event, 1..=1).await;
}

#[tokio::test]
async fn a_wake_up_that_the_queue_duplicates_is_at_most_one_more_request() {
    let world = World::start(CONTENT).await;
    let duplicated = Rule::new(Fault::DuplicateMessages, INGEST, Request::sends);
    let _duplicated = world.faults.inject(duplicated);
    let event = text(&world.post().await.expect(202), "id");
    let delivery = world.expect_delivered(&event, 1..=2).await;
    assert_eq!(delivery["attempts"], 1);
}

#[tokio::test]
async fn what_dynamodb_throttles_is_not_accepted_until_the_client_repeats_it() {
    let world = World::start(CONTENT).await;
    let throttled = Rule::new(Fault::Throttle, INGEST, Request::writes_an_event);
    let throttled = world.faults.inject(throttled.always());
    let refused = world.post().await;
    assert!(refused.status >= 500, "{refused:?}");
    // As often as the SDK tries, if it has the time.
    throttled.happened(1).await;
    world.faults.stop();

    let event = text(&world.post().await.expect(200), "id");
    world.expect_delivered(&event, 1..=1).await;
}
