//! Receivers that answer as none should, against the real delivery binary: each is one line of the log with
//! a name, and nothing of it outlives the deadline.

mod answers;
mod receiver;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::answers::{Hostile, all};
use self::receiver::{Receiver, Step, write};
use crate::receiver::{Receiver as Elsewhere, Reply};
use crate::samples::issued;
use crate::stack::{Stack, text, until};
use crate::workspace;

/// The functions' binaries, one process each: whatever a receiver holds up there is held up for all.
const PROCESSES: [&str; 3] = ["--processes", "--environments", "1"];
const TIMEOUT: Duration = Duration::from_secs(1);

/// One attempt within a second.
fn one_attempt() -> Value {
    json!({"timeout_seconds": TIMEOUT.as_secs(), "retry_schedule": []})
}

#[tokio::test]
async fn each_hostile_answer_has_its_name_in_the_log_and_ends_with_the_deadline() {
    let stack = Stack::start_with(&PROCESSES).await;
    let college = stack.create_organization().await;
    let quick = Elsewhere::content().await;
    let mut attempts = Vec::new();
    for hostile in all() {
        let Hostile { at, tls, steps, .. } = &hostile;
        let receiver = Receiver::start(steps.clone(), *tls).await;
        let url = format!("{at}:{}/hook", receiver.port);
        let endpoint = college.subscribe_with(&url, one_attempt()).await;
        attempts.push((hostile, receiver, endpoint));
    }
    let endpoint = college.subscribe(&quick.url).await;
    let event = college.post_event(&issued("a")).await;

    let mut wrong = BTreeMap::new();
    for (hostile, receiver, endpoint) in &attempts {
        let is_over = |delivery: &Value| delivery["attempts"] == 1;
        let delivery = college.delivery(&event, endpoint, is_over).await;
        let attempt = &delivery["history"][0];
        let is_in_time = attempt["duration_ms"]
            .as_u64()
            .is_some_and(|took| took < 2_000);
        let is_delivered = delivery["status"] == "delivered";
        // Nothing is sent a second time because of its answer.
        let is_once = receiver.accepted() <= 1;
        if attempt["status"] != json!(hostile.status)
            || attempt["error"] != json!(hostile.error)
            || is_delivered != hostile.error.is_none()
            || !is_in_time
            || !is_once
        {
            wrong.insert(hostile.does, delivery);
        }
    }
    assert!(wrong.is_empty(), "a receiver that… {wrong:#?}");

    college.delivery_in(&event, &endpoint, "delivered").await;
    let open = async || {
        let open = attempts
            .iter()
            .filter(|(_, receiver, _)| receiver.open() > 0);
        let open: Vec<&str> = open.map(|(hostile, ..)| hostile.does).collect();
        if open.is_empty() { Ok(()) } else { Err(open) }
    };
    until("no connection is left", open).await;
    let later = college.post_event(&issued("b")).await;
    college.delivery_in(&later, &endpoint, "delivered").await;
}

#[tokio::test]
async fn receivers_that_use_up_the_deadline_hold_nobody_up_beyond_it() {
    let stack = Stack::start_with(&PROCESSES).await;
    let college = stack.create_organization().await;
    let slow = [Step::Read, Step::Drip("HTTP/1.1 102 Processing\r\n\r\n")];
    let receiver = Receiver::start(slow.to_vec(), false).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(college.subscribe_with(&url, one_attempt()).await);
    }
    let begun = Instant::now();
    let event = college.post_event(&issued("a")).await;
    for endpoint in &slow {
        college.delivery_in(&event, endpoint, "exhausted").await;
    }
    // One after the other they would take eight seconds.
    assert!(begun.elapsed() < 5 * TIMEOUT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn of_a_packed_answer_the_packed_bytes_are_kept_and_2_kib_of_them() {
    let stack = Stack::start_with(&PROCESSES).await;
    let college = stack.create_organization().await;
    let bomb = all()
        .into_iter()
        .find(|hostile| hostile.does.contains("10 MB"));
    let receiver = Receiver::start(bomb.unwrap().steps, false).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let endpoint = college.subscribe_with(&url, one_attempt()).await;
    let event = college.post_event(&issued("a")).await;
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    let kept = text(&delivery, "response");
    assert!(
        kept.starts_with('\u{1f}') && kept.chars().count() <= 2 * 1024,
        "{}",
        kept.len()
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let stack = Stack::start_with(&PROCESSES).await;
    let college = stack.create_organization().await;
    let elsewhere = Elsewhere::content().await;
    let receiver = Elsewhere::start([Reply::Redirect(307, elsewhere.url.clone())]).await;
    let endpoint = college.subscribe_with(&receiver.url, one_attempt()).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "exhausted").await;
    assert_eq!((receiver.count(), elsewhere.count()), (1, 0));
}

#[tokio::test]
async fn a_kept_connection_that_dies_before_it_answers_is_replaced_within_the_attempt() {
    let stack = Stack::start_with(&PROCESSES).await;
    let college = stack.create_organization().await;
    let ok = || write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    // Every second request on a connection finds nobody.
    let receiver = Receiver::start(vec![Step::Read, ok(), Step::Read], false).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let endpoint = college.subscribe_with(&url, one_attempt()).await;
    for event in ["a", "b"] {
        let event = college.post_event(&issued(event)).await;
        let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
        assert_eq!(delivery["attempts"], 1);
        assert_eq!(delivery["history"][0]["status"], 200);
    }
    assert_eq!(receiver.accepted(), 2);
}

#[test]
fn every_name_of_a_failure_is_explained() {
    let source = workspace::read("functions/delivery/src/failure.rs");
    let explained = workspace::read("docs/retries.md");
    let named = source.lines().filter_map(|line| {
        let (_, name) = line.trim().split_once(" => \"")?;
        name.strip_suffix("\",")
    });
    let named: Vec<&str> = named.collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(explained.contains(&format!("`{name}`")), "{name}");
    }
}
