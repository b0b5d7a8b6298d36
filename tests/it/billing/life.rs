//! The lives of the samples, in order and otherwise: whatever comes in whatever order, an organization gets what
//! was paid for by what is known by then, and in the end the same.

use futures::future::join_all;
use jiff::SignedDuration;
use payload::billing::access::Access;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::shop::Shopper;
use crate::faults::seed;
use crate::source::now;
use crate::stack::Stack;
use crate::stripe::{Customer, LIFE, SELLING};

const VERSIONS: [&str; 2] = ["basil", "dahlia"];

#[tokio::test]
async fn webhooks_are_sent_held_released_and_stopped_as_a_life_goes_on() {
    let stack = &Stack::start_with(&SELLING).await;
    let lives = VERSIONS.into_iter().zip(1..).map(|(version, number)| {
        Box::pin(async move {
            let mut shopper = Shopper::create(stack, number).await;
            let mut before = Access::Ended;
            for (event, expected) in shopper.customer.life(version).iter().zip(LIFE) {
                let access = shopper.hears(stack, event).await;
                assert_eq!(access, expected, "{version}");
                shopper.is_treated(access).await;
                if before == Access::Suspended && access.sends() {
                    shopper.is_released(stack).await;
                }
                before = access;
            }
            let held = shopper.college.api.pages("deliveries?status=held", 50);
            assert!(held.await.is_empty(), "{version}");
        })
    });
    join_all(lives).await;
}

/// An order of the events of a life, and how often each comes.
type Order = fn(Vec<String>, &mut StdRng) -> Vec<String>;

const ORDERS: [(&str, Order); 4] = [
    ("in order", |life, _| life),
    ("reversed", |life, _| life.into_iter().rev().collect()),
    ("shuffled", |mut life, rng| {
        life.shuffle(rng);
        life
    }),
    ("doubled and shuffled", |life, rng| {
        let mut twice = [life.clone(), life].concat();
        twice.shuffle(rng);
        twice
    }),
];

#[tokio::test]
async fn in_any_order_and_any_number_of_times_a_life_ends_in_the_same_record() {
    let stack = &Stack::start_with(&SELLING).await;
    let seed = seed();
    let end = now();
    let mut lives = Vec::new();
    for version in VERSIONS {
        for (name, order) in ORDERS {
            let number = u32::try_from(lives.len()).expect("few") + 1;
            lives.push(Box::pin(async move {
                let mut shopper = Shopper::create_until(stack, number, end).await;
                let mut rng = StdRng::seed_from_u64(seed);
                let mut before = None;
                for event in order(shopper.customer.life(version), &mut rng) {
                    let access = shopper.hears(stack, &event).await;
                    if before != Some(access) {
                        shopper.is_treated(access).await;
                    }
                    before = Some(access);
                }
                let name = format!("{version} {name}, FAULTS_SEED={seed}");
                (name, shopper.record(stack).await)
            }));
        }
    }
    let records = join_all(lives).await;
    let (_, expected) = &records[0];
    assert_eq!(expected[0], "ENDED", "{expected:#}");
    for (name, record) in &records {
        assert_eq!(record, expected, "{name}");
    }
}

#[tokio::test]
async fn events_that_come_at_the_same_moment_and_twice_each_are_all_heard() {
    let stack = &Stack::start_with(&SELLING).await;
    let end = now();
    let in_order = Shopper::create_until(stack, 1, end).await;
    let life = in_order.customer.life("dahlia");
    for event in &life {
        stack.stripe(event).await.expect(200);
    }
    let at_once = Shopper::create_until(stack, 2, end).await;
    let life = at_once.customer.life("dahlia");
    let sent = join_all(life.iter().chain(&life).map(|event| stack.stripe(event))).await;
    // Who is crowded out is asked to come again, as Stripe does.
    for (event, answer) in life.iter().chain(&life).zip(sent) {
        if answer.status != 200 {
            assert!(answer.status >= 500, "{answer:?}");
            stack.stripe(event).await.expect(200);
        }
    }
    assert_eq!(at_once.record(stack).await, in_order.record(stack).await);
}

#[tokio::test]
async fn while_nothing_is_heard_of_a_renewal_webhooks_wait_and_none_is_lost() {
    let stack = &Stack::start_with(&SELLING).await;
    let mut shopper = Shopper::create(stack, 1).await;
    // Its period ended four days ago.
    let past = now() - SignedDuration::from_hours(4 * 24);
    let past = Customer::of(&shopper.college.id, 1, past);
    let bought = past.event("dahlia/03_customer.subscription.updated.activated");
    assert_eq!(shopper.hears(stack, &bought).await, Access::Suspended);
    let view = stack.billing(&shopper.college.id).await;
    assert_eq!(view["needs_reconcile"], true, "{view:#}");
    shopper.is_treated(Access::Suspended).await;
    let renewed = shopper
        .customer
        .event("dahlia/05_customer.subscription.updated.renewed");
    assert_eq!(shopper.hears(stack, &renewed).await, Access::Active);
    shopper.is_treated(Access::Active).await;
    shopper.is_released(stack).await;
}

#[tokio::test]
async fn what_one_customer_ends_another_one_of_the_same_organization_keeps() {
    let stack = &Stack::start_with(&SELLING).await;
    let mut shopper = Shopper::create(stack, 1).await;
    let other = Customer::of(&shopper.college.id, 2, now());
    let event = other.event("dahlia/03_customer.subscription.updated.activated");
    assert_eq!(shopper.hears(stack, &event).await, Access::Active);
    for event in shopper.customer.life("basil") {
        assert_eq!(shopper.hears(stack, &event).await, Access::Active);
    }
    shopper.is_treated(Access::Active).await;
    let over = other.event("dahlia/11_customer.subscription.deleted");
    assert_eq!(shopper.hears(stack, &over).await, Access::Ended);
    shopper.is_treated(Access::Ended).await;
}
