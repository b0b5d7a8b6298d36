//! What is accepted while an erasure runs, until what is known of the person is removed: certhooks itself fills it
//! in.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{ask, issued_to, over};
use crate::faults::{Fault, Faults, Request, Rule};
use crate::later::recover;
use crate::samples::event_of;
use crate::stack::{Organization, Stack, until};

const ANA: &str = "ana@example.com";

/// The canonical form of an event; nothing when what it said was erased.
async fn said(college: &Organization, event: &str) -> Option<Value> {
    let answer = college.api.get(&format!("events/{event}")).await;
    match answer.status {
        410 => None,
        _ => Some(answer.expect(200)["canonical"].take()),
    }
}

/// Names the person by the id that the directory has a line of.
fn issued_to_42(credential: &str) -> String {
    json!({
        "type": "credential.issued",
        "timestamp": "2026-03-18T10:30:00Z",
        "data": {"credential": {"id": credential}, "recipient": {"id": "42"}},
    })
    .to_string()
}

#[tokio::test]
async fn what_certhooks_fills_in_until_the_person_is_removed_goes_too() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let line = json!({"email": ANA, "name": "Ana"});
    college.api.put("recipients/42", line).await.expect(200);
    college.post_event(&issued_to("a", ANA)).await;
    let id = ask(&college, ANA).await;
    // An id and a time apart.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let of_theirs = college
        .post_event(&event_of("credential.revoked", "a"))
        .await;
    let by_the_directory = college.post_event(&issued_to_42("b")).await;
    let of_another = issued_to("c", "bia@example.com");
    let of_another = college.post_event(&of_another).await;
    for event in [&of_theirs, &by_the_directory] {
        let canonical = said(&college, event).await.expect("it is there");
        assert!(canonical.to_string().contains(ANA), "{canonical:#}");
    }
    let erasure = over(&stack, &college, &id).await;
    assert_eq!(erasure["erased"]["events"], 3, "{erasure:#}");
    for event in [&of_theirs, &by_the_directory] {
        assert_eq!(said(&college, event).await, None);
    }
    assert!(said(&college, &of_another).await.is_some());
    // From then on there is nothing to fill in, and nothing to erase.
    for event in [event_of("credential.accepted", "a"), issued_to_42("d")] {
        let event = college.post_event(&event).await;
        let canonical = said(&college, &event).await.expect("it is there");
        assert!(!canonical.to_string().contains(ANA), "{canonical:#}");
    }
}

#[tokio::test]
async fn an_event_that_is_being_written_while_its_credential_is_removed_is_found_too() {
    let (stack, faults) = Faults::start(&["--environments", "1"]).await;
    let college = stack.create_organization().await;
    college.post_event(&issued_to("a", ANA)).await;
    let id = ask(&college, ANA).await;
    // It has been completed, and takes two seconds to be written.
    let slow = Rule::new(Fault::TimeOut, "ingest", Request::writes_an_event);
    let slow = faults.inject(slow);
    let revoked = event_of("credential.revoked", "a");
    let posted = college.post_event(&revoked);
    let removed = async {
        slow.happened(1).await;
        recover(&stack, SignedDuration::ZERO).await;
    };
    let (event, ()) = tokio::join!(posted, removed);
    let canonical = said(&college, &event).await.expect("it is there");
    assert!(canonical.to_string().contains(ANA), "{canonical:#}");
    let erasure = college.api.get(&format!("erasures/{id}")).await.expect(200);
    assert_eq!(erasure["state"], "running", "{erasure:#}");
    assert_eq!(erasure["erased"]["credentials"], 1, "{erasure:#}");
    until("it is found", async || {
        recover(&stack, SignedDuration::ZERO).await;
        let said = said(&college, &event).await;
        said.map_or(Ok(()), Err)
    })
    .await;
}

#[tokio::test]
async fn an_id_that_a_credential_gets_while_it_is_removed_goes_with_it() {
    let (stack, faults) = Faults::start(&["--environments", "1"]).await;
    let college = stack.create_organization().await;
    college.post_event(&issued_to("a", ANA)).await;
    let id = ask(&college, ANA).await;
    let is_the_row = |request: &Request| {
        let key = &request.json()["Key"]["sk"]["S"];
        request.operation == "DeleteItem" && key == "credential#a"
    };
    let slow = faults.inject(Rule::new(Fault::TimeOut, "recovery", is_the_row));
    let erasure = over(&stack, &college, &id);
    let revoked = async {
        slow.happened(1).await;
        let short = json!({
            "type": "credential.revoked",
            "timestamp": "2026-03-19T10:30:00Z",
            "data": {"credential": {"id": "a", "short_id": "CRD-AAAA1111"}},
        });
        college.post_event(&short.to_string()).await
    };
    let (erasure, revoked) = tokio::join!(erasure, revoked);
    assert_eq!(erasure["erased"]["credentials"], 1, "{erasure:#}");
    assert_eq!(said(&college, &revoked).await, None);
    let partition = format!("org#{}", college.id);
    for place in ["credential#a", "alias#CRD-AAAA1111"] {
        let row = faults.row("CredentialsTable", &partition, place).await;
        assert_eq!(row, Value::Null, "{place}");
    }
}
