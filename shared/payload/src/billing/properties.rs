//! What holds however Stripe's events arrive, over lives made up at random.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::access::Access;
use super::claim::Claim;
use super::customer::Fact;
use super::lifecycle::{Books, Move, ORGANIZATIONS, Shape, Stripe, at, read, script, shape};
use super::record::{Reason, Record};
use super::stripe_event::{Facts, Ignored, Mode, Said, StripeEvent};

fn cases() -> ProptestConfig {
    ProptestConfig::with_cases(2_000)
}

/// An order of arrival in which some arrive more than once.
fn arrival() -> impl Strategy<Value = (Vec<Index>, u64)> {
    (prop::collection::vec(any::<Index>(), 0..12), any::<u64>())
}

fn arrive(facts: &[Facts], (again, seed): &(Vec<Index>, u64)) -> Vec<Facts> {
    let mut arrived: Vec<(u64, &Facts)> = Vec::new();
    if !facts.is_empty() {
        let again = again.iter().map(|index| index.get(facts));
        for (place, said) in (0_u64..).zip(facts.iter().chain(again)) {
            // Any mixing of bits is an order.
            let key = (place ^ seed)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(29);
            arrived.push((key.wrapping_mul(seed | 1), said));
        }
    }
    arrived.sort_by_key(|(key, _)| *key);
    arrived.into_iter().map(|(_, said)| said.clone()).collect()
}

/// A row as it is read back.
fn stored<T: Serialize + DeserializeOwned>(row: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(row).unwrap()).unwrap()
}

impl Books {
    /// All that both know, each row merged with what was stored of it.
    fn with(mut self, other: &Self) -> Self {
        for (id, known) in &other.0 {
            let claims = known.claims.values().map(stored).map(Fact::Claim);
            let subscriptions = known
                .subscriptions
                .values()
                .map(stored)
                .map(Fact::Subscription);
            let invoices = known.invoices.values().map(stored).map(Fact::Invoice);
            let customer = self.customer(id);
            claims
                .chain(subscriptions)
                .chain(invoices)
                .for_each(|fact| customer.learn(fact));
        }
        self
    }
}

/// Every moment at which something changes, the moment before it, and long after.
fn moments<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<i64> {
    let steps = records
        .into_iter()
        .flat_map(|record| record.entitlement.steps());
    let steps: BTreeSet<i64> = steps.map(|step| step.from.as_second()).collect();
    let around = steps.iter().flat_map(|second| [second - 1, *second]);
    around.chain([4_000_000_000]).collect()
}

fn changed(event: &Value, id: String, seconds: i64, status: &str) -> Value {
    let mut event = event.clone();
    event["id"] = id.into();
    event["type"] = "customer.subscription.updated".into();
    event["created"] = (event["created"].as_i64().unwrap() + seconds).into();
    event["data"]["object"]["status"] = status.into();
    event["data"]["previous_attributes"] = json!({"status": "active"});
    event
}

fn facts_of(event: &Value) -> Facts {
    match read(event).said {
        Said::Facts(facts) => facts,
        other => panic!("{other:?}"),
    }
}

fn is_snapshot(event: &Value) -> bool {
    event["data"]["object"]["object"] == "subscription"
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn order_and_repetition_make_no_difference(
        script in script(), shape in shape(), first in arrival(), second in arrival(),
    ) {
        let facts = Stripe::after(&script, shape).facts();
        let told = Books::of(&facts);
        for arrival in [first, second] {
            let arrived = Books::of(&arrive(&facts, &arrival));
            prop_assert_eq!(&arrived, &told);
            prop_assert_eq!(arrived.records(), told.records());
        }
    }

    #[test]
    fn facts_merged_in_parts_row_by_row_are_those_of_all_at_once(
        script in script(), shape in shape(), parts in prop::collection::vec(0_u8..15, 40),
    ) {
        let facts = Stripe::after(&script, shape).facts();
        // Each bit is a part that knows of the event; what no part knows the first one does.
        let part = |bit: u8| {
            let knows = |place: usize| parts[place % 40] & (1 << bit) != 0 || (bit == 0 && parts[place % 40] == 0);
            Books::of(facts.iter().enumerate().filter(|(place, _)| knows(*place)).map(|(_, said)| said))
        };
        let [a, b, c, d] = [0, 1, 2, 3].map(part);
        let all = Books::of(&facts);
        let pairs = a.clone().with(&b).with(&c.clone().with(&d));
        let nested = d.with(&c.with(&b.with(&a)));
        prop_assert_eq!(&pairs, &all);
        prop_assert_eq!(&nested, &all);
        prop_assert_eq!(all.clone().with(&all), all);
    }

    #[test]
    fn nothing_that_is_said_of_an_ended_subscription_revives_it(
        script in script(), shape in shape(), later in 0..100_000_000_i64,
    ) {
        let mut script = script;
        script.push((0, Move::Delete, 10));
        let stripe = Stripe::after(&script, shape);
        let is_over = |event: &&Value| {
            let id = &event["data"]["object"]["id"];
            stripe.subscriptions.values().any(|it| it.is_over() && *id == it.id)
        };
        let before = Books::of(&stripe.facts());
        let mut books = before.clone();
        let snapshots = stripe.events.iter().filter(|event| is_snapshot(event)).filter(is_over);
        for (number, event) in snapshots.enumerate() {
            for status in ["active", "trialing", "past_due", "frozen_by_regulator"] {
                let late = changed(event, format!("evt_late_{number}_{status}"), later, status);
                let late = facts_of(&late);
                // It may still say whose the customer is.
                let facts = late.facts.into_iter().filter(|fact| matches!(fact, Fact::Subscription(_)));
                facts.for_each(|fact| books.customer(&late.customer).learn(fact));
            }
        }
        prop_assert_eq!(books, before);
    }

    #[test]
    fn a_failure_of_a_paid_invoice_changes_nothing(
        script in script(), shape in shape(), attempts in 0..9_u64, shift in -100_000..100_000_i64,
    ) {
        let mut script = script;
        script.extend([(0, Move::Begin("active", Some(0)), 5), (0, Move::Fail, 5), (0, Move::Pay, 5)]);
        let stripe = Stripe::after(&script, shape);
        let before = Books::of(&stripe.facts());
        let mut books = before.clone();
        for (number, event) in stripe.events.iter().enumerate() {
            if event["type"] == "invoice.paid" {
                let mut late = event.clone();
                late["id"] = format!("evt_late_{number}").into();
                late["type"] = "invoice.payment_failed".into();
                late["created"] = (late["created"].as_i64().unwrap() + shift).into();
                late["data"]["object"]["status"] = "open".into();
                late["data"]["object"]["attempt_count"] = attempts.into();
                late["data"]["object"]["status_transitions"]["paid_at"] = Value::Null;
                let facts = facts_of(&late);
                let invoices = facts.facts.into_iter().filter(|fact| matches!(fact, Fact::Invoice(_)));
                invoices.for_each(|fact| books.customer(&facts.customer).learn(fact));
            }
        }
        prop_assert_eq!(books.records(), before.records());
    }

    #[test]
    fn the_end_of_one_subscription_takes_nothing_that_another_gives(
        script in script(), shape in shape(),
    ) {
        let mut script = script;
        script.extend([(0, Move::Begin("active", Some(0)), 5), (1, Move::Begin("active", Some(0)), 5)]);
        script.push((0, Move::Delete, 10));
        let all = Books::of(&Stripe::after(&script, shape).facts());
        let mut without = all.clone();
        for customer in without.0.values_mut() {
            customer.subscriptions.retain(|id, _| id.as_str() != "sub_0");
        }
        for (all, without) in all.records().iter().zip(&without.records()) {
            // Nobody has nothing but a checkout here.
            if without.subscription.is_some() {
                for moment in moments([all, without]).into_iter().map(at) {
                    prop_assert!(all.access(moment) <= without.access(moment), "{}", moment);
                }
            }
        }
    }

    #[test]
    fn what_was_said_before_the_organization_was_known_counts_as_if_it_was(
        script in script(), shape in shape(), place in any::<Index>(), linked_at in 0..3_000_000_000_i64,
    ) {
        let facts = Stripe::after(&script, shape).facts();
        let link = |books: &mut Books| {
            for said in &facts {
                let claim = Claim::by_operator(ORGANIZATIONS[1].parse().unwrap(), at(linked_at));
                books.customer(&said.customer).learn(Fact::Claim(claim));
            }
        };
        let records = [0, place.index(facts.len() + 1), facts.len()].map(|linked| {
            let (before, after) = facts.split_at(linked);
            let mut books = Books::of(before);
            link(&mut books);
            let books = books.with(&Books::of(after));
            books.records()
        });
        prop_assert_eq!(&records[0], &records[1]);
        prop_assert_eq!(&records[0], &records[2]);
        prop_assert!(!records[0][1].has_conflicting_claims);
        prop_assert_eq!(records[0][0].access(at(4_000_000_000)), Access::None);
    }

    #[test]
    fn all_versions_of_the_api_tell_the_same(script in script()) {
        let records = Shape::ALL.map(|shape| Books::of(&Stripe::after(&script, shape).facts()).records());
        for record in &records[1..] {
            prop_assert_eq!(record, &records[0]);
        }
    }

    #[test]
    fn a_status_that_nobody_knows_never_sends(script in script(), shape in shape()) {
        let mut script = script;
        script.push((0, Move::Begin("active", Some(0)), 5));
        script.extend([0, 1, 2, 3].map(|which| (which, Move::Become("frozen_by_regulator"), 10)));
        let stripe = Stripe::after(&script, shape);
        // What went to and fro within seconds may have ended elsewhere: Stripe is to be asked then.
        let is_told = |record: &Record| record.doubts.iter().all(|it| it.reason != Reason::Order);
        for record in Books::of(&stripe.facts()).records().into_iter().filter(is_told) {
            for moment in moments([&record]).into_iter().filter(|moment| *moment >= stripe.now) {
                prop_assert!(!record.access(at(moment)).sends());
            }
            let counted = record.subscription.filter(|it| it.plan.is_some());
            let is_unknown = counted.is_some_and(|it| it.status.name() == "frozen_by_regulator");
            prop_assert!(record.has_unknown_status || !is_unknown);
        }
    }

    #[test]
    fn the_events_of_the_other_mode_and_of_other_accounts_say_nothing(script in script(), shape in shape()) {
        for mut event in Stripe::after(&script, shape).events {
            let body = |event: &Value| event.to_string().into_bytes();
            prop_assert_eq!(StripeEvent::read(&body(&event), Mode::Test).said, Said::Ignored(Ignored::OtherMode));
            event["livemode"] = false.into();
            prop_assert_eq!(read(&event).said, Said::Ignored(Ignored::OtherMode));
            prop_assert!(matches!(StripeEvent::read(&body(&event), Mode::Test).said, Said::Facts(_)));
            event["account"] = "acct_1".into();
            prop_assert_eq!(StripeEvent::read(&body(&event), Mode::Test).said, Said::Ignored(Ignored::ConnectAccount));
        }
    }

    #[test]
    fn who_stopped_between_two_rows_of_an_event_and_gets_it_again_ends_with_the_same(
        script in script(), shape in shape(), arrival in arrival(), written in prop::collection::vec(0..3_usize, 40),
    ) {
        let facts = Stripe::after(&script, shape).facts();
        let mut books = Books::default();
        // Each is tried once, and stops after so many rows; then all come again, in any order.
        for (said, rows) in arrive(&facts, &arrival).iter().zip(written.iter().cycle()) {
            let customer = books.customer(&said.customer);
            said.facts.iter().take(*rows).cloned().for_each(|fact| customer.learn(fact));
        }
        let books = books.with(&Books::of(&arrive(&facts, &arrival)));
        prop_assert_eq!(books.records(), Books::of(&facts).records());
    }

    #[test]
    fn nothing_moves_the_end_of_grace_but_a_payment(
        shape in shape(), arrival in arrival(),
        noise in prop::collection::vec((prop_oneof![
            Just(Move::Annotate), Just(Move::ChangeCard), Just(Move::Fail), Just(Move::WarnOfEnd),
            Just(Move::ScheduleEnd), Just(Move::Renew),
        ], 3..200_000_i64), 0..8),
    ) {
        let begin = [(0, Move::Begin("active", Some(0)), 5), (0, Move::Pay, 1), (0, Move::Renew, 0), (0, Move::Fail, 3_600)];
        let mut stripe = Stripe::after(&begin, shape);
        let grace = |stripe: &Stripe| {
            let facts = stripe.facts();
            let record = Books::of(&arrive(&facts, &arrival)).record(0);
            record.subscription.unwrap().grace_until.unwrap()
        };
        let ends = grace(&stripe);
        prop_assert_eq!(ends, at(stripe.now + 14 * 86_400));
        for (step, gap) in noise {
            stripe.now += gap;
            stripe.act(0, step);
            prop_assert_eq!(grace(&stripe), ends);
        }
        let now = at(stripe.now.max(ends.as_second()));
        prop_assert_eq!(Books::of(&stripe.facts()).record(0).access(now), Access::Suspended);
        stripe.act(0, Move::Pay);
        prop_assert_eq!(Books::of(&stripe.facts()).record(0).access(at(stripe.now)), Access::Active);
    }

    #[test]
    fn what_happened_seconds_apart_is_told_without_doubt(script in script(), shape in shape(), arrival in arrival()) {
        let script: Vec<_> = script.into_iter().map(|(which, step, gap)| (which, step, gap + 3)).collect();
        let stripe = Stripe::after(&script, shape);
        let books = Books::of(&arrive(&stripe.facts(), &arrival));
        let known = books.0.values().flat_map(|customer| customer.subscriptions.values());
        for subscription in known {
            let truth = stripe.subscriptions.values().find(|it| it.id == subscription.id.as_str()).unwrap();
            let latest = subscription.latest().unwrap();
            prop_assert_eq!(latest.snapshot.standing.status.name(), truth.status);
            prop_assert!(!latest.is_doubtful);
        }
    }
}
