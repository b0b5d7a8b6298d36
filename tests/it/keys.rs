//! API keys: making, listing, revoking, expiring; and what a key of an organization must not do.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::samples::issued;
use crate::stack::{Stack, text, until};

#[tokio::test]
async fn a_key_is_shown_once_and_listed_without_itself() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let made = stack.create_key(&college.id, json!({"name": "CI"})).await;
    let key = text(&made, "key");
    assert!(key.starts_with("ck_live_"));
    stack.caller(Some(&key)).get("endpoints").await.expect(200);

    let path = format!("organizations/{}/keys", college.id);
    let list = stack.platform().get(&path).await.expect(200);
    let keys = list["data"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    let listed = keys.iter().find(|key| key["id"] == made["id"]).unwrap();
    assert_eq!(listed["name"], "CI");
    assert!(key.ends_with(text(listed, "hint").chars().last().unwrap()));
    assert!(keys.iter().all(|key| key["key"].is_null()), "{list:#}");
    assert!(!list.to_string().contains(&key), "{list:#}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_seconds() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let made = stack.create_key(&college.id, json!({})).await;
    let caller = stack.caller(Some(&text(&made, "key")));
    caller.get("endpoints").await.expect(200);
    caller.post_text("events", &issued("a")).await.expect(202);

    let path = format!("organizations/{}/keys/{}", college.id, text(&made, "id"));
    stack.platform().delete(&path).await.expect(204);
    until("the key is refused everywhere", async || {
        let answers = [
            caller.get("endpoints").await.status,
            caller.post_text("events", &issued("a")).await.status,
        ];
        if answers == [401, 401] {
            Ok(())
        } else {
            Err(answers)
        }
    })
    .await;
    stack
        .platform()
        .delete(&path)
        .await
        .refusal(404, "not_found");
    // The others are as good as before.
    college.api.get("endpoints").await.expect(200);
}

#[tokio::test]
async fn a_mistyped_key_is_refused() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let made = stack.create_key(&college.id, json!({})).await;
    let key = text(&made, "key");
    let at = key.len() / 2;
    let other = if key.as_bytes()[at] == b'x' { "y" } else { "x" };
    let mut typo = key.clone();
    typo.replace_range(at..=at, other);
    for bad in [
        &typo,
        &key[..key.len() - 1],
        &format!("{key}0"),
        &key.to_uppercase(),
    ] {
        let refused = stack.caller(Some(bad)).get("endpoints").await;
        refused.refusal(401, "unauthorized");
    }
    stack.caller(Some(&key)).get("endpoints").await.expect(200);
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a key that expires soon from now"
)]
async fn a_key_is_good_until_it_expires() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let soon = jiff::Timestamp::now() + Duration::from_secs(2);
    let made = stack
        .create_key(&college.id, json!({"expires_at": soon.to_string()}))
        .await;
    let caller = stack.caller(Some(&text(&made, "key")));
    caller.get("endpoints").await.expect(200);
    until("the key is refused", async || {
        match caller.get("endpoints").await.status {
            401 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    assert!(jiff::Timestamp::now() >= soon);
}

#[tokio::test]
async fn a_key_that_cannot_be_is_not_made() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let path = format!("organizations/{}/keys", college.id);
    let create = async |body: Value| stack.platform().post(&path, body).await;
    for (body, pointer) in [
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        (json!({"expires_at": "tomorrow"}), "/expires_at"),
        (json!({"name": 7}), "/name"),
        (json!({"scope": "all"}), "/scope"),
    ] {
        assert_eq!(
            create(body).await.refusal(422, "validation_error"),
            [pointer]
        );
    }
    for unknown in ["org_01ARZ3NDEKTSV4RRFFQ69G5FAV", "org_1"] {
        let path = format!("organizations/{unknown}/keys");
        for refused in [
            stack.platform().post(&path, json!({})).await,
            stack.platform().get(&path).await,
            stack.platform().delete(&format!("{path}/key_1")).await,
        ] {
            refused.refusal(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_key_is_revoked_only_under_its_own_organization() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let made = stack.create_key(&college.id, json!({})).await;
    let path = format!("organizations/{}/keys/{}", school.id, text(&made, "id"));
    stack
        .platform()
        .delete(&path)
        .await
        .refusal(404, "not_found");
    let list = stack
        .platform()
        .get(&format!("organizations/{}/keys", college.id))
        .await;
    assert_eq!(list.expect(200)["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_key_of_an_organization_opens_no_route_of_the_platform() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let organization = format!("organizations/{}", college.id);
    let keys = stack
        .platform()
        .get(&format!("{organization}/keys"))
        .await
        .expect(200);
    let key = text(&keys["data"][0], "id");
    for (method, path, body) in [
        (Method::GET, "organizations".to_owned(), None),
        (
            Method::POST,
            "organizations".to_owned(),
            Some(json!({"name": "Mine"})),
        ),
        (Method::GET, format!("{organization}/keys"), None),
        (
            Method::POST,
            format!("{organization}/keys"),
            Some(json!({})),
        ),
        (Method::DELETE, format!("{organization}/keys/{key}"), None),
    ] {
        let body = body.map(|body| body.to_string().into_bytes());
        college
            .api
            .send(method, &path, body)
            .await
            .refusal(403, "forbidden");
    }
    college.api.get("endpoints").await.expect(200);
}

#[tokio::test]
async fn organizations_are_made_read_and_listed_by_the_platform() {
    let stack = Stack::start().await;
    let platform = stack.platform();
    let mut made = Vec::new();
    for number in 0..5 {
        let body = json!({"name": format!("School {number}")});
        made.push(platform.post("organizations", body).await.expect(201));
    }
    assert_eq!(made[0]["time_zone"], "America/Sao_Paulo");
    let read = platform
        .get(&format!("organizations/{}", text(&made[0], "id")))
        .await;
    assert_eq!(read.expect(200), made[0]);
    let mut listed = platform.pages("organizations", 2).await;
    // The stack has one of its own from the start.
    listed.retain(|organization| organization["name"] != "Demo");
    assert_eq!(listed, made);
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({"name": " "}), "/name"),
        (json!({"name": "n", "plan": "gold"}), "/plan"),
    ] {
        let refused = platform.post("organizations", body).await;
        assert_eq!(refused.refusal(422, "validation_error"), [pointer]);
    }
}
