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
async fn the_old_one_may_be_named_by_its_short_id_in_any_order() {
    const OLD: &str = "11111111-1111-4111-8111-111111111111";
    const NEW: &str = "22222222-2222-4222-8222-222222222222";
    let stack = Stack::start().await;
    for renewal_first in [false, true] {
        let college = stack.create_organization().await;
        let issue = async || {
            let known = json!({"short_id": "CRD-AAAA1111", "expires_at": "2027-01-01T00:00:00Z"});
            let at = (OLD, "2026-01-01T00:00:00Z");
            post(&college, "credential.issued", at, known).await;
        };
        if !renewal_first {
            issue().await;
        }
        let renewed = json!({"supersedes": "CRD-AAAA1111"});
        let at = (NEW, "2026-12-01T00:00:00Z");
        post(&college, "credential.renewed", at, renewed).await;
        if renewal_first {
            issue().await;
        }
        for id in [OLD, "CRD-AAAA1111"] {
            let old = shown(&college, id).await;
            assert_eq!(old["id"], OLD, "{old:#}");
            assert_eq!(old["supersededByCredentialId"], NEW, "{old:#}");
            assert_eq!(old["expirationDate"], "2027-01-01T00:00:00.000Z");
        }
    }
}

#[tokio::test]
async fn a_renewal_that_names_its_own_short_id_supersedes_nothing() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let names_itself = json!({"short_id": "CRD-AAAA1111", "supersedes": "CRD-AAAA1111"});
    let at = ("a", "2026-12-01T00:00:00Z");
    post(&college, "credential.renewed", at, names_itself).await;
    let renewed = shown(&college, "CRD-AAAA1111").await;
    for member in ["id", "supersedesCredentialId", "supersededByCredentialId"] {
        let expected = if member == "id" {
            json!("a")
        } else {
            json!(null)
        };
        assert_eq!(renewed[member], expected, "{member}");
    }
}
