//! How often the lists that are followed may be read with one key.

use futures::stream::{self, StreamExt as _};

use crate::caller::Answer;
use crate::stack::Stack;

/// Requests of a key that pass at once.
const AT_ONCE: i64 = 600;

fn header(answer: &Answer, name: &str) -> i64 {
    let value = answer
        .headers
        .get(name)
        .unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    value.to_str().expect("a text").parse().expect("a number")
}

#[tokio::test]
async fn a_key_that_reads_too_often_is_told_so_before_and_then_refused() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let first = college.api.get("credentials").await;
    assert_eq!(header(&first, "x-ratelimit-limit"), AT_ONCE);
    assert_eq!(header(&first, "x-ratelimit-remaining"), AT_ONCE - 1);
    for path in ["events?after=", "credentials"] {
        let next = college.api.get(path).await;
        let (before, after) = (
            header(&first, "x-ratelimit-reset"),
            header(&next, "x-ratelimit-reset"),
        );
        assert!(after >= before, "{path}");
    }
    let refused = stream::iter(0..)
        .map(|_| college.api.get("credentials"))
        .buffer_unordered(16)
        .filter(|answer| std::future::ready(answer.status != 200));
    let refused = Box::pin(refused).next().await.expect("a refusal");
    assert_eq!(header(&refused, "x-ratelimit-remaining"), 0);
    assert!(header(&refused, "retry-after") >= 1);
    refused.refusal(429, "rate_limited");
    // Neither another key nor another route is any worse for it.
    let other = stack.create_key(&college.id, serde_json::json!({})).await;
    let other = stack.caller(other["key"].as_str());
    other.get("credentials").await.expect(200);
    college.api.get("events").await.expect(200);
}
