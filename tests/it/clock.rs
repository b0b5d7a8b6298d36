//! Another time: a stack that was started with `--now` lives then, and not at this machine's time.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply, Webhook};
use crate::routes::items;
use crate::samples::issued;
use crate::source::now;
use crate::stack::{Endpoint, Organization, Stack, run_local, text};
use crate::stripe;
use crate::workspace;

/// The start of a stack and all of a test are within this time.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// A time that stacks are started at: so many hours from now, to the second.
fn ahead(hours: i64) -> Timestamp {
    let then = now() + SignedDuration::from_hours(hours);
    Timestamp::from_second(then.as_second()).expect("a time")
}

/// A year and a day from now.
fn next_year() -> Timestamp {
    ahead(366 * 24)
}

/// Starts at a time.
async fn start_at(then: Timestamp, arguments: &[&str]) -> Stack {
    Stack::start_with(&[&["--now", &then.to_string()], arguments].concat()).await
}

/// Starts on kept state, at a time if there is one.
async fn start_on(data: &Path, then: Option<Timestamp>) -> Stack {
    let data = data.to_str().expect("the folder has a plain name");
    let then = then.map(|then| then.to_string());
    let now = then.as_ref().map(|then| ["--now", then.as_str()]);
    let now = now.iter().flatten().copied();
    let arguments: Vec<&str> = ["--data", data].into_iter().chain(now).collect();
    Stack::launch(&arguments).await
}

/// Fails unless this is what a stack took for the present that was started at `then`.
#[track_caller]
fn assert_of(then: Timestamp, time: Timestamp) {
    let passed = time.duration_since(then);
    assert!(
        (SignedDuration::ZERO..LONGEST).contains(&passed),
        "{time} is not of {then}"
    );
}

/// A member that is a time.
#[track_caller]
fn time(object: &Value, member: &str) -> Timestamp {
    text(object, member).parse().expect("a time")
}

/// What a webhook says of when it was sent.
fn sent_at(webhook: &Webhook) -> Timestamp {
    let seconds = webhook.header("webhook-timestamp").parse();
    Timestamp::from_second(seconds.expect("seconds")).expect("a time")
}

/// Runs recovery, as its schedule does or as of a time; all of it must succeed.
async fn recover(stack: &Stack, as_of: Option<Timestamp>) -> Value {
    let request = json!({"as_of": as_of}).to_string().into_bytes();
    let report = stack.invoke("RecoveryFunction", request).await;
    assert_eq!(report["recovery_failures"], 0, "{report:#}");
    report
}

/// An event is accepted, delivered, tried again and listed, all of it then.
async fn assert_it_works_at(then: Timestamp, stack: &Stack) {
    let college = stack.create_organization().await;
    let organization = format!("organizations/{}", college.id);
    let organization = stack.platform().get(&organization).await.expect(200);
    assert_of(then, time(&organization, "created_at"));

    let receiver = Receiver::start([Reply::Status(500), Reply::Status(204)]).await;
    let members = json!({"retry_schedule": [1_800]});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    let event = college.post_event(&issued("a")).await;
    let listed = college.api.get("events").await.expect(200);
    let listed = &items(&listed)[0];
    assert_eq!(text(listed, "id"), event);
    assert_of(then, time(listed, "accepted_at"));

    let first = receiver.requests(1).await.remove(0);
    assert_of(then, sent_at(&first));
    first.verify_at(sent_at(&first), &endpoint.secret);
    let waiting = college.delivery_in(&event, &endpoint, "retrying").await;
    let due = time(&waiting, "next_attempt_at");
    // The wait is varied by a fifth.
    assert_of(then + SignedDuration::from_mins(24), due);

    // Each takes the lease and gives it back, with time to do so.
    for _ in 0..2 {
        let report = recover(stack, None).await;
        assert_eq!(report["sweep_sent"], 0, "{report:#}");
        assert!(
            report["queue_age_ms"].as_i64() < Some(900_000),
            "{report:#}"
        );
    }
    let report = recover(stack, Some(due)).await;
    assert_eq!(report["sweep_sent"], 1, "{report:#}");
    let delivered = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_of(then, time(&delivered["history"][1], "at"));
    let second = receiver.requests(2).await.remove(1);
    second.verify_at(sent_at(&second), &endpoint.secret);

    let audited = college.api.get("audit").await.expect(200);
    assert!(!items(&audited).is_empty());
    for line in items(&audited) {
        assert_of(then, time(line, "at"));
    }
}

#[tokio::test]
async fn a_stack_that_is_told_another_time_lives_then() {
    let then = next_year();
    let stack = start_at(then, &[]).await;
    assert_it_works_at(then, &stack).await;
    let said = stack.log();
    // Seconds may have passed.
    let hour = then.strftime("it is %Y-%m-%dT%H").to_string();
    assert!(said.iter().any(|line| line.contains(&hour)), "{said:#?}");
}

#[tokio::test]
async fn so_do_functions_that_are_processes() {
    let then = next_year();
    let stack = start_at(then, &["--processes", "--environments", "1"]).await;
    assert_it_works_at(then, &stack).await;
}

#[tokio::test]
async fn the_inbox_verifies_signatures_at_the_time_of_the_stack() {
    let then = next_year().to_string();
    let output = run_local(&["demo", "--now", &then]).await;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("verified"), "{text}");
}

#[tokio::test]
async fn stripes_signatures_are_held_against_the_time_of_the_stack() {
    let then = next_year();
    let stack = start_at(then, &stripe::SELLING).await;
    let sample = "events/billing/stripe/edge/envelope.unknown_event_type.json";
    let body = workspace::read(sample);
    let body = body.as_bytes();
    for (at, status) in [(now(), 400), (then, 200)] {
        let signature = stripe::signature(stripe::SECRET, at, body);
        let answer = stack.stripe_signed(&[&signature], body).await;
        answer.expect(status);
    }
}

/// The organization as it is on another start.
async fn again(stack: &Stack, college: Organization) -> Organization {
    let key = stack.create_key(&college.id, json!({})).await;
    Organization {
        api: stack.caller(Some(&text(&key, "key"))),
        ..college
    }
}

/// A delivery that has failed, and is tried again in two hours.
async fn waiting(college: &Organization, receiver: &Receiver) -> (String, Endpoint) {
    let members = json!({"retry_schedule": [7_200]});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "retrying").await;
    (event, endpoint)
}

#[tokio::test]
async fn what_was_made_before_is_due_then_and_time_does_not_go_back() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start([Reply::Status(500), Reply::Status(204)]).await;
    let stack = start_on(data.path(), None).await;
    let college = stack.create_organization().await;
    let (event, endpoint) = waiting(&college, &receiver).await;
    assert_eq!(recover(&stack, None).await["sweep_sent"], 0);
    drop(stack);

    let later = ahead(3);
    let stack = start_on(data.path(), Some(later)).await;
    let college = again(&stack, college).await;
    assert_eq!(recover(&stack, None).await["sweep_sent"], 1);
    college.delivery_in(&event, &endpoint, "delivered").await;
    let webhook = receiver.requests(2).await.remove(1);
    assert_of(later, sent_at(&webhook));
    drop(stack);

    for then in [None, Some(ahead(1))] {
        let stack = start_on(data.path(), then).await;
        let key = stack.create_key(&college.id, json!({})).await;
        assert_of(later, time(&key, "created_at"));
    }
}

#[tokio::test]
async fn a_time_that_is_over_or_none_is_refused_with_the_reason() {
    for (time, reason) in [
        ("2020-01-01T00:00:00Z", "--now is over: it is 20"),
        ("tomorrow", "such as 2027-01-01T00:00:00Z"),
    ] {
        let output = run_local(&["--memory", "--port", "0", "--now", time]).await;
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(reason), "{said}");
    }
}

#[tokio::test]
async fn notices_of_another_day_are_seen_today() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::content().await;
    let stack = start_on(data.path(), None).await;
    let college = stack.create_organization().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = json!({
        "type": "credential.issued",
        "timestamp": now(),
        "data": {"credential": {"id": "c1", "expires_at": ahead(40 * 24)}},
    });
    college.post_event(&event.to_string()).await;
    receiver.requests(1).await;
    let announced = async |stack: &Stack| {
        let report = stack.invoke("ExpiryFunction", b"{}".to_vec()).await;
        assert_eq!(report["expiry_finished"], 1, "{report:#}");
        report["notices_expiring"].clone()
    };
    assert_eq!(announced(&stack).await, 0);
    drop(stack);

    let a_week_before = ahead(33 * 24 + 1);
    let stack = start_on(data.path(), Some(a_week_before)).await;
    assert_eq!(announced(&stack).await, 1);
    let notice = receiver.requests(2).await.remove(1);
    assert_of(a_week_before, sent_at(&notice));
    notice.verify_at(sent_at(&notice), &endpoint.secret);
    let notice: Value = serde_json::from_slice(&notice.body).unwrap();
    assert_eq!(notice["type"], "credential.expiring");
    assert_of(a_week_before, time(&notice, "timestamp"));
}
