//! What an endpoint that hangs costs another organization, measured.

use std::time::Duration;

use serde_json::json;
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes two minutes, and measures only what the machine is left to do"]
#[expect(clippy::print_stdout, reason = "the result is for people")]
async fn an_endpoint_that_hangs_does_not_hold_up_another_organization() {
    let stack = Stack::start().await;
    let hanging = Receiver::start([Reply::Hang]).await;
    let slow = stack.create_organization().await;
    slow.subscribe_with(&hanging.url, json!({"timeout_seconds": 15}))
        .await;
    let gauge = Gauge::start(Duration::ZERO).await;
    let quick = stack.create_organization().await;
    quick.subscribe(&gauge.url).await;

    let quiet = measure(&quick, &gauge, "quiet").await;
    let (_, beside) = tokio::join!(send(&slow, "hanging"), measure(&quick, &gauge, "beside"),);
    let after = measure(&quick, &gauge, "after").await;
    println!("quiet {quiet:?}\nwhile as many hang {beside:?}\nwhile they hang on {after:?}");
    println!("{} requests to the endpoint that hangs", hanging.count());
    for measured in [beside, after] {
        let factor = measured.p99.as_secs_f64() / quiet.p99.as_secs_f64();
        assert!(factor < MOST, "{measured:?} is {factor:.1} times {quiet:?}");
    }
}
