//! The settings of an organization.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stack::{Organization, Stack, text};

async fn put(college: &Organization, settings: Value) -> Value {
    let path = format!("organizations/{}", college.id);
    college.api.put(&path, settings).await.expect(200)
}

#[tokio::test]
async fn its_settings_are_replaced_as_a_whole_by_itself_and_by_the_platform() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let path = format!("organizations/{}", college.id);
    let before = college.api.get(&path).await.expect(200);
    assert_eq!(before["retention_days"], Value::Null);

    let all = json!({"name": "Porto", "time_zone": "Europe/Lisbon", "retention_days": 7});
    let set = put(&college, all).await;
    assert_eq!(
        (&set["id"], &set["created_at"]),
        (&before["id"], &before["created_at"])
    );
    assert_eq!(
        (&set["name"], &set["retention_days"]),
        (&json!("Porto"), &json!(7))
    );
    assert_eq!(college.api.get(&path).await.expect(200), set);
    // What is left out goes back to its default.
    let renamed = stack.platform().put(&path, json!({"name": "Braga"})).await;
    let renamed = renamed.expect(200);
    assert_eq!(renamed["time_zone"], "America/Sao_Paulo");
    assert_eq!(renamed["retention_days"], Value::Null);
    // The list of all says the same.
    let listed = stack.platform().pages("organizations", 10).await;
    assert!(listed.contains(&renamed), "{listed:#?}");

    let log = college.api.pages("audit", 100).await;
    let mut lines = log
        .iter()
        .filter(|line| line["action"] == "organization.updated");
    let (last, first) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(last["actor"]["type"], "platform");
    assert_eq!(first["actor"]["type"], "key");
    assert_eq!(last["changes"]["name"], json!(["Porto", "Braga"]));
    assert_eq!(last["changes"]["retention_days"], json!([7, null]));
    // The same again is no change.
    put(&college, json!({"name": "Braga"})).await;
    assert_eq!(college.api.pages("audit", 100).await.len(), log.len());
}

#[tokio::test]
async fn what_is_no_setting_is_refused_with_its_place() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let path = format!("organizations/{}", college.id);
    for (settings, at) in [
        (json!({}), "/name"),
        (json!({"name": " "}), "/name"),
        (json!({"name": "n", "time_zone": "Porto"}), "/time_zone"),
        (json!({"name": "n", "retention_days": 0}), "/retention_days"),
        (
            json!({"name": "n", "retention_days": 91}),
            "/retention_days",
        ),
        (
            json!({"name": "n", "retention_days": "7"}),
            "/retention_days",
        ),
        (json!({"name": "n", "id": "x"}), "/id"),
    ] {
        let refused = college.api.put(&path, settings.clone()).await;
        let places = refused.refusal(422, "validation_error");
        assert_eq!(places, [at], "{settings}");
    }
    let days = json!({"name": "n", "retention_days": 91});
    let made = stack.platform().post("organizations", days).await;
    made.refusal(422, "validation_error");
}

fn text_at(list: &Value, place: usize) -> String {
    list[place].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn of_two_who_change_it_at_once_neither_undoes_the_other_unseen() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let path = format!("organizations/{}", college.id);
    for round in 1..=10_u8 {
        let change = |name: &str| json!({"name": name, "retention_days": round});
        let names = [format!("a{round}"), format!("b{round}")];
        let (one, other) = tokio::join!(
            college.api.put(&path, change(&names[0])),
            college.api.put(&path, change(&names[1])),
        );
        let mut written = 0;
        for answer in [one, other] {
            match answer.status {
                200 => written += 1,
                409 => drop(answer.refusal(409, "conflict")),
                // Both wrote at the same moment: the caller tries again.
                503 => {}
                status => panic!("{status}"),
            }
        }
        assert!(written > 0);
        let now = college.api.get(&path).await.expect(200);
        assert!(names.contains(&text(&now, "name")), "{now:#}");
    }
    // No two began with the same: each saw what the one before it had made.
    let log = college.api.pages("audit", 100).await;
    let lines = log.iter();
    let lines = lines.filter(|line| line["action"] == "organization.updated");
    let began: Vec<String> = lines
        .map(|line| text_at(&line["changes"]["name"], 0))
        .collect();
    let distinct: BTreeSet<&String> = began.iter().collect();
    assert_eq!(distinct.len(), began.len(), "{began:#?}");
}

#[tokio::test]
async fn nobody_reads_or_changes_the_settings_of_another() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let path = format!("organizations/{}", school.id);
    college.api.get(&path).await.refusal(403, "forbidden");
    let refused = college.api.put(&path, json!({"name": "Mine"})).await;
    refused.refusal(403, "forbidden");
    let nobody = "organizations/org_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let platform = stack.platform();
    platform.get(nobody).await.refusal(404, "not_found");
    let settings = json!({"name": "n"});
    platform
        .put(nobody, settings)
        .await
        .refusal(404, "not_found");
}
