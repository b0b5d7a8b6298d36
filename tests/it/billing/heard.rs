//! What changes nothing: other types, the other mode, other accounts, other things that are sold, and what
//! cannot be read.

use serde_json::{Value, json};

use crate::source::now;
use crate::stack::{Stack, until};
use crate::stripe::{Customer, SELLING, access};

/// The view of an organization of which nothing is known.
async fn expect_nothing(stack: &Stack, college: &str, after: &str) {
    let view = stack.billing(college).await;
    assert_eq!(access(&view), "NONE", "{after}: {view:#}");
    for list in ["customers", "events"] {
        assert_eq!(view[list], json!([]), "{after}: {view:#}");
    }
}

/// Waits for a line of the log.
async fn expect_line(stack: &Stack, start: &str) {
    until(start, async || {
        let log = stack.log();
        let found = log.iter().any(|line| line.contains(start));
        if found { Ok(()) } else { Err(log) }
    })
    .await;
}

#[tokio::test]
async fn what_does_not_matter_is_answered_200_and_changes_nothing() {
    let stack = Stack::start_with(&SELLING).await;
    let college = stack.create_organization().await.id;
    let customer = Customer::of(&college, 1, now());
    for (sample, reason) in [
        ("edge/envelope.unknown_event_type", "unknown_type"),
        ("edge/envelope.testmode", "other_mode"),
        ("edge/envelope.connect_account", "connect_account"),
        (
            "edge/checkout.mode_payment_not_subscription",
            "not_a_subscription",
        ),
    ] {
        let event = customer.event(sample);
        stack.stripe(&event).await.expect(200);
        expect_line(&stack, &format!("ignored: {reason}")).await;
        expect_nothing(&stack, &college, sample).await;
    }
    let parked = stack.platform().pages("billing/parked", 10).await;
    assert!(parked.is_empty(), "{parked:#?}");
}

#[tokio::test]
async fn where_test_mode_counts_live_events_do_not() {
    let arguments = [&SELLING[..], &["--parameter", "StripeMode=test"]].concat();
    let stack = Stack::start_with(&arguments).await;
    let college = stack.create_organization().await.id;
    let customer = Customer::of(&college, 1, now());
    let live = customer.event("dahlia/03_customer.subscription.updated.activated");
    stack.stripe(&live).await.expect(200);
    expect_nothing(&stack, &college, "a live event").await;
    let test = live.replace("\"livemode\": true", "\"livemode\": false");
    stack.stripe(&test).await.expect(200);
    let view = stack.billing(&college).await;
    assert_eq!(access(&view), "ACTIVE", "{view:#}");
    assert_eq!(view["customers"][0]["mode"], "test");
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_200_reported_and_does_not_undo_what_is_known() {
    let stack = Stack::start_with(&SELLING).await;
    let college = stack.create_organization().await.id;
    let customer = Customer::of(&college, 1, now());
    let active = customer.event("dahlia/03_customer.subscription.updated.activated");
    stack.stripe(&active).await.expect(200);
    let before = stack.billing(&college).await;
    let mut broken: Value = serde_json::from_str(&active).expect("JSON");
    broken["id"] = json!("evt_broken");
    broken["data"]["object"]["status"] = json!(7);
    let no_times = json!({"id": "evt_2", "type": "invoice.paid", "created": "yesterday"});
    let events = [
        customer.event("edge/malformed.no_data"),
        broken.to_string(),
        no_times.to_string(),
        "this is not valid JSON".to_owned(),
        "[]".to_owned(),
    ];
    for (count, event) in (1..).zip(&events) {
        for _ in 0..2 {
            stack.stripe(event).await.expect(200);
        }
        until("it is reported each time", async || {
            let log = stack.log();
            let lines = log.iter().filter(|line| line.contains("unparsed: "));
            match lines.count() {
                lines if lines == 2 * count => Ok(()),
                other => Err((event, other)),
            }
        })
        .await;
    }
    let after = stack.billing(&college).await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn who_asks_sees_the_record_the_facts_and_what_became_of_each_event() {
    let stack = Stack::start_with(&SELLING).await;
    let college = stack.create_organization().await;
    let customer = Customer::of(&college.id, 1, now());
    let life = customer.life("dahlia");
    for event in [&life[0], &life[2], &life[1], &life[2], &life[3]] {
        stack.stripe(event).await.expect(200);
    }
    let path = format!("organizations/{}/billing", college.id);
    let own = college.api.get(&path).await.expect(200);
    assert_eq!(own, stack.billing(&college.id).await);
    assert_eq!(own["organization_id"], college.id);
    assert_eq!(own["needs_reconcile"], false);
    // Without a word of the next period it is over three days after this one.
    assert_eq!(own["next"]["access"], "SUSPENDED", "{own:#}");
    let counted = &own["record"]["subscription"];
    assert_eq!(counted["id"], customer.subscription(), "{own:#}");
    assert_eq!(counted["plan"], "enterprise");
    let of = &own["customers"][0];
    assert_eq!(of["id"], customer.id());
    for (facts, count) in [("claims", 2), ("subscriptions", 1), ("invoices", 1)] {
        assert_eq!(
            of[facts].as_array().map(Vec::len),
            Some(count),
            "{facts}: {of:#}"
        );
    }
    let events = own["events"].as_array().expect("a list");
    assert_eq!(events.len(), 4, "{events:#?}");
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert!(kinds.contains(&&json!("checkout.session.completed")));
    assert!(
        events
            .iter()
            .all(|event| event["customer"] == customer.id())
    );
    let people = ["billing@acme.example", "Müller", "invoice.stripe.com"];
    let shown = own.to_string();
    assert!(people.iter().all(|it| !shown.contains(it)), "{shown}");

    let stranger = stack.create_organization().await;
    stranger.api.get(&path).await.refusal(403, "forbidden");
    let link = format!("{path}/link");
    let body = json!({"customer": customer.id()});
    let refused = college.api.post(&link, body).await;
    refused.refusal(403, "forbidden");
    let refused = college.api.get("billing/parked").await;
    refused.refusal(403, "forbidden");
}
