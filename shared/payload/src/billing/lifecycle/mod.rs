//! Made-up lives of subscriptions, told in the words of several versions of Stripe's API.

mod books;
mod stripe;
mod truth;

use jiff::Timestamp;
use proptest::prelude::*;

use super::plans::Plans;

pub(super) use books::Books;
pub(super) use stripe::{Move, Stripe, read};
pub(super) use truth::Shape;

pub(super) const ORGANIZATIONS: [&str; 2] = [
    "org_01K9XW3M7ZQ4T8V2B6N0C5R1YD",
    "org_01K9XW3M7ZQ4T8V2B6N0C5R1YE",
];
pub(super) const DAY: i64 = 86_400;

pub(super) fn plans() -> Plans {
    "enterprise_monthly,prod_enterprise".parse().unwrap()
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn organization() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![6 => Just(Some(0)), 1 => Just(Some(1)), 3 => Just(None)]
}

fn a_move() -> impl Strategy<Value = Move> {
    let begun = prop_oneof![Just("incomplete"), Just("trialing"), Just("active")];
    let status = prop_oneof![
        Just("active"),
        Just("past_due"),
        Just("unpaid"),
        Just("paused"),
        Just("incomplete_expired"),
        Just("frozen_by_regulator"),
    ];
    prop_oneof![
        2 => organization().prop_map(Move::CheckOut),
        4 => (begun, organization()).prop_map(|(status, whose)| Move::Begin(status, whose)),
        4 => status.prop_map(Move::Become),
        2 => Just(Move::Annotate),
        1 => Just(Move::ChangeCard),
        1 => Just(Move::ChangePlan),
        2 => Just(Move::Renew),
        3 => Just(Move::Fail),
        3 => Just(Move::Pay),
        1 => Just(Move::PauseCollection),
        1 => Just(Move::ScheduleEnd),
        1 => Just(Move::WarnOfEnd),
        1 => Just(Move::Delete),
    ]
}

/// What happens to which subscription, and how long after what happened before: often in the same second.
pub(super) fn script() -> impl Strategy<Value = Vec<(usize, Move, i64)>> {
    let gap = prop_oneof![
        4 => Just(0), 2 => 1..4_i64, 1 => 4..7_200_i64, 1 => DAY..20 * DAY,
    ];
    let which = prop_oneof![3 => Just(0_usize), 1 => Just(1_usize), 1 => Just(2_usize)];
    prop::collection::vec((which, a_move(), gap), 1..16)
}

pub(super) fn shape() -> impl Strategy<Value = Shape> {
    prop::sample::select(&Shape::ALL[..])
}
