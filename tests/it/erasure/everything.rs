//! Nothing of the address is left anywhere.

use std::io::Read as _;

use aws_sdk_dynamodb::types::AttributeValue;
use flate2::read::DeflateDecoder;
use payload::dialect::Dialect;
use serde_json::{Value, json};

use super::{ask, issued_to, over};
use crate::faults::Faults;
use crate::receiver::{Receiver, Reply};
use crate::samples::{self, event_of};
use crate::source::Source;
use crate::stack::{Stack, text};

const TABLES: [&str; 5] = [
    "AccountsTable",
    "BillingTable",
    "CredentialsTable",
    "DeliveriesTable",
    "EventsTable",
];
/// The people in the samples of the sources.
const PEOPLE: [&str; 6] = [
    "ana@example.com",
    "jane@example.com",
    "john@example.com",
    "leonardo@email.com",
    "new@example.com",
    "user@example.com",
];
const CANARY: &str = "Canary.Person+1@Example.com";

/// Every text in a value, those within compressed bodies too.
fn texts(value: &AttributeValue, found: &mut String) {
    match value {
        AttributeValue::S(text) => found.push_str(text),
        AttributeValue::B(bytes) => {
            found.push_str(&String::from_utf8_lossy(bytes.as_ref()));
            let mut inflated = Vec::new();
            if DeflateDecoder::new(bytes.as_ref())
                .read_to_end(&mut inflated)
                .is_ok()
            {
                found.push_str(&String::from_utf8_lossy(&inflated));
            }
        }
        AttributeValue::L(items) => items.iter().for_each(|item| texts(item, found)),
        AttributeValue::M(members) => members.iter().for_each(|(name, value)| {
            found.push_str(name);
            texts(value, found);
        }),
        AttributeValue::Ss(items) => found.extend(items.iter().map(String::as_str)),
        _ => {}
    }
    found.push('\n');
}

/// Rows, of all tables, that name the person in any case of letters.
async fn rows_naming(faults: &Faults, address: &str) -> Vec<String> {
    let client = faults.client();
    let wanted = address.to_lowercase();
    let mut rows = Vec::new();
    for table in TABLES {
        let mut items = client
            .scan()
            .table_name(format!("local-{table}"))
            .into_paginator()
            .items()
            .send();
        while let Some(item) = items.next().await {
            let item = item.expect("a row");
            let mut found = String::new();
            item.iter().for_each(|(name, value)| {
                found.push_str(name);
                texts(value, &mut found);
            });
            if found.to_lowercase().contains(&wanted) {
                rows.push(format!("{table} {:?} {:?}", item["pk"], item["sk"]));
            }
        }
    }
    rows
}

fn to_the_canary(body: &str) -> String {
    PEOPLE
        .iter()
        .fold(body.to_owned(), |body, person| body.replace(person, CANARY))
}

#[tokio::test]
async fn whatever_names_the_person_is_gone_from_every_table_and_what_it_was_is_still_listed() {
    let (stack, faults): (Stack, Faults) = Faults::start(&["--environments", "1"]).await;
    let college = stack.create_organization().await;
    let api = &college.api;
    // A receiver that repeats what it was sent, as some frameworks do.
    let echo = Receiver::start([Reply::Text(422, CANARY)]).await;
    let members = json!({"retry_schedule": [1_200]});
    let endpoint = college.subscribe_with(&echo.url, members).await;
    let line = json!({"email": CANARY, "name": "Canary"});
    api.put("recipients/user_id", line).await.expect(200);
    let path = format!("recipients/{CANARY}");
    let line = json!({"email": "other@example.com"});
    api.put(&path.replace('+', "%2B"), line).await.expect(200);
    let mut events = Vec::new();
    for sample in samples::all() {
        let sent = api
            .post_text(&sample.path, &to_the_canary(&sample.body))
            .await;
        events.push(text(&sent.expect(202), "id"));
    }
    events.push(
        college
            .post_event(&issued_to("c", &CANARY.to_uppercase()))
            .await,
    );
    // Of this one the address is nowhere in the event.
    events.push(
        college
            .post_event(&event_of("credential.revoked", "c"))
            .await,
    );
    for dialect in [Dialect::Toolzz, Dialect::Beedeez] {
        let source = Source::create(&stack, &college, dialect).await;
        let broken = format!("{{\"broken\": \"{CANARY}");
        let kept = source.send("", broken.as_bytes()).await.expect(202);
        assert_eq!(kept["quarantined"], true);
    }
    let revoked = events.last().expect("an event");
    college.delivery_in(revoked, &endpoint, "retrying").await;
    for event in &events {
        college
            .delivery(event, &endpoint, |it| it["attempts"] == 1)
            .await;
    }
    assert!(rows_naming(&faults, CANARY).await.len() > events.len());
    let before = api.pages("events", 100).await;

    let id = ask(&college, &CANARY.to_lowercase()).await;
    let erasure = over(&stack, &college, &id).await;
    assert_eq!(rows_naming(&faults, CANARY).await, Vec::<String>::new());
    assert_eq!(erasure["unreadable"], 0, "{erasure:#}");
    assert_eq!(erasure["erased"]["recipients"], 2, "{erasure:#}");
    assert!(
        erasure["erased"]["answers"].as_u64() > Some(0),
        "{erasure:#}"
    );
    assert_eq!(erasure["erased"]["quarantined"], 2, "{erasure:#}");
    assert!(
        erasure["erased"]["credentials"].as_u64() > Some(5),
        "{erasure:#}"
    );

    // What is left says that it was there, and nothing of what it was.
    let mut after = api.pages("events", 100).await;
    assert_eq!(after.len(), before.len());
    let erased = |event: &&Value| event["erased_at"].is_string();
    let count = after.iter().filter(erased).count();
    assert_eq!(erasure["erased"]["events"], count, "{erasure:#}");
    for event in &mut after {
        event.as_object_mut().unwrap().shift_remove("erased_at");
    }
    assert_eq!(after, before);
    api.get(&format!("events/{revoked}"))
        .await
        .refusal(410, "event_erased");
    let shown = college.delivery(revoked, &endpoint, |_| true).await;
    assert_eq!(shown["status"], "cancelled", "{shown:#}");
    assert_eq!(shown["cancelled"], json!({"reason": "event_erased"}));
    assert_eq!(
        (&shown["response"], &shown["attempts"]),
        (&Value::Null, &json!(1))
    );
    api.get("credentials/c").await.refusal(404, "not_found");
    let left = api.pages("quarantine", 100).await;
    assert_eq!(left, Vec::<Value>::new());

    // The log names nobody, but who asked for it, when, and what went.
    let log = api.pages("audit", 100).await;
    let of = |action: &str| {
        let mut lines = log.iter().filter(|line| line["target"] == json!(id));
        lines.find(|line| line["action"] == action).cloned()
    };
    let asked = of("erasure.created").expect("a line");
    assert_eq!(asked["actor"]["type"], "key");
    let completed = of("erasure.completed").expect("a line");
    assert_eq!(completed["actor"]["type"], "certhooks");
    assert_eq!(completed["changes"]["events"], json!([null, count]));
}
