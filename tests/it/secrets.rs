//! Secrets of endpoints: how they lie in the tables, and how one takes the place of another.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use payload::secret::Secret;
use payload::signature::{STANDARD, Signed, THATSME, TOLERANCE, VEC};
use serde_json::{Value, json};

use crate::receiver::{Receiver, Webhook};
use crate::samples::{issued, named};
use crate::stack::{Organization, Stack, text};

#[expect(clippy::disallowed_methods, reason = "a receiver reads its own clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Whether a webhook is signed with this secret, in the way of Standard Webhooks.
fn is_signed(webhook: &Webhook, secret: &str) -> bool {
    let signed = Signed {
        id: webhook.id(),
        timestamp: webhook.header("webhook-timestamp"),
        signature: webhook.header("webhook-signature"),
        body: &webhook.body,
    };
    let secret = Secret::of_source(secret).unwrap();
    STANDARD.verify(&secret, signed, now(), TOLERANCE).is_ok()
}

async fn rotate(college: &Organization, endpoint: &str, options: Value) -> Value {
    let path = format!("endpoints/{endpoint}/rotate-secret");
    college.api.post(&path, options).await.expect(200)
}

/// How often a text is in a file, or in those beside it.
fn occurrences(data: &Path, text: &str) -> usize {
    let files = std::fs::read_dir(data)
        .unwrap()
        .map(|file| file.unwrap().path());
    let count = |file: &Path| {
        let bytes = std::fs::read(file).unwrap();
        let found = bytes
            .windows(text.len())
            .filter(|window| *window == text.as_bytes());
        found.count()
    };
    files.map(|file| count(&file)).sum()
}

#[tokio::test]
async fn what_is_secret_lies_sealed_and_opens_after_a_restart_also_under_the_next_root_key() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::content().await;
    let given = "a-secret-that-is-mine-already";
    let stack = Stack::start_on(data.path()).await;
    let college = stack.create_organization().await;
    let members = json!({
        "secret": given,
        "headers": {"X-Environment": "header-value-to-be-sealed"},
        "auth": {"authType": "bearer_token", "token": "token-to-be-sealed"},
        "ed25519_signature": true,
    });
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    let relay = json!({"dialect": "vec", "secret": "relay-secret-to-be-sealed"});
    let relay = college.api.post("relays", relay).await.expect(201);
    let platform_key = stack.platform_key.clone();
    drop(stack);
    for secret in [
        given,
        "header-value-to-be-sealed",
        "token-to-be-sealed",
        "relay-secret-to-be-sealed",
        "whsk_",
    ] {
        assert_eq!(occurrences(data.path(), secret), 0, "{secret}");
    }
    assert!(
        occurrences(data.path(), &endpoint.id) > 0,
        "the search finds"
    );

    // The operator adds a version.
    let file = data.path().join("secrets.json");
    let secrets = std::fs::read_to_string(&file).unwrap();
    let mut secrets: Value = serde_json::from_str(&secrets).unwrap();
    let root_key = secrets
        .as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap();
    let mut versions: Value = serde_json::from_str(root_key.as_str().unwrap()).unwrap();
    versions["2"] = json!("the next root key, of more than 32 characters");
    versions["current"] = json!("2");
    *root_key = json!(versions.to_string());
    std::fs::write(&file, secrets.to_string()).unwrap();

    let stack = Stack::start_on(data.path()).await;
    let path = format!("organizations/{}/reseal", college.id);
    let platform = stack.caller(Some(&platform_key));
    let resealed = platform.post(&path, json!({})).await.expect(200);
    let all = json!({"endpoints": 1, "relays": 1, "signing_keys": 1});
    assert_eq!(resealed, all);
    let nothing = json!({"endpoints": 0, "relays": 0, "signing_keys": 0});
    assert_eq!(platform.post(&path, json!({})).await.expect(200), nothing);
    drop(stack);

    // The version before is not needed any more.
    versions.as_object_mut().unwrap().remove("1");
    *secrets
        .as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap() = json!(versions.to_string());
    std::fs::write(&file, secrets.to_string()).unwrap();
    let stack = Stack::start_on(data.path()).await;
    let platform = stack.caller(Some(&platform_key)).acting_for(&college.id);
    let posted = platform.post_text("events", &issued("a")).await.expect(202);
    let webhook = receiver.requests(1).await.remove(0);
    assert_eq!(webhook.id(), text(&posted, "id"));
    assert!(is_signed(&webhook, given));
    assert!(webhook.header("webhook-signature").contains(" v1a,"));
    assert_eq!(webhook.header("x-environment"), "header-value-to-be-sealed");
    assert_eq!(webhook.header("authorization"), "Bearer token-to-be-sealed");
    let body = json!({"event": "certificate_application.created"}).to_string();
    let signature = VEC.sign(
        &Secret::of_source("relay-secret-to-be-sealed").unwrap(),
        "",
        now(),
        body.as_bytes(),
    );
    let source = stack.caller(None).with("x-webhook-signature", &signature);
    let path = text(&relay, "url_path");
    let path = path.trim_start_matches("/api/v1/");
    // Signed well, and kept although it cannot be read.
    let answer = source.post_text(path, &body).await.expect(202);
    assert_eq!(answer["quarantined"], true);
}

#[tokio::test]
async fn a_new_secret_and_the_one_before_sign_until_the_overlap_is_over() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let thatsme = Receiver::content().await;
    let vec = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let native = json!({"dialect": "thatsme", "event_types": ["certificate.issued"]});
    let native = college.subscribe_with(&thatsme.url, native).await;
    let bare =
        json!({"dialect": "vec", "event_types": ["credential.issued"], "on_unmappable": "native"});
    let bare = college.subscribe_with(&vec.url, bare).await;
    let rotated = rotate(&college, &endpoint.id, json!({})).await;
    let new = text(&rotated, "secret");
    assert_ne!(new, endpoint.secret);
    let until: Timestamp = text(&rotated, "older_secret_valid_until").parse().unwrap();
    let overlap = until.duration_since(now());
    assert!(
        overlap > SignedDuration::from_mins(23 * 60 + 59)
            && overlap <= SignedDuration::from_hours(24)
    );
    let mine = "a-secret-that-is-mine-already";
    let brought = json!({"secret": mine, "overlap_hours": 168});
    assert_eq!(rotate(&college, &native.id, brought).await["secret"], mine);
    rotate(&college, &bare.id, json!({"secret": mine})).await;

    let sample = named("thatsme.certificate.issued");
    college.post_event(&sample.body).await;
    let webhook = receiver.requests(1).await.remove(0);
    assert!(is_signed(&webhook, &endpoint.secret) && is_signed(&webhook, &new));
    let webhook = thatsme.requests(1).await.remove(0);
    for secret in [native.secret.as_str(), mine] {
        let signed = Signed {
            id: "",
            timestamp: "",
            signature: webhook.header(THATSME.header),
            body: &webhook.body,
        };
        let secret = Secret::of_source(secret).unwrap();
        assert_eq!(THATSME.verify(&secret, signed, now(), TOLERANCE), Ok(()));
    }
    // There is no room for a second signature: the receiver still knows the first secret.
    let webhook = vec.requests(1).await.remove(0);
    assert!(is_signed(&webhook, &bare.secret) && is_signed(&webhook, mine));

    let last = rotate(&college, &endpoint.id, json!({"overlap_hours": 0})).await;
    assert!(last.get("older_secret_valid_until").is_none());
    let shown = college.api.get(&format!("endpoints/{}", endpoint.id)).await;
    assert!(shown.expect(200).get("secret").is_none());
    // What is remembered of an endpoint is a few seconds old.
    let webhook = receiver
        .until(&college, |webhook| {
            is_signed(webhook, &text(&last, "secret"))
        })
        .await;
    assert!(!is_signed(&webhook, &new) && !is_signed(&webhook, &endpoint.secret));
}

#[tokio::test]
async fn a_rotation_that_cannot_be_is_refused_and_changes_nothing() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let path = format!("endpoints/{}/rotate-secret", endpoint.id);
    for (body, pointer) in [
        (json!({"secret": "x".repeat(23)}), "/secret"),
        (json!({"secret": "x".repeat(65)}), "/secret"),
        (json!({"secret": 7}), "/secret"),
        (json!({"overlap_hours": 169}), "/overlap_hours"),
        (json!({"overlap": 1}), "/overlap"),
    ] {
        let refused = college.api.post(&path, body).await;
        assert_eq!(refused.refusal(422, "validation_error"), [pointer]);
    }
    rotate(&college, &endpoint.id, json!({})).await;
    let third = rotate(&college, &endpoint.id, json!({})).await;
    let fourth = college.api.post(&path, json!({})).await;
    fourth.refusal(409, "too_many_secrets");
    college.post_event(&issued("a")).await;
    let webhook = receiver.requests(1).await.remove(0);
    assert!(is_signed(&webhook, &endpoint.secret) && is_signed(&webhook, &text(&third, "secret")));
    assert_eq!(webhook.header("webhook-signature").split(' ').count(), 3);
}
