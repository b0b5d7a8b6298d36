//! Customers of whom no event says whose they are, and conflicting words about whose one is.

use payload::billing::access::Access;
use serde_json::{Value, json};

use super::shop::Shopper;
use crate::source::now;
use crate::stack::{Organization, Stack};
use crate::stripe::{Customer, SELLING, access};

/// A life that names nobody.
fn nameless(customer: &Customer, organization: &str) -> Vec<String> {
    let life = customer.life("dahlia");
    life.iter()
        .map(|event| event.replace(organization, "a college"))
        .collect()
}

#[tokio::test]
async fn a_customer_of_nobody_is_kept_listed_and_counts_from_the_moment_it_is_linked() {
    let stack = Stack::start_with(&SELLING).await;
    let mut shopper = Shopper::create(&stack, 1).await;
    let id = shopper.college.id.clone();
    let customer = shopper.customer.clone();
    let life = nameless(&customer, &id);
    for event in &life[..3] {
        stack.stripe(event).await.expect(200);
    }
    assert_eq!(access(&stack.billing(&id).await), "ENDED");
    let parked = stack.platform().pages("billing/parked", 10).await;
    let customers: Vec<&Value> = parked.iter().map(|it| &it["customer"]).collect();
    assert_eq!(customers, [&json!(customer.id())]);
    assert!(parked[0]["since"].is_string(), "{parked:#?}");

    let view = shopper.college.link(&stack, &customer.id()).await;
    let view = view.expect(200);
    assert_eq!(access(&view), "ACTIVE", "{view:#}");
    let parked = stack.platform().pages("billing/parked", 10).await;
    assert!(parked.is_empty(), "{parked:#?}");
    shopper.is_treated(Access::Active).await;
    // What comes later is heard as if it had been named at once.
    for event in &life[3..] {
        stack.stripe(event).await.expect(200);
    }
    assert_eq!(access(&stack.billing(&id).await), "ENDED");
    shopper.is_treated(Access::Ended).await;

    let lines = shopper.college.api.pages("audit", 10).await;
    assert_eq!(lines[0]["action"], "billing.linked", "{lines:#?}");
    assert_eq!(lines[0]["target"], customer.id());
    let changes = json!({"organization_id": [null, id]});
    assert_eq!(lines[0]["changes"], changes);
}

#[tokio::test]
async fn a_customer_of_nobody_counts_as_soon_as_any_event_names_its_organization() {
    let stack = Stack::start_with(&SELLING).await;
    let college = stack.create_organization().await.id;
    let customer = Customer::of(&college, 1, now());
    for event in &nameless(&customer, &college)[1..3] {
        stack.stripe(event).await.expect(200);
    }
    assert_eq!(access(&stack.billing(&college).await), "NONE");
    stack.stripe(&customer.life("dahlia")[0]).await.expect(200);
    assert_eq!(access(&stack.billing(&college).await), "ACTIVE");
    let parked = stack.platform().pages("billing/parked", 10).await;
    assert!(parked.is_empty(), "{parked:#?}");
}

#[tokio::test]
async fn the_first_word_of_stripe_stands_and_the_last_word_of_the_operator_counts_more() {
    let stack = Stack::start_with(&SELLING).await;
    let [first, other] = [
        stack.create_organization().await,
        stack.create_organization().await,
    ];
    let both = async || {
        let views = [
            stack.billing(&first.id).await,
            stack.billing(&other.id).await,
        ];
        views.map(|view| access(&view))
    };
    let customer = Customer::of(&first.id, 1, now());
    let life = customer.life("basil");
    for event in &life[..3] {
        stack.stripe(event).await.expect(200);
    }
    assert_eq!(both().await, ["ACTIVE", "NONE"]);
    // A later event of the same customer names another one.
    let renewed = life[4].replace(&first.id, &other.id);
    stack.stripe(&renewed).await.expect(200);
    assert_eq!(both().await, ["ACTIVE", "NONE"]);
    let view = stack.billing(&first.id).await;
    assert_eq!(view["record"]["has_conflicting_claims"], true, "{view:#}");

    other.link(&stack, &customer.id()).await.expect(200);
    assert_eq!(both().await, ["NONE", "ACTIVE"]);
    first.link(&stack, &customer.id()).await.expect(200);
    assert_eq!(both().await, ["ACTIVE", "NONE"]);
}

#[tokio::test]
async fn only_a_customer_can_be_linked_and_only_to_an_organization() {
    let stack = Stack::start_with(&SELLING).await;
    let college = stack.create_organization().await;
    for bad in [
        json!({}),
        json!({"customer": 1}),
        json!({"customer": ""}),
        json!({"customer": "sub_1"}),
        json!({"customer": "cus_#"}),
        json!({"customer": "cus_1", "and": "more"}),
    ] {
        let path = format!("organizations/{}/billing/link", college.id);
        let refused = stack.platform().post(&path, bad).await;
        refused.refusal(422, "validation_error");
    }
    let nobody = "organizations/org_01ARZ3NDEKTSV4RRFFQ69G5FAV/billing/link";
    let body = json!({"customer": "cus_1"});
    let refused = stack.platform().post(nobody, body).await;
    refused.refusal(404, "not_found");
}

#[tokio::test]
async fn a_customer_of_an_organization_that_is_not_there_is_listed_until_it_is_linked() {
    let stack = Stack::start_with(&SELLING).await;
    let college = stack.create_organization().await;
    let elsewhere = Customer::of("org_01ARZ3NDEKTSV4RRFFQ69G5FAV", 1, now());
    for event in &elsewhere.life("dahlia")[..3] {
        stack.stripe(event).await.expect(200);
    }
    let parked = stack.platform().pages("billing/parked", 10).await;
    let customers: Vec<&Value> = parked.iter().map(|it| &it["customer"]).collect();
    assert_eq!(customers, [&json!(elsewhere.id())]);
    let view = college.link(&stack, &elsewhere.id()).await.expect(200);
    assert_eq!(access(&view), "ACTIVE", "{view:#}");
    // What it says later does not list it again.
    stack.stripe(&elsewhere.life("dahlia")[3]).await.expect(200);
    let parked = stack.platform().pages("billing/parked", 10).await;
    assert!(parked.is_empty(), "{parked:#?}");
}

#[tokio::test]
async fn an_organization_sees_nothing_of_a_customer_that_is_another_ones() {
    let stack = Stack::start_with(&SELLING).await;
    let [first, other] = [
        stack.create_organization().await,
        stack.create_organization().await,
    ];
    let customer = Customer::of(&first.id, 1, now());
    for event in &customer.life("dahlia")[..3] {
        stack.stripe(event).await.expect(200);
    }
    let path = |of: &Organization| format!("organizations/{}/billing", of.id);
    let own = first.api.get(&path(&first)).await.expect(200);
    assert_eq!(own["customers"][0]["id"], customer.id(), "{own:#}");
    other.link(&stack, &customer.id()).await.expect(200);
    let own = first.api.get(&path(&first)).await.expect(200);
    assert_eq!(
        (&own["customers"], &own["events"]),
        (&json!([]), &json!([]))
    );
    let named = other.api.get(&path(&other)).await.expect(200).to_string();
    assert!(named.contains(&customer.id()), "{named}");
    assert!(!named.contains(&first.id), "{named}");
    // The platform sees whom it was named for.
    let all = stack.billing(&other.id).await;
    let claims = all["customers"][0]["claims"].as_array().expect("a list");
    assert_eq!(claims.len(), 3, "{all:#}");
}
