//! Recovery dies between any two writes of an erasure: the next run ends the same, with the same counts.

use serde_json::{Value, json};

use super::{LATER, ask, issued_to, over};
use crate::faults::{Fault, Faults, Request, Rule};
use crate::later::as_of;
use crate::receiver::Receiver;
use crate::stack::{Organization, Stack};

const RECOVERY: &str = "recovery";
const ANA: &str = "ana@example.com";
/// More than a page of credentials and of events, and more ids than are looked for at once.
const MANY: usize = 230;

/// A write for an erasure: of its row, of what it removes, or of its line in the log.
fn erases(request: &Request) -> bool {
    let is_put = request.operation == "PutItem";
    let is_own = is_put && request.put("sk").starts_with("ers_");
    let is_delivery = is_put && request.json()["Item"]["erased_at"].is_object();
    let is_line = is_put && request.put("action") == "erasure.completed";
    is_own || is_delivery || is_line || ["UpdateItem", "DeleteItem"].contains(&&*request.operation)
}

/// Runs recovery, which may die.
async fn run(stack: &Stack) -> Result<Value, Value> {
    let request = as_of(LATER);
    stack.try_invoke("RecoveryFunction", request).await
}

/// A person with one of everything.
async fn person(college: &Organization, receiver: &Receiver) -> Value {
    let line = json!({"email": ANA});
    college.api.put("recipients/1", line).await.expect(200);
    let endpoint = college.subscribe(&receiver.url).await;
    for credential in ["a", "b"] {
        let event = college.post_event(&issued_to(credential, ANA)).await;
        college.delivery_in(&event, &endpoint, "delivered").await;
    }
    let relay = json!({"dialect": "toolzz"});
    let relay = college.api.post("relays", relay).await.expect(201);
    let path = relay["url_path"].as_str().expect("a path");
    let path = path.strip_prefix("/api/v1/").expect("a path of the API");
    let kept = college.api.post(path, json!({"x": ANA})).await.expect(202);
    assert_eq!(kept["quarantined"], true);
    json!({"recipients": 1, "credentials": 2, "events": 2, "deliveries": 2, "answers": 0, "quarantined": 1})
}

#[tokio::test]
async fn wherever_recovery_dies_the_erasure_ends_the_same_and_counts_nothing_twice() {
    let (stack, faults) = Faults::start(&["--environments", "1"]).await;
    let receiver = Receiver::content().await;
    let mut died = 0;
    for write in 0.. {
        let college = stack.create_organization().await;
        let expected = person(&college, &receiver).await;
        let id = ask(&college, ANA).await;
        let fault = [Fault::KillBefore, Fault::KillAfter][write % 2];
        let killed = Rule::new(fault, RECOVERY, erases).after(write / 2);
        let killed = faults.inject(killed).if_at_all();
        run(&stack).await.ok();
        let has_died = killed.count() > 0;
        faults.stop();
        let erasure = over(&stack, &college, &id).await;
        assert_eq!(erasure["erased"], expected, "write {write}: {erasure:#}");
        let lines = college.api.pages("audit", 100).await;
        let is_completed = |line: &&Value| line["action"] == "erasure.completed";
        assert_eq!(
            lines.iter().filter(is_completed).count(),
            1,
            "write {write}"
        );
        if !has_died {
            break;
        }
        died += 1;
    }
    // Each page in hand, each thing removed, each step over: before and after.
    assert!(died > 20, "only {died}");
}

#[tokio::test]
async fn someone_with_more_than_is_looked_for_at_once_is_erased_whole() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for batch in 0..MANY.div_ceil(100) {
        let numbers = batch * 100..MANY.min((batch + 1) * 100);
        let issue = |number: usize| -> Value {
            serde_json::from_str(&issued_to(&format!("c{number:03}"), ANA)).unwrap()
        };
        let events: Vec<Value> = numbers.clone().map(issue).collect();
        college
            .api
            .post("events/batch", json!(events))
            .await
            .expect(200);
        // The address is nowhere in these: they are found by the credential.
        let revoke = |number: usize| -> Value {
            let event = crate::samples::event_of("credential.revoked", &format!("c{number:03}"));
            serde_json::from_str(&event).unwrap()
        };
        let events: Vec<Value> = numbers.map(revoke).collect();
        college
            .api
            .post("events/batch", json!(events))
            .await
            .expect(200);
    }
    let id = ask(&college, ANA).await;
    let erasure = over(&stack, &college, &id).await;
    assert_eq!(erasure["erased"]["credentials"], MANY, "{erasure:#}");
    assert_eq!(erasure["erased"]["events"], 2 * MANY, "{erasure:#}");
    let events = college.api.pages("events", 100).await;
    assert_eq!(events.len(), 2 * MANY);
    assert!(events.iter().all(|event| event["erased_at"].is_string()));
    assert!(college.api.get("credentials").await.expect(200)["data"] == json!([]));
}
