//! Dates that no event says: those set by hand, and those of a rule.

use serde_json::{Value, json};

use super::{post, post_sample, shown};
use crate::stack::Stack;

#[tokio::test]
async fn a_date_is_set_by_hand_and_taken_away_again() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let at = ("c", "2026-01-01T00:00:00Z");
    post(&college, "credential.issued", at, json!({})).await;
    let set = async |date: Value| {
        let body = json!({"expires_at": date});
        college.api.patch("credentials/c", body).await.expect(200)
    };
    let over = set(json!("2026-02-01T00:00:00Z")).await;
    assert_eq!(
        (&over["status"], &over["expirationDate"]),
        (&json!("expired"), &json!("2026-02-01T00:00:00.000Z"))
    );
    let later = set(json!("2099-02-01T01:00:00+01:00")).await;
    assert_eq!(
        (&later["status"], &later["expirationDate"]),
        (&json!("valid"), &json!("2099-02-01T00:00:00.000Z"))
    );
    let never = set(json!(null)).await;
    assert_eq!(
        (&never["status"], &never["expirationDate"]),
        (&json!("valid"), &json!(null))
    );
    // An event that was said to be over is so no more, when it gets a date that is to come.
    let at = ("c", "2026-03-01T00:00:00Z");
    post(&college, "credential.expired", at, json!({})).await;
    assert_eq!(shown(&college, "c").await["status"], "valid");
    let log = college.api.get("audit?limit=1").await.expect(200);
    assert_eq!(log["data"][0]["action"], "credential.updated");
    assert_eq!(
        log["data"][0]["changes"]["expires_at"],
        json!(["2099-02-01T00:00:00.000Z", null])
    );
}

#[tokio::test]
async fn a_date_that_cannot_be_is_refused() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let at = ("c", "2026-01-01T00:00:00Z");
    post(&college, "credential.issued", at, json!({})).await;
    for body in [
        json!({}),
        json!({"expires_at": "2026-02-01"}),
        json!({"expires_at": 7}),
        json!({"expires_at": null, "status": "valid"}),
    ] {
        let refused = college.api.patch("credentials/c", body.clone()).await;
        let places = refused.refusal(422, "validation_error");
        let place = if body.get("status").is_some() {
            "/status"
        } else {
            "/expires_at"
        };
        assert_eq!(places, [place], "{body}");
    }
    let date = json!({"expires_at": null});
    let unknown = college.api.patch("credentials/d", date.clone()).await;
    unknown.refusal(404, "not_found");
    let other = stack.create_organization().await;
    let theirs = other.api.patch("credentials/c", date.clone()).await;
    theirs.refusal(404, "not_found");
    let gone = college.api.delete("credentials/c").await;
    gone.refusal(405, "method_not_allowed");
}

#[tokio::test]
async fn a_rule_says_how_long_a_credential_is_valid_whose_issue_does_not() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let rule = json!({"name": "English", "validity_days": 365});
    let line = college.api.put("achievements/badge_def456", rule).await;
    assert_eq!(line.expect(200)["validity_days"], 365);
    let event = post_sample(&college, "thatsme.certificate.issued", |_| {}).await;
    let ruled = shown(&college, "inv_abc123").await;
    assert_eq!(ruled["expirationDate"], "2027-03-18T10:30:00.000Z");
    // Who is told of it is told the date, and that it did not come from the event.
    let event = college
        .api
        .get(&format!("events/{event}"))
        .await
        .expect(200);
    let data = &event["canonical"]["data"];
    assert_eq!(data["credential"]["expires_at"], "2027-03-18T10:30:00.000Z");
    assert_eq!(data["enriched"], json!(["credential.expires_at"]));

    // A date that an event says counts, whenever it comes.
    let at = ("dated", "2026-01-01T00:00:00Z");
    let dated = json!({"expires_at": "2030-01-01T00:00:00Z"});
    post(&college, "credential.issued", at, dated).await;
    assert_eq!(
        shown(&college, "dated").await["expirationDate"],
        "2030-01-01T00:00:00.000Z"
    );
    // Of Toolzz the course is what is attested.
    let sample = crate::samples::named("toolzz.activities.certificate.issued");
    let body: Value = serde_json::from_str(&sample.body).expect("JSON");
    let course = format!("achievements/{}", body["data"]["course"]["id"]);
    let rule = json!({"name": "Course", "validity_days": 1});
    college.api.put(&course, rule).await.expect(200);
    let event = college.post_event(&sample.body).await;
    let event = college
        .api
        .get(&format!("events/{event}"))
        .await
        .expect(200);
    let toolzz = shown(&college, event["credential_id"].as_str().expect("an id")).await;
    assert_eq!(toolzz["expirationDate"], "2023-08-29T23:47:31.000Z");
    assert_eq!(toolzz["status"], "expired");
    for days in [json!(0), json!(36_501), json!("1"), json!(-1)] {
        let rule = json!({"name": "x", "validity_days": days});
        let refused = college.api.put("achievements/x", rule).await;
        assert_eq!(refused.refusal(422, "validation_error"), ["/validity_days"]);
    }
}

#[tokio::test]
async fn what_a_rule_says_of_a_renewal_is_kept_and_told_alike() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let rule = json!({"name": "English", "validity_days": 365});
    college.api.put("achievements/b1", rule).await.expect(200);
    let renew = async |credential: &str, at: &str| {
        let about = json!({"credential": {"id": credential}, "achievement": {"id": "b1"}});
        let event = json!({"type": "credential.renewed", "timestamp": at, "data": about});
        let event = college.post_event(&event.to_string()).await;
        let path = format!("events/{event}");
        let told = college.api.get(&path).await.expect(200);
        let told = told["canonical"]["data"]["credential"]["expires_at"].clone();
        let kept = shown(&college, credential).await["expirationDate"].clone();
        (told, kept)
    };
    for (credential, at, end) in [
        ("late", "2027-02-01T00:00:00Z", "2028-02-01T00:00:00.000Z"),
        ("early", "2026-12-01T00:00:00Z", "2027-12-01T00:00:00.000Z"),
    ] {
        let of = (credential, "2026-01-01T00:00:00Z");
        let dated = json!({"expires_at": "2027-01-01T00:00:00Z"});
        post(&college, "credential.issued", of, dated).await;
        let told = renew(credential, at).await;
        assert_eq!(told, (json!(end), json!(end)), "{credential}");
    }
    // What was said of the validity that it begins counts, and is not told by it: it came before it was heard of.
    let said = ("said", "2026-12-15T00:00:00Z");
    let dated = json!({"expires_at": "2027-06-01T00:00:00Z"});
    post(&college, "credential.accepted", said, dated).await;
    let told = renew("said", "2026-12-01T00:00:00Z").await;
    assert_eq!(told, (json!(null), json!("2027-06-01T00:00:00.000Z")));
}

#[tokio::test]
async fn that_it_never_expires_is_kept_also_where_no_date_was_known() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let never = json!({"expires_at": null});
    for (credential, event_type) in [
        ("over", "credential.expired"),
        ("undated", "credential.accepted"),
    ] {
        for event_type in ["credential.issued", event_type] {
            let at = (credential, "2026-01-01T00:00:00Z");
            post(&college, event_type, at, json!({})).await;
        }
        // The same again is no change.
        for _ in 0..2 {
            let path = format!("credentials/{credential}");
            let set = college.api.patch(&path, never.clone()).await.expect(200);
            assert_eq!(set["status"], "valid", "{credential}");
        }
        // An older event that comes late says less.
        let at = (credential, "2026-01-02T00:00:00Z");
        let dated = json!({"expires_at": "2026-02-01T00:00:00Z"});
        post(&college, "credential.accepted", at, dated).await;
        let shown = shown(&college, credential).await;
        let shown = (&shown["status"], &shown["expirationDate"]);
        assert_eq!(shown, (&json!("valid"), &json!(null)), "{credential}");
    }
    let log = college.api.get("audit").await.expect(200);
    let lines = log["data"].as_array().expect("lines").iter();
    let changes = lines.filter(|line| line["action"] == "credential.updated");
    let changes: Vec<&Value> = changes.map(|line| &line["changes"]).collect();
    assert_eq!(
        changes,
        [&json!({}), &json!({"status": ["expired", "valid"]})]
    );
}
