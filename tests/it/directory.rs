//! The directory: who and what an organization's sources mean by their ids.

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples;
use crate::stack::{Organization, Stack};

/// What Beedeez' sample names by nothing but an id.
const RECIPIENT: &str = "recipients/user_id";
const ACHIEVEMENT: &str = "achievements/badge_definition_id";

async fn complete(college: &Organization) -> String {
    let sample = samples::named("beedeez.certificate_completed");
    let accepted = college.api.post_text(&sample.path, &sample.body).await;
    accepted.expect(202)["id"].as_str().unwrap().to_owned()
}

async fn put(college: &Organization, path: &str, body: Value) -> Value {
    college.api.put(path, body).await.expect(200)
}

#[tokio::test]
async fn with_the_directory_an_event_of_beedeez_reaches_who_knows_people_by_address() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (certdirectory, vec) = (Receiver::content().await, Receiver::content().await);
    let canonical = Receiver::content().await;
    let own = Receiver::content().await;
    for (receiver, dialect) in [
        (&certdirectory, "certdirectory"),
        (&vec, "vec"),
        (&canonical, "canonical"),
        (&own, "beedeez"),
    ] {
        let members = json!({"dialect": dialect});
        college.subscribe_with(&receiver.url, members).await;
    }
    let ana = json!({"email": "ana@example.com", "name": "Ana Souza"});
    put(&college, RECIPIENT, ana).await;
    put(&college, ACHIEVEMENT, json!({"name": "Fire Safety"})).await;
    let event = complete(&college).await;

    let body = |webhook: &crate::receiver::Webhook| -> Value {
        serde_json::from_slice(&webhook.body).unwrap()
    };
    let told = body(&certdirectory.requests(1).await[0]);
    assert_eq!(told["type"], "credential.issued");
    assert_eq!(told["data"]["recipientEmail"], "ana@example.com");
    assert_eq!(told["data"]["recipientName"], "Ana Souza");
    assert_eq!(told["data"]["badgeName"], "Fire Safety");
    let told = body(&vec.requests(1).await[0]);
    assert_eq!(told["event"], "certificate_application.approved");
    assert_eq!(told["applicant_email"], "ana@example.com");
    assert_eq!(told["certificate_title"], "Fire Safety");
    let told = body(&canonical.requests(1).await[0]);
    assert_eq!(told["id"], event);
    assert_eq!(
        told["data"]["enriched"],
        json!(["recipient.email", "recipient.name", "achievement.name"])
    );
    let sample = samples::named("beedeez.certificate_completed");
    assert_eq!(own.requests(1).await[0].body, sample.body.as_bytes());
}

#[tokio::test]
async fn what_is_missing_in_the_directory_stays_missing() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let vec = json!({"dialect": "vec"});
    let vec = college.subscribe_with(&receiver.url, vec).await;
    // A line of one list is none of the other, and of one id none of another.
    put(&college, "achievements/user_id", json!({"name": "A"})).await;
    put(
        &college,
        "recipients/user_id2",
        json!({"email": "b@example.com"}),
    )
    .await;
    put(&college, ACHIEVEMENT, json!({"name": "Fire Safety"})).await;
    let event = complete(&college).await;
    let delivery = college.delivery_in(&event, &vec, "skipped").await;
    assert_eq!(delivery["skipped"]["missing"], json!(["recipient.email"]));
}

#[tokio::test]
async fn an_event_that_names_the_person_itself_is_believed() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    college.subscribe(&receiver.url).await;
    let other = json!({"email": "other@example.com", "name": "Other"});
    put(&college, "recipients/emp_5", other).await;
    put(&college, "achievements/badge_77", json!({"name": "Other"})).await;
    let sample = samples::named("canonical.credential.issued");
    let event = college.post_event(&sample.body).await;
    assert_eq!(receiver.requests(1).await[0].body, sample.body.as_bytes());
    let shown = college
        .api
        .get(&format!("events/{event}"))
        .await
        .expect(200);
    assert!(!shown.to_string().contains("Other"), "{shown:#}");
}

#[tokio::test]
async fn a_line_is_written_read_replaced_and_deleted() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    college.api.get(RECIPIENT).await.refusal(404, "not_found");
    let written = put(
        &college,
        RECIPIENT,
        json!({"email": "a@example.com", "name": "A"}),
    )
    .await;
    assert_eq!(written["id"], "user_id");
    assert!(written["updated_at"].is_string());
    assert_eq!(college.api.get(RECIPIENT).await.expect(200), written);

    // Replaced as a whole: the name is gone.
    let replaced = put(&college, RECIPIENT, json!({"email": "b@example.com"})).await;
    assert_eq!(replaced["email"], "b@example.com");
    assert!(replaced["name"].is_null());
    assert_eq!(college.api.get(RECIPIENT).await.expect(200), replaced);

    let written = put(&college, ACHIEVEMENT, json!({"name": "Fire Safety"})).await;
    assert_eq!(written["name"], "Fire Safety");
    assert!(written.get("email").is_none());
    assert_eq!(college.api.get(ACHIEVEMENT).await.expect(200), written);

    for path in [RECIPIENT, ACHIEVEMENT] {
        college.api.delete(path).await.expect(204);
        college.api.get(path).await.refusal(404, "not_found");
        // Deleting what is gone is no error.
        college.api.delete(path).await.expect(204);
    }
}

#[tokio::test]
async fn an_id_may_hold_any_character_that_a_path_can() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let certdirectory = json!({"dialect": "certdirectory"});
    college.subscribe_with(&receiver.url, certdirectory).await;
    let sample = samples::named("beedeez.certificate_completed");
    for (number, (encoded, id)) in [
        ("user%201", "user 1"),
        ("jos%C3%A9%40x", "josé@x"),
        ("a+b", "a+b"),
        ("a%23b%3Ac%3Bd", "a#b:c;d"),
        ("a%2Fb%2Fc", "a/b/c"),
        ("50%25", "50%"),
        ("a%2520b", "a%20b"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("recipients/{encoded}");
        let email = format!("{number}@example.com");
        let written = put(&college, &path, json!({"email": email})).await;
        assert_eq!(written["id"], id, "{encoded}");
        assert_eq!(college.api.get(&path).await.expect(200), written);

        let mut document: Value = serde_json::from_str(&sample.body).unwrap();
        document["_id"] = json!(format!("credential {number}"));
        document["_userId"] = json!(id);
        let accepted = college.api.post(&sample.path, document).await;
        let event = accepted.expect(202);
        let received = receiver.requests(number + 1).await;
        let told = received.iter().find(|it| event["id"] == it.id()).unwrap();
        let told: Value = serde_json::from_slice(&told.body).unwrap();
        assert_eq!(told["data"]["recipientEmail"], email, "{id}");

        // What has an `@` is a person, who is erased, and the line with it.
        if id.contains('@') {
            college.api.delete(&path).await.expect(202);
            continue;
        }
        college.api.delete(&path).await.expect(204);
        college.api.get(&path).await.refusal(404, "not_found");
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_is_refused_with_every_fault() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let long = "x".repeat(321);
    for (path, body, pointers) in [
        (RECIPIENT, json!({}), vec!["/email"]),
        (RECIPIENT, json!({"name": "A"}), vec!["/email"]),
        (
            RECIPIENT,
            json!({"email": 7, "name": 8}),
            vec!["/email", "/name"],
        ),
        (RECIPIENT, json!({"email": ""}), vec!["/email"]),
        (
            RECIPIENT,
            json!({"email": long, "name": long}),
            vec!["/email", "/name"],
        ),
        (
            RECIPIENT,
            json!({"email": "a@example.com", "phone": "1"}),
            vec!["/phone"],
        ),
        (ACHIEVEMENT, json!({}), vec!["/name"]),
        (ACHIEVEMENT, json!({"name": long}), vec!["/name"]),
        (
            ACHIEVEMENT,
            json!({"name": "A", "email": "a@example.com"}),
            vec!["/email"],
        ),
    ] {
        let refused = college.api.put(path, body.clone()).await;
        let places = refused.refusal(422, "validation_error");
        assert_eq!(places, pointers, "{path} {body}");
        college.api.get(path).await.refusal(404, "not_found");
    }
    let not_an_object = college.api.put(RECIPIENT, json!([])).await;
    not_an_object.refusal(400, "unreadable_json");
    let line = json!({"email": "a@example.com"});
    for id in ["%20".to_owned(), "x".repeat(2_000)] {
        let refused = college
            .api
            .put(&format!("recipients/{id}"), line.clone())
            .await;
        assert_eq!(refused.refusal(422, "validation_error"), ["{id}"]);
    }
    let post = college.api.post(RECIPIENT, line).await;
    post.refusal(405, "method_not_allowed");
}

#[tokio::test]
async fn the_directory_of_one_organization_is_nothing_to_another() {
    let stack = Stack::start().await;
    let (college, other) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let receiver = Receiver::content().await;
    let certdirectory = json!({"dialect": "certdirectory"});
    let endpoint = college.subscribe_with(&receiver.url, certdirectory).await;
    put(&other, RECIPIENT, json!({"email": "other@example.com"})).await;
    college.api.get(RECIPIENT).await.refusal(404, "not_found");
    college.api.delete(RECIPIENT).await.expect(204);
    let kept = other.api.get(RECIPIENT).await.expect(200);
    assert_eq!(kept["email"], "other@example.com");

    let event = complete(&college).await;
    let delivery = college.delivery_in(&event, &endpoint, "skipped").await;
    assert_eq!(delivery["skipped"]["missing"], json!(["recipient.email"]));
    assert_eq!(receiver.count(), 0);
    let nobody = stack.caller(None).get(RECIPIENT).await;
    nobody.refusal(401, "unauthorized");
}
