//! A revoked key stops everywhere within seconds, also where it was accepted a moment ago.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::caller::Caller;
use crate::samples::issued;
use crate::stack::{Stack, text, until};

/// What is promised.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// Requests at the same time: each of a function goes to an environment of its own.
const AT_ONCE: usize = 8;
const ENVIRONMENTS: &str = "3";

/// What requests to every function that takes keys are answered, many at once.
async fn burst(caller: &Caller) -> Vec<u16> {
    let requests = (0..AT_ONCE).map(async |number| {
        let event = issued(&format!("{number}"));
        let (read, posted) =
            tokio::join!(caller.get("endpoints"), caller.post_text("events", &event));
        [read.status, posted.status]
    });
    join_all(requests).await.concat()
}

#[tokio::test]
async fn a_revoked_key_stops_in_every_environment_within_30_seconds() {
    let stack = Stack::start_with(&["--processes", "--environments", ENVIRONMENTS]).await;
    let college = stack.create_organization().await;
    let made = stack.create_key(&college.id, json!({})).await;
    let caller = stack.caller(Some(&text(&made, "key")));
    // Every environment has the key in mind when it is revoked.
    until("all environments answer", async || {
        let answers = burst(&caller).await;
        assert!(!answers.contains(&401), "{answers:?}");
        let count =
            stack.environments("api").await.len() + stack.environments("ingest").await.len();
        if count >= 6 { Ok(()) } else { Err(count) }
    })
    .await;
    assert!(!burst(&caller).await.contains(&401));
    let path = format!("organizations/{}/keys/{}", college.id, text(&made, "id"));
    stack.platform().delete(&path).await.expect(204);
    let revoked = Instant::now();
    let mut last_accepted = revoked;
    // Past the promise by nothing, and long enough past the last success to see a late one.
    while last_accepted.elapsed() < Duration::from_secs(5) {
        if burst(&caller).await.iter().any(|status| *status != 401) {
            last_accepted = Instant::now();
        }
        let took = last_accepted.duration_since(revoked);
        assert!(took < STOPPED_WITHIN, "accepted after {took:?}");
        sleep(Duration::from_millis(100)).await;
    }
    // The other key of the organization is as good as before.
    college.api.get("endpoints").await.expect(200);
}
