//! What ends the announcing.

use serde_json::json;

use super::{check, in_hours, issue, post, types};
use crate::stack::Stack;

#[tokio::test]
async fn what_was_revoked_declined_or_renewed_is_not_announced() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for (credential, event_type) in [("a", "credential.revoked"), ("b", "credential.declined")] {
        issue(&college, credential, &in_hours(-1)).await;
        post(&college, event_type, credential, json!({})).await;
    }
    // Renewed in its place, for another while.
    issue(&college, "c", &in_hours(-1)).await;
    let more = json!({"expires_at": in_hours(24 * 400)});
    let renewed = json!({
        "type": "credential.renewed", "timestamp": in_hours(0),
        "data": {"credential": {"id": "c", "expires_at": more["expires_at"]}},
    });
    college.post_event(&renewed.to_string()).await;
    // Another credential came in its place.
    issue(&college, "d", &in_hours(-1)).await;
    let more = json!({"supersedes": "d", "expires_at": in_hours(24 * 400)});
    post(&college, "credential.renewed", "e", more).await;
    let report = check(&stack).await;
    for none in ["notices_expired", "notices_expiring", "notices_repeated"] {
        assert_eq!(report[none], 0, "{report:#}");
    }
    let status = |id: &'static str| {
        let api = &college.api;
        async move { api.get(&format!("credentials/{id}")).await.expect(200)["status"].clone() }
    };
    assert_eq!(status("a").await, "revoked");
    assert_eq!(status("c").await, "valid");
    assert_eq!(types(&college, "d").await, ["credential.issued"]);
}
