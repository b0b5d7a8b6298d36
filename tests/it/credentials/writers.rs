//! Lists that are polled while others write: what each poller has in the end is what is there.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::caller::Caller;
use crate::routes::items;
use crate::stack::{DEADLINE, Organization, Stack, text};

const WRITERS: usize = 4;
const POLLERS: usize = 3;
/// Events of one request of a writer.
const BATCH: usize = 20;
/// From one poll to the next.
const PAUSE: Duration = Duration::from_millis(250);

/// What is written, and how long pollers may take to have it.
struct Load {
    updates: usize,
    credentials: usize,
    deadline: Duration,
}

/// The title that each credential has in the end: that of the event that happened last. And all events.
#[derive(Default)]
struct Expected {
    titles: BTreeMap<String, String>,
    events: HashSet<String>,
}

impl Load {
    /// Event number `number` of all: about some credential, with a title of its own.
    fn event(&self, number: usize) -> Value {
        // Writers take turns, so that each credential is written by all of them.
        let credential = (number * 7) % self.credentials;
        let (minutes, seconds) = (number / 60, number % 60);
        json!({
            "id": format!("own-{number}"),
            "type": if number.is_multiple_of(5) { "credential.issued" } else { "credential.accepted" },
            "timestamp": format!("2026-03-{:02}T{:02}:{:02}:{seconds:02}Z", 1 + minutes / 1440, minutes / 60 % 24, minutes % 60),
            "data": {"credential": {"id": format!("c{credential:05}"), "title": format!("title {number:06}")}},
        })
    }
}

/// Posts a batch until all of it is accepted, as a client does; the ids of its events.
async fn post(college: &Organization, events: &[Value]) -> Vec<String> {
    loop {
        let answer = college.api.post("events/batch", json!(events)).await;
        let results = answer.body["results"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let is_accepted = |result: &Value| result["status"] == 202 || result["status"] == 200;
        if results.len() == events.len() && results.iter().all(is_accepted) {
            return results.iter().map(|result| text(result, "id")).collect();
        }
        sleep(PAUSE).await;
    }
}

/// Posts every event whose number is one of this writer's, the newest not last.
async fn write(load: &Load, writer: usize, college: &Organization, expected: &Mutex<Expected>) {
    let own: Vec<usize> = (0..load.updates)
        .filter(|number| number % WRITERS == writer)
        .collect();
    for (turn, numbers) in own.chunks(BATCH).enumerate() {
        let mut events: Vec<Value> = numbers.iter().map(|number| load.event(*number)).collect();
        if turn % 2 == 1 {
            events.reverse();
        }
        let ids = post(college, &events).await;
        let mut expected = expected.lock().await;
        expected.events.extend(ids);
        for event in &events {
            let said = &event["data"]["credential"];
            let (credential, title) = (text(said, "id"), text(said, "title"));
            let newest = expected.titles.entry(credential).or_default();
            *newest = (*newest).clone().max(title);
        }
    }
}

/// One page, after a wait where the key has read too often.
async fn page(api: &Caller, path: &str) -> Value {
    loop {
        let answer = api.get(path).await;
        if answer.status != 429 {
            return answer.expect(200);
        }
        let wait = answer.headers["retry-after"]
            .to_str()
            .expect("a text")
            .parse();
        sleep(Duration::from_secs(wait.expect("seconds"))).await;
    }
}

/// Follows a list from its beginning until `is_done` with what it saw.
async fn follow(api: &Caller, path: &str, mut is_done: impl AsyncFnMut(&[Value]) -> bool) {
    let mut place = String::new();
    loop {
        let page = page(api, &format!("{path}&limit=100{place}")).await;
        if let Some(watermark) = page["watermark"].as_str() {
            place = format!("&cursor={watermark}");
        }
        if is_done(items(&page)).await {
            return;
        }
        if page["next_cursor"].is_null() {
            sleep(PAUSE).await;
        }
    }
}

/// Follows the credentials until it has them as they are in the end.
async fn follow_credentials(
    api: &Caller,
    expected: &Mutex<Expected>,
    is_over: &Mutex<bool>,
) -> usize {
    let mut view: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut last = (String::new(), String::new());
    follow(api, "credentials?", async |items| {
        for item in items {
            let place = (text(item, "updatedAt"), text(item, "id"));
            assert!(place > last, "{place:?} after {last:?}");
            assert!(seen.insert(place.clone()), "{place:?} twice");
            view.insert(place.1.clone(), text(item, "title"));
            last = place;
        }
        *is_over.lock().await && view == expected.lock().await.titles
    })
    .await;
    seen.len()
}

/// Follows the events until it has each of them, once.
async fn follow_events(api: &Caller, expected: &Mutex<Expected>, is_over: &Mutex<bool>) {
    let mut seen = HashSet::new();
    follow(api, "events?after=", async |items| {
        for item in items {
            assert!(seen.insert(text(item, "id")), "{item:#} twice");
        }
        *is_over.lock().await && seen == expected.lock().await.events
    })
    .await;
}

#[expect(clippy::print_stdout, reason = "the result is for people")]
async fn check(load: Load) {
    let stack = Stack::start_with(&["--parameter", "OrganizationEventsPerSecond=0"]).await;
    let college = Arc::new(stack.create_organization().await);
    let (expected, is_over) = (Mutex::new(Expected::default()), Mutex::new(false));
    let mut keys = Vec::new();
    for _ in 0..POLLERS + 2 {
        let key = stack.create_key(&college.id, json!({})).await;
        keys.push(stack.caller(key["key"].as_str()));
    }
    let started = Instant::now();
    let writers = async {
        let writers = (0..WRITERS).map(|writer| write(&load, writer, &college, &expected));
        join_all(writers).await;
        *is_over.lock().await = true;
        started.elapsed()
    };
    let pollers = (0..POLLERS).map(|poller| follow_credentials(&keys[poller], &expected, &is_over));
    let all = async {
        tokio::join!(
            writers,
            join_all(pollers),
            follow_events(&keys[POLLERS], &expected, &is_over)
        )
    };
    let (written, seen, ()) = timeout(load.deadline, all)
        .await
        .expect("each poller has what is there");
    println!(
        "{} updates of {} credentials by {WRITERS} writers in {written:?}; the pollers saw {seen:?} and were done after {:?}",
        load.updates,
        load.credentials,
        started.elapsed()
    );
    // What it reads who comes when all is over.
    let mut table = BTreeMap::new();
    let mut place = String::new();
    loop {
        let page = page(&keys[POLLERS + 1], &format!("credentials?limit=100{place}")).await;
        for item in items(&page) {
            table.insert(text(item, "id"), text(item, "title"));
        }
        match page["next_cursor"].as_str() {
            Some(next) => place = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(table, expected.into_inner().titles);
}

#[tokio::test(flavor = "multi_thread")]
async fn pollers_have_what_is_there_after_1_000_updates_by_4_writers() {
    check(Load {
        updates: 1_000,
        credentials: 500,
        deadline: DEADLINE,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn pollers_have_what_is_there_after_20_000_updates_by_4_writers() {
    check(Load {
        updates: 20_000,
        credentials: 5_000,
        deadline: Duration::from_secs(900),
    })
    .await;
}
