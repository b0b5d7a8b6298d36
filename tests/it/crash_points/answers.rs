//! DynamoDB and SQS do what they are asked, and the answer never arrives; or they fail for a moment.
//! The SDK asks again, and nobody notices.

use crate::crash_points::World;
use crate::faults::{Fault, Request, Rule};
use crate::receiver::Reply;
use crate::stack::text;

type Step = fn(&Request) -> bool;

/// Every step whose effect others wait for, and the function that takes it.
const STEPS: [(&str, Step); 6] = [
    ("ingest", Request::claims_a_key),
    ("ingest", Request::writes_an_event),
    ("ingest", Request::sends),
    ("delivery", Request::reads_a_batch),
    ("delivery", Request::records),
    ("delivery", Request::sends),
];

async fn check(fault: Fault) {
    let mut world = World::start([]).await;
    for (function, step) in STEPS {
        world
            .begin_again([Reply::Status(500), Reply::Status(204)])
            .await;
        let injected = world.faults.inject(Rule::new(fault, function, step));
        let accepted = world.post().await;
        assert!(matches!(accepted.status, 200 | 202), "{accepted:?}");
        let event = text(&accepted.body, "id");
        // Wake-ups whose answer was lost are sent once more.
        let delivery = world.expect_delivered(&event, 2..=4).await;
        assert_eq!(delivery["attempts"], 2);
        injected.happened(1).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_on_its_way_is_no_loss() {
    check(Fault::DropAnswer).await;
}

#[tokio::test]
async fn a_moment_without_an_answer_is_no_loss() {
    check(Fault::TimeOut).await;
}

#[tokio::test]
async fn a_moment_of_failure_is_no_loss() {
    check(Fault::Fail).await;
}
