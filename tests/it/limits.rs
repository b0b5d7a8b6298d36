//! Limits: how many events an organization may send, and how many requests an endpoint gets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::{Fault, Faults, Request, Rule};
use crate::gauge::Gauge;
use crate::samples::{event_of, issued};
use crate::source::Source;
use crate::stack::{DEADLINE, Organization, Stack, until};
use payload::dialect::Dialect;

/// The least burst that an organization has: a full batch, and what an environment pays for at once.
const BURST: usize = 101;

/// A batch of events that nobody has sent before.
fn batch(name: &str, count: usize) -> String {
    let events: Vec<String> = (0..count)
        .map(|number| issued(&format!("{name} {number}")))
        .collect();
    format!("[{}]", events.join(","))
}

/// Posts so many events, in batches.
pub(crate) async fn post(college: &Organization, name: &str, count: usize) {
    let mut left = count;
    while left > 0 {
        let size = left.min(100);
        let body = batch(&format!("{name} {left}"), size);
        college
            .api
            .post_text("events/batch", &body)
            .await
            .expect(200);
        left -= size;
    }
}

/// A stack where an organization may send one event per second.
async fn slow_stack() -> Stack {
    Stack::start_with(&["--parameter", "OrganizationEventsPerSecond=1"]).await
}

fn seconds(answer: &crate::caller::Answer) -> u64 {
    let header = answer.headers.get("retry-after").expect("Retry-After");
    header.to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_sends_more_than_its_rate_is_refused_and_told_when_to_come_again() {
    let stack = slow_stack().await;
    let college = stack.create_organization().await;
    post(&college, "a", 100).await;
    let mut refused = None;
    for number in 0..20 {
        let event = issued(&format!("{number}"));
        let answer = college.api.post_text("events", &event).await;
        if answer.status == 429 {
            refused = Some((event, answer));
            break;
        }
        assert_eq!(answer.status, 202);
    }
    let (event, answer) = refused.expect("one of 120 events at 1 event per second is refused");
    assert_eq!(seconds(&answer), 1);
    assert_eq!(answer.body["error"], "rate_limited");

    // Nobody else is.
    let other = stack.create_organization().await;
    other.post_event(&event).await;
    // What was refused was not taken, and is, when it comes again.
    let answer = until("the event is taken", async || {
        let answer = college.api.post_text("events", &event).await;
        if answer.status == 429 {
            Err(answer)
        } else {
            Ok(answer)
        }
    })
    .await;
    answer.expect(202);
}

#[tokio::test]
async fn a_batch_is_taken_or_refused_as_a_whole() {
    let stack = slow_stack().await;
    let college = stack.create_organization().await;
    post(&college, "a", 90).await;
    let answer = college
        .api
        .post_text("events/batch", &batch("b", 100))
        .await;
    assert_eq!(answer.status, 429, "{:#}", answer.body);
    // 90 of it are missing, one comes each second.
    let wait = seconds(&answer);
    assert!((85..=90).contains(&wait), "{wait} s");
    assert!(college.api.pages("events", 100).await.len() == 90);
    // A smaller one fits.
    post(&college, "c", BURST - 90).await;
}

#[tokio::test]
async fn a_relay_counts_for_its_organization() {
    let stack = slow_stack().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Beedeez).await;
    post(&college, "a", 100).await;
    let sent = until("a webhook is refused", async || {
        let answer = source.send("", b"{}").await;
        if answer.status == 429 {
            Ok(answer)
        } else {
            Err(answer)
        }
    })
    .await;
    assert_eq!(seconds(&sent), 1);
    let answer = college.api.post_text("events", &issued("b")).await;
    assert_eq!(answer.status, 429);
}

#[tokio::test]
async fn without_a_limit_nobody_is_refused() {
    let stack = Stack::start_with(&["--parameter", "OrganizationEventsPerSecond=0"]).await;
    let college = stack.create_organization().await;
    post(&college, "a", 3_000).await;
}

/// What a test asks of an endpoint.
struct Asked {
    /// Further arguments of the stack.
    arguments: &'static [&'static str],
    members: Value,
    takes: Duration,
    events: usize,
}

/// Sends events to an endpoint, and answers what it saw.
#[expect(clippy::print_stdout, reason = "the result is for people")]
async fn measure(asked: Asked) -> Gauge {
    let stack = Stack::start_with(asked.arguments).await;
    let college = stack.create_organization().await;
    let gauge = Gauge::start(asked.takes).await;
    let endpoint = college.subscribe_with(&gauge.url, asked.members).await;
    // After the first answer it is known to be slow, where it is.
    let first = college.post_event(&issued("first")).await;
    college.delivery_in(&first, &endpoint, "delivered").await;
    post(&college, "a", asked.events).await;
    let events = asked.events + 1;
    gauge.events_within(events, DEADLINE).await;
    println!(
        "{} requests in {:?}, at most {} open, {} within 1 s",
        gauge.requests(),
        gauge.span(),
        gauge.most_open(),
        gauge.most_within(Duration::from_secs(1))
    );
    assert_eq!(gauge.requests(), events, "none is sent twice");
    gauge
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_has_no_more_requests_open_than_it_takes() {
    let gauge = measure(Asked {
        arguments: &[],
        members: json!({"max_concurrency": 3}),
        takes: Duration::from_millis(100),
        events: 150,
    })
    .await;
    assert_eq!(gauge.most_open(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_environments_keep_an_endpoints_concurrency_together() {
    let gauge = measure(Asked {
        arguments: &["--processes", "--environments", "4"],
        members: json!({"max_concurrency": 3}),
        takes: Duration::from_millis(100),
        events: 150,
    })
    .await;
    assert_eq!(gauge.most_open(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_slow_has_five_requests_open_at_most() {
    let gauge = measure(Asked {
        arguments: &[],
        members: json!({}),
        takes: Duration::from_millis(400),
        events: 60,
    })
    .await;
    assert_eq!(gauge.most_open(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_whose_endpoints_are_slow_has_no_more_requests_open_than_it_may() {
    let arguments = ["--parameter", "OrganizationConcurrency=4"];
    let stack = Stack::start_with(&arguments).await;
    let college = stack.create_organization().await;
    let takes = Duration::from_millis(1_200);
    let gauge = Gauge::start(takes).await;
    let members = json!({"max_concurrency": 50, "event_types": ["credential.issued"]});
    for _ in 0..8 {
        college.subscribe_with(&gauge.url, members.clone()).await;
    }
    // After the first answer the organization is known to be slow.
    let first = Gauge::start(takes).await;
    let members = json!({"event_types": ["credential.revoked"]});
    let slow = college.subscribe_with(&first.url, members).await;
    let revoked = event_of("credential.revoked", "first");
    let revoked = college.post_event(&revoked).await;
    college.delivery_in(&revoked, &slow, "delivered").await;
    post(&college, "a", 4).await;
    until("all are sent", async || match gauge.requests() {
        32 => Ok(()),
        requests => Err(requests),
    })
    .await;
    assert_eq!(gauge.most_open(), 4);
}

/// How many requests of an organization this writes down because one of them is slow.
fn counted_in(request: &Request) -> Option<usize> {
    let body = request.json();
    let of = body["Key"]["pk"]["S"].as_str()?;
    let is_meant = request.operation == "UpdateItem" && of.starts_with("limit#org_");
    let places = body["ExpressionAttributeValues"][":lease"]["M"]["places"]["N"].as_str()?;
    is_meant.then(|| places.parse().ok())?
}

#[tokio::test]
async fn a_batch_whose_requests_are_slow_is_counted_with_all_of_them_and_by_one_write() {
    let (stack, faults) = Faults::start(&[]).await;
    let college = stack.create_organization().await;
    let gauge = Gauge::start(Duration::from_secs(3)).await;
    for _ in 0..10 {
        college.subscribe(&gauge.url).await;
    }
    // Its wake-ups are handed out as one batch, which the queue does not promise.
    let lost = faults.inject(Rule::new(Fault::LoseMessages, "ingest", Request::sends));
    let counted = faults.inject(Rule::note("delivery", |request| {
        counted_in(request).is_some()
    }));
    college.post_event(&issued("a")).await;
    let sent = lost.happened(1).await.remove(0).json();
    let sent = sent["Entries"].as_array().unwrap();
    let records = sent.iter().map(|message| {
        json!({"messageId": message["Id"], "body": message["MessageBody"],
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}})
    });
    let batch = json!({"Records": records.collect::<Vec<_>>()});
    let answer = stack.invoke("DeliveryFunction", batch.to_string().into_bytes());
    assert_eq!(answer.await, json!({"batchItemFailures": []}));
    assert_eq!(gauge.most_open(), 10);
    let counted: Vec<usize> = counted
        .happened(1)
        .await
        .iter()
        .filter_map(counted_in)
        .collect();
    assert_eq!(counted, [10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_no_more_requests_per_second_than_it_takes() {
    let gauge = measure(Asked {
        arguments: &[],
        members: json!({"rate_per_second": 40, "max_concurrency": 20}),
        takes: Duration::from_millis(20),
        events: 300,
    })
    .await;
    let most = gauge.most_within(Duration::from_secs(1));
    assert!(most <= 42, "{most} within a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_environments_keep_an_endpoints_rate_together() {
    let gauge = measure(Asked {
        arguments: &["--processes", "--environments", "4"],
        members: json!({"rate_per_second": 40}),
        takes: Duration::from_millis(20),
        events: 300,
    })
    .await;
    let most = gauge.most_within(Duration::from_secs(1));
    assert!(most <= 42, "{most} within a second");
}
