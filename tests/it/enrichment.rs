//! What earlier events of a credential said helps later ones that leave it out.

use serde_json::{Value, json};

use crate::receiver::{Receiver, Webhook};
use crate::samples;
use crate::stack::{Endpoint, Organization, Stack};

const ISSUED: &str = "thatsme.certificate.issued";
const ACCEPTED: &str = "thatsme.certificate.accepted";
const EXPIRED: &str = "thatsme.certificate.expired";

struct Subscriber {
    receiver: Receiver,
    endpoint: Endpoint,
}

async fn subscriber(college: &Organization, dialect: &str) -> Subscriber {
    let receiver = Receiver::content().await;
    let members = json!({"dialect": dialect});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    Subscriber { receiver, endpoint }
}

async fn post(college: &Organization, name: &str) -> String {
    college.post_event(&samples::named(name).body).await
}

fn body(webhook: &Webhook) -> Value {
    serde_json::from_slice(&webhook.body).unwrap()
}

#[tokio::test]
async fn an_expiry_is_told_with_what_the_issue_said() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let beedeez = subscriber(&college, "beedeez").await;
    let canonical = subscriber(&college, "canonical").await;
    let thatsme = subscriber(&college, "thatsme").await;
    post(&college, ISSUED).await;
    beedeez.receiver.requests(1).await;
    let expired = post(&college, EXPIRED).await;

    let received = beedeez.receiver.requests(2).await;
    let names: Vec<&str> = received
        .iter()
        .map(|webhook| webhook.header("x-webhook-event"))
        .collect();
    assert_eq!(names, ["certificate_completed", "certificate_expired"]);
    let [completed, expiry] = [body(&received[0]), body(&received[1])];
    assert_eq!(expiry["creationDate"], "2026-03-18T10:30:00.000Z");
    assert_eq!(expiry["expires"], "2026-03-18T00:00:00.000Z");
    let name = json!({"name": "English Level 2 Certificate"});
    assert_eq!(expiry["ruleData"], name);
    for id in ["_id", "_userId", "_ownerId", "_badgeId"] {
        assert_eq!(expiry[id], completed[id], "{id}");
    }

    let enriched = json!([
        "credential.issued_at",
        "achievement.id",
        "achievement.name",
        "recipient.name"
    ]);
    let received = canonical.receiver.requests(2).await;
    let told = received.iter().find(|it| it.id() == expired).unwrap();
    let told = body(told);
    assert_eq!(told["data"]["enriched"], enriched);
    assert_eq!(
        told["data"]["credential"]["issued_at"],
        "2026-03-18T10:30:00.000Z"
    );
    assert_eq!(told["data"]["recipient"]["name"], "Leonardo Silva");

    let received = thatsme.receiver.requests(2).await;
    let own = received.iter().find(|it| it.id() == expired).unwrap();
    assert_eq!(own.body, samples::named(EXPIRED).body.as_bytes());
    let shown = college.api.get(&format!("events/{expired}")).await;
    let shown = shown.expect(200);
    assert_eq!(shown["received"], samples::named(EXPIRED).body);
    assert_eq!(shown["canonical"], told);
}

#[tokio::test]
async fn an_expiry_without_the_issue_is_skipped() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let beedeez = subscriber(&college, "beedeez").await;
    // The issue of another credential says nothing about this one.
    let other = samples::named(ISSUED).body.replace("inv_abc123", "inv_2");
    college.post_event(&other).await;
    beedeez.receiver.requests(1).await;
    let expired = post(&college, EXPIRED).await;
    let skipped = college
        .delivery_in(&expired, &beedeez.endpoint, "skipped")
        .await;
    assert_eq!(
        skipped["skipped"]["missing"],
        json!(["credential.issued_at"])
    );
}

#[tokio::test]
async fn the_last_word_counts_and_silence_forgets_nothing() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let canonical = subscriber(&college, "canonical").await;
    post(&college, ISSUED).await;
    let accepted = samples::named(ACCEPTED).body;
    let accepted = accepted.replace("English Level 2 Certificate", "English B1");
    college.post_event(&accepted).await;
    post(&college, "thatsme.certificate.rejected").await;
    let expired = post(&college, EXPIRED).await;
    let received = canonical.receiver.requests(4).await;
    let told = body(received.iter().find(|it| it.id() == expired).unwrap());
    let data = &told["data"];
    assert_eq!(data["achievement"]["name"], "English B1");
    assert_eq!(data["achievement"]["id"], "badge_def456");
    assert_eq!(
        data["credential"]["url"],
        "https://thatsme.com.br/c/post_ghi012"
    );
    assert_eq!(data["credential"]["hash"], "a3f9b2c1d4e5...");
    // What happened to it is no fact that stays true.
    assert!(data["credential"]["accepted_at"].is_null());
    assert!(data["credential"]["declined_at"].is_null());
    assert_eq!(data["credential"]["status"], "expired");
}

/// With the members that `CertDirectory`'s one example has, and no others.
fn bare(event: &str, name: &str, at: &str) -> String {
    json!({
        "id": event, "type": name, "createdAt": at,
        "data": {
            "credentialId": "CRD-ZBUYQMTA",
            "credentialUuid": "7d9f2a34-6b1e-4c58-9a0d-3e5f7b8c9d01",
            "badgeId": "0c4be7a2-91d3-4f6a-8b25-6a7c8d9e0f12",
            "recipientEmail": "jane@example.com",
        },
    })
    .to_string()
}

#[tokio::test]
async fn the_time_of_an_issue_that_names_no_other_date_is_the_date_of_issue() {
    let stack = Stack::start().await;
    let expired = bare("evt_2", "credential.expired", "2027-01-15T10:00:05.000Z");
    let alone = stack.create_organization().await;
    let beedeez = subscriber(&alone, "beedeez").await;
    let event = alone.post_event(&expired).await;
    let skipped = alone
        .delivery_in(&event, &beedeez.endpoint, "skipped")
        .await;
    assert_eq!(
        skipped["skipped"]["missing"],
        json!(["credential.issued_at"])
    );

    let college = stack.create_organization().await;
    let beedeez = subscriber(&college, "beedeez").await;
    let issued = bare("evt_1", "credential.issued", "2026-01-15T10:00:00.000Z");
    college.post_event(&issued).await;
    let completed = body(&beedeez.receiver.requests(1).await[0]);
    assert_eq!(completed["creationDate"], "2026-01-15T10:00:00.000Z");
    let event = college.post_event(&expired).await;
    college
        .delivery_in(&event, &beedeez.endpoint, "delivered")
        .await;
    let expiry = body(&beedeez.receiver.requests(2).await[1]);
    assert_eq!(expiry["creationDate"], completed["creationDate"]);
    assert_eq!(expiry["expires"], "2027-01-15T10:00:05.000Z");
}

#[tokio::test]
async fn the_members_that_certdirectory_documents_are_not_enough_for_others() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let thatsme = subscriber(&college, "thatsme").await;
    for (number, (name, missing)) in [
        (
            "credential.issued",
            json!(["achievement.name", "activity.name", "recipient.name"]),
        ),
        (
            "credential.claimed",
            json!([
                "achievement.name",
                "activity.name",
                "credential.hash",
                "credential.issued_at",
                "credential.url",
                "recipient.name"
            ]),
        ),
        ("credential.expired", json!(["activity.name"])),
    ]
    .into_iter()
    .enumerate()
    {
        let event = bare("evt_1", name, "2026-01-15T10:00:00.000Z");
        let event = event
            .replace("evt_1", &format!("evt_{number}"))
            .replace("7d9f2a34", &format!("0000000{number}"));
        let event = college.post_event(&event).await;
        let skipped = college
            .delivery_in(&event, &thatsme.endpoint, "skipped")
            .await;
        assert_eq!(skipped["skipped"]["missing"], missing, "{name}");
    }
}

#[tokio::test]
async fn a_canonical_event_stays_as_received_and_is_converted_with_what_was_known() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let canonical = subscriber(&college, "canonical").await;
    let certdirectory = subscriber(&college, "certdirectory").await;
    post(&college, "canonical.credential.issued").await;
    certdirectory.receiver.requests(1).await;
    let revoked = samples::named("canonical.credential.revoked").body;
    let event = college.post_event(&revoked).await;

    let received = canonical.receiver.requests(2).await;
    let own = received.iter().find(|it| it.id() == event).unwrap();
    assert_eq!(own.body, revoked.as_bytes());
    let told = body(&certdirectory.receiver.requests(2).await[1]);
    assert_eq!(told["type"], "credential.revoked");
    assert_eq!(told["data"]["recipientEmail"], "ana@example.com");
    assert_eq!(told["data"]["badgeName"], "Forklift Operator");
    assert_eq!(
        told["data"]["revocationReason"],
        "Issued to the wrong person"
    );
    let shown = college
        .api
        .get(&format!("events/{event}"))
        .await
        .expect(200);
    assert_eq!(shown["received"], revoked);
    let enriched = shown["canonical"]["data"]["enriched"].as_array().unwrap();
    assert!(enriched.contains(&json!("recipient.email")), "{enriched:?}");
}

#[tokio::test]
async fn what_is_known_helps_an_event_that_is_too_large_to_be_kept_twice() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let beedeez = subscriber(&college, "beedeez").await;
    post(&college, ISSUED).await;
    beedeez.receiver.requests(1).await;
    let noise = (0..250 * 1024).map(|_| char::from(rand::random_range(b'#'..=b'[')));
    let noise: String = noise.collect();
    let sample = samples::named(EXPIRED).body;
    let end = sample.rfind('}').unwrap();
    let large = format!("{}, \"noise\": \"{noise}\"}}", sample[..end].trim_end());
    let event = college.post_event(&large).await;
    let ended = |delivery: &Value| delivery["status"] != "pending";
    let delivery = college.delivery(&event, &beedeez.endpoint, ended).await;
    assert_eq!(delivery["status"], "delivered", "{delivery:#}");
    let expiry = body(&beedeez.receiver.requests(2).await[1]);
    assert_eq!(expiry["creationDate"], "2026-03-18T10:30:00.000Z");
}

#[tokio::test]
async fn what_one_organization_knows_never_helps_another() {
    let stack = Stack::start().await;
    let (college, other) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let beedeez = subscriber(&college, "beedeez").await;
    let canonical = subscriber(&college, "canonical").await;
    let theirs = subscriber(&other, "beedeez").await;
    post(&other, ISSUED).await;
    theirs.receiver.requests(1).await;
    let expired = post(&college, EXPIRED).await;
    college
        .delivery_in(&expired, &beedeez.endpoint, "skipped")
        .await;
    let told = body(&canonical.receiver.requests(1).await[0]);
    assert_eq!(told["data"]["enriched"], json!([]));
    assert_eq!(beedeez.receiver.count(), 0);
    // The same of the surrogates: the same credential is another one there.
    post(&other, EXPIRED).await;
    theirs.receiver.requests(2).await;
    post(&college, ISSUED).await;
    let [ours, theirs] = [
        body(&beedeez.receiver.requests(1).await[0]),
        body(&theirs.receiver.received()[0]),
    ];
    assert_eq!(ours["ruleData"], theirs["ruleData"]);
    assert_ne!(ours["_id"], theirs["_id"]);
}
