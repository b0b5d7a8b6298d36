//! `POST /api/v1/events`: every refusal, and the limits up to which there is none.

use payload::token::ApiKey;
use reqwest::Method;
use serde_json::json;

use crate::receiver::Receiver;
use crate::samples::{self, issued};
use crate::stack::{Stack, text};

/// Largest body of one event, bytes.
const MAX_BODY: usize = 256 * 1024;

/// An event of exactly so many bytes.
fn event_of_length(credential: &str, length: usize) -> String {
    let mut event = issued(credential);
    event.extend(std::iter::repeat_n(' ', length - event.len()));
    event
}

#[tokio::test]
async fn an_idempotency_key_has_1_to_255_characters() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for (length, status) in [(0, 422), (1, 202), (255, 202), (256, 422)] {
        let keyed = college.api.with("idempotency-key", &"k".repeat(length));
        let answer = keyed
            .post_text("events", &issued(&format!("{length}")))
            .await;
        assert_eq!(answer.status, status, "{length}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_400() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"{\"event\": }",
        b"[1]",
        b"7",
        b"null",
        b"{} {}",
        b"{\"type\": \"\xff\"}",
    ];
    for body in bodies {
        let refused = college.api.post_bytes("events", body.to_vec()).await;
        refused.refusal(400, "unreadable_json");
    }
}

#[tokio::test]
async fn an_unknown_dialect_is_422() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let post = async |path: &str, body: &str| college.api.post_text(path, body).await;
    post("events", "{}").await.refusal(422, "unknown_dialect");
    post("events", r#"{"hello": "world"}"#)
        .await
        .refusal(422, "unknown_dialect");
    let named = post("events?dialect=morse", &issued("a")).await;
    named.refusal(422, "unknown_dialect");
}

#[tokio::test]
async fn a_body_that_does_not_say_what_happened_needs_the_event_named() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let document = samples::named("beedeez.certificate_completed").body;
    let unnamed = college.api.post_text("events", &document).await;
    unnamed.refusal(422, "event_type_required");
    let unknown = college
        .api
        .post_text("events?event=certificate_lost", &document)
        .await;
    assert_eq!(unknown.refusal(422, "validation_error"), ["?event"]);
    let header = college.api.with("x-webhook-event", "certificate_completed");
    header.post_text("events", &document).await.expect(202);
}

#[tokio::test]
async fn every_invalid_field_is_named_by_its_pointer() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = json!({
        "event": "certificate.issued", "created_at": "yesterday",
        "data": {
            "invitation_id": "inv_1", "event_id": 7, "event_name": "English", "badge_id": "b",
            "badge_name": "", "recipient_name": ["Ana"], "issued_at": "2026-03-18T10:30:00Z",
        },
    });
    let refused = college.api.post("events", body).await;
    assert_eq!(refused.body["dialect"], "thatsme");
    assert_eq!(
        refused.refusal(422, "validation_error"),
        [
            "/created_at",
            "/data/badge_name",
            "/data/recipient_email",
            "/data/recipient_name"
        ]
    );
    let unknown = r#"{"type": "credential.lost", "timestamp": "2026-03-18T10:30:00Z", "data": {}}"#;
    let refused = college.api.post_text("events", unknown).await;
    assert_eq!(refused.refusal(422, "validation_error"), ["/type"]);
    assert!(
        college.api.pages("events", 10).await.is_empty(),
        "a refused event was kept"
    );
}

#[tokio::test]
async fn a_refusal_does_not_repeat_what_was_sent() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = json!({
        "event": "certificate.issued", "created_at": "ana@example.com",
        "data": {"recipient_email": {"ana@example.com": 1}},
    });
    let refused = college.api.post("events", body).await.expect(422);
    assert!(
        !refused.to_string().contains("ana@example.com"),
        "{refused:#}"
    );
}

#[tokio::test]
async fn a_body_over_256_kib_is_413() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let post = async |body: String| college.api.post_text("events", &body).await;
    post(event_of_length("fits", MAX_BODY)).await.expect(202);
    let refused = post(event_of_length("does not", MAX_BODY + 1)).await;
    refused.refusal(413, "body_too_large");
}

#[tokio::test]
async fn the_largest_body_is_accepted_whatever_it_holds() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let members = json!({"dialect": "thatsme"});
    college.subscribe_with(&receiver.url, members).await;
    // Text at random hardly shrinks when it is compressed, and is kept twice: as received and in canonical form.
    let sample = samples::named("thatsme.certificate.issued").body;
    let start = format!(
        "{}, \"noise\": \"",
        sample[..sample.rfind('}').unwrap()].trim_end()
    );
    let plain = |_| loop {
        let byte = rand::random_range(b' '..=b'~');
        if !b"\"\\".contains(&byte) {
            return char::from(byte);
        }
    };
    let noise: String = (0..MAX_BODY - start.len() - 2).map(plain).collect();
    let body = format!("{start}{noise}\"}}");
    assert_eq!(body.len(), MAX_BODY);
    let accepted = college.api.post_text("events", &body).await.expect(202);
    assert_eq!(receiver.requests(1).await[0].body, body.as_bytes());
    let path = format!("events/{}", text(&accepted, "id"));
    assert_eq!(college.api.get(&path).await.expect(200)["received"], body);
}

#[tokio::test]
async fn a_missing_or_bad_key_is_401_on_every_route() {
    let stack = Stack::start().await;
    let unknown = ApiKey::generate(&mut rand::rng());
    let other_scheme = stack.caller(None).with("authorization", "Basic Y2s6Y2s=");
    for caller in [
        stack.caller(None),
        stack.caller(Some("ck_live_replace_with_an_api_key")),
        stack.caller(Some(unknown.expose())),
        other_scheme,
    ] {
        for (method, path) in [
            (Method::POST, "events"),
            (Method::POST, "events/batch"),
            (Method::GET, "events"),
            (Method::GET, "endpoints"),
            (Method::GET, "organizations"),
        ] {
            let body = (method == Method::POST).then(|| issued("a").into_bytes());
            caller
                .send(method, path, body)
                .await
                .refusal(401, "unauthorized");
        }
    }
}

#[tokio::test]
async fn the_platform_names_an_organization_that_exists() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let platform = stack.platform();
    for path in ["events", "events/batch"] {
        let body = format!("[{}]", issued("a"));
        let body = if path == "events" {
            &issued("a")
        } else {
            &body
        };
        let post = async |named: Option<&str>| match named {
            Some(id) => platform.acting_for(id).post_text(path, body).await,
            None => platform.post_text(path, body).await,
        };
        post(None).await.refusal(400, "organization_required");
        for unknown in [
            "org_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "org_1",
            "Example College",
            "",
        ] {
            post(Some(unknown)).await.refusal(404, "not_found");
        }
        assert!(post(Some(&college.id)).await.status < 300);
    }
}

#[tokio::test]
async fn a_method_or_a_route_that_does_not_exist_is_said() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for path in ["events", "endpoints", "deliveries", "events/evt_1"] {
        let refused = college.api.send(Method::PUT, path, None).await;
        refused.refusal(405, "method_not_allowed");
    }
    college.api.get("nothing").await.refusal(404, "not_found");
    college
        .api
        .get("events/batch")
        .await
        .refusal(404, "not_found");
}
