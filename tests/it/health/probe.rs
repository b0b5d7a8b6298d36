//! The probe of an open circuit keeps the limits of its endpoint.

use serde_json::json;

use super::{World, is_open};
use crate::faults::Faults;
use crate::receiver::Reply;
use crate::samples::issued;

#[tokio::test]
async fn a_probe_waits_for_a_place_at_an_endpoint_that_takes_one_request_at_once() {
    let (stack, faults) = Faults::start(&["--parameter", "CircuitBreakerFailures=1"]).await;
    let replies = [Reply::Status(500), Reply::Hang, Reply::Status(204)];
    let world = World::new(&stack, replies).await;
    let api = &world.college.api;
    let members = json!({"max_concurrency": 1, "timeout_seconds": 30, "retry_schedule": [600]});
    api.patch(&world.path(), members).await.expect(200);
    world.fail(0..1).await;
    world.health(is_open).await;

    // A person tests it meanwhile, and gets no answer for 30 seconds.
    let test = format!("{}/test", world.path());
    api.post(&test, json!({})).await.expect(202);
    world.receiver.requests(2).await;
    world.end_open_circuit(&faults).await;
    let event = world.college.post_event(&issued("later")).await;
    let deferred = world.deferred(&event).await;
    assert_eq!(
        deferred["deferred"]["reason"], "concurrency",
        "{deferred:#}"
    );
    assert_eq!(deferred["attempts"], 0);
    assert_eq!(world.receiver.count(), 2);

    // Its turn comes again when the test is over.
    world
        .college
        .delivery_in(&event, &world.endpoint, "delivered")
        .await;
}
