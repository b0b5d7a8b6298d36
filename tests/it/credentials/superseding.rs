//! One credential that comes in the place of another.

use serde_json::json;

use super::{post, shown};
use crate::stack::Stack;

#[tokio::test]
async fn a_renewal_is_a_credential_of_its_own_and_the_old_one_names_it() {
    let stack = Stack::start().await;
    for renewal_first in [false, true] {
        let college = stack.create_organization().await;
        let issue = async || {
            let at = ("old", "2026-01-01T00:00:00Z");
            post(&college, "credential.issued", at, json!({})).await;
        };
        if !renewal_first {
            issue().await;
        }
        let at = ("new", "2027-01-01T00:00:00Z");
        let renewed = json!({"supersedes": "old"});
        post(&college, "credential.renewed", at, renewed).await;
        if renewal_first {
            // Nobody has heard of it, but that it was superseded.
            let unknown = college.api.get("credentials/old").await;
            unknown.refusal(404, "not_found");
            issue().await;
        }
        let (old, new) = (shown(&college, "old").await, shown(&college, "new").await);
        assert_eq!(old["supersededByCredentialId"], "new");
        assert_eq!(old["status"], "valid");
        assert_eq!(new["supersedesCredentialId"], "old");
        assert_eq!(
            (&new["status"], &new["supersededByCredentialId"]),
            (&json!("valid"), &json!(null))
        );
        assert_eq!(old["events"].as_array().expect("events").len(), 1);
    }
}

#[tokio::test]
async fn the_old_one_may_be_named_by_its_short_id() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let at = (
        "11111111-1111-4111-8111-111111111111",
        "2026-01-01T00:00:00Z",
    );
    post(
        &college,
        "credential.issued",
        at,
        json!({"short_id": "CRD-AAAA1111"}),
    )
    .await;
    let at = (
        "22222222-2222-4222-8222-222222222222",
        "2027-01-01T00:00:00Z",
    );
    let renewed = json!({"supersedes": "CRD-AAAA1111"});
    post(&college, "credential.renewed", at, renewed).await;
    let old = shown(&college, "CRD-AAAA1111").await;
    assert_eq!(old["supersededByCredentialId"], at.0);
}
