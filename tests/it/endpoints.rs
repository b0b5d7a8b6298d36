//! Endpoints: making, reading, changing and deleting them.

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples::{self, issued};
use crate::stack::{Stack, text};

const URL: &str = "https://api.example.com/webhooks";

#[tokio::test]
async fn the_configuration_of_beedeez_is_taken_as_documented() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = json!({
        "name": "Certificate Notifications",
        "url": "https://api.yourcompany.com/webhooks/certificates",
        "eventTypes": ["certificate_completed", "certificate_expired"],
        "dialect": "beedeez",
    });
    let endpoint = college
        .api
        .post("endpoints", body.clone())
        .await
        .expect(201);
    assert_eq!(endpoint["name"], body["name"]);
    assert_eq!(endpoint["url"], body["url"]);
    assert_eq!(
        endpoint["event_types"],
        json!(["credential.issued", "credential.expired"])
    );
    assert_eq!(endpoint["dialect"], "beedeez");
    assert_eq!(endpoint["enabled"], true);
    assert_eq!(endpoint["retry_schedule"], "standard");
    assert_eq!(endpoint["timeout_seconds"], 15);

    let mut disabled = body;
    disabled["enabled"] = json!(false);
    let endpoint = college.api.post("endpoints", disabled).await.expect(201);
    assert_eq!(endpoint["enabled"], false);
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let made = college.subscribe(URL).await;
    assert!(made.secret.starts_with("whsec_"));
    let path = format!("endpoints/{}", made.id);
    for answer in [
        college.api.get(&path).await.expect(200),
        college.api.get("endpoints").await.expect(200),
        college
            .api
            .patch(&path, json!({"name": "n"}))
            .await
            .expect(200),
    ] {
        assert!(!answer.to_string().contains("whsec_"), "{answer:#}");
    }
    let other = college.subscribe(URL).await;
    assert_ne!(made.secret, other.secret);
}

#[tokio::test]
async fn wildcards_and_native_names_select_event_types() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for (dialect, patterns, kept) in [
        ("canonical", json!(["*"]), json!(["*"])),
        (
            "canonical",
            json!(["credential.*", "application.failed"]),
            json!(["credential.*", "application.failed"]),
        ),
        (
            "thatsme",
            json!(["certificate.rejected"]),
            json!(["credential.declined"]),
        ),
        (
            "certdirectory",
            json!(["credential.claimed", "bulk_issuance.completed"]),
            json!(["credential.accepted", "issuance_batch.completed"]),
        ),
        (
            "toolzz",
            json!(["activities.certificate.issued"]),
            json!(["credential.issued"]),
        ),
        (
            "beedeez",
            json!(["credential.issued", "certificate_completed"]),
            json!(["credential.issued"]),
        ),
    ] {
        let body = json!({"url": URL, "dialect": dialect, "event_types": patterns});
        let endpoint = college.api.post("endpoints", body).await.expect(201);
        assert_eq!(endpoint["event_types"], kept);
    }

    let receiver = Receiver::content().await;
    let group = json!({"event_types": ["credential.*"]});
    college.subscribe_with(&receiver.url, group).await;
    let student = stack.create_organization().await;
    let native = json!({"dialect": "thatsme", "event_types": ["certificate.expired"]});
    let only = student.subscribe_with(&receiver.url, native).await;
    let accepted = async |name: &str| {
        let event = samples::named(&format!("thatsme.{name}")).body;
        student.api.post_text("events", &event).await.expect(202)
    };
    let issue = accepted("certificate.issued").await;
    assert_eq!(issue["endpoints"], json!([]));
    let expiry = accepted("certificate.expired").await;
    assert_eq!(expiry["endpoints"], json!([only.id]));
    let received = receiver.requests(1).await;
    assert_eq!(received[0].id(), expiry["id"]);
    assert_eq!(received[0].header("x-tm-event"), "certificate.expired");
}

#[tokio::test]
async fn every_fault_of_a_configuration_is_named() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let create = async |body: Value| college.api.post("endpoints", body).await;
    for (body, pointers) in [
        (json!({}), vec!["/event_types", "/url"]),
        (json!({"url": URL, "event_types": []}), vec!["/event_types"]),
        (
            json!({"url": URL, "event_types": ["*", "nothing"]}),
            vec!["/event_types/1"],
        ),
        (
            json!({"url": URL, "eventTypes": ["certificate_completed"], "dialect": "thatsme"}),
            vec!["/eventTypes/0"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "eventTypes": ["*"]}),
            vec!["/eventTypes"],
        ),
        (
            json!({"url": URL, "event_types": "*"}),
            vec!["/event_types"],
        ),
        (json!({"url": "/hook", "event_types": ["*"]}), vec!["/url"]),
        (
            json!({"url": "ftp://example.com/", "event_types": ["*"]}),
            vec!["/url"],
        ),
        (
            json!({"url": "https://u:p@example.com/", "event_types": ["*"]}),
            vec!["/url"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "retries": 3}),
            vec!["/retries"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "secret": "short"}),
            vec!["/secret"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "secret": 7}),
            vec!["/secret"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "dialect": "morse"}),
            vec!["/dialect"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "enabled": "yes"}),
            vec!["/enabled"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "timeout_seconds": 0}),
            vec!["/timeout_seconds"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "timeout_seconds": 31}),
            vec!["/timeout_seconds"],
        ),
        (
            json!({"url": URL, "event_types": ["*"], "name": "n".repeat(256)}),
            vec!["/name"],
        ),
    ] {
        let what = body.to_string();
        let refused = create(body).await;
        assert_eq!(refused.refusal(422, "validation_error"), pointers, "{what}");
    }
    create(json!([])).await.refusal(400, "unreadable_json");
    let list = college.api.get("endpoints").await.expect(200);
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn a_change_leaves_what_it_does_not_name() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = json!({"name": "Registry", "url": URL, "event_types": ["credential.*"], "timeout_seconds": 7});
    let made = college.api.post("endpoints", body).await.expect(201);
    let path = format!("endpoints/{}", text(&made, "id"));
    let changed = college
        .api
        .patch(&path, json!({"enabled": false}))
        .await
        .expect(200);
    let read = college.api.get(&path).await.expect(200);
    assert_eq!(changed, read);
    for member in [
        "id",
        "name",
        "url",
        "event_types",
        "dialect",
        "timeout_seconds",
        "created_at",
    ] {
        assert_eq!(read[member], made[member], "{member}");
    }
    assert_eq!(read["enabled"], false);
    assert!(text(&read, "updated_at") >= text(&made, "updated_at"));

    let moved = json!({"url": "https://example.org/", "event_types": ["*"], "name": "Other", "timeout_seconds": 30});
    let read = college.api.patch(&path, moved).await.expect(200);
    assert_eq!(
        (&read["url"], &read["timeout_seconds"]),
        (&json!("https://example.org/"), &json!(30))
    );
    assert_eq!(read["enabled"], false);
    for (body, pointer) in [
        (json!({"retries": 3}), "/retries"),
        (json!({"id": "ep_1"}), "/id"),
        (json!({"secret": "whsec_x"}), "/secret"),
        (json!({"url": "nowhere"}), "/url"),
        (json!({"event_types": []}), "/event_types"),
    ] {
        let refused = college.api.patch(&path, body).await;
        assert_eq!(refused.refusal(422, "validation_error"), [pointer]);
    }
    assert_eq!(college.api.get(&path).await.expect(200), read);
}

#[tokio::test]
async fn changes_at_the_same_time_do_not_undo_each_other() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let endpoint = college.subscribe(URL).await;
    let path = format!("endpoints/{}", endpoint.id);
    let (renamed, slowed) = tokio::join!(
        college.api.patch(&path, json!({"name": "Renamed"})),
        college.api.patch(&path, json!({"timeout_seconds": 3})),
    );
    renamed.expect(200);
    slowed.expect(200);
    let read = college.api.get(&path).await.expect(200);
    assert_eq!(
        (&read["name"], &read["timeout_seconds"]),
        (&json!("Renamed"), &json!(3))
    );
}

#[tokio::test]
async fn a_deleted_endpoint_is_gone() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (gone, stays) = (college.subscribe(URL).await, college.subscribe(URL).await);
    let path = format!("endpoints/{}", gone.id);
    college.api.delete(&path).await.expect(204);
    for refused in [
        college.api.get(&path).await,
        college.api.patch(&path, json!({"name": "n"})).await,
        college.api.delete(&path).await,
        college.api.get(&format!("{path}/deliveries")).await,
    ] {
        refused.refusal(404, "not_found");
    }
    let list = college.api.get("endpoints").await.expect(200);
    let ids: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["id"])
        .collect();
    assert_eq!(ids, [&stays.id]);
    let accepted = college
        .api
        .post_text("events", &issued("a"))
        .await
        .expect(202);
    assert_eq!(accepted["endpoints"], json!([stays.id]));
}

#[tokio::test]
async fn an_organization_has_at_most_100_endpoints_and_an_event_reaches_all_of_them() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    for _ in 0..100 {
        college.subscribe(&receiver.url).await;
    }
    let body = json!({"url": URL, "event_types": ["*"]});
    let refused = college.api.post("endpoints", body).await;
    refused.refusal(409, "too_many_endpoints");
    let list = college.api.get("endpoints").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 100);

    let event = college.post_event(&issued("a")).await;
    assert_eq!(receiver.requests(100).await.len(), 100);
    let path = format!("events/{event}/deliveries");
    let deliveries = college.api.get(&path).await.expect(200);
    assert_eq!(deliveries["data"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn the_platform_manages_endpoints_for_an_organization() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let platform = stack.platform();
    let body = json!({"url": URL, "event_types": ["*"]});
    let unnamed = platform.post("endpoints", body.clone()).await;
    unnamed.refusal(400, "organization_required");
    let acting = platform.acting_for(&college.id);
    let made = acting.post("endpoints", body).await.expect(201);
    let path = format!("endpoints/{}", text(&made, "id"));
    assert_eq!(college.api.get(&path).await.expect(200)["url"], URL);
    acting.delete(&path).await.expect(204);
    college.api.get(&path).await.refusal(404, "not_found");
}
