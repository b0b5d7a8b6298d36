//! `POST /api/v1/events`: what is accepted, and what is the same event.

use serde_json::{Value, json};

use crate::samples::{self, issued};
use crate::stack::{Stack, text};

#[tokio::test]
async fn an_accepted_event_is_durable_and_names_its_endpoints() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let endpoint = college.subscribe("http://127.0.0.1:9/").await;
    let body = issued("diploma-1");
    let accepted = college.api.post_text("events", &body).await.expect(202);
    assert_eq!(accepted["type"], "credential.issued");
    assert_eq!(accepted["timestamp"], "2026-03-18T10:30:00.000Z");
    assert_eq!(accepted["dialect"], "canonical");
    assert_eq!(accepted["recognised"], "by_members");
    assert_eq!(accepted["endpoints"], json!([endpoint.id]));
    assert_eq!(accepted["duplicate"], false);

    let path = format!("events/{}", text(&accepted, "id"));
    let kept = college.api.get(&path).await.expect(200);
    assert_eq!(kept["received"], body);
    assert_eq!(kept["credential_id"], "diploma-1");
}

#[tokio::test]
async fn every_sample_is_accepted_in_its_dialect() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for sample in samples::all() {
        let answer = college.api.post_text(&sample.path, &sample.body).await;
        let accepted = answer.expect(202);
        assert_eq!(accepted["dialect"], sample.dialect(), "{}", sample.name);
        let named = format!("{}dialect={}", separator(&sample.path), sample.dialect());
        let path = format!("{}{named}", sample.path);
        let again = college.api.post_text(&path, &sample.body).await.expect(200);
        assert_eq!(again["recognised"], "named", "{}", sample.name);
        assert_eq!(again["id"], accepted["id"], "{}", sample.name);
    }
}

fn separator(path: &str) -> char {
    if path.contains('?') { '&' } else { '?' }
}

#[tokio::test]
async fn a_repeated_event_is_the_first_one_even_when_written_differently() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for sample in samples::all() {
        let post = async |body: &str| college.api.post_text(&sample.path, body).await;
        let first = post(&sample.body).await.expect(202);
        let value: Value = serde_json::from_str(&sample.body).unwrap();
        for body in [
            sample.body.clone(),
            value.to_string(),
            format!(" {value:#}\n"),
        ] {
            let again = post(&body).await.expect(200);
            assert_eq!(again["id"], first["id"], "{}", sample.name);
            assert_eq!(again["duplicate"], true, "{}", sample.name);
        }
    }
    let events = college.api.pages("events", 100).await;
    assert_eq!(events.len(), samples::all().len());
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_body() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let keyed = college.api.with("idempotency-key", "award-1");
    let first = keyed.post_text("events", &issued("a")).await.expect(202);
    let again = keyed.post_text("events", &issued("a")).await.expect(200);
    assert_eq!(
        (&again["id"], &again["duplicate"]),
        (&first["id"], &json!(true))
    );
    for other in [issued("b"), format!("{} ", issued("a"))] {
        let refused = keyed.post_text("events", &other).await;
        assert!(refused.refusal(409, "idempotency_conflict").is_empty());
    }

    let other_key = college.api.with("idempotency-key", "award-2");
    let second = other_key
        .post_text("events", &issued("a"))
        .await
        .expect(202);
    assert_ne!(second["id"], first["id"]);

    let school = stack.create_organization().await;
    let theirs = school.api.with("idempotency-key", "award-1");
    theirs.post_text("events", &issued("b")).await.expect(202);
}

#[tokio::test]
async fn an_idempotency_key_that_is_not_ascii_is_not_passed_over() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let keyed = college.api.with("idempotency-key", "prêmio-1");
    let mut accepted = 0;
    for credential in ["a", "b"] {
        let answer = keyed.post_text("events", &issued(credential)).await;
        assert!([202, 409, 422].contains(&answer.status), "{answer:?}");
        accepted += usize::from(answer.status == 202);
    }
    assert!(accepted <= 1, "two bodies were accepted under one key");
}

#[tokio::test]
async fn of_different_bodies_with_one_key_at_once_one_is_accepted() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let keyed = college.api.with("idempotency-key", "award-1");
    let events: Vec<String> = (0..10).map(|number| issued(&format!("{number}"))).collect();
    let posts = events.iter().map(|event| keyed.post_text("events", event));
    let answers = futures::future::join_all(posts).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[202][..], &[409; 9]].concat());
    assert_eq!(college.api.pages("events", 100).await.len(), 1);
}

#[tokio::test]
async fn the_same_document_for_another_event_is_another_body() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let document = samples::named("beedeez.certificate_completed").body;
    let keyed = college.api.with("idempotency-key", "award-1");
    let post = async |event: &str| {
        keyed
            .post_text(&format!("events?event={event}"), &document)
            .await
    };
    post("certificate_completed").await.expect(202);
    post("certificate_expired")
        .await
        .refusal(409, "idempotency_conflict");
}

#[tokio::test]
async fn times_without_a_zone_are_in_the_zone_of_the_organization() {
    let stack = Stack::start().await;
    let sample = samples::named("toolzz.activities.certificate.issued");
    let mut times = Vec::new();
    for zone in ["America/Sao_Paulo", "Europe/Lisbon"] {
        let body = json!({"name": zone, "time_zone": zone});
        let made = stack
            .platform()
            .post("organizations", body)
            .await
            .expect(201);
        let college = stack.platform().acting_for(&text(&made, "id"));
        let accepted = college.post_text("events", &sample.body).await.expect(202);
        let time: jiff::Timestamp = text(&accepted, "timestamp").parse().unwrap();
        times.push(time);
    }
    let hours = times[0].duration_since(times[1]).as_hours();
    assert!((3..=4).contains(&hours), "{times:?}");
    let odd = json!({"name": "Odd", "time_zone": "Mars/Olympus"});
    let refused = stack.platform().post("organizations", odd).await;
    assert_eq!(refused.refusal(422, "validation_error"), ["/time_zone"]);
}
