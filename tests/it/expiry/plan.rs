//! Organizations that have not paid.

use super::{check, in_hours, issue, types};
use crate::stack::Stack;

#[tokio::test]
async fn for_an_organization_without_a_plan_nothing_is_announced_then_or_later() {
    let data = tempfile::tempdir().expect("a folder");
    let stack = Stack::start_on(data.path()).await;
    let college = stack.create_organization().await;
    issue(&college, "a", &in_hours(-1)).await;
    let id = college.id.clone();
    drop(stack);
    let path = data.path().to_str().expect("a plain name");
    let stack = Stack::launch(&[
        "--data",
        path,
        "--stripe-secret",
        "whsec_of_a_test_of_expiry",
    ])
    .await;
    let report = check(&stack).await;
    assert_eq!(report["notices_passed_over"], 1, "{report:#}");
    assert_eq!(report["notices_expired"], 0, "{report:#}");
    drop(stack);
    let stack = Stack::start_on(data.path()).await;
    assert_eq!(check(&stack).await["notices_expired"], 0);
    let college = crate::stack::Organization {
        api: stack.platform().acting_for(&id),
        id,
    };
    assert_eq!(types(&college, "a").await, ["credential.issued"]);
}
