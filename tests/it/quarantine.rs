//! Quarantine: what came through a relay and could not be read, and how it becomes an event after all.

use futures::future::join_all;
use payload::dialect::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples;
use crate::source::Source;
use crate::stack::{Organization, Stack, text};

/// A Beedeez document, which does not say what happened.
fn document() -> String {
    samples::named("beedeez.certificate_completed").body
}

/// A certificate of That's Me.
fn certificate() -> String {
    samples::named("thatsme.certificate.issued").body
}

/// Sends what cannot be read, and answers its id.
async fn quarantine(source: &Source, body: &[u8]) -> String {
    let answer = source.send("", body).await.expect(202);
    assert_eq!(answer["quarantined"], true, "{answer:#}");
    text(&answer, "id")
}

async fn row(college: &Organization, id: &str) -> Value {
    let path = format!("quarantine/{id}");
    college.api.get(&path).await.expect(200)
}

/// The path by which a webhook is replayed.
fn replay(id: &str) -> String {
    format!("quarantine/{id}/replay")
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_202_kept_as_it_came_and_listed() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    college.subscribe(&receiver.url).await;
    let thatsme = Source::create(&stack, &college, Dialect::Thatsme).await;
    let beedeez = Source::create(&stack, &college, Dialect::Beedeez).await;
    let unknown = certificate().replace("certificate.issued", "certificate.lost");
    let nameless = document();
    let incomplete = certificate().replace("recipient_email", "email");
    let bodies: [(&Source, &[u8], &str, &[&str]); 8] = [
        (&thatsme, b"", "unreadable_json", &[]),
        (&thatsme, b"event=certificate", "unreadable_json", &[]),
        (&thatsme, b"[1]", "unreadable_json", &[]),
        (&thatsme, b"{\"event\": \"\xff\"}", "unreadable_json", &[]),
        (
            &thatsme,
            unknown.as_bytes(),
            "validation_error",
            &["/event"],
        ),
        (
            &thatsme,
            incomplete.as_bytes(),
            "validation_error",
            &["/data/recipient_email"],
        ),
        (
            &beedeez,
            nameless.as_bytes(),
            "event_type_required",
            &["?event"],
        ),
        (&beedeez, b"{}", "event_type_required", &["?event"]),
    ];
    let mut sent = Vec::new();
    for (source, body, error, pointers) in bodies {
        let answer = source.send("", body).await.expect(202);
        assert_eq!(answer["quarantined"], true);
        assert_eq!(answer["error"], error, "{answer:#}");
        assert_eq!(answer["recognised"], "named");
        let details = answer["details"].as_object().unwrap();
        assert_eq!(details.keys().collect::<Vec<_>>(), pointers);

        let id = text(&answer, "id");
        let kept = row(&college, &id).await;
        for member in ["error", "message", "details", "dialect"] {
            assert_eq!(kept[member], answer[member], "{member}");
        }
        assert_eq!(kept["relay_id"], source.id);
        assert_eq!(kept["length"], body.len());
        assert!(kept["replayed_as"].is_null());
        match std::str::from_utf8(body) {
            Ok(body) => assert_eq!(kept["body"], body),
            Err(_) => assert_eq!(kept["body_base64"], "eyJldmVudCI6ICL/In0="),
        }
        sent.push(id);
    }
    sent.sort_by(|a, b| b.cmp(a));
    for limit in [1, 3, 100] {
        let listed = college.api.pages("quarantine", limit).await;
        let ids: Vec<String> = listed.iter().map(|item| text(item, "id")).collect();
        assert_eq!(ids, sent, "limit {limit}");
        let bare = |item: &Value| item["body"].is_null() && item["body_base64"].is_null();
        assert!(listed.iter().all(bare));
    }
    assert!(college.api.pages("events", 10).await.is_empty());
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_corrected_body_is_delivered() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college
        .subscribe_with(&receiver.url, json!({"dialect": "thatsme"}))
        .await;
    let source = Source::create(&stack, &college, Dialect::Thatsme).await;
    let wrong = certificate().replace("recipient_email", "email");
    let id = quarantine(&source, wrong.as_bytes()).await;
    let answer = college.api.post_text(&replay(&id), &certificate()).await;
    let accepted = answer.expect(202);
    assert_eq!(accepted["type"], "credential.issued");
    assert_eq!(accepted["duplicate"], false);

    let webhook = receiver.requests(1).await.remove(0);
    webhook.verify(&endpoint.secret);
    assert_eq!(webhook.id(), text(&accepted, "id"));
    assert_eq!(webhook.body, certificate().as_bytes());
    let kept = row(&college, &id).await;
    assert_eq!(kept["replayed_as"], accepted["id"]);
    assert_eq!(kept["body"], wrong, "the webhook stays as it came");
}

#[tokio::test]
async fn a_document_becomes_an_event_when_what_happened_is_named() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let source = Source::create(&stack, &college, Dialect::Beedeez).await;
    let id = quarantine(&source, document().as_bytes()).await;
    let came = text(&row(&college, &id).await, "received_at");
    let path = format!("{}?event=certificate_completed", replay(&id));
    let accepted = college.api.post_bytes(&path, Vec::new()).await.expect(202);
    assert_eq!(accepted["dialect"], "beedeez");
    let webhook = receiver.requests(1).await.remove(0);
    webhook.verify(&endpoint.secret);
    let canonical: Value = serde_json::from_slice(&webhook.body).unwrap();
    assert_eq!(canonical["data"]["source"]["received_at"], came);
    let event = format!("events/{}", text(&accepted, "id"));
    let event = college.api.get(&event).await.expect(200);
    assert_eq!(event["received"], document());
}

#[tokio::test]
async fn a_relay_of_the_wrong_dialect_is_mended_by_naming_the_right_one() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Toolzz).await;
    let id = quarantine(&source, certificate().as_bytes()).await;
    let path = format!("{}?dialect=thatsme", replay(&id));
    let accepted = college.api.post_bytes(&path, Vec::new()).await.expect(202);
    assert_eq!(accepted["dialect"], "thatsme");
    let path = format!("{}?dialect=morse", replay(&id));
    let again = college.api.post_bytes(&path, Vec::new()).await.expect(200);
    assert_eq!(again["id"], accepted["id"]);
}

#[tokio::test]
async fn a_webhook_is_one_event_however_often_it_is_replayed() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let source = Source::create(&stack, &college, Dialect::Beedeez).await;
    let id = quarantine(&source, document().as_bytes()).await;
    let path = format!("{}?event=certificate_completed", replay(&id));
    let at_once = (0..6).map(|_| college.api.post_bytes(&path, Vec::new()));
    let answers = join_all(at_once).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 202]);
    let event = text(&answers[0].body, "id");
    assert!(answers.iter().all(|answer| answer.body["id"] == event));

    // Whatever is said the next time: it became this event.
    let other = document().replace("badge_user_id", "another");
    for (query, body) in [
        ("", String::new()),
        ("?event=certificate_expired", String::new()),
        ("?event=certificate_completed", other),
    ] {
        let path = format!("{}{query}", replay(&id));
        let again = college.api.post_text(&path, &body).await.expect(200);
        assert_eq!(
            (&again["id"], &again["duplicate"]),
            (&json!(event), &json!(true))
        );
        assert_eq!(again["type"], "credential.issued");
        assert_eq!(again["endpoints"], json!([endpoint.id]));
    }
    college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(college.api.pages("events", 10).await.len(), 1);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_copy_that_came_in_order_is_the_same_event() {
    // Also where a replay ended after its event was accepted and before the row said so.
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Beedeez).await;
    let first = quarantine(&source, document().as_bytes()).await;
    let second = quarantine(&source, document().as_bytes()).await;
    let suffix = "/certificate_completed";
    let accepted = source.send(suffix, document().as_bytes()).await.expect(202);
    for id in [first, second] {
        let path = format!("{}?event=certificate_completed", replay(&id));
        let replayed = college.api.post_bytes(&path, Vec::new()).await.expect(200);
        assert_eq!(replayed["id"], accepted["id"]);
        assert_eq!(row(&college, &id).await["replayed_as"], accepted["id"]);
    }
    assert_eq!(college.api.pages("events", 10).await.len(), 1);
}

#[tokio::test]
async fn what_still_cannot_be_read_stays_as_it_is() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Thatsme).await;
    let wrong = certificate().replace("recipient_email", "email");
    let id = quarantine(&source, wrong.as_bytes()).await;
    let before = row(&college, &id).await;
    let post = async |query: &str, body: &[u8]| {
        let path = format!("{}{query}", replay(&id));
        college.api.post_bytes(&path, body.to_vec()).await
    };
    let same = post("", b"").await;
    assert_eq!(same.body["dialect"], "thatsme");
    assert_eq!(
        same.refusal(422, "validation_error"),
        ["/data/recipient_email"]
    );
    post("", b"not JSON").await.refusal(422, "unreadable_json");
    let other = post("?dialect=morse", b"").await;
    other.refusal(422, "unknown_dialect");
    let large = vec![b' '; 256 * 1024 + 1];
    post("", &large).await.refusal(413, "body_too_large");
    assert_eq!(row(&college, &id).await, before);
    assert!(college.api.pages("events", 10).await.is_empty());
}

#[tokio::test]
async fn what_was_quarantined_is_seen_by_its_own_organization_only() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let source = Source::create(&stack, &college, Dialect::Beedeez).await;
    let id = quarantine(&source, document().as_bytes()).await;
    let routes = |id: &str| {
        let named = format!("quarantine/{id}");
        let event = format!("{}?event=certificate_completed", replay(id));
        [
            (Method::GET, named.clone()),
            (Method::DELETE, named),
            (Method::POST, event),
        ]
    };
    let nobodys = routes("qrt_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    for ((method, path), (_, nobodys)) in routes(&id).into_iter().zip(nobodys) {
        let theirs = school.api.send(method.clone(), &path, None).await;
        let missing = school.api.send(method.clone(), &nobodys, None).await;
        assert_eq!((theirs.status, &theirs.body), (404, &missing.body));
        let unnamed = stack.caller(None).send(method.clone(), &path, None).await;
        unnamed.refusal(401, "unauthorized");
        let named = school.api.acting_for(&college.id);
        let named = named.send(method, &path, None).await;
        named.refusal(403, "forbidden");
    }
    assert!(school.api.pages("quarantine", 10).await.is_empty());
    row(&college, &id).await;
    assert!(college.api.pages("events", 10).await.is_empty());
    let acting = stack.platform().acting_for(&college.id);
    assert_eq!(acting.pages("quarantine", 10).await.len(), 1);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_the_event_it_became_stays() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Thatsme).await;
    let id = quarantine(&source, b"{}").await;
    let accepted = college.api.post_text(&replay(&id), &certificate()).await;
    let event = format!("events/{}", text(&accepted.expect(202), "id"));
    let path = format!("quarantine/{id}");
    college.api.delete(&path).await.expect(204);
    for gone in [
        college.api.get(&path).await,
        college.api.delete(&path).await,
        college.api.post_text(&replay(&id), &certificate()).await,
    ] {
        gone.refusal(404, "not_found");
    }
    assert!(college.api.pages("quarantine", 10).await.is_empty());
    college.api.get(&event).await.expect(200);
    let refused = college.api.get(&replay(&id)).await;
    refused.refusal(405, "method_not_allowed");
}

#[tokio::test]
async fn a_body_of_thousands_of_faults_is_kept_with_the_first_hundred() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Toolzz).await;
    let sample = samples::named("toolzz.activities.certificate.issued").body;
    let mut body: Value = serde_json::from_str(&sample).unwrap();
    body["data"]["school"]["managers"] = json!(vec![1; 100_000]);
    let answer = source.send("", body.to_string().as_bytes()).await;
    let answer = answer.expect(202);
    assert_eq!(answer["details"].as_object().unwrap().len(), 100);
    let id = text(&answer, "id");
    let kept = row(&college, &id).await;
    assert_eq!(kept["details"], answer["details"]);
    assert_eq!(kept["body"], body.to_string());
    let same = college.api.post_bytes(&replay(&id), Vec::new()).await;
    assert_eq!(same.refusal(422, "validation_error").len(), 100);
}
