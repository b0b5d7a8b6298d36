//! Clients that repeat what was not answered with success.

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use serde_json::json;
use tokio::time::sleep;

use crate::caller::Caller;
use crate::samples::issued;
use crate::stack::text;

/// Requests on their way at the same time.
const CONNECTIONS: usize = 48;
/// Until a client tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// One of so many clients has an event id of its own instead of an idempotency key.
const WITH_OWN_ID: usize = 5;

/// Posts events number 0 to `count`, each for the organization that `of` says, and answers their ids.
pub(crate) async fn post_all<'o>(
    count: usize,
    of: impl Fn(usize) -> &'o Caller + Copy,
) -> Vec<String> {
    let posts = (0..count).map(|number| async move { (number, post(of(number), number).await) });
    let posts = stream::iter(posts).buffer_unordered(CONNECTIONS);
    let mut posted: Vec<(usize, String)> = posts.collect().await;
    posted.sort_unstable();
    posted.into_iter().map(|(_, event)| event).collect()
}

/// Posts one event until it is accepted.
async fn post(api: &Caller, number: usize) -> String {
    let event = issued(&format!("{number}"));
    if number.is_multiple_of(WITH_OWN_ID) {
        return repeat(api, &with_own_id(number)).await;
    }
    let key = format!("client {number}");
    repeat(&api.with("idempotency-key", &key), &event).await
}

/// An event with the client's own id.
pub(crate) fn with_own_id(number: usize) -> String {
    json!({
        "id": format!("own-{number}"),
        "type": "credential.issued",
        "timestamp": "2026-03-18T10:30:00Z",
        "data": {"credential": {"id": format!("{number}")}},
    })
    .to_string()
}

/// Posts a body until it is answered with success, and answers the id of the event.
pub(crate) async fn repeat(api: &Caller, body: &str) -> String {
    loop {
        let answer = api.post_text("events", body).await;
        match answer.status {
            200 | 202 => return text(&answer.body, "id"),
            500..=599 => sleep(PAUSE).await,
            _ => panic!("{answer:?}"),
        }
    }
}
