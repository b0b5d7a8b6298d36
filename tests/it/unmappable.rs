//! What an endpoint gets of an event that its dialect cannot say, and the options that decide it.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::native;
use crate::receiver::Receiver;
use crate::samples;
use crate::stack::{Endpoint, Organization, Stack, until};

/// An event that names a person and lacks what Beedeez asks for.
const EXPIRED: &str = "thatsme.certificate.expired";
const MISSING: &str = "credential.issued_at";

async fn post(college: &Organization, name: &str) -> String {
    let sample = samples::named(name);
    let accepted = college.api.post_text(&sample.path, &sample.body).await;
    let accepted = accepted.expect(202);
    accepted["id"].as_str().unwrap().to_owned()
}

/// How many deliveries to an endpoint were skipped, over all days.
async fn skipped(college: &Organization, endpoint: &Endpoint) -> u64 {
    let path = format!("endpoints/{}/stats", endpoint.id);
    let stats = college.api.get(&path).await.expect(200);
    let days = stats["data"].as_array().unwrap();
    days.iter()
        .map(|day| day["skipped"].as_u64().unwrap())
        .sum()
}

#[tokio::test]
async fn a_skipped_delivery_is_visible_and_counted_and_nothing_is_sent() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let beedeez = json!({"dialect": "beedeez"});
    let endpoint = college.subscribe_with(&receiver.url, beedeez).await;
    assert_eq!(skipped(&college, &endpoint).await, 0);
    let lacking = post(&college, EXPIRED).await;
    let unknown = post(&college, "thatsme.certificate.rejected").await;
    let said = post(&college, "beedeez.certificate_completed").await;
    college.delivery_in(&said, &endpoint, "delivered").await;
    for (event, why) in [
        (
            &lacking,
            json!({"reason": "missing_facts", "missing": [MISSING]}),
        ),
        (&unknown, json!({"reason": "no_such_type"})),
    ] {
        let delivery = college.delivery_in(event, &endpoint, "skipped").await;
        assert_eq!(delivery["skipped"], why);
        assert_eq!(delivery["attempts"], 0);
        assert_eq!(delivery["history"], json!([]));
        assert!(delivery["next_attempt_at"].is_null());
        let path = format!("events/{event}/deliveries");
        let of_event = college.api.get(&path).await.expect(200);
        assert_eq!(of_event["data"], json!([delivery]));
    }
    let events = |list: &Value| -> BTreeSet<String> {
        let deliveries = list["data"].as_array().unwrap().iter();
        let ids = deliveries.map(|it| it["event_id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    for path in [
        "deliveries",
        &format!("endpoints/{}/deliveries", endpoint.id),
    ] {
        let list = format!("{path}?status=skipped");
        let list = college.api.get(&list).await.expect(200);
        assert_eq!(events(&list), [lacking.clone(), unknown.clone()].into());
        let delivered = format!("{path}?status=delivered");
        let delivered = college.api.get(&delivered).await.expect(200);
        assert_eq!(events(&delivered), [said.clone()].into());
    }
    // Counted after the row is written.
    until("both are counted", async || {
        match skipped(&college, &endpoint).await {
            2 => Ok(()),
            count => Err(count),
        }
    })
    .await;
    let received = receiver.received();
    let ids: Vec<&str> = received.iter().map(|webhook| webhook.id()).collect();
    assert_eq!(ids, [said]);
}

#[tokio::test]
async fn the_log_names_the_missing_facts_and_no_person() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let beedeez = json!({"dialect": "beedeez"});
    let endpoint = college.subscribe_with(&receiver.url, beedeez).await;
    let event = post(&college, EXPIRED).await;
    college.delivery_in(&event, &endpoint, "skipped").await;
    let line = until("it is logged", async || {
        let log = stack.log();
        let line = log.iter().find(|line| line.contains("skipped"));
        line.cloned().ok_or(log)
    })
    .await;
    for told in [event.as_str(), &endpoint.id, MISSING, "credential.expired"] {
        assert!(line.contains(told), "{told} is not in {line}");
    }
    let personal = ["leonardo", "Leonardo", "English", "inv_abc123", "127.0.0.1"];
    for line in stack.log().iter().filter(|line| line.contains(&event)) {
        for said in personal {
            assert!(!line.contains(said), "{said} is in {line}");
        }
    }
}

#[tokio::test]
async fn canonical_sends_the_canonical_form_instead() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let members = json!({"dialect": "certdirectory", "on_unmappable": "canonical"});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    for (number, name) in [
        "beedeez.certificate_completed",
        "thatsme.certificate.rejected",
    ]
    .into_iter()
    .enumerate()
    {
        let event = post(&college, name).await;
        let webhook = &receiver.requests(number + 1).await[number];
        assert_eq!(webhook.header("x-dialect"), "canonical");
        webhook.verify(&endpoint.secret);
        let shown = college.api.get(&format!("events/{event}")).await;
        let body: Value = serde_json::from_slice(&webhook.body).unwrap();
        assert_eq!(body, shown.expect(200)["canonical"]);
        for name in webhook.headers.keys() {
            assert!(!name.as_str().starts_with("x-certdirectory-"), "{name}");
        }
        college.delivery_in(&event, &endpoint, "delivered").await;
    }
    // What the dialect can say is said in it.
    post(&college, "thatsme.certificate.accepted").await;
    let webhook = &receiver.requests(3).await[2];
    assert!(!webhook.headers.contains_key("x-dialect"));
    assert_eq!(
        webhook.header("x-certdirectory-event"),
        "credential.claimed"
    );
    assert_eq!(skipped(&college, &endpoint).await, 0);
}

#[tokio::test]
async fn native_sends_the_received_bytes_with_the_headers_of_their_dialect() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let members = json!({"dialect": "beedeez", "on_unmappable": "native"});
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    let mut received = Vec::new();
    for name in [
        "thatsme.certificate.expired",
        "vec.certificate_application.failed",
        "certdirectory.credential.revoked",
        "canonical.credential.expiring",
    ] {
        let sample = samples::named(name);
        post(&college, name).await;
        let webhook = receiver.requests(received.len() + 1).await.pop().unwrap();
        assert_eq!(webhook.body, sample.body.as_bytes(), "{name}");
        assert_eq!(webhook.header("x-dialect"), sample.dialect());
        assert!(!webhook.headers.contains_key("x-webhook-source"), "{name}");
        assert!(!webhook.headers.contains_key("x-source-ids"), "{name}");
        webhook.verify(&endpoint.secret);
        received.push(webhook);
    }
    let [thatsme, vec, certdirectory, _] = &received[..] else {
        panic!("{} webhooks", received.len())
    };
    assert!(native::thatsme_accepts(thatsme, &endpoint.secret));
    assert_eq!(thatsme.header("x-tm-event"), "certificate.expired");
    assert!(native::vec_accepts(vec, &endpoint.secret));
    assert_eq!(
        vec.header("x-webhook-event"),
        "certificate_application.failed"
    );
    assert!(native::certdirectory_accepts(
        certdirectory,
        &endpoint.secret
    ));
    assert_eq!(
        certdirectory.header("x-certdirectory-event"),
        "credential.revoked"
    );
}

#[tokio::test]
async fn a_skipped_delivery_is_sent_by_a_retry_once_the_endpoint_takes_another_form() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let beedeez = json!({"dialect": "beedeez"});
    let endpoint = college.subscribe_with(&receiver.url, beedeez).await;
    let event = post(&college, EXPIRED).await;
    college.delivery_in(&event, &endpoint, "skipped").await;
    let retry = format!("events/{event}/deliveries/{}/retry", endpoint.id);
    let ended = |delivery: &Value| delivery["status"] != "pending";

    // As it is, it is skipped again.
    college.api.post(&retry, json!({})).await.expect(202);
    let again = college.delivery(&event, &endpoint, ended).await;
    assert_eq!(again["status"], "skipped");
    assert_eq!(again["skipped"]["missing"], json!([MISSING]));
    assert_eq!(receiver.count(), 0);

    let path = format!("endpoints/{}", endpoint.id);
    let canonical = json!({"on_unmappable": "canonical"});
    college.api.patch(&path, canonical).await.expect(200);
    // The delivery function may know the endpoint as it was for a few seconds more.
    let delivery = until("it is delivered", async || {
        college.api.post(&retry, json!({})).await.expect(202);
        let delivery = college.delivery(&event, &endpoint, ended).await;
        if delivery["status"] == "delivered" {
            Ok(delivery)
        } else {
            Err(delivery)
        }
    })
    .await;
    assert_eq!(delivery["attempts"], 1);
    assert!(delivery["skipped"].is_null(), "{delivery:#}");
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("x-dialect"), "canonical");
    assert_eq!(received[0].id(), event);
}

#[tokio::test]
async fn without_surrogates_an_event_whose_ids_have_another_form_is_skipped() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let strict = |dialect: &str| json!({"dialect": dialect, "surrogate_ids": false});
    let certdirectory = strict("certdirectory");
    let certdirectory = college.subscribe_with(&receiver.url, certdirectory).await;
    let thatsme = college
        .subscribe_with(&receiver.url, strict("thatsme"))
        .await;
    let event = post(&college, "toolzz.activities.certificate.issued").await;
    let delivery = college.delivery_in(&event, &certdirectory, "skipped").await;
    assert_eq!(
        delivery["skipped"]["missing"],
        json!(["achievement.id", "credential.id"])
    );
    // That's Me takes any text as an id.
    college.delivery_in(&event, &thatsme, "delivered").await;
    let webhook = &receiver.requests(1).await[0];
    assert!(!webhook.headers.contains_key("x-source-ids"));
    let body: Value = serde_json::from_slice(&webhook.body).unwrap();
    assert_eq!(body["data"]["event_id"], "87654321");
}

#[tokio::test]
async fn a_renewal_is_told_as_an_issue_to_who_wants_it() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let (plain, downcast) = (Receiver::content().await, Receiver::content().await);
    let without = json!({"dialect": "beedeez"});
    let without = college.subscribe_with(&plain.url, without).await;
    let with = json!({"dialect": "beedeez", "downcast_renewed": true});
    let with = college.subscribe_with(&downcast.url, with).await;
    let own = json!({"dialect": "certdirectory", "downcast_renewed": true});
    let own = college.subscribe_with(&downcast.url, own).await;

    let renewed = post(&college, "certdirectory.credential.renewed").await;
    let skipped = college.delivery_in(&renewed, &without, "skipped").await;
    assert_eq!(skipped["skipped"], json!({"reason": "no_such_type"}));
    college.delivery_in(&renewed, &with, "delivered").await;
    college.delivery_in(&renewed, &own, "delivered").await;
    let received = downcast.requests(2).await;
    let by = |name: &str| received.iter().find(|it| it.headers.contains_key(name));
    let told = by("x-webhook-event").unwrap();
    assert_eq!(told.header("x-webhook-event"), "certificate_completed");
    let body: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(body["expires"], "2028-01-20T00:00:00.000Z");
    // A dialect that has a name for renewals uses it.
    let own = by("x-certdirectory-event").unwrap();
    assert_eq!(own.header("x-certdirectory-event"), "credential.renewed");

    let revoked = post(&college, "certdirectory.credential.revoked").await;
    college.delivery_in(&revoked, &with, "skipped").await;
    assert_eq!(plain.count(), 0);
}

#[tokio::test]
async fn cloudevents_puts_the_event_into_headers_in_every_dialect() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let dialects = [
        "canonical",
        "thatsme",
        "toolzz",
        "vec",
        "certdirectory",
        "beedeez",
    ];
    for dialect in dialects {
        let members = json!({"dialect": dialect, "cloudevents": true});
        college.subscribe_with(&receiver.url, members).await;
    }
    let issue = samples::named("thatsme.certificate.issued");
    let body = issue.body.replace("inv_abc123", "inv 1 \\\"ü\\\" 100%");
    let event = college.post_event(&body).await;
    // All but Toolzz, who asks for more.
    let received = receiver.requests(5).await;
    for webhook in received {
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", event.as_str()),
            ("ce-type", "credential.issued"),
            ("ce-time", "2026-03-18T10:30:00.000Z"),
            ("ce-source", &format!("/organizations/{}", college.id)),
            ("content-type", "application/json"),
        ] {
            assert_eq!(webhook.header(name), value);
        }
        let subject = webhook.header("ce-subject");
        assert_eq!(subject, "inv%201%20%22%C3%BC%22%20100%25");
        let decoded = percent_decode_str(subject).decode_utf8().unwrap();
        assert_eq!(decoded, "inv 1 \"ü\" 100%");
    }
}
