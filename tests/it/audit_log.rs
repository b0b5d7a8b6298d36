//! The audit log: every change has a line, with who did it and without what is secret.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply};
use crate::routes::{actions, items};
use crate::samples::issued;
use crate::source::now;
use crate::stack::{Organization, Stack, text};
use crate::stripe;

const URL: &str = "https://api.example.com/webhooks?token=do-not-show";

/// The log of an organization, oldest first.
async fn log(organization: &Organization) -> Vec<Value> {
    let mut lines = organization.api.pages("audit", 7).await;
    lines.reverse();
    lines
}

/// What was done to what.
fn done(line: &Value) -> (String, String) {
    (text(line, "action"), text(line, "target"))
}

/// Disables an endpoint, or enables it again.
async fn enable(college: &Organization, endpoint: &str, enabled: bool) {
    let path = format!("endpoints/{endpoint}");
    let body = json!({"enabled": enabled});
    college.api.patch(&path, body).await.expect(200);
}

/// A webhook in quarantine.
async fn quarantined(stack: &Stack, college: &Organization, relay: &Value) -> String {
    let url_path = text(relay, "url_path");
    let path = url_path.strip_prefix("/api/v1/").expect("a path");
    let sent = stack.caller(None).post(path, json!({"x": 1})).await;
    let id = text(&sent.expect(202), "id");
    college
        .api
        .get(&format!("quarantine/{id}"))
        .await
        .expect(200);
    id
}

#[tokio::test]
async fn every_change_is_a_line_with_who_did_it_to_what() {
    let stack = Stack::start_with(&stripe::SELLING).await;
    let college = stack.create_organization().await;
    let customer = stripe::Customer::of(&college.id, 1, now());
    let paid = customer.event("dahlia/03_customer.subscription.updated.activated");
    stack.stripe(&paid).await.expect(200);
    let keys = format!("organizations/{}/keys", college.id);
    let (api, platform) = (&college.api, stack.platform());
    let first_key = text(&items(&platform.get(&keys).await.expect(200))[0], "id");
    let second_key = text(&stack.create_key(&college.id, json!({})).await, "id");
    let path = format!("{keys}/{second_key}");
    platform.delete(&path).await.expect(204);
    let mut expected = vec![
        ("organization.created", college.id.clone()),
        ("key.created", first_key.clone()),
        ("key.created", second_key.clone()),
        ("key.revoked", second_key),
        ("secrets.resealed", college.id.clone()),
    ];
    let organization = format!("organizations/{}", college.id);
    let reseal = format!("{organization}/reseal");
    platform.post(&reseal, json!({})).await.expect(200);
    college.link(&stack, &customer.id()).await.expect(200);
    expected.push(("billing.linked", customer.id()));
    let settings = json!({"name": "College", "time_zone": "UTC"});
    platform.put(&organization, settings).await.expect(200);
    expected.push(("organization.updated", college.id.clone()));
    let by_platform = expected.len();

    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let id = &endpoint.id;
    expected.push(("endpoint.created", id.clone()));
    let rotate = format!("endpoints/{id}/rotate-secret");
    api.post(&rotate, json!({})).await.expect(200);
    expected.push(("endpoint.secret_rotated", id.clone()));
    let rotate = format!("{organization}/signing-keys/rotate");
    let pair = api.post(&rotate, json!({})).await.expect(201);
    expected.push(("signing_key.rotated", text(&pair, "id")));
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    api.post(&format!("events/{event}/replay"), json!({}))
        .await
        .expect(202);
    expected.push(("event.replayed", event.clone()));
    college.delivery_in(&event, &endpoint, "delivered").await;
    let retry = format!("events/{event}/deliveries/{id}/retry");
    api.post(&retry, json!({})).await.expect(202);
    expected.push(("delivery.retried", format!("{event}/{id}")));
    let date = json!({"expires_at": "2030-01-01T00:00:00Z"});
    // The same again is no change.
    for _ in 0..2 {
        api.patch("credentials/a", date.clone()).await.expect(200);
    }
    expected.push(("credential.updated", "a".to_owned()));

    // More than a page, at one a second: it runs until it is stopped.
    enable(&college, id, false).await;
    for batch in 0..3 {
        let events: Vec<Value> = (0..70)
            .map(|number| serde_json::from_str(&issued(&format!("{batch}-{number}"))).unwrap())
            .collect();
        api.post("events/batch", json!(events)).await.expect(200);
    }
    enable(&college, id, true).await;
    let slow = json!({"rate_per_second": 1, "statuses": ["pending", "held", "delivered"]});
    let replay = api
        .post(&format!("endpoints/{id}/replay"), slow)
        .await
        .expect(202);
    let replay = text(&replay, "id");
    let stop = format!("endpoints/{id}/replays/{replay}");
    for _ in 0..2 {
        assert_eq!(api.delete(&stop).await.expect(200)["state"], "cancelled");
    }
    expected.extend([
        ("endpoint.updated", id.clone()),
        ("endpoint.updated", id.clone()),
        ("replay.created", replay.clone()),
        ("replay.cancelled", replay),
    ]);

    for (of, body, put, deleted) in [
        (
            "recipients",
            json!({"email": "do-not-show@example.com"}),
            "recipient.put",
            "recipient.deleted",
        ),
        (
            "achievements",
            json!({"name": "do-not-show"}),
            "achievement.put",
            "achievement.deleted",
        ),
    ] {
        let path = format!("{of}/42");
        api.put(&path, body).await.expect(200);
        api.delete(&path).await.expect(204);
        expected.extend([put, deleted].map(|action| (action, "42".to_owned())));
    }

    let body = json!({"dialect": "canonical", "secret": "do-not-show"});
    let signed = api.post("relays", body).await.expect(201);
    let relay = api
        .post("relays", json!({"dialect": "toolzz"}))
        .await
        .expect(201);
    let (wrong, lost) = (
        quarantined(&stack, &college, &relay).await,
        quarantined(&stack, &college, &relay).await,
    );
    let again = format!("quarantine/{wrong}/replay?dialect=canonical");
    for status in [202, 200] {
        api.post_text(&again, &issued("b")).await.expect(status);
    }
    api.delete(&format!("quarantine/{lost}")).await.expect(204);
    api.delete(&format!("relays/{}", text(&relay, "id")))
        .await
        .expect(204);
    api.delete(&format!("endpoints/{id}")).await.expect(204);
    expected.extend([
        ("relay.created", text(&signed, "id")),
        ("relay.created", text(&relay, "id")),
        ("quarantine.replayed", wrong),
        ("quarantine.deleted", lost),
        ("relay.deleted", text(&relay, "id")),
        ("endpoint.deleted", id.clone()),
    ]);

    let erasure = api.delete("recipients/do-not-show@example.com").await;
    expected.push(("erasure.created", text(&erasure.expect(202), "id")));

    // Recovery may be through with the erasure by now, and says so itself.
    let mut lines = log(&college).await;
    lines.retain(|line| line["action"] != "erasure.completed");
    let expected = expected.into_iter();
    let expected: Vec<_> = expected
        .map(|(action, id)| (action.to_owned(), id))
        .collect();
    assert_eq!(lines.iter().map(done).collect::<Vec<_>>(), expected);
    for (place, line) in lines.iter().enumerate() {
        let actor = if place < by_platform {
            json!({"type": "platform"})
        } else {
            json!({"type": "key", "id": first_key})
        };
        assert_eq!(line["actor"], actor, "{line:#}");
        assert!(text(line, "id").starts_with("log_"));
    }
    let times: Vec<String> = lines.iter().map(|line| text(line, "at")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let done: BTreeSet<String> = lines.iter().map(|line| text(line, "action")).collect();
    assert_eq!(
        done,
        actions(),
        "every route that changes something was called"
    );
    let all = json!(lines).to_string();
    assert!(!all.contains("do-not-show"), "{all}");
}

#[tokio::test]
async fn a_change_is_shown_and_a_secret_is_not() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let auth = |text: &str| json!({"authType": "basic_auth", "username": "hr", "password": text});
    let options = json!({
        "headers": {"X-College": "do-not-show"},
        "auth": auth("do-not-show"),
        "secret": "do-not-show-do-not-show-do-not-show",
    });
    let endpoint = college.subscribe_with(URL, options).await;
    let path = format!("endpoints/{}", endpoint.id);
    for body in [
        json!({"name": "HR", "timeout_seconds": 7}),
        json!({"url": "https://api.example.com/webhooks?token=do-not-show-either"}),
        json!({"headers": {"X-College": "do-not-show-either"}, "auth": auth("do-not-show-either")}),
    ] {
        college.api.patch(&path, body).await.expect(200);
    }
    let lines = log(&college).await;
    let changes: Vec<&Value> = lines.iter().skip(2).map(|line| &line["changes"]).collect();
    assert_eq!(
        changes[0]["url"],
        json!([null, "https://api.example.com/webhooks?…"])
    );
    assert_eq!(changes[0]["header_names"], json!([null, ["X-College"]]));
    assert_eq!(
        *changes[1],
        json!({"name": ["", "HR"], "timeout_seconds": [15, 7]})
    );
    assert_eq!(*changes[2], json!({"url": "changed"}));
    assert_eq!(
        *changes[3],
        json!({"headers": "changed", "auth": "changed"})
    );
    let all = json!(lines).to_string();
    assert!(
        !all.contains("do-not-show") && !all.contains("whsec_"),
        "{all}"
    );
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_has_no_line() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let api = &college.api;
    let before = log(&college).await;
    let missing = "endpoints/ep_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    api.post("endpoints", json!({"url": URL})).await.expect(422);
    api.patch(missing, json!({"name": "n"})).await.expect(404);
    api.delete(missing).await.expect(404);
    api.post(&format!("{missing}/replay"), json!({}))
        .await
        .expect(404);
    api.post("relays", json!({})).await.expect(422);
    api.post("organizations", json!({"name": "n"}))
        .await
        .expect(403);
    api.get("endpoints").await.expect(200);
    api.post_text("events", &issued("a")).await.expect(202);
    assert_eq!(log(&college).await, before);
}

#[tokio::test]
async fn of_changes_at_the_same_time_each_has_its_own_line() {
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
    let (one, other) = tokio::join!(college.api.delete(&path), college.api.delete(&path));
    assert!([204, 404].contains(&one.status) && [204, 404].contains(&other.status));
    let lines = log(&college).await;
    let (actions, changes): (Vec<&Value>, Vec<&Value>) = lines
        .iter()
        .skip(3)
        .map(|line| (&line["action"], &line["changes"]))
        .unzip();
    let updated = "endpoint.updated";
    assert_eq!(actions, [updated, updated, "endpoint.deleted"]);
    for change in [
        json!({"name": ["", "Renamed"]}),
        json!({"timeout_seconds": [15, 3]}),
    ] {
        assert!(changes.contains(&&change), "{changes:#?}");
    }
}

#[tokio::test]
async fn what_certhooks_disables_by_itself_is_logged_as_its_own_doing() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Status(410)]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "held").await;
    let lines = log(&college).await;
    let last = lines.last().expect("a line");
    assert_eq!(done(last), ("endpoint.disabled".to_owned(), endpoint.id));
    assert_eq!(last["actor"], json!({"type": "certhooks"}));
    let changes = json!({"enabled": [true, false], "reason": [null, "gone"]});
    assert_eq!(last["changes"], changes);
}

#[tokio::test]
async fn the_platform_reads_the_log_of_the_organization_it_names() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let endpoint = college.subscribe(URL).await;
    let read = stack.platform().acting_for(&college.id).get("audit").await;
    let newest = done(&items(&read.expect(200))[0]);
    assert_eq!(newest, ("endpoint.created".to_owned(), endpoint.id));
    stack
        .platform()
        .get("audit")
        .await
        .refusal(400, "organization_required");
    assert_eq!(log(&school).await.len(), 2);
    school
        .api
        .post("audit", json!({}))
        .await
        .refusal(405, "method_not_allowed");
}
