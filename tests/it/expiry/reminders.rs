//! Reminders before the end.

use serde_json::{Value, json};

use super::{check, in_hours, issue, types};
use crate::receiver::Receiver;
use crate::stack::{Organization, Stack};

const DAY: i64 = 24;

#[tokio::test]
async fn a_reminder_says_how_many_days_before_the_end_it_was_due_and_comes_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let members = json!({"event_types": ["credential.expiring"]});
    college.subscribe_with(&receiver.url, members).await;
    let ends = in_hours(7 * DAY - 1);
    issue(&college, "a", &ends).await;
    issue(&college, "far", &in_hours(31 * DAY)).await;
    issue(&college, "near", &in_hours(31 * DAY)).await;

    let report = check(&stack).await;
    assert_eq!(
        (&report["notices_expiring"], &report["notices_late"]),
        (&json!(1), &json!(0))
    );
    let webhooks = receiver.requests(1).await;
    let event: Value = serde_json::from_slice(&webhooks[0].body).expect("JSON");
    assert_eq!(event["type"], "credential.expiring");
    let about = &event["data"]["credential"];
    assert_eq!(about["id"], "a");
    assert_eq!(about["expires_at"], ends);
    assert_eq!(about["days_before"], 7);
    assert_eq!(event["data"]["source"]["derived"], true);
    assert_eq!(event["data"]["source"]["late"], false);

    // It says nothing of the credential but that.
    assert_eq!(
        types(&college, "a").await,
        ["credential.issued", "credential.expiring"]
    );
    let shown = college.api.get("credentials/a").await.expect(200);
    assert_eq!(
        (&shown["status"], &shown["expirationDate"]),
        (&json!("valid"), &json!(ends))
    );
    let report = check(&stack).await;
    assert_eq!(
        (&report["notices_expiring"], &report["notices_repeated"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn of_several_that_are_past_only_the_nearest_comes_and_it_is_late() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let members = json!({"event_types": ["credential.expiring", "credential.expired"]});
    college.subscribe_with(&receiver.url, members).await;
    // 30 and 7 days before it are over.
    issue(&college, "a", &in_hours(3 * DAY)).await;
    let report = check(&stack).await;
    assert_eq!(
        (&report["notices_expiring"], &report["notices_late"]),
        (&json!(1), &json!(1))
    );
    let webhooks = receiver.requests(1).await;
    let event: Value = serde_json::from_slice(&webhooks[0].body).expect("JSON");
    assert_eq!(event["data"]["credential"]["days_before"], 7);
    assert_eq!(event["data"]["source"]["late"], true);
    // What is over needs no reminder.
    issue(&college, "b", &in_hours(-48)).await;
    let report = check(&stack).await;
    assert_eq!(
        (&report["notices_expiring"], &report["notices_expired"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(report["notices_late"], 1);
    assert_eq!(
        types(&college, "b").await,
        ["credential.issued", "credential.expired"]
    );
}

#[tokio::test]
async fn a_new_date_has_its_own_reminders() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    issue(&college, "a", &in_hours(7 * DAY - 1)).await;
    assert_eq!(check(&stack).await["notices_expiring"], 1);
    let set = json!({"expires_at": in_hours(DAY - 1)});
    college.api.patch("credentials/a", set).await.expect(200);
    assert_eq!(check(&stack).await["notices_expiring"], 1);
    let set = json!({"expires_at": in_hours(300 * DAY)});
    college.api.patch("credentials/a", set).await.expect(200);
    assert_eq!(check(&stack).await["notices_expiring"], 0);
    let set = json!({"expires_at": null});
    college.api.patch("credentials/a", set).await.expect(200);
    let report = check(&stack).await;
    assert_eq!(
        (&report["notices_expiring"], &report["notices_expired"]),
        (&json!(0), &json!(0))
    );
    let expiring = [
        "credential.issued",
        "credential.expiring",
        "credential.expiring",
    ];
    assert_eq!(types(&college, "a").await, expiring);
}

#[tokio::test]
async fn other_reminders_are_those_of_the_credentials_that_are_there_too() {
    let data = tempfile::tempdir().expect("a folder");
    let stack = Stack::start_on(data.path()).await;
    let college = stack.create_organization().await;
    let id = college.id.clone();
    // Ends after the furthest reminder, and before the one that is to come.
    issue(&college, "a", &in_hours(40 * DAY)).await;
    issue(&college, "b", &in_hours(100 * DAY)).await;
    issue(&college, "c", &in_hours(7 * DAY - 1)).await;
    assert_eq!(check(&stack).await["notices_expiring"], 1);
    let path = format!("organizations/{id}");
    let shown = stack.platform().get(&path).await.expect(200);
    assert_eq!(shown["reminder_days"], json!([30, 7, 1]));
    let put = json!({"name": "College", "reminder_days": [2, 45, 2]});
    let shown = college.api.put(&path, put).await.expect(200);
    assert_eq!(shown["reminder_days"], json!([45, 2]));
    for wrong in [
        json!([0]),
        json!((1..12).collect::<Vec<_>>()),
        json!("7"),
        json!([1.5]),
    ] {
        let put = json!({"name": "College", "reminder_days": wrong});
        let refused = college.api.put(&path, put).await;
        assert_eq!(refused.refusal(422, "validation_error"), ["/reminder_days"]);
    }
    // Who has read the organization a moment ago still goes by what it was.
    assert_eq!(check(&stack).await["notices_moved_on"], 0);
    drop(stack);

    let data = data.path().to_str().expect("a plain name");
    let soon = super::in_minutes(2);
    let stack = Stack::launch(&["--data", data, "--now", &soon]).await;
    let report = check(&stack).await;
    // All three: the last is reminded of two days before, not of one.
    assert_eq!(report["notices_moved_on"], 3, "{report:#}");
    let report = check(&stack).await;
    assert_eq!(
        (&report["notices_moved_on"], &report["notices_expiring"]),
        (&json!(0), &json!(1))
    );
    let college = Organization {
        api: stack.platform().acting_for(&id),
        id,
    };
    let event = college
        .api
        .pages("events?type=credential.expiring&credential_id=a", 10)
        .await;
    assert_eq!(event.len(), 1);
    assert_eq!(types(&college, "b").await, ["credential.issued"]);
}
