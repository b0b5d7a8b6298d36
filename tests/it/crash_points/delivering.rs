//! Delivery crashes, or what it asks of others fails.

use crate::crash_points::{AFTER_THE_AUDIT, CONTENT, FAILS_ONCE, World};
use crate::faults::{Fault, Request, Rule};
use crate::later::recover;
use crate::stack::text;

const DELIVERY: &str = "delivery";

#[tokio::test]
async fn a_wake_up_whose_function_dies_before_the_request_comes_back() {
    let world = World::start(CONTENT).await;
    let killed = Rule::new(Fault::KillBefore, DELIVERY, Request::reads_a_batch);
    let killed = world.faults.inject(killed);
    let event = text(&world.post().await.expect(202), "id");
    killed.happened(1).await;
    world.expect_pending(&event).await;
    world.expect_delivered(&event, 1..=1).await;
}

#[tokio::test]
async fn a_request_whose_row_was_not_written_is_made_again_with_the_same_id() {
    let world = World::start(CONTENT).await;
    let killed = Rule::new(Fault::KillBefore, DELIVERY, Request::records);
    let _killed = world.faults.inject(killed);
    let event = text(&world.post().await.expect(202), "id");
    let delivery = world.expect_delivered(&event, 2..=2).await;
    // What was not recorded is not counted.
    assert_eq!(delivery["attempts"], 1);
}

#[tokio::test]
async fn a_delivered_row_whose_wake_up_was_not_acknowledged_is_not_sent_again() {
    let world = World::start(CONTENT).await;
    let killed = Rule::new(Fault::KillAfter, DELIVERY, |request| {
        request.records_as("delivered")
    });
    let killed = world.faults.inject(killed);
    let read = world
        .faults
        .inject(Rule::note(DELIVERY, Request::reads_a_batch));
    let event = text(&world.post().await.expect(202), "id");
    killed.happened(1).await;
    // The wake-up comes back and finds what there is.
    read.happened(2).await;
    let delivery = world.expect_delivered(&event, 1..=1).await;
    assert_eq!(delivery["attempts"], 1);
}

#[tokio::test]
async fn a_retrying_row_whose_next_wake_up_was_not_sent_gets_it_from_the_one_that_comes_back() {
    let world = World::start(FAILS_ONCE).await;
    let killed = Rule::new(Fault::KillBefore, DELIVERY, Request::sends);
    let _killed = world.faults.inject(killed);
    let event = text(&world.post().await.expect(202), "id");
    let delivery = world.expect_delivered(&event, 2..=2).await;
    assert_eq!(delivery["attempts"], 2);
}

#[tokio::test]
async fn a_retrying_row_whose_next_wake_up_the_queue_loses_gets_it_from_the_audit() {
    let world = World::start(FAILS_ONCE).await;
    let lost = Rule::new(Fault::LoseMessages, DELIVERY, Request::sends);
    let lost = world.faults.inject(lost);
    let event = text(&world.post().await.expect(202), "id");
    lost.happened(1).await;
    world
        .college
        .delivery_in(&event, &world.endpoint, "retrying")
        .await;
    recover(&world.stack, AFTER_THE_AUDIT).await;
    let delivery = world.expect_delivered(&event, 2..=2).await;
    assert_eq!(delivery["attempts"], 2);
}

#[tokio::test]
async fn a_wake_up_that_was_not_acknowledged_after_the_next_one_was_sent_is_stale() {
    // The next attempt is over when the wake-up of the first comes back.
    let world = World::start(FAILS_ONCE).await;
    let killed = Rule::new(Fault::KillAfter, DELIVERY, Request::sends);
    let killed = world.faults.inject(killed);
    let read = world
        .faults
        .inject(Rule::note(DELIVERY, Request::reads_a_batch));
    let event = text(&world.post().await.expect(202), "id");
    killed.happened(1).await;
    read.happened(3).await;
    let delivery = world.expect_delivered(&event, 2..=2).await;
    assert_eq!(delivery["attempts"], 2);
}

#[tokio::test]
async fn a_next_wake_up_that_the_queue_duplicates_is_at_most_one_more_request() {
    let world = World::start(FAILS_ONCE).await;
    let duplicated = Rule::new(Fault::DuplicateMessages, DELIVERY, Request::sends);
    let _duplicated = world.faults.inject(duplicated);
    let event = text(&world.post().await.expect(202), "id");
    let delivery = world.expect_delivered(&event, 2..=3).await;
    assert_eq!(delivery["attempts"], 2);
}

#[tokio::test]
async fn a_row_that_dynamodb_throttles_is_written_after_the_wake_up_has_come_back() {
    let world = World::start(CONTENT).await;
    let throttled = Rule::new(Fault::Throttle, DELIVERY, Request::records);
    // As often as the SDK tries.
    let throttled = world.faults.inject(throttled.times(3));
    let event = text(&world.post().await.expect(202), "id");
    throttled.happened(3).await;
    let delivery = world.expect_delivered(&event, 2..=2).await;
    assert_eq!(delivery["attempts"], 1);
}
