//! What counts as known: what was accepted, in the order in which it happened, also within a batch, and
//! what the directory says when a delivery is tried again.

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples;
use crate::stack::{Organization, Stack};

/// A credential of That's Me and the name of its recipient, in the words of that system.
fn issued(credential: &str, name: &str) -> Value {
    let mut body: Value =
        serde_json::from_str(&samples::named("thatsme.certificate.issued").body).unwrap();
    body["data"]["invitation_id"] = json!(credential);
    body["data"]["recipient_name"] = json!(name);
    body
}

fn expired(credential: &str) -> Value {
    let mut body: Value =
        serde_json::from_str(&samples::named("thatsme.certificate.expired").body).unwrap();
    body["data"]["invitation_id"] = json!(credential);
    body
}

/// The canonical form of an event.
async fn canonical(college: &Organization, event: &str) -> Value {
    let event = college.api.get(&format!("events/{event}")).await;
    event.expect(200)["canonical"].clone()
}

#[tokio::test]
async fn a_line_added_to_the_directory_helps_a_delivery_that_was_skipped() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let certdirectory = json!({"dialect": "certdirectory"});
    let endpoint = college.subscribe_with(&receiver.url, certdirectory).await;
    let sample = samples::named("beedeez.certificate_completed");
    let accepted = college.api.post_text(&sample.path, &sample.body).await;
    let event = accepted.expect(202)["id"].as_str().unwrap().to_owned();
    let skipped = college.delivery_in(&event, &endpoint, "skipped").await;
    assert_eq!(skipped["skipped"]["missing"], json!(["recipient.email"]));

    let ana = json!({"email": "ana@example.com"});
    college.api.put("recipients/user_id", ana).await.expect(200);
    let retry = format!("events/{event}/deliveries/{}/retry", endpoint.id);
    college.api.post(&retry, json!({})).await.expect(202);
    let delivered = college.delivery_in(&event, &endpoint, "delivered").await;
    assert!(delivered.get("skipped").is_none());
    let sent: Value = serde_json::from_slice(&receiver.requests(1).await[0].body).unwrap();
    assert_eq!(sent["data"]["recipientEmail"], "ana@example.com");
}

#[tokio::test]
async fn events_of_one_credential_in_a_batch_are_accepted_in_their_order() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let beedeez = json!({"dialect": "beedeez"});
    college.subscribe_with(&receiver.url, beedeez).await;
    let credentials: Vec<String> = (0..20).map(|number| format!("inv_{number}")).collect();
    let issues = credentials.iter().map(|id| issued(id, "Ana"));
    let expiries = credentials.iter().map(|id| expired(id));
    let batch: Vec<Value> = issues.chain(expiries).collect();
    let answer = college
        .api
        .post("events/batch", json!(batch))
        .await
        .expect(200);
    let results = answer["results"].as_array().unwrap();
    let types: Vec<&str> = results
        .iter()
        .map(|result| result["type"].as_str().unwrap())
        .collect();
    assert_eq!(types[..20], ["credential.issued"; 20]);
    assert_eq!(types[20..], ["credential.expired"; 20]);
    // Without the date of issue an expiry cannot be told to Beedeez.
    assert_eq!(receiver.requests(40).await.len(), 40);
}

#[tokio::test]
async fn the_same_event_in_other_words_teaches_nothing() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    college
        .post_event(&issued("inv_1", "Ana").to_string())
        .await;
    let other = issued("inv_1", "Somebody Else").to_string();
    let repeated = college.api.post_text("events", &other).await.expect(200);
    assert_eq!(repeated["duplicate"], true);
    let event = college.post_event(&expired("inv_1").to_string()).await;
    let canonical = canonical(&college, &event).await;
    assert_eq!(canonical["data"]["recipient"]["name"], "Ana");
}

#[tokio::test]
async fn an_older_event_that_comes_late_does_not_undo_a_newer_one() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut accepted: Value =
        serde_json::from_str(&samples::named("thatsme.certificate.accepted").body).unwrap();
    accepted["data"]["recipient_name"] = json!("Ana Souza");
    college.post_event(&accepted.to_string()).await;
    let invitation = accepted["data"]["invitation_id"].as_str().unwrap();
    college
        .post_event(&issued(invitation, "A. Souza").to_string())
        .await;
    let event = college.post_event(&expired(invitation).to_string()).await;
    let canonical = canonical(&college, &event).await;
    assert_eq!(canonical["data"]["recipient"]["name"], "Ana Souza");
}

#[tokio::test]
async fn a_certificate_of_toolzz_asked_for_again_is_flagged_and_its_repeat_is_not() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let sample = samples::named("toolzz.activities.certificate.issued").body;
    let again = sample.replace(
        "\"certified_at\": \"2023-08-28 20:47:31\"",
        "\"certified_at\": \"2023-08-29 09:00:00\"",
    );
    assert_ne!(sample, again);
    for (body, flagged) in [(&sample, false), (&again, true)] {
        let event = college.post_event(body).await;
        let source = canonical(&college, &event).await["data"]["source"].clone();
        assert_eq!(source["possible_repeat"], flagged);
        let repeated = college.api.post_text("events", body).await.expect(200);
        assert_eq!(repeated["id"], event);
    }
}

#[tokio::test]
async fn an_id_with_a_question_mark_goes_into_the_query() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let line = json!({"name": "What?"});
    let path = "achievements?id=b%3F1";
    assert_eq!(college.api.put(path, line).await.expect(200)["id"], "b?1");
    assert_eq!(college.api.get(path).await.expect(200)["name"], "What?");
    assert_eq!(
        college
            .api
            .put("achievements", json!({"name": "x"}))
            .await
            .refusal(422, "validation_error"),
        ["{id}"]
    );
    college.api.delete(path).await.expect(204);
    college.api.get(path).await.refusal(404, "not_found");
}
