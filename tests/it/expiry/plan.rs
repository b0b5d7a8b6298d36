//! Organizations that have not paid.

use super::{check, in_hours, in_minutes, issue, types};
use crate::stack::{Organization, Stack, text};

/// When a credential last changed.
async fn updated(college: &Organization, credential: &str) -> String {
    let path = format!("credentials/{credential}");
    text(&college.api.get(&path).await.expect(200), "updatedAt")
}

#[tokio::test]
async fn for_an_organization_without_a_plan_nothing_is_announced_then_or_later() {
    let data = tempfile::tempdir().expect("a folder");
    let stack = Stack::start_on(data.path()).await;
    let college = stack.create_organization().await;
    let soon = in_minutes(1);
    issue(&college, "a", &in_hours(-1)).await;
    issue(&college, "b", &soon).await;
    let id = college.id.clone();
    drop(stack);
    let path = data.path().to_str().expect("a plain name");
    let at = async |minutes, arguments: &[&str]| {
        let now = in_minutes(minutes);
        let arguments = [&["--data", path, "--now", &now], arguments].concat();
        let stack = Stack::launch(&arguments).await;
        let api = stack.platform().acting_for(&id);
        let id = id.clone();
        (stack, Organization { api, id })
    };
    let secret = ["--stripe-secret", "whsec_of_a_test_of_expiry"];
    let (stack, college) = at(2, &secret).await;
    assert!(updated(&college, "b").await < soon);
    let report = check(&stack).await;
    assert_eq!(report["notices_passed_over"], 2, "{report:#}");
    assert_eq!(report["notices_expired"], 0, "{report:#}");
    // That it has expired is a change all the same.
    assert!(updated(&college, "b").await > soon);
    drop(stack);
    let (stack, college) = at(4, &[]).await;
    assert_eq!(check(&stack).await["notices_expired"], 0);
    for credential in ["a", "b"] {
        assert_eq!(types(&college, credential).await, ["credential.issued"]);
    }
}
