//! What an endpoint that hangs costs another organization, measured.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::gauge::Gauge;
use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::stack::{Organization, Stack, text};

/// Events for the endpoint that hangs, and as many for the other organization's. They come at a rate that
/// leaves the machine idle for most of the time: what is measured is who waits for whom.
const EVENTS: u32 = 2_000;
const PER_SECOND: u32 = 50;
/// Most that its 99th percentile may grow.
const MOST: f64 = 3.0;

/// From an event's answer to its webhook: of half of them at most, and of 99 in 100.
#[derive(Debug, Clone, Copy)]
struct Lateness {
    #[expect(dead_code, reason = "it is shown")]
    p50: Duration,
    p99: Duration,
}

/// Sends events at the rate, without waiting for the one before: their ids, each with when it was accepted.
async fn send(college: &Organization, name: &str) -> Vec<(String, Instant)> {
    let mut ticks = interval(Duration::from_secs(1) / PER_SECOND);
    let mut posts = JoinSet::new();
    for number in 0..EVENTS {
        ticks.tick().await;
        let (api, event) = (college.api.clone(), issued(&format!("{name} {number}")));
        posts.spawn(async move {
            let accepted = api.post_text("events", &event).await.expect(202);
            (text(&accepted, "id"), Instant::now())
        });
    }
    posts.join_all().await
}

/// The same, measured at the receiver.
async fn measure(college: &Organization, gauge: &Gauge, name: &str) -> Lateness {
    let mut late = Vec::new();
    for (event, accepted) in send(college, name).await {
        let came = gauge.came(&event).await;
        late.push(came.saturating_duration_since(accepted));
    }
    late.sort_unstable();
    Lateness {
        p50: late[late.len() / 2],
        p99: late[late.len() * 99 / 100],
    }
}

/// A stack with an organization that is quick, and another with an endpoint of these options there.
struct World {
    /// It ends when this is dropped.
    _stack: Stack,
    quick: Organization,
    gauge: Gauge,
    other: Organization,
    receiver: Receiver,
}

impl World {
    async fn start(reply: Reply, members: Value) -> Self {
        let stack = Stack::start().await;
        let receiver = Receiver::start([reply]).await;
        let other = stack.create_organization().await;
        other.subscribe_with(&receiver.url, members).await;
        let gauge = Gauge::start(Duration::ZERO).await;
        let quick = stack.create_organization().await;
        quick.subscribe(&gauge.url).await;
        Self {
            _stack: stack,
            quick,
            gauge,
            other,
            receiver,
        }
    }

    async fn measure(&self, name: &str) -> Lateness {
        measure(&self.quick, &self.gauge, name).await
    }
}

/// What is quiet is another endpoint that is sent as much and answers: it fails as well, so that as many
/// retries wait in the queue. Else half of what is measured would be what the other events cost the machine.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes five minutes, and measures only what the machine is left to do"]
#[expect(clippy::print_stdout, reason = "the result is for people")]
async fn an_endpoint_that_hangs_does_not_hold_up_another_organization() {
    let refusing = json!({"retry_schedule": [600]});
    let world = World::start(Reply::Status(404), refusing).await;
    println!("alone {:?}", world.measure("alone").await);
    let (_, quiet) = tokio::join!(send(&world.other, "refused"), world.measure("quiet"));
    println!("while as many are refused {quiet:?}");
    drop(world);

    let hanging = json!({"timeout_seconds": 15});
    let world = World::start(Reply::Hang, hanging).await;
    let (_, beside) = tokio::join!(send(&world.other, "hanging"), world.measure("beside"));
    let after = world.measure("after").await;
    println!("while as many hang {beside:?}\nwhile they hang on {after:?}");
    println!(
        "{} requests to the endpoint that hangs",
        world.receiver.count()
    );
    for measured in [beside, after] {
        let factor = measured.p99.as_secs_f64() / quiet.p99.as_secs_f64();
        assert!(factor < MOST, "{measured:?} is {factor:.1} times {quiet:?}");
    }
}
