//! Receivers that fail, hang, send too much or point elsewhere.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::stack::{Stack, text};

/// How long until the next attempt of a delivery, in seconds, counted from the last one.
fn wait(delivery: &Value) -> i64 {
    let at = |time: &Value| -> jiff::Timestamp { time.as_str().unwrap().parse().unwrap() };
    let last = delivery["history"].as_array().unwrap().last().unwrap();
    at(&delivery["next_attempt_at"])
        .duration_since(at(&last["at"]))
        .as_secs()
}

#[tokio::test]
async fn a_receiver_that_fails_twice_then_succeeds_has_the_event() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([
        Reply::Text(500, "the database is down"),
        Reply::Status(503),
        Reply::Text(200, "thanks"),
    ])
    .await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;

    let failed = college.delivery_in(&event, &endpoint, "retrying").await;
    assert_eq!(failed["history"][0]["error"], "server_error");
    assert_eq!(failed["response"], "the database is down");
    assert!((3..=7).contains(&wait(&failed)), "{failed:#}");

    // The second attempt comes by itself; the third would come after 5 minutes and is asked for.
    let failed = college
        .delivery(&event, &endpoint, |delivery| delivery["attempts"] == 2)
        .await;
    assert_eq!(failed["status"], "retrying");
    assert!((235..=365).contains(&wait(&failed)), "{failed:#}");
    let path = format!("events/{event}/deliveries/{}/retry", endpoint.id);
    college.api.post(&path, json!({})).await.expect(202);

    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    let statuses: Vec<&Value> = delivery["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["status"])
        .collect();
    assert_eq!(statuses, [500, 503, 200]);
    assert_eq!(delivery["response"], "thanks");
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    for webhook in received {
        assert_eq!(webhook.id(), event);
        assert_eq!(webhook.body, issued("a").as_bytes());
        webhook.verify(&endpoint.secret);
    }
}

#[tokio::test]
async fn a_failure_is_named_by_what_the_receiver_answered() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut expected = Vec::new();
    for (status, error) in [
        (400, "client_error"),
        (404, "client_error"),
        (411, "client_error"),
        (500, "server_error"),
        (599, "server_error"),
        (304, "redirect"),
    ] {
        let receiver = Receiver::start([Reply::Status(status)]).await;
        let endpoint = college.subscribe(&receiver.url).await;
        expected.push((receiver, endpoint, status, error));
    }
    let event = college.post_event(&issued("a")).await;
    for (_receiver, endpoint, status, error) in &expected {
        let delivery = college.delivery_in(&event, endpoint, "retrying").await;
        assert_eq!(delivery["history"][0]["status"], *status);
        assert_eq!(delivery["history"][0]["error"], *error, "{status}");
    }
}

#[tokio::test]
async fn an_endpoint_nobody_listens_at_fails_with_connect() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let endpoint = college.subscribe(&url).await;
    let event = college.post_event(&issued("a")).await;
    let delivery = college.delivery_in(&event, &endpoint, "retrying").await;
    assert_eq!(delivery["history"][0]["error"], "connect");
    assert!(delivery["history"][0]["status"].is_null());
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_no_answer() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            // Reads the start of the request and hangs up.
            let (connection, _) = listener.accept().await.unwrap();
            connection.readable().await.unwrap();
        }
    });
    let endpoint = college.subscribe(&url).await;
    let event = college.post_event(&issued("a")).await;
    let delivery = college.delivery_in(&event, &endpoint, "retrying").await;
    assert_eq!(delivery["history"][0]["error"], "no_answer");
}

#[tokio::test]
async fn a_receiver_that_hangs_before_or_within_its_answer_times_out() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut hanging = Vec::new();
    for reply in [Reply::Hang, Reply::Stall] {
        let receiver = Receiver::start([reply]).await;
        let members = json!({"timeout_seconds": 1});
        let endpoint = college.subscribe_with(&receiver.url, members).await;
        hanging.push((receiver, endpoint));
    }
    let event = college.post_event(&issued("a")).await;
    for (_receiver, endpoint) in &hanging {
        let delivery = college.delivery_in(&event, endpoint, "retrying").await;
        assert_eq!(delivery["history"][0]["error"], "timeout");
        let took = delivery["history"][0]["duration_ms"].as_u64().unwrap();
        assert!((1_000..3_000).contains(&took), "{took} ms");
    }
}

#[tokio::test]
async fn receivers_that_hang_do_not_hold_up_the_others() {
    const EVENTS: usize = 40;
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let hanging = Receiver::start([Reply::Hang]).await;
    let quick = Receiver::content().await;
    college
        .subscribe_with(&hanging.url, json!({"timeout_seconds": 20}))
        .await;
    college.subscribe(&quick.url).await;
    for number in 0..EVENTS {
        college.post_event(&issued(&format!("{number}"))).await;
    }
    // Long before the first attempt at the hanging receiver is over.
    let received = quick.requests_within(EVENTS, Duration::from_secs(12)).await;
    assert_eq!(received.len(), EVENTS);
}

#[tokio::test]
async fn of_an_answer_of_10_mb_only_the_start_is_read() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Bytes(10_000_000)]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(text(&delivery, "response"), "x".repeat(2 * 1024));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let elsewhere = Receiver::content().await;
    let mut redirecting = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        let receiver = Receiver::start([Reply::Redirect(status, elsewhere.url.clone())]).await;
        let endpoint = college.subscribe(&receiver.url).await;
        redirecting.push((receiver, endpoint, status));
    }
    let event = college.post_event(&issued("a")).await;
    for (receiver, endpoint, status) in &redirecting {
        let delivery = college.delivery_in(&event, endpoint, "retrying").await;
        assert_eq!(delivery["history"][0]["status"], *status);
        assert_eq!(delivery["history"][0]["error"], "redirect");
        assert_eq!(receiver.count(), 1);
    }
    assert_eq!(elsewhere.count(), 0);
}
