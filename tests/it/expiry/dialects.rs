//! An end in the words of each system.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{check, in_hours};
use crate::receiver::Receiver;
use crate::samples;
use crate::stack::{Organization, Stack, text};

/// Posts a sample, and answers the id of its credential.
async fn issue(college: &Organization, sample: &str) -> String {
    let sample = samples::named(sample);
    let posted = college.api.post_text(&sample.path, &sample.body).await;
    let event = text(&posted.expect(202), "id");
    let event = college.api.get(&format!("events/{event}")).await;
    text(&event.expect(200), "credential_id")
}

/// The whole body of an end, from what was said when the credential was issued. `said`: what certhooks says of its
/// own, the times and ids of this event.
fn expected(dialect: &str, issued: &Value, said: &Value, ended: &str) -> Value {
    let is_time = |time: &Value| {
        time.as_str()
            .is_some_and(|it| it.parse::<Timestamp>().is_ok())
    };
    match dialect {
        "thatsme" => {
            assert!(is_time(&said["created_at"]), "{said:#}");
            // It has seconds only.
            let ended = format!("{}Z", &ended[..19]);
            let data = &issued["data"];
            json!({
                "event": "certificate.expired",
                "created_at": said["created_at"],
                "data": {
                    "invitation_id": data["invitation_id"],
                    "event_id": data["event_id"],
                    "event_name": data["event_name"],
                    "recipient_email": data["recipient_email"],
                    "expired_at": ended,
                },
            })
        }
        "certdirectory" => {
            assert!(text(said, "id").starts_with("evt_"), "{said:#}");
            assert!(is_time(&said["createdAt"]), "{said:#}");
            let data = &issued["data"];
            json!({
                "id": said["id"],
                "type": "credential.expired",
                "createdAt": said["createdAt"],
                "data": {
                    "credentialId": data["credentialId"],
                    "credentialUuid": data["credentialUuid"],
                    "badgeId": data["badgeId"],
                    "recipientEmail": data["recipientEmail"],
                    "issuanceDate": issued["createdAt"],
                    "expirationDate": ended,
                },
            })
        }
        // The document as it was, with the date that counts and a reminder of which nobody has told.
        _ => {
            assert!(
                is_time(&said["createdAt"]) && is_time(&said["updatedAt"]),
                "{said:#}"
            );
            json!({
                "_id": issued["_id"],
                "_userId": issued["_userId"],
                "_ownerId": issued["_ownerId"],
                "_badgeId": issued["_badgeId"],
                "creationDate": issued["creationDate"],
                "expires": ended,
                "disabled": false,
                "expiryReminderSent": false,
                "_lessonActiveIds": [],
                "ruleData": {},
                "createdAt": said["createdAt"],
                "updatedAt": said["updatedAt"],
            })
        }
    }
}

#[tokio::test]
async fn each_system_hears_of_an_end_in_its_own_words_with_all_that_is_known() {
    let stack = Stack::start().await;
    for (dialect, sample, name) in [
        (
            "thatsme",
            "thatsme.certificate.issued",
            "certificate.expired",
        ),
        (
            "certdirectory",
            "certdirectory.credential.issued",
            "credential.expired",
        ),
        (
            "beedeez",
            "beedeez.certificate_completed",
            "certificate_expired",
        ),
    ] {
        let college = stack.create_organization().await;
        let native = Receiver::content().await;
        let canonical = Receiver::content().await;
        let members = |of: &str| json!({"dialect": of, "event_types": ["credential.expired"]});
        college.subscribe_with(&native.url, members(dialect)).await;
        let endpoint = college
            .subscribe_with(&canonical.url, members("canonical"))
            .await;
        let credential = issue(&college, sample).await;
        let ended = in_hours(-2);
        let set = json!({"expires_at": ended});
        college
            .api
            .patch(&format!("credentials/{credential}"), set)
            .await
            .expect(200);

        assert_eq!(check(&stack).await["notices_expired"], 1, "{dialect}");
        let webhooks = native.requests(1).await;
        let said: Value = serde_json::from_slice(&webhooks[0].body).expect("JSON");
        let whole = said.to_string();
        assert!(whole.contains(&credential), "{dialect}: {said:#}");
        let mut headers = webhooks[0].headers.iter();
        assert!(
            headers.any(|(_, value)| value == name),
            "{dialect}: {headers:?}"
        );
        let issued: Value = serde_json::from_str(&samples::named(sample).body).expect("JSON");
        assert_eq!(said, expected(dialect, &issued, &said, &ended), "{dialect}");

        let webhooks = canonical.requests(1).await;
        webhooks[0].verify(&endpoint.secret);
        let event: Value = serde_json::from_slice(&webhooks[0].body).expect("JSON");
        assert_eq!(event["type"], "credential.expired");
        assert_eq!(event["id"], webhooks[0].id());
        assert_eq!(event["timestamp"], ended);
        let about = &event["data"]["credential"];
        assert_eq!(
            (&about["id"], &about["expired_at"]),
            (&json!(credential), &json!(ended))
        );
        let source = &event["data"]["source"];
        assert_eq!(
            (&source["derived"], &source["late"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(source["origin"], dialect);
        let enriched = event["data"]["enriched"].as_array().expect("a list");
        assert!(!enriched.is_empty(), "{event:#}");
    }
}

#[tokio::test]
async fn a_system_without_a_word_for_it_gets_what_its_endpoint_asks_for_instead() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (skips, substitutes) = (Receiver::content().await, Receiver::content().await);
    let members = json!({"dialect": "toolzz"});
    let silent = college.subscribe_with(&skips.url, members).await;
    let members = json!({
        "dialect": "vec", "on_unmappable": "canonical", "event_types": ["credential.expired"],
    });
    college.subscribe_with(&substitutes.url, members).await;
    super::issue(&college, "a", &in_hours(-1)).await;
    check(&stack).await;
    let webhooks = substitutes.requests(1).await;
    let event: Value = serde_json::from_slice(&webhooks[0].body).expect("JSON");
    assert_eq!(event["type"], "credential.expired");
    let path = format!("endpoints/{}/deliveries", silent.id);
    let deliveries = college.api.pages(&path, 100).await;
    assert!(
        deliveries.iter().all(|it| it["status"] != "delivered"),
        "{deliveries:#?}"
    );
    assert_eq!(skips.count(), 0);
}
