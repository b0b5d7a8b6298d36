//! Erasure of a person: what goes, what stays, and that it ends the same wherever it is interrupted.

mod asked;
mod deliveries;
mod everything;
mod interrupted;
mod meanwhile;
mod others;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::later::recover;
use crate::stack::{Organization, Stack, text, until};

/// As of then, no event is being written any more that was completed with what recovery has just removed.
const LATER: SignedDuration = SignedDuration::from_secs(20);

/// Asks for the erasure of a person; its id.
async fn ask(college: &Organization, address: &str) -> String {
    let path = format!("recipients/{address}");
    text(&college.api.delete(&path).await.expect(202), "id")
}

/// The erasure when recovery is through with it.
async fn over(stack: &Stack, college: &Organization, id: &str) -> Value {
    let path = format!("erasures/{id}");
    until("the erasure is over", async || {
        recover(stack, LATER).await;
        let erasure = college.api.get(&path).await.expect(200);
        if erasure["state"] == "done" {
            Ok(erasure)
        } else {
            Err(erasure)
        }
    })
    .await
}

/// Erases a person.
async fn erase(stack: &Stack, college: &Organization, address: &str) -> Value {
    let id = ask(college, address).await;
    over(stack, college, &id).await
}

/// The issue of a credential to a person.
fn issued_to(credential: &str, address: &str) -> String {
    json!({
        "type": "credential.issued",
        "timestamp": "2026-03-18T10:30:00Z",
        "data": {"credential": {"id": credential}, "recipient": {"email": address}},
    })
    .to_string()
}
