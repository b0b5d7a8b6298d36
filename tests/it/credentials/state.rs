//! What its events make of a credential.

use serde_json::{Value, json};

use super::{post, post_sample, shown};
use crate::samples::event_of;
use crate::stack::{Stack, text};

#[tokio::test]
async fn each_dialect_says_what_becomes_of_a_credential() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let same = |_: &mut Value| {};
    // That's Me: issued, accepted, and the same of another that is declined and of one that expires.
    post_sample(&college, "thatsme.certificate.issued", same).await;
    let issued = shown(&college, "inv_abc123").await;
    assert_eq!(issued["status"], "pending");
    assert_eq!(issued["badgeName"], "English Level 2 Certificate");
    assert_eq!(issued["recipientEmail"], "leonardo@email.com");
    assert_eq!(issued["issuanceDate"], "2026-03-18T10:30:00.000Z");
    let event = post_sample(&college, "thatsme.certificate.accepted", same).await;
    let accepted = shown(&college, "inv_abc123").await;
    assert_eq!(accepted["status"], "valid");
    assert!(accepted["claimedAt"].is_string(), "{accepted:#}");
    assert_eq!(accepted["lastEvent"]["id"], event);
    assert_eq!(accepted["createdAt"], issued["createdAt"]);
    assert!(text(&accepted, "updatedAt") > text(&issued, "updatedAt"));
    for (name, status) in [
        ("thatsme.certificate.rejected", "declined"),
        ("thatsme.certificate.expired", "expired"),
    ] {
        post_sample(&college, name, |body| {
            body["data"]["invitation_id"] = json!(format!("inv_{status}"));
        })
        .await;
        let shown = shown(&college, &format!("inv_{status}")).await;
        assert_eq!(shown["status"], status);
    }

    post_sample(&college, "certdirectory.credential.issued", same).await;
    let sample = crate::samples::named("certdirectory.credential.issued");
    let body: Value = serde_json::from_str(&sample.body).expect("JSON");
    let short = text(&body["data"], "credentialId");
    let issued = shown(&college, &short).await;
    assert_eq!(issued["id"], body["data"]["credentialUuid"]);
    for (name, status) in [
        ("certdirectory.credential.claimed", "valid"),
        ("certdirectory.credential.revoked", "revoked"),
        // What comes late changes nothing.
        ("certdirectory.credential.expired", "revoked"),
    ] {
        post_sample(&college, name, |event| {
            for member in ["credentialId", "credentialUuid"] {
                event["data"][member] = body["data"][member].clone();
            }
        })
        .await;
        assert_eq!(shown(&college, &short).await["status"], status, "{name}");
    }

    post_sample(&college, "beedeez.certificate_completed", |body| {
        body["_id"] = json!("65f1c0ffee0000000000abcd");
        body["expires"] = json!("2099-01-01T00:00:00.000Z");
    })
    .await;
    let completed = shown(&college, "65f1c0ffee0000000000abcd").await;
    assert_eq!(completed["status"], "valid");
    assert_eq!(completed["expirationDate"], "2099-01-01T00:00:00.000Z");
    post_sample(&college, "beedeez.certificate_expired", |body| {
        body["_id"] = json!("65f1c0ffee0000000000abcd");
    })
    .await;
    let expired = shown(&college, "65f1c0ffee0000000000abcd").await;
    assert_eq!(expired["status"], "expired");

    post_sample(&college, "vec.certificate_application.approved", same).await;
    let sample = crate::samples::named("vec.certificate_application.approved");
    let body: Value = serde_json::from_str(&sample.body).expect("JSON");
    let approved = shown(&college, &text(&body, "uuid")).await;
    assert_eq!(approved["status"], "valid");
    assert_eq!(approved["title"], body["certificate_title"]);

    let event = post_sample(&college, "toolzz.activities.certificate.issued", same).await;
    let event = college
        .api
        .get(&format!("events/{event}"))
        .await
        .expect(200);
    let toolzz = shown(&college, &text(&event, "credential_id")).await;
    assert_eq!(toolzz["status"], "valid");
    assert_eq!(toolzz["kind"], "achievement");
}

#[tokio::test]
async fn the_order_of_its_events_makes_no_difference_and_a_repeated_one_writes_nothing() {
    let stack = Stack::start().await;
    let events = [
        (
            "credential.issued",
            "2026-03-01T00:00:00Z",
            json!({"status": "pending", "expires_at": "2099-01-01T00:00:00Z"}),
        ),
        ("credential.accepted", "2026-03-02T00:00:00Z", json!({})),
        (
            "credential.expiring",
            "2026-03-03T00:00:00Z",
            json!({"expires_at": "2098-01-01T00:00:00Z"}),
        ),
        (
            "credential.revoked",
            "2026-03-04T00:00:00Z",
            json!({"revocation_reason": "Issued to the wrong person"}),
        ),
    ];
    let mut lives = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let college = stack.create_organization().await;
        for number in order {
            let (event_type, at, more) = &events[number];
            post(&college, event_type, ("c", at), more.clone()).await;
        }
        let mut life = shown(&college, "c").await;
        let again = college
            .api
            .post_text("events", &event_of("credential.issued", "d"))
            .await;
        again.expect(202);
        for number in order {
            let (event_type, at, more) = &events[number];
            let mut about = json!({"id": "c"});
            super::merge(&mut about, more.clone());
            let event = json!({"type": event_type, "timestamp": at, "data": {"credential": about}});
            let repeated = college.api.post("events", event).await.expect(200);
            assert_eq!(repeated["duplicate"], true);
        }
        assert_eq!(shown(&college, "c").await["updatedAt"], life["updatedAt"]);
        for own in ["createdAt", "updatedAt", "events"] {
            life.as_object_mut().expect("an object").remove(own);
        }
        life["lastEvent"]
            .as_object_mut()
            .expect("an object")
            .remove("id");
        lives.push(life);
    }
    assert_eq!(lives[0]["status"], "revoked");
    assert_eq!(lives[0]["revocationReason"], "Issued to the wrong person");
    assert_eq!(lives[0]["expirationDate"], "2098-01-01T00:00:00.000Z");
    assert_eq!(lives[0]["lastEvent"]["type"], "credential.revoked");
    assert!(lives.iter().all(|life| *life == lives[0]), "{lives:#?}");
}

#[tokio::test]
async fn what_is_about_no_credential_makes_none() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let created = post_sample(&college, "vec.certificate_application.created", |_| {}).await;
    let event = college
        .api
        .get(&format!("events/{created}"))
        .await
        .expect(200);
    let path = format!("credentials/{}", text(&event, "credential_id"));
    college.api.get(&path).await.refusal(404, "not_found");
}
