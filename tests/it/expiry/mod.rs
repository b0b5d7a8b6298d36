//! The expiry checker over the running stack: reminders and ends, in every dialect, once.

mod cancelled;
mod dialects;
mod once;
mod plan;
mod reminders;

use jiff::{SignedDuration, Timestamp};
use payload::timestamp;
use serde_json::{Value, json};

use crate::samples;
use crate::stack::{Organization, Stack, text};

/// So many hours from the time of the test; before it where negative.
fn in_hours(hours: i64) -> String {
    in_minutes(60 * hours)
}

/// The same in minutes.
#[expect(clippy::disallowed_methods, reason = "a test has a clock of its own")]
fn in_minutes(minutes: i64) -> String {
    timestamp::canonical(Timestamp::now() + SignedDuration::from_mins(minutes))
}

/// The scheduled invocation of `events/expiry`.
fn scheduled() -> Vec<u8> {
    crate::workspace::read("events/expiry/scheduled.json").into_bytes()
}

/// Runs the checker once, and answers its report. All that was due must be done.
async fn check(stack: &Stack) -> Value {
    let report = stack.invoke("ExpiryFunction", scheduled()).await;
    assert_eq!(report["expiry_failures"], 0, "{report:#}");
    assert_eq!(report["expiry_finished"], 1, "{report:#}");
    report
}

/// Posts a canonical event about a credential, with more of it, and answers the event's id.
async fn post(college: &Organization, event_type: &str, credential: &str, more: Value) -> String {
    let mut event: Value =
        serde_json::from_str(&samples::event_of(event_type, credential)).expect("JSON");
    let members = event["data"]["credential"].as_object_mut();
    let Value::Object(more) = more else {
        panic!("members of an object")
    };
    members.expect("an object").extend(more);
    college.post_event(&event.to_string()).await
}

/// Issues a credential that expires then.
async fn issue(college: &Organization, credential: &str, expires_at: &str) -> String {
    let more = json!({"expires_at": expires_at});
    post(college, "credential.issued", credential, more).await
}

/// The events of a credential by their types, oldest first.
async fn types(college: &Organization, credential: &str) -> Vec<String> {
    let shown = college.api.get(&format!("credentials/{credential}")).await;
    let shown = shown.expect(200);
    let events = shown["events"].as_array().expect("a list");
    events
        .iter()
        .rev()
        .map(|event| text(event, "type"))
        .collect()
}
