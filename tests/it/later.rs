//! What recovery does when time has passed, without waiting for it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::stack::Stack;

/// Runs recovery as if it were so much later, and answers its report. All of it must succeed.
pub(crate) async fn recover(stack: &Stack, ahead: SignedDuration) -> Value {
    let report = stack.invoke("RecoveryFunction", as_of(ahead)).await;
    assert_eq!(report["recovery_failures"], 0, "{report:#}");
    report
}

/// With what recovery is invoked to act as if it were so much later.
#[expect(clippy::disallowed_methods, reason = "a test has a clock of its own")]
pub(crate) fn as_of(ahead: SignedDuration) -> Vec<u8> {
    let as_of = Timestamp::now() + ahead;
    json!({"as_of": as_of}).to_string().into_bytes()
}
