//! Endpoints that do not work: they are left alone, their deliveries are deferred, and after days they are
//! disabled.

mod probe;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::faults::{Fault, Faults, Rule};
use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::stack::{DEADLINE, Endpoint, Organization, Stack, until};

/// An endpoint of an organization whose receiver answers like this.
struct World {
    college: Organization,
    receiver: Receiver,
    endpoint: Endpoint,
}

impl World {
    async fn new(stack: &Stack, replies: impl IntoIterator<Item = Reply>) -> Self {
        let college = stack.create_organization().await;
        let receiver = Receiver::start(replies).await;
        let endpoint = college.subscribe(&receiver.url).await;
        Self {
            college,
            receiver,
            endpoint,
        }
    }

    /// Posts events one after the other, each when the one before was attempted.
    async fn fail(&self, names: impl IntoIterator<Item = u32>) -> Vec<String> {
        let mut events = Vec::new();
        for name in names {
            let event = self.college.post_event(&issued(&name.to_string())).await;
            self.college
                .delivery_in(&event, &self.endpoint, "retrying")
                .await;
            events.push(event);
        }
        events
    }

    fn path(&self) -> String {
        format!("endpoints/{}", self.endpoint.id)
    }

    /// The endpoint, once `is_there` holds for its health.
    async fn health(&self, is_there: impl Fn(&Value) -> bool) -> Value {
        until("the health of the endpoint", async || {
            let endpoint = self.college.api.get(&self.path()).await.expect(200);
            match is_there(&endpoint["health"]) {
                true => Ok(endpoint["health"].clone()),
                false => Err(endpoint),
            }
        })
        .await
    }

    /// The delivery of an event, once it is deferred.
    async fn deferred(&self, event: &str) -> Value {
        let is_deferred = |delivery: &Value| delivery["deferred"].is_object();
        self.college
            .delivery(event, &self.endpoint, is_deferred)
            .await
    }

    /// Its row of health, and where that is.
    async fn row(&self, faults: &Faults) -> Value {
        let (pk, sk) = (
            format!("org#{}", self.college.id),
            format!("health#{}", self.endpoint.id),
        );
        faults.row("AccountsTable", &pk, &sk).await
    }

    /// As if the endpoint's circuit were open for no longer.
    async fn end_open_circuit(&self, faults: &Faults) {
        let mut row = self.row(faults).await;
        row["circuit"]["M"]["open_until"] = json!({"S": ago(SignedDuration::from_secs(1))});
        faults.put_row("AccountsTable", row).await;
        // Until every environment has read that.
        tokio::time::sleep(CACHED_FOR).await;
    }
}

/// How long an environment works with what it read.
const CACHED_FOR: Duration = Duration::from_millis(3_100);

#[expect(clippy::disallowed_methods, reason = "a test has a clock of its own")]
fn ago(time: SignedDuration) -> String {
    payload::timestamp::canonical(Timestamp::now() - time)
}

fn is_open(health: &Value) -> bool {
    health["circuit"] == "open"
}

#[tokio::test]
async fn an_endpoint_that_fails_five_times_in_a_row_is_left_alone_until_it_works_and_gets_everything()
 {
    let stack = Stack::start().await;
    let replies = [500, 500, 500, 500, 500, 204].map(Reply::Status);
    let world = World::new(&stack, replies).await;
    let mut events = world.fail(0..5).await;
    let health = world.health(is_open).await;
    assert_eq!(health["failures"], 5, "{health:#}");

    // What comes now waits, and so do the second attempts, which are due after five seconds.
    events.push(world.college.post_event(&issued("later")).await);
    for event in &events {
        let deferred = world.deferred(event).await;
        assert_eq!(deferred["deferred"]["reason"], "circuit_open");
        let made = deferred["history"].as_array().unwrap().len();
        assert_eq!(deferred["attempts"], made, "{deferred:#}");
        assert!(made <= 1, "{deferred:#}");
    }
    assert_eq!(world.receiver.count(), 5);

    // After 30 seconds one of them finds out that it works again.
    world.receiver.requests_within(11, DEADLINE).await;
    for event in &events {
        let college = &world.college;
        let delivered = college
            .delivery_in(event, &world.endpoint, "delivered")
            .await;
        assert!(delivered.get("deferred").is_none(), "{delivered:#}");
    }
    world.health(Value::is_null).await;
}

#[tokio::test]
async fn a_retry_that_a_person_asks_for_is_made_although_the_circuit_is_open_and_closes_it() {
    let stack = Stack::start_with(&["--parameter", "CircuitBreakerFailures=3"]).await;
    let replies = [
        Reply::Hang,
        Reply::Stall,
        Reply::Status(500),
        Reply::Status(204),
    ];
    let world = World::new(&stack, replies).await;
    let api = &world.college.api;
    let members = json!({"timeout_seconds": 1, "retry_schedule": [600]});
    api.patch(&world.path(), members).await.expect(200);
    let events = world.fail(0..3).await;
    world.health(is_open).await;

    let retry = format!(
        "events/{}/deliveries/{}/retry",
        events[0], world.endpoint.id
    );
    api.post(&retry, json!({})).await.expect(202);
    let college = &world.college;
    college
        .delivery_in(&events[0], &world.endpoint, "delivered")
        .await;
    world.health(Value::is_null).await;
    let next = college.post_event(&issued("next")).await;
    college
        .delivery_in(&next, &world.endpoint, "delivered")
        .await;
    assert_eq!(world.receiver.count(), 5);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_not_left_alone_and_none_is_when_the_breaker_is_off() {
    for (breaker, status) in [("5", 404), ("0", 500)] {
        let parameter = format!("CircuitBreakerFailures={breaker}");
        let stack = Stack::start_with(&["--parameter", &parameter]).await;
        let world = World::new(&stack, [Reply::Status(status)]).await;
        let members = json!({"retry_schedule": [600]});
        let api = &world.college.api;
        api.patch(&world.path(), members).await.expect(200);
        world.fail(0..7).await;
        let health = world.health(|health| health["failures"] == 7).await;
        assert_eq!(health["circuit"], "closed", "{status}: {health:#}");
        assert_eq!(world.receiver.count(), 7);
    }
}

#[tokio::test]
async fn of_all_who_wait_one_finds_out_and_fails_it_the_endpoint_is_left_alone_for_longer() {
    let (stack, faults) = Faults::start(&[]).await;
    let replies = [500, 500, 500, 500, 500, 500, 204].map(Reply::Status);
    let world = World::new(&stack, replies).await;
    let api = &world.college.api;
    let members = json!({"retry_schedule": [600]});
    api.patch(&world.path(), members).await.expect(200);
    world.fail(0..5).await;
    world.health(is_open).await;

    world.end_open_circuit(&faults).await;
    let mut events = Vec::new();
    for name in 5..9 {
        events.push(world.college.post_event(&issued(&name.to_string())).await);
    }
    let health = world.health(|health| health["failures"] == 6).await;
    assert_eq!(health["circuit"], "open", "{health:#}");
    let open_until: Timestamp = health["open_until"].as_str().unwrap().parse().unwrap();
    let failed: Timestamp = health["last_failure_at"].as_str().unwrap().parse().unwrap();
    let seconds = open_until.duration_since(failed).as_secs();
    assert!((59..=62).contains(&seconds), "{health:#}");
    assert_eq!(world.receiver.count(), 6);
    let mut deferred = 0;
    for event in &events {
        let is_known = |delivery: &Value| delivery["next_attempt_at"].is_string();
        let endpoint = &world.endpoint;
        let delivery = world.college.delivery(event, endpoint, is_known).await;
        deferred += usize::from(delivery["attempts"] == 0);
    }
    assert_eq!(deferred, 3, "all but the one that found out");

    world.end_open_circuit(&faults).await;
    let event = world.college.post_event(&issued("last")).await;
    world
        .college
        .delivery_in(&event, &world.endpoint, "delivered")
        .await;
    world.health(Value::is_null).await;
    assert!(world.row(&faults).await.is_null());
}

#[tokio::test]
async fn a_function_that_dies_between_a_deferral_and_its_wake_up_leaves_it_to_the_message() {
    // One environment knows at once that the circuit is open.
    let parameters = ["--parameter", "DeliveryVisibilityTimeout=3"];
    let arguments = [&["--environments", "1"][..], &parameters].concat();
    let (stack, faults) = Faults::start(&arguments).await;
    let world = World::new(&stack, [Reply::Status(500)]).await;
    let members = json!({"retry_schedule": [600]});
    let api = &world.college.api;
    api.patch(&world.path(), members).await.expect(200);
    world.fail(0..5).await;
    world.health(is_open).await;

    let killed = Rule::new(Fault::KillAfter, "delivery", |request| request.defers());
    let killed = faults.inject(killed);
    let sent = faults.inject(Rule::note("delivery", |request| request.sends()));
    let event = world.college.post_event(&issued("deferred")).await;
    killed.happened(1).await;
    let sent = sent.happened(1).await;
    let message = sent[0].json()["Entries"][0].take();
    let body = message["MessageBody"].as_str().unwrap();
    assert!(
        body.contains(&event) && body.contains("\"attempt\":1"),
        "{body}"
    );
    assert!(message["DelaySeconds"].as_u64() > Some(15), "{message:#}");
    let deferred = world.deferred(&event).await;
    assert_eq!(deferred["deferred"]["times"], 1, "{deferred:#}");
    assert_eq!(world.receiver.count(), 5);
}

#[tokio::test]
async fn an_endpoint_that_has_failed_for_five_days_is_disabled_and_begins_anew_when_it_is_enabled()
{
    let (stack, faults) = Faults::start(&[]).await;
    let world = World::new(&stack, [Reply::Status(404)]).await;
    let api = &world.college.api;
    world.fail(0..1).await;
    world.health(|health| health["failures"] == 1).await;
    let mut row = world.row(&faults).await;
    row["failures"] = json!({"N": "19"});
    let days = SignedDuration::from_hours(5 * 24);
    row["failing_since"] = json!({"S": ago(days)});
    faults.put_row("AccountsTable", row).await;

    world.fail(1..2).await;
    let disabled = until("the endpoint is disabled", async || {
        let endpoint = api.get(&world.path()).await.expect(200);
        match endpoint["enabled"] == false {
            true => Ok(endpoint),
            false => Err(endpoint),
        }
    })
    .await;
    assert_eq!(disabled["disabled"]["reason"], "failing");
    let attempts = world.receiver.count();
    let held = world.college.post_event(&issued("held")).await;
    world
        .college
        .delivery_in(&held, &world.endpoint, "held")
        .await;
    assert_eq!(world.receiver.count(), attempts);

    let enable = json!({"enabled": true});
    let enabled = api.patch(&world.path(), enable).await.expect(200);
    assert!(enabled.get("health").is_none(), "{enabled:#}");
    assert!(world.row(&faults).await.is_null());
    world.fail(2..3).await;
    world.health(Value::is_object).await;
    let endpoint = api.get(&world.path()).await.expect(200);
    assert_eq!(endpoint["enabled"], true, "{endpoint:#}");
}

#[tokio::test]
async fn what_is_known_of_an_endpoint_is_written_when_it_fails_and_when_it_works_again_and_else_never()
 {
    let (stack, faults) = Faults::start(&["--environments", "1"]).await;
    let replies = [204, 204, 204, 204, 500, 500, 204, 204].map(Reply::Status);
    let world = World::new(&stack, replies).await;
    let api = &world.college.api;
    let members = json!({"retry_schedule": [600]});
    api.patch(&world.path(), members).await.expect(200);
    let written = faults.inject(Rule::note("delivery", |request| {
        request.writes_an_account()
    }));
    let deliver = async |name: u32| {
        let event = world.college.post_event(&issued(&name.to_string())).await;
        let endpoint = &world.endpoint;
        world
            .college
            .delivery_in(&event, endpoint, "delivered")
            .await;
    };
    for name in 0..4 {
        deliver(name).await;
    }
    assert_eq!(written.count(), 0);
    world.fail(4..6).await;
    written.happened(2).await;
    deliver(6).await;
    written.happened(3).await;
    deliver(7).await;
    assert_eq!(written.count(), 3);
    assert!(world.row(&faults).await.is_null());
}
