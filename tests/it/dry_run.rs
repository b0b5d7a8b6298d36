//! A dry run shows what is then delivered.

use futures::future::join_all;
use payload::dialect::Dialect;
use payload::secret::Secret;
use payload::signature::{Scheme, Signed, TIMESTAMP_HEADER, TOLERANCE};
use serde_json::{Value, json};

use crate::matrix::{self, Cell};
use crate::receiver::{Receiver, Webhook};
use crate::samples::{self, Sample};
use crate::source::now;
use crate::stack::{Stack, text};

/// Takes out what only exists once the event was accepted: its id, and when that was.
fn without_acceptance(dialect: Dialect, source: &str, mut body: Value) -> Value {
    let own = source == dialect.name();
    let members: &[&str] = match dialect {
        _ if own => &[],
        Dialect::Canonical => &["/id", "/data/source/received_at"],
        Dialect::Certdirectory => &["/id"],
        // A document that Beedeez did not make was made when the event was received.
        Dialect::Beedeez if source == "canonical" => &["/createdAt", "/updatedAt"],
        Dialect::Beedeez => &["/createdAt"],
        Dialect::Thatsme | Dialect::Toolzz | Dialect::Vec => &[],
    };
    for pointer in members {
        let member = body.pointer_mut(pointer);
        *member.unwrap_or_else(|| panic!("no {pointer}")) = Value::Null;
    }
    body
}

/// Tries a sample for an endpoint of each dialect, then posts it, and compares.
async fn try_and_post(stack: &Stack, sample: Sample, cells: Vec<(Dialect, Cell)>) {
    let college = stack.create_organization().await;
    let mut tried = Vec::new();
    for (dialect, cell) in cells {
        let receiver = Receiver::content().await;
        let members = json!({"dialect": dialect.name()});
        let endpoint = college.subscribe_with(&receiver.url, members).await;
        let path = sample.dry_run(&format!("endpoint={}", endpoint.id));
        let answer = college.api.post_text(&path, &sample.body).await;
        tried.push((dialect, cell, receiver, endpoint, answer.expect(200)));
    }
    let accepted = college.api.post_text(&sample.path, &sample.body).await;
    let accepted = accepted.expect(202);
    for (dialect, cell, receiver, endpoint, answer) in tried {
        let what = format!("{} in {dialect}", sample.name);
        assert_eq!(answer["type"], accepted["type"], "{what}");
        assert_eq!(answer["to"], dialect.name(), "{what}");
        let from = json!([accepted["dialect"], accepted["recognised"]]);
        let read = json!([answer["from"]["dialect"], answer["from"]["recognised"]]);
        assert_eq!(read, from, "{what}");
        assert_eq!(answer["enriched"], json!([]), "{what}");
        assert_eq!(answer["representable"], cell.is_said(), "{what}");
        if !cell.is_said() {
            let why = match &cell {
                Cell::Missing(facts) => json!(["missing_facts", facts]),
                _ => json!(["no_such_type", null]),
            };
            assert_eq!(json!([answer["reason"], answer["missing"]]), why, "{what}");
            let alternatives = json!(["canonical", "native"]);
            assert_eq!(answer["alternatives"], alternatives, "{what}");
            assert!(answer.get("body").is_none(), "{what}");
            continue;
        }
        let approximate = !answer["fallbacks"].as_array().unwrap().is_empty();
        assert_eq!(approximate, cell == Cell::Nearly, "{what}: {answer:#}");
        // A dry run must not make a signature that the endpoint's receiver would believe.
        let signed_with = answer["signed_with"].as_str().unwrap();
        assert_ne!(signed_with, endpoint.secret, "{what}");
        let webhook = &receiver.requests(1).await[0];
        let sent: Value = serde_json::from_slice(&webhook.body).unwrap();
        let compared = |body: &Value| without_acceptance(dialect, sample.dialect(), body.clone());
        assert_eq!(compared(&answer["body"]), compared(&sent), "{what}");
        assert_same_headers(&answer, webhook, &what);
        let body = answer["body"].to_string();
        if *sample.dialect() != *dialect.name() {
            verify(&answer, dialect, signed_with, &body);
        }
    }
}

/// The same names; the same values but for the time, the id and the signatures.
#[track_caller]
fn assert_same_headers(answer: &Value, webhook: &Webhook, what: &str) {
    let changes = ["-signature", "-timestamp", "-id", "-delivery"];
    for (name, value) in answer["headers"].as_object().unwrap() {
        let sent = webhook.header(name);
        if !changes.iter().any(|end| name.ends_with(end)) {
            assert_eq!(value, sent, "{what}: {name}");
        }
    }
    let http = [
        "host",
        "content-length",
        "user-agent",
        "accept",
        "accept-encoding",
    ];
    for name in webhook.headers.keys().map(|name| name.as_str()) {
        let told = answer["headers"].get(name).is_some();
        assert!(told || http.contains(&name), "{what}: {name} was not told");
    }
}

/// Fails unless the shown headers sign the shown body.
#[track_caller]
fn verify(answer: &Value, dialect: Dialect, secret: &str, body: &str) {
    let header = |name: &str| answer["headers"][name].as_str().unwrap_or_default();
    let secret = Secret::parse(secret).unwrap();
    let own = Scheme::of(dialect);
    for scheme in [Scheme::of(Dialect::Canonical), own].into_iter().flatten() {
        let signed = Signed {
            id: header("webhook-id"),
            timestamp: header(TIMESTAMP_HEADER),
            signature: header(scheme.header),
            body: body.as_bytes(),
        };
        let verified = scheme.verify(&secret, signed, now(), TOLERANCE);
        assert_eq!(verified, Ok(()), "{dialect} by {}", scheme.header);
    }
}

#[tokio::test]
async fn a_dry_run_shows_what_is_then_delivered_or_why_nothing_is() {
    let stack = Stack::start().await;
    let lines = matrix::all().into_iter();
    join_all(lines.map(|(sample, cells)| try_and_post(&stack, sample, cells))).await;
}

#[tokio::test]
async fn a_dry_run_for_no_endpoint_is_signed_with_a_secret_that_is_told() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let sample = samples::named("toolzz.activities.certificate.issued");
    for dialect in Dialect::ALL {
        let path = sample.dry_run(&format!("to={dialect}"));
        let answer = college.api.post_text(&path, &sample.body).await.expect(200);
        let secret = text(&answer, "signed_with");
        // The body is written as it is sent: without blanks, in this order.
        let body = match dialect {
            Dialect::Toolzz => sample.body.clone(),
            _ => answer["body"].to_string(),
        };
        verify(&answer, dialect, &secret, &body);
    }
}
