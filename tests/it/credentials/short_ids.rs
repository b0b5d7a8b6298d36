//! Events that name their credential by its short id alone, as CertDirectory's may: they are of the credential whose
//! short id that is, also when that is said later.

use serde_json::{Value, json};

use super::shown;
use crate::faults::{Fault, Faults, Request, Rule};
use crate::samples;
use crate::stack::{Organization, Stack, text, until};

const UUID: &str = "11111111-1111-4111-8111-111111111111";
const SHORT: &str = "CRD-AAAA1111";
const ENDS: &str = "2099-01-01T00:00:00.000Z";

/// An event of CertDirectory's. Only its issue has both ids.
fn event(name: &str, number: usize) -> String {
    let is_issue = name == "issued";
    let mut data = json!({"credentialId": SHORT, "recipientEmail": "jane@example.com"});
    if is_issue {
        data["credentialUuid"] = json!(UUID);
        data["badgeId"] = json!("b1");
        data["expirationDate"] = json!(ENDS);
    }
    json!({
        "id": format!("evt_{name}"),
        "type": format!("credential.{name}"),
        "createdAt": format!("2026-03-0{number}T10:30:00.000Z"),
        "data": data,
    })
    .to_string()
}

/// The credentials that are listed, once there is any.
async fn listed(college: &Organization) -> Vec<String> {
    let listed = until("it is settled", async || {
        let all = college.api.pages("credentials", 10).await;
        if all.is_empty() { Err(()) } else { Ok(all) }
    });
    listed.await.iter().map(|it| text(it, "id")).collect()
}

/// What makes no difference to it is left out.
async fn life(college: &Organization, id: &str) -> Value {
    let mut life = shown(college, id).await;
    let members = life.as_object_mut().expect("an object");
    for own in ["createdAt", "updatedAt", "lastEvent"] {
        members.remove(own);
    }
    let events = members.remove("events").expect("events");
    assert_eq!(events.as_array().map(Vec::len), Some(3), "{events:#}");
    life
}

#[tokio::test]
async fn events_by_the_short_id_alone_are_of_the_credential_that_has_it_in_any_order() {
    let stack = Stack::start().await;
    let events = [event("issued", 1), event("claimed", 2), event("revoked", 3)];
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let mut lives = Vec::new();
    for order in orders {
        let college = stack.create_organization().await;
        for number in order {
            college.post_event(&events[number]).await;
        }
        let by_any = [life(&college, UUID).await, life(&college, SHORT).await];
        assert_eq!(by_any[0], by_any[1], "{order:?}");
        assert_eq!(listed(&college).await, [UUID], "{order:?}");
        for number in order {
            let repeated = college.api.post_text("events", &events[number]).await;
            assert_eq!(repeated.expect(200)["duplicate"], true);
        }
        assert_eq!(life(&college, UUID).await, by_any[0], "{order:?}");
        lives.extend(by_any);
    }
    assert!(lives.iter().all(|life| *life == lives[0]), "{lives:#?}");
    let life = &lives[0];
    assert_eq!(
        (&life["id"], &life["status"]),
        (&json!(UUID), &json!("revoked"))
    );
    assert_eq!(life["expirationDate"], ENDS);
    assert!(life["claimedAt"].is_string(), "{life:#}");
}

#[tokio::test]
async fn an_event_by_the_short_id_alone_is_completed_and_told_as_of_the_credential() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    college.post_event(&event("issued", 1)).await;
    let revoked = college.post_event(&event("revoked", 3)).await;
    let path = format!("events/{revoked}");
    let revoked = college.api.get(&path).await.expect(200);
    assert_eq!(revoked["credential_id"], UUID);
    let canonical = &revoked["canonical"]["data"];
    assert_eq!(canonical["credential"]["id"], UUID);
    assert_eq!(canonical["credential"]["short_id"], SHORT);
    assert_eq!(canonical["credential"]["expires_at"], ENDS);
    assert_eq!(canonical["achievement"]["id"], "b1");
    let enriched = canonical["enriched"].to_string();
    assert!(enriched.contains("\"credential.id\""), "{enriched}");
    // What the source sent is what it sent.
    assert_eq!(text(&revoked, "received"), event("revoked", 3));
}

#[tokio::test]
async fn an_end_that_is_said_by_the_short_id_alone_is_announced_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let ended = "2026-03-02T00:00:00.000Z";
    college
        .post_event(&event("issued", 1).replace(ENDS, ended))
        .await;
    let report = stack.invoke("ExpiryFunction", scheduled()).await;
    assert_eq!(report["notices_expired"], 1, "{report:#}");
    let said = college.api.post_text("events", &event("expired", 3)).await;
    assert_eq!(said.expect(200)["duplicate"], true);
    let shown = shown(&college, UUID).await;
    assert_eq!(
        shown["events"].as_array().map(Vec::len),
        Some(2),
        "{shown:#}"
    );
}

fn scheduled() -> Vec<u8> {
    crate::workspace::read("events/expiry/scheduled.json").into_bytes()
}

#[tokio::test]
async fn two_that_come_at_once_are_of_one_credential() {
    let stack = Stack::start().await;
    for _ in 0..10 {
        let college = stack.create_organization().await;
        let (issued, revoked) = (event("issued", 1), event("revoked", 3));
        tokio::join!(college.post_event(&revoked), college.post_event(&issued));
        let shown = shown(&college, SHORT).await;
        assert_eq!(
            (&shown["id"], &shown["status"]),
            (&json!(UUID), &json!("revoked"))
        );
        assert_eq!(listed(&college).await, [UUID]);
    }
}

#[tokio::test]
async fn who_dies_while_it_moves_moves_it_when_its_sender_comes_again() {
    let (stack, faults) = Faults::start(&["--environments", "1"]).await;
    let of_the_short_id = format!("credential#{SHORT}");
    for fault in [Fault::KillBefore, Fault::KillAfter] {
        let college = stack.create_organization().await;
        college.post_event(&event("revoked", 3)).await;
        let place = of_the_short_id.clone();
        let deletes = move |request: &Request| {
            let key = &request.json()["Key"]["sk"]["S"];
            request.operation == "DeleteItem" && *key == *place
        };
        let killed = faults.inject(Rule::new(fault, "ingest", deletes));
        let issued = event("issued", 1);
        let died = college.api.post_text("events", &issued).await;
        died.expect(500);
        assert_eq!(killed.count(), 1);
        college.api.post_text("events", &issued).await.expect(200);
        let shown = shown(&college, SHORT).await;
        assert_eq!(
            (&shown["id"], &shown["status"]),
            (&json!(UUID), &json!("revoked"))
        );
        let partition = format!("org#{}", college.id);
        let row = faults.row("CredentialsTable", &partition, &of_the_short_id);
        assert_eq!(row.await, Value::Null);
    }
}

#[tokio::test]
async fn a_credential_with_an_id_like_anothers_short_id_stays_its_own() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    college.post_event(&samples::issued(SHORT)).await;
    college.post_event(&event("issued", 1)).await;
    for id in [UUID, SHORT] {
        assert_eq!(shown(&college, id).await["id"], id);
    }
}
