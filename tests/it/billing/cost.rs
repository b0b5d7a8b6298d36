//! What an event of Stripe costs: requests to the tables and the queue, as `docs/billing.md` says it.

use super::shop::Shopper;
use crate::faults::{Faults, Rule};
use crate::stack::Stack;
use crate::stripe::SELLING;

/// Of an event that says something new of an organization with two customers.
const MOST_FOR_NEWS: usize = 16;
/// Of one that was heard before.
const MOST_FOR_A_REPETITION: usize = 10;

#[tokio::test]
async fn an_event_costs_no_more_requests_than_the_documents_say() {
    let arguments = [&SELLING[..], &["--environments", "1"]].concat();
    let (stack, faults): (Stack, Faults) = Faults::start(&arguments).await;
    let shopper = Shopper::create(&stack, 1).await;
    let noted = faults.inject(Rule::note("billing", |_| true));
    let mut before = 0;
    let mut cost = async |event: &str| {
        stack.stripe(event).await.expect(200);
        let requests = noted.count();
        let cost = requests - before;
        before = requests;
        cost
    };
    let life = shopper.customer.life("dahlia");
    let mut costs = Vec::new();
    for event in &life {
        costs.push(cost(event).await);
    }
    assert_eq!(costs.iter().max(), Some(&MOST_FOR_NEWS), "{costs:?}");
    costs.clear();
    for event in &life {
        costs.push(cost(event).await);
    }
    let most = costs.iter().max();
    assert_eq!(most, Some(&MOST_FOR_A_REPETITION), "{costs:?}");
}
