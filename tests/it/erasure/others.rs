//! What is about somebody else, or came later, stays.

use serde_json::json;

use super::{ask, erase, issued_to, over};
use crate::stack::{Stack, text};

const ANA: &str = "ana@example.com";

#[tokio::test]
async fn other_people_and_other_organizations_keep_all_they_have() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    // One address is in the other, or the same elsewhere.
    let others = ["joana@example.com", "ana@example.com.br", "ana@example.co"];
    let mut theirs = Vec::new();
    for (number, address) in others.into_iter().enumerate() {
        let credential = format!("other-{number}");
        theirs.push(college.post_event(&issued_to(&credential, address)).await);
        let line = json!({"email": address});
        let path = format!("recipients/{credential}");
        college.api.put(&path, line).await.expect(200);
    }
    let own = college.post_event(&issued_to("a", ANA)).await;
    let elsewhere = school.post_event(&issued_to("a", ANA)).await;
    let erasure = erase(&stack, &college, ANA).await;
    let erased = json!({
        "recipients": 0, "credentials": 1, "events": 1, "deliveries": 0, "answers": 0, "quarantined": 0,
    });
    assert_eq!(erasure["erased"], erased, "{erasure:#}");
    let event = |id: &str| format!("events/{id}");
    for id in &theirs {
        college.api.get(&event(id)).await.expect(200);
    }
    for number in 0..others.len() {
        for of in ["recipients", "credentials"] {
            let path = format!("{of}/other-{number}");
            college.api.get(&path).await.expect(200);
        }
    }
    college
        .api
        .get(&event(&own))
        .await
        .refusal(410, "event_erased");
    school.api.get(&event(&elsewhere)).await.expect(200);
    school.api.get("credentials/a").await.expect(200);
}

#[tokio::test]
async fn what_is_accepted_after_the_request_is_not_covered() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let before = college.post_event(&issued_to("a", ANA)).await;
    let id = ask(&college, ANA).await;
    // An id and a time apart.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let after = college.post_event(&issued_to("b", ANA)).await;
    let erasure = over(&stack, &college, &id).await;
    assert_eq!(erasure["erased"]["events"], 1, "{erasure:#}");
    let event = |id: &str| format!("events/{id}");
    college
        .api
        .get(&event(&before))
        .await
        .refusal(410, "event_erased");
    college.api.get(&event(&after)).await.expect(200);
    let credential = college.api.get("credentials/b").await.expect(200);
    assert_eq!(text(&credential, "recipientEmail"), ANA);
}

#[tokio::test]
async fn a_credential_is_not_found_by_its_other_ids_either() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    // CertDirectory gives each credential two ids.
    let sample = crate::samples::named("certdirectory.credential.issued");
    college.post_event(&sample.body).await;
    let body: serde_json::Value = serde_json::from_str(&sample.body).unwrap();
    let address = text(&body["data"], "recipientEmail");
    let ids = ["credentialUuid", "credentialId"].map(|id| text(&body["data"], id));
    for id in &ids {
        let path = format!("credentials/{id}");
        college.api.get(&path).await.expect(200);
    }
    erase(&stack, &college, &address).await;
    for id in &ids {
        let path = format!("credentials/{id}");
        college.api.get(&path).await.refusal(404, "not_found");
    }
    // Whatever comes of it later is what that says, and no more.
    let revoked = crate::samples::event_of("credential.revoked", &ids[0]);
    college.post_event(&revoked).await;
    let path = format!("credentials/{}", ids[0]);
    let known = college.api.get(&path).await.expect(200);
    assert_eq!(known["status"], "revoked");
    assert!(known["recipientEmail"].is_null(), "{known:#}");
}
