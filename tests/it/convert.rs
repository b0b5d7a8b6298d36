//! The dry run: what an event would become, without storing or sending anything.

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples;
use crate::stack::Stack;

const ISSUED: &str = "thatsme.certificate.issued";
const EXPIRED: &str = "thatsme.certificate.expired";

#[tokio::test]
async fn replaced_ids_and_fallbacks_are_named() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let sample = samples::named(EXPIRED);
    let answer = college
        .api
        .post_text("convert?to=certdirectory", &sample.body);
    let answer = answer.await.expect(200);
    assert_eq!(answer["event"], "credential.expired");
    assert_eq!(
        answer["fallbacks"],
        json!([
            {"pointer": "/data/badgeId", "from": "activity.id"},
            {"pointer": "/data/expirationDate", "from": "credential.expired_at"},
        ])
    );
    assert_eq!(
        answer["surrogates"],
        json!([
            {"pointer": "/data/credentialUuid", "original": "inv_abc123"},
            {"pointer": "/data/badgeId", "original": "evt_xyz789"},
        ])
    );
}

#[tokio::test]
async fn a_dry_run_stores_nothing_and_sends_nothing() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let beedeez = json!({"dialect": "beedeez"});
    let beedeez = college.subscribe_with(&receiver.url, beedeez).await;
    let [issued, expired] = [samples::named(ISSUED).body, samples::named(EXPIRED).body];
    let path = format!("convert?endpoint={}", beedeez.id);
    let issue = college.api.post_text(&path, &issued).await.expect(200);
    assert_eq!(issue["representable"], true);
    // The issue was not remembered.
    let expiry = college.api.post_text(&path, &expired).await.expect(200);
    assert_eq!(expiry["missing"], json!(["credential.issued_at"]));
    for path in [
        "events",
        "deliveries",
        &format!("endpoints/{}/stats", beedeez.id),
    ] {
        let list = college.api.get(path).await.expect(200);
        assert_eq!(list["data"], json!([]), "{path}");
    }
    // Nor is its natural key taken.
    let event = college.post_event(&issued).await;
    let received = receiver.requests(1).await;
    assert_eq!((received.len(), received[0].id()), (1, event.as_str()));

    // What was really posted is known.
    let expiry = college.api.post_text(&path, &expired).await.expect(200);
    assert_eq!(expiry["representable"], true);
    let enriched = expiry["enriched"].as_array().unwrap();
    assert!(enriched.contains(&json!("credential.issued_at")));
}

#[tokio::test]
async fn a_bad_body_has_the_same_problem_as_when_it_is_posted() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let without = |name: &str, pointer: &str, member: &str| {
        let mut body: Value = serde_json::from_str(&samples::named(name).body).unwrap();
        let object = body.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        object.remove(member).unwrap();
        body.to_string()
    };
    for (query, body, status, code) in [
        ("", "{".to_owned(), 400, "unreadable_json"),
        ("", "\"\u{e9}".to_owned(), 400, "unreadable_json"),
        ("", "[]".to_owned(), 400, "unreadable_json"),
        ("", "{}".to_owned(), 422, "unknown_dialect"),
        (
            "",
            without(ISSUED, "/data", "invitation_id"),
            422,
            "validation_error",
        ),
        (
            "dialect=thatsme",
            without(ISSUED, "", "data"),
            422,
            "validation_error",
        ),
        (
            "dialect=vec",
            samples::named(ISSUED).body,
            422,
            "validation_error",
        ),
        (
            "",
            samples::named("beedeez.certificate_expired").body,
            422,
            "event_type_required",
        ),
        (
            "event=certificate_lost",
            samples::named("beedeez.certificate_expired").body,
            422,
            "validation_error",
        ),
        (
            "dialect=beedeez&event=certificate_expired",
            "{}".to_owned(),
            422,
            "validation_error",
        ),
        (
            "",
            format!("{{\"a\": \"{}\"}}", "x".repeat(256 * 1024)),
            413,
            "body_too_large",
        ),
    ] {
        let posted = college
            .api
            .post_text(&format!("events?{query}"), &body)
            .await;
        let tried = college
            .api
            .post_text(&format!("convert?to=canonical&{query}"), &body)
            .await;
        let what = &body[..body.len().min(80)];
        assert_eq!(tried.body, posted.body, "{query} {what}");
        assert_eq!((tried.status, posted.status), (status, status), "{what}");
        assert_eq!(tried.body["error"], code, "{what}");
        if code == "validation_error" {
            assert!(tried.body["dialect"].is_string(), "{:#}", tried.body);
            let named = query.contains("dialect=");
            let recognised = if named { "named" } else { "by_members" };
            assert_eq!(tried.body["recognised"], recognised);
            assert!(!tried.body["details"].as_object().unwrap().is_empty());
        }
    }
    let event = college.api.with("x-webhook-event", "certificate_expired");
    let body = samples::named("beedeez.certificate_expired").body;
    let named = event.post_text("convert?to=canonical", &body).await;
    assert_eq!(named.expect(200)["type"], "credential.expired");
}

#[tokio::test]
async fn a_dry_run_is_for_one_dialect_or_one_of_the_callers_endpoints() {
    let stack = Stack::start().await;
    let (college, other) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let theirs = other.subscribe("https://api.example.com/webhooks").await;
    let mine = college.subscribe("https://api.example.com/webhooks").await;
    let body = samples::named(ISSUED).body;
    let tried = async |query: &str| {
        college
            .api
            .post_text(&format!("convert{query}"), &body)
            .await
    };
    let both = format!("?to=vec&endpoint={}", mine.id);
    for query in ["", "?to=morse", &both] {
        let refused = tried(query).await;
        assert_eq!(refused.refusal(422, "validation_error"), ["?to"], "{query}");
    }
    for id in [&theirs.id, "ep_1"] {
        let refused = tried(&format!("?endpoint={id}")).await;
        refused.refusal(404, "not_found");
    }
    let nobody = stack.caller(None).post_text("convert?to=vec", &body).await;
    nobody.refusal(401, "unauthorized");
    college
        .api
        .get("convert?to=vec")
        .await
        .refusal(405, "method_not_allowed");
}

#[tokio::test]
async fn the_options_of_the_endpoint_count() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let url = "https://api.example.com/webhooks";
    let strict = json!({"dialect": "certdirectory", "surrogate_ids": false});
    let strict = college.subscribe_with(url, strict).await;
    let downcast = json!({"dialect": "vec", "downcast_renewed": true, "cloudevents": true});
    let downcast = college.subscribe_with(url, downcast).await;
    let tried = async |endpoint: &str, name: &str| {
        let sample = samples::named(name);
        let path = sample.dry_run(&format!("endpoint={endpoint}"));
        college.api.post_text(&path, &sample.body).await.expect(200)
    };
    let answer = tried(&strict.id, ISSUED).await;
    assert_eq!(
        answer["missing"],
        json!(["achievement.id", "credential.id"])
    );
    let answer = tried(&downcast.id, ISSUED).await;
    assert_eq!(answer["headers"]["ce-type"], "credential.issued");
    let answer = tried(&downcast.id, "certdirectory.credential.renewed").await;
    assert_eq!(answer["reason"], "missing_facts");
    let mut renewed: Value =
        serde_json::from_str(&samples::named("certdirectory.credential.renewed").body).unwrap();
    renewed["data"]["badgeName"] = json!("First Aid");
    let path = format!("convert?endpoint={}", downcast.id);
    let answer = college.api.post(&path, renewed).await.expect(200);
    assert_eq!(answer["type"], "credential.renewed");
    assert_eq!(answer["event"], "certificate_application.approved");
}
