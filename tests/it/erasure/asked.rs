//! Asking for an erasure, and how far it got.

use serde_json::json;

use super::{ask, erase};
use crate::stack::Stack;

#[tokio::test]
async fn an_erasure_is_answered_at_once_and_listed_without_the_address() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let asked = college.api.delete("recipients/ana@example.com").await;
    let asked = asked.expect(202);
    assert_eq!(asked["state"], "running");
    let other = ask(&college, "bia@example.com").await;
    let listed = college.api.pages("erasures", 1).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["id"], &listed[1]["id"]),
        (&json!(other), &asked["id"])
    );
    let said = format!("{asked} {listed:?}");
    assert!(!said.contains('@') && !said.contains("digest"), "{said}");
}

#[tokio::test]
async fn who_is_unknown_is_erased_with_nothing_to_erase_and_as_often_as_one_likes() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for _ in 0..2 {
        let erasure = erase(&stack, &college, "nobody@example.com").await;
        let nothing = json!({
            "recipients": 0, "credentials": 0, "events": 0, "deliveries": 0, "answers": 0, "quarantined": 0,
        });
        assert_eq!(erasure["erased"], nothing);
    }
}

#[tokio::test]
async fn an_id_without_an_at_is_a_line_of_the_directory_and_one_with_it_is_a_person() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let api = &college.api;
    let line = json!({"email": "ana@example.com"});
    api.put("recipients/42", line.clone()).await.expect(200);
    api.delete("recipients/42").await.expect(204);
    assert!(api.pages("erasures", 10).await.is_empty());
    // A source may have addresses for ids: such a line goes with the person.
    let path = "recipients/ana@example.com";
    api.put(path, line).await.expect(200);
    let erasure = erase(&stack, &college, "ana@example.com").await;
    assert_eq!(erasure["erased"]["recipients"], 1);
    api.get(path).await.refusal(404, "not_found");
    let log = json!(api.pages("audit", 100).await).to_string();
    assert!(!log.contains('@'), "{log}");
    let long = format!("recipients/{}@example.com", "a".repeat(320));
    api.delete(&long).await.refusal(422, "validation_error");
    let name = json!({"name": "Course"});
    api.put("achievements/a@b", name).await.expect(200);
    api.delete("achievements/a@b").await.expect(204);
}

#[tokio::test]
async fn an_erasure_is_its_organizations_alone() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let id = ask(&college, "ana@example.com").await;
    let path = format!("erasures/{id}");
    school.api.get(&path).await.refusal(404, "not_found");
    assert!(school.api.pages("erasures", 10).await.is_empty());
    let platform = stack.platform();
    platform
        .acting_for(&college.id)
        .get(&path)
        .await
        .expect(200);
    for bad in ["erasures/x", "erasures/ers_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        college.api.get(bad).await.refusal(404, "not_found");
    }
    let refused = college.api.delete(&path).await;
    refused.refusal(405, "method_not_allowed");
}
