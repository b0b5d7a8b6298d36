//! What a subscriber of each dialect gets of each event: body, headers and signature.

use std::collections::BTreeSet;

use futures::future::join_all;
use payload::dialect::Dialect;
use payload::secret::Secret;
use payload::signature::{
    CERTDIRECTORY, ID_HEADER, Signed, THATSME, TIMESTAMP_HEADER, TOLERANCE, VEC,
};
use serde_json::{Value, json};

use crate::matrix::{self, Cell};
use crate::native;
use crate::receiver::{Receiver, Reply, Webhook};
use crate::samples::{self, Sample};
use crate::source::now;
use crate::stack::{Endpoint, Stack};

/// The header by which an endpoint of these tests says what it reads.
const READS: &str = "x-reads";

/// A sample and what became of it for an endpoint of a dialect.
struct Told {
    what: String,
    source: String,
    dialect: Dialect,
    cell: Cell,
    endpoint: Endpoint,
    received: String,
    canonical: Value,
    delivery: Value,
    webhook: Option<Webhook>,
}

impl Told {
    fn body(&self) -> Value {
        let webhook = self.webhook.as_ref().unwrap();
        serde_json::from_slice(&webhook.body).unwrap()
    }
}

/// Posts every sample to an organization of its own, so that nothing is known but the event, and waits
/// until its delivery to an endpoint of each dialect has ended.
async fn tell_all(stack: &Stack) -> Vec<Told> {
    let receiver = Receiver::content().await;
    let lines = matrix::all();
    let told = lines
        .into_iter()
        .map(|(sample, cells)| tell(stack, &receiver, sample, cells));
    let told: Vec<Told> = join_all(told).await.into_iter().flatten().collect();
    let sent = told.iter().filter(|told| told.webhook.is_some()).count();
    assert_eq!(receiver.count(), sent, "each delivery is sent once");
    told
}

async fn tell(
    stack: &Stack,
    receiver: &Receiver,
    sample: Sample,
    cells: Vec<(Dialect, Cell)>,
) -> Vec<Told> {
    let college = stack.create_organization().await;
    let mut subscribed = Vec::new();
    for (dialect, cell) in cells {
        let members = json!({"dialect": dialect.name(), "headers": {READS: dialect.name()}});
        let endpoint = college.subscribe_with(&receiver.url, members).await;
        subscribed.push((dialect, cell, endpoint));
    }
    let accepted = college.api.post_text(&sample.path, &sample.body).await;
    let accepted = accepted.expect(202);
    let event = accepted["id"].as_str().unwrap();
    let shown = college
        .api
        .get(&format!("events/{event}"))
        .await
        .expect(200);
    let mut told = Vec::new();
    for (dialect, cell, endpoint) in subscribed {
        let ended = |delivery: &Value| delivery["status"] != "pending";
        let delivery = college.delivery(event, &endpoint, ended).await;
        let received = receiver.received().into_iter();
        let webhook = received
            .into_iter()
            .find(|webhook| webhook.id() == event && webhook.header(READS) == dialect.name());
        told.push(Told {
            what: format!("{} in {dialect}", sample.name),
            source: sample.dialect().to_owned(),
            dialect,
            cell,
            endpoint,
            received: sample.body.clone(),
            canonical: shown["canonical"].clone(),
            delivery,
            webhook,
        });
    }
    told
}

#[tokio::test]
async fn every_event_is_delivered_in_every_dialect_or_skipped_as_the_matrices_say() {
    let stack = Stack::start().await;
    for told in tell_all(&stack).await {
        let (what, delivery) = (&told.what, &told.delivery);
        let skipped = match &told.cell {
            Cell::NoSuchType => json!({"reason": "no_such_type"}),
            Cell::Missing(facts) => json!({"reason": "missing_facts", "missing": facts}),
            Cell::Received | Cell::Whole | Cell::Nearly => Value::Null,
        };
        let (status, attempts) = if told.cell.is_said() {
            ("delivered", 1)
        } else {
            ("skipped", 0)
        };
        assert_eq!(delivery["status"], status, "{what}: {delivery:#}");
        assert_eq!(delivery["skipped"], skipped, "{what}");
        assert_eq!(delivery["attempts"], attempts, "{what}");
        assert_eq!(told.webhook.is_some(), told.cell.is_said(), "{what}");
        if told.cell == Cell::Received {
            let webhook = told.webhook.as_ref().unwrap();
            assert_eq!(webhook.body, told.received.as_bytes(), "{what}");
        } else if told.dialect == Dialect::Canonical {
            assert_eq!(told.body(), told.canonical, "{what}");
        }
    }
}

/// The headers that only this dialect has.
fn own_headers(dialect: Dialect) -> BTreeSet<String> {
    let names: &[&str] = match dialect {
        Dialect::Canonical | Dialect::Toolzz => &[],
        Dialect::Thatsme => &["x-tm-signature", "x-tm-event", "x-tm-delivery"],
        Dialect::Vec => &[
            "x-webhook-signature",
            "x-webhook-event",
            "x-webhook-id",
            "x-webhook-timestamp",
        ],
        Dialect::Certdirectory => &["x-certdirectory-signature", "x-certdirectory-event"],
        Dialect::Beedeez => &["x-webhook-source", "x-webhook-event"],
    };
    names.iter().map(ToString::to_string).collect()
}

/// The headers of a webhook that are any dialect's own.
fn native_headers(webhook: &Webhook) -> BTreeSet<String> {
    let names = webhook.headers.keys().map(ToString::to_string);
    let prefixes = ["x-tm-", "x-webhook-", "x-certdirectory-"];
    names
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

/// The dialect's header with the name of the event, and where the body says the same.
const fn event_name(dialect: Dialect) -> Option<(&'static str, &'static str)> {
    match dialect {
        Dialect::Thatsme => Some(("x-tm-event", "event")),
        Dialect::Vec => Some(("x-webhook-event", "event")),
        Dialect::Certdirectory => Some(("x-certdirectory-event", "type")),
        Dialect::Canonical | Dialect::Toolzz | Dialect::Beedeez => None,
    }
}

#[tokio::test]
async fn what_is_delivered_has_the_headers_of_its_dialect_and_of_no_other() {
    let stack = Stack::start().await;
    for told in tell_all(&stack).await {
        let (what, dialect) = (&told.what, told.dialect);
        let Some(webhook) = &told.webhook else {
            continue;
        };
        webhook.verify(&told.endpoint.secret);
        assert_eq!(native_headers(webhook), own_headers(dialect), "{what}");
        assert_eq!(webhook.header("content-type"), "application/json");
        for absent in ["x-dialect", "authorization", "ce-id"] {
            assert!(!webhook.headers.contains_key(absent), "{what}: {absent}");
        }
        let body = told.body();
        if let Some((header, member)) = event_name(dialect) {
            assert_eq!(body[member], webhook.header(header), "{what}");
        }
        match dialect {
            Dialect::Thatsme => native::assert_uuid(webhook.header("x-tm-delivery")),
            Dialect::Vec => {
                let id = webhook.header("x-webhook-id");
                native::assert_uuid(id);
                // VEC's own body names VEC's endpoint, and stays as it is.
                if told.cell != Cell::Received {
                    assert_eq!(body["webhook_id"], id, "{what}");
                }
                let sent_at = webhook.header("x-webhook-timestamp");
                let sent_at: jiff::Timestamp = sent_at.parse().unwrap();
                let seconds = sent_at.as_second().to_string();
                assert_eq!(seconds, webhook.header(TIMESTAMP_HEADER), "{what}");
            }
            Dialect::Beedeez => {
                assert_eq!(webhook.header("x-webhook-source"), "beedeez");
                let name = webhook.header("x-webhook-event");
                let event_type = told.canonical["type"].as_str().unwrap();
                let expected = match event_type {
                    "credential.issued" => "certificate_completed",
                    _ => "certificate_expired",
                };
                assert_eq!(name, expected, "{what}");
            }
            Dialect::Toolzz => {
                let slug = &body["event"]["slug"];
                assert_eq!(slug, "activities.certificate.issued", "{what}");
            }
            Dialect::Canonical | Dialect::Certdirectory => {}
        }
    }
}

#[tokio::test]
async fn a_receiver_that_checks_its_own_systems_signature_accepts_what_it_gets() {
    let stack = Stack::start().await;
    let mut checked = BTreeSet::new();
    for told in tell_all(&stack).await {
        let Some(webhook) = &told.webhook else {
            continue;
        };
        let (scheme, accepts): (_, fn(&Webhook, &str) -> bool) = match told.dialect {
            Dialect::Thatsme => (THATSME, native::thatsme_accepts),
            Dialect::Vec => (VEC, native::vec_accepts),
            Dialect::Certdirectory => (CERTDIRECTORY, native::certdirectory_accepts),
            Dialect::Canonical | Dialect::Toolzz | Dialect::Beedeez => continue,
        };
        let secret = &told.endpoint.secret;
        assert!(accepts(webhook, secret), "{}", told.what);
        assert!(!accepts(webhook, "whsec_of_somebody_else"), "{}", told.what);
        let signed = Signed {
            id: webhook.header(ID_HEADER),
            timestamp: webhook.header(TIMESTAMP_HEADER),
            signature: webhook.header(scheme.header),
            body: &webhook.body,
        };
        let verified = scheme.verify(&Secret::parse(secret).unwrap(), signed, now(), TOLERANCE);
        assert_eq!(verified, Ok(()), "{}", told.what);
        checked.insert((told.dialect, told.source == told.dialect.name()));
    }
    // In the system's own bytes and in converted ones.
    assert_eq!(checked.len(), 6, "{checked:?}");
}

#[tokio::test]
async fn a_secret_that_the_receiver_already_has_signs_with_its_text() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let secret = "the-secret-from-before-the-move";
    let members = json!({"dialect": "thatsme", "secret": secret});
    college.subscribe_with(&receiver.url, members).await;
    college
        .post_event(&samples::named("thatsme.certificate.issued").body)
        .await;
    let webhook = &receiver.requests(1).await[0];
    assert!(native::thatsme_accepts(webhook, secret));
    webhook.verify(secret);
}

#[tokio::test]
async fn a_second_attempt_is_the_same_delivery_signed_anew() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut subscribed = Vec::new();
    for dialect in Dialect::ALL {
        let receiver = Receiver::start([Reply::Status(500), Reply::Status(204)]).await;
        let members = json!({"dialect": dialect.name()});
        let endpoint = college.subscribe_with(&receiver.url, members).await;
        subscribed.push((dialect, receiver, endpoint));
    }
    let sample = samples::named("toolzz.activities.certificate.issued");
    let event = college.post_event(&sample.body).await;
    let mut deliveries = BTreeSet::new();
    for (dialect, receiver, endpoint) in &subscribed {
        let attempts = receiver.requests(2).await;
        let [first, second] = &attempts[..] else {
            panic!("{} attempts for {dialect}", attempts.len())
        };
        assert_eq!(first.body, second.body, "{dialect}");
        assert_eq!(first.id(), event);
        let same = native_headers(first)
            .into_iter()
            .filter(|name| !name.ends_with("-signature") && !name.ends_with("-timestamp"));
        for name in same.chain([ID_HEADER.to_owned()]) {
            assert_eq!(first.header(&name), second.header(&name), "{dialect}");
        }
        assert_ne!(
            first.header(TIMESTAMP_HEADER),
            second.header(TIMESTAMP_HEADER)
        );
        for attempt in [first, second] {
            attempt.verify(&endpoint.secret);
            if *dialect == Dialect::Thatsme {
                assert!(native::thatsme_accepts(attempt, &endpoint.secret));
                native::assert_uuid(attempt.header("x-tm-delivery"));
                deliveries.insert(attempt.header("x-tm-delivery").to_owned());
            }
        }
    }
    assert_eq!(deliveries.len(), 1);
}
