//! The function dies at each of its writes: Stripe sends the event again, and in the end all is as if it had not
//! died.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use payload::billing::access::Access;

use super::shop::Shopper;
use crate::faults::{Fault, Faults, Request, Rule};
use crate::source::now;
use crate::stack::Stack;
use crate::stripe::SELLING;

const BILLING: &str = "billing";
/// More writes than the events of a life make, each.
const MOST_WRITES: usize = 40;

/// Whether something is written or sent.
fn writes(request: &Request) -> bool {
    const WRITES: [&str; 5] = [
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "TransactWriteItems",
        "SendMessageBatch",
    ];
    WRITES.contains(&&*request.operation)
}

/// Posts an event as Stripe does: until it is answered 200. How often it was not.
async fn insist(stack: &Stack, event: &str) -> usize {
    for failed in 0..10 {
        let answer = stack.stripe(event).await;
        if answer.status == 200 {
            return failed;
        }
        assert!(answer.status >= 500, "{answer:?}");
    }
    panic!("never answered 200")
}

#[tokio::test]
async fn whichever_write_the_function_dies_at_the_same_event_again_gives_the_same_record() {
    let arguments = [&SELLING[..], &["--environments", "1"]].concat();
    let (stack, faults) = Faults::start(&arguments).await;
    let end = now();
    let unharmed = Shopper::create_until(&stack, 1, end).await;
    for event in unharmed.customer.life("dahlia") {
        stack.stripe(&event).await.expect(200);
    }
    let expected = unharmed.record(&stack).await;

    let mut number = 1;
    for fault in [Fault::KillBefore, Fault::KillAfter] {
        // In each round each event dies once, at its first, second, third write, as long as one has so many.
        for write in 0..MOST_WRITES {
            number += 1;
            let shopper = Shopper::create_until(&stack, number, end).await;
            let mut died = 0;
            for event in shopper.customer.life("dahlia") {
                let rule = Rule::new(fault, BILLING, writes).after(write);
                let killed = faults.inject(rule).if_at_all();
                insist(&stack, &event).await;
                died += killed.count();
                faults.stop();
            }
            assert_eq!(shopper.record(&stack).await, expected, "{fault:?} {write}");
            if died == 0 {
                assert!(write > 3, "only {write} writes");
                break;
            }
            assert!(write + 1 < MOST_WRITES, "there are more writes");
        }
    }
}

#[tokio::test]
async fn a_customer_that_is_parked_or_claimed_while_the_function_dies_is_not_lost() {
    let arguments = [&SELLING[..], &["--environments", "1"]].concat();
    let (stack, faults) = Faults::start(&arguments).await;
    let mut number = 0;
    for fault in [Fault::KillBefore, Fault::KillAfter] {
        for write in 0..MOST_WRITES {
            number += 1;
            let shopper = Shopper::create(&stack, number).await;
            let id = shopper.college.id.clone();
            let life = shopper.customer.life("basil");
            let nameless = life[2].replace(&id, "a college");
            let mut died = 0;
            for (event, parked) in [(&nameless, 1), (&life[0], 0)] {
                let rule = Rule::new(fault, BILLING, writes).after(write);
                let killed = faults.inject(rule).if_at_all();
                insist(&stack, event).await;
                died += killed.count();
                faults.stop();
                let listed = stack.platform().pages("billing/parked", 10).await;
                assert_eq!(listed.len(), parked, "{fault:?} {write}: {listed:#?}");
            }
            let view = stack.billing(&id).await;
            assert_eq!(view["access"], Access::Active.name(), "{fault:?} {write}");
            if died == 0 {
                break;
            }
        }
    }
}

#[tokio::test]
async fn while_the_tables_do_not_answer_stripe_is_told_to_come_again() {
    let arguments = [&SELLING[..], &["--environments", "1"]].concat();
    let (stack, faults) = Faults::start(&arguments).await;
    let shopper = Shopper::create(&stack, 1).await;
    let event = &shopper.customer.life("dahlia")[2];
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refused);
    let throttled = faults.inject(
        Rule::new(Fault::Throttle, BILLING, move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            writes(request)
        })
        .always(),
    );
    let answer = stack.stripe(event).await;
    assert!(answer.status >= 500, "{answer:?}");
    throttled.happened(1).await;
    faults.stop();
    stack.stripe(event).await.expect(200);
    let view = stack.billing(&shopper.college.id).await;
    assert_eq!(view["access"], "ACTIVE", "{view:#}");
}
