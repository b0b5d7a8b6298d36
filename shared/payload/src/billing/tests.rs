//! The sample events of `events/billing/stripe`: what each says, and what comes of two lives of them. How often
//! the last event of a second can be told.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::access::Access;
use super::lifecycle::{Books, DAY, Move, Shape, Stripe, at, script};
use super::record::Reason;
use super::stripe_event::{Facts, Ignored, Mode, Said, StripeEvent, read_fetched};

/// When the first period of the samples begins and ends, and the second.
const BEGIN: i64 = 1_762_952_580;
const RENEWED: i64 = 1_765_544_580;
const ENDED: i64 = 1_768_222_980;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../events/billing/stripe")
        .join(name)
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn said(name: &str) -> Said {
    StripeEvent::read(&sample(name), Mode::Live).said
}

fn facts(name: &str) -> Facts {
    match said(name) {
        Said::Facts(facts) => facts,
        other => panic!("{name}: {other:?}"),
    }
}

/// All of a folder, in the order of their numbers.
fn life(version: &str) -> Vec<Facts> {
    let files = fs::read_dir(folder(version)).unwrap();
    let mut names: Vec<String> = files
        .map(|file| format!("{version}/{}", file.unwrap().file_name().to_str().unwrap()))
        .collect();
    names.sort();
    assert!(names.len() > 3);
    names.iter().map(|name| facts(name)).collect()
}

/// The same event, so much later and about the next invoice.
fn again(name: &str, later: i64) -> Facts {
    let body = String::from_utf8(sample(name)).unwrap();
    let body = body.replace("\"evt_", "\"evt_again");
    let body = body.replace("in_1ScgYxHb4Zq9Lm0Pt5RzUa2N", "in_again");
    let mut event: Value = serde_json::from_str(&body).unwrap();
    event["created"] = json!(event["created"].as_i64().unwrap() + later);
    match StripeEvent::read(event.to_string().as_bytes(), Mode::Live).said {
        Said::Facts(facts) => facts,
        other => panic!("{name}: {other:?}"),
    }
}

/// What is known after so many events of a life and some more.
fn after(life: &[Facts], more: &[&str]) -> Books {
    let more: Vec<Facts> = more.iter().map(|name| facts(name)).collect();
    Books::of(life.iter().chain(&more))
}

/// Access at a moment.
fn access(books: &Books, second: i64) -> Access {
    books.record(0).access(at(second))
}

#[test]
fn a_life_in_both_versions_gives_this_record_after_each_event() {
    use Access::{Active, Ended, Grace, Pending, Suspended};
    let failed = 1_765_548_200;
    let paid = 1_765_803_792;
    // When it is looked at, access, since when, status, period end, grace end, paid through, end by request.
    #[rustfmt::skip]
    let expected = [
        (BEGIN + 5, Pending, BEGIN + 3, None, None, None, None, None),
        (BEGIN + 5, Pending, BEGIN + 1, Some("incomplete"), Some(RENEWED), None, None, None),
        (BEGIN + 5, Active, BEGIN + 2, Some("active"), Some(RENEWED), None, None, None),
        (BEGIN + 5, Active, BEGIN + 2, Some("active"), Some(RENEWED), None, Some(RENEWED), None),
        (RENEWED + 9, Active, BEGIN + 2, Some("active"), Some(ENDED), None, Some(RENEWED), None),
        (failed + 1, Active, BEGIN + 2, Some("active"), Some(ENDED), None, Some(RENEWED), None),
        (failed + 1, Grace, failed, Some("past_due"), Some(ENDED), Some(failed + 14 * DAY), Some(RENEWED), None),
        (paid + 5, Active, paid, Some("past_due"), Some(ENDED), None, Some(ENDED), None),
        (paid + 5, Active, paid + 2, Some("active"), Some(ENDED), None, Some(ENDED), None),
        (1_765_976_590, Active, paid + 2, Some("active"), Some(ENDED), None, Some(ENDED), Some(ENDED)),
        (ENDED + 5, Ended, ENDED, Some("canceled"), Some(ENDED), None, Some(ENDED), Some(ENDED)),
    ];
    for version in ["basil", "dahlia"] {
        let life = life(version);
        assert_eq!(life.len(), expected.len());
        for (
            last,
            (now, access, since, status, period_end, grace_until, paid_through, cancel_at),
        ) in expected.iter().enumerate()
        {
            let record = Books::of(&life[..=last]).record(0);
            let step = format!("{version} {}", last + 1);
            assert_eq!(record.access(at(*now)), *access, "{step}");
            assert_eq!(
                record.entitlement.since(at(*now)),
                Some(at(*since)),
                "{step}"
            );
            let counted = record.subscription.as_ref();
            assert_eq!(counted.map(|it| it.status.name()), *status, "{step}");
            assert_eq!(
                counted.and_then(|it| it.period_end),
                period_end.map(at),
                "{step}"
            );
            assert_eq!(
                counted.and_then(|it| it.grace_until),
                grace_until.map(at),
                "{step}"
            );
            assert_eq!(
                counted.and_then(|it| it.paid_through),
                paid_through.map(at),
                "{step}"
            );
            assert_eq!(
                counted.and_then(|it| it.cancel_at),
                cancel_at.map(at),
                "{step}"
            );
            assert!(counted.is_none_or(|it| it.plan.as_deref() == Some("enterprise_monthly")));
            assert!(!record.needs_reconcile(at(*now)), "{step}");
            assert!(!record.has_conflicting_claims && !record.has_unknown_status);
        }
        let grace = Books::of(&life[..7]);
        assert_eq!(self::access(&grace, failed + 14 * DAY - 1), Grace);
        assert_eq!(self::access(&grace, failed + 14 * DAY), Suspended);
        let failing = grace
            .record(0)
            .subscription
            .unwrap()
            .failed_payment
            .unwrap();
        assert_eq!((failing.since, failing.attempt_count), (at(failed), 1));
        assert_eq!(failing.next_attempt_at, Some(at(1_765_803_780)));
        let last = grace.record(0).subscription.unwrap().last_payment.unwrap();
        assert_eq!(last.at, at(1_762_952_581));
    }
}

#[test]
fn both_versions_end_in_the_same_record_in_any_order() {
    let [basil, dahlia] = ["basil", "dahlia"].map(life);
    let expected = Books::of(&basil).record(0);
    assert_eq!(
        Books::of(dahlia.iter().rev().chain(&dahlia)).record(0),
        expected
    );
}

#[test]
fn a_burst_within_a_second_is_ordered_by_what_each_event_changed() {
    let burst = life("edge/same_second_burst");
    let [a, b, c, d] = &burst[..] else {
        panic!("{}", burst.len());
    };
    let mut seen = 0;
    for order in 0..256 {
        let places = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6];
        if (0..4).all(|place| places.contains(&place)) {
            let record = Books::of(places.map(|place| [a, b, c, d][place])).record(0);
            assert_eq!(
                record.subscription.as_ref().unwrap().status.name(),
                "active"
            );
            assert!(!record.needs_reconcile(at(BEGIN + 10)));
            seen += 1;
        }
    }
    assert_eq!(seen, 24);
}

#[test]
fn each_odd_event_gives_what_it_should() {
    use Access::{Active, Ended, None, Pending, Suspended};
    let renewed = life("dahlia")[..5].to_vec();
    let bought = &renewed[..2];
    for (name, known, second, expected) in [
        ("sub_created.trialing", &[][..], BEGIN + 9, Active),
        (
            "sub_updated.incomplete_expired",
            bought,
            BEGIN + 2 * DAY,
            Ended,
        ),
        ("sub_updated.unpaid", &renewed, 1_766_754_190, Suspended),
        (
            "sub_updated.pause_collection_set",
            &renewed,
            RENEWED + 60,
            Suspended,
        ),
        (
            "sub_updated.unknown_future_status",
            &renewed,
            RENEWED + 400,
            Suspended,
        ),
        (
            "sub_updated.cancel_at_only_flexible_billing",
            &renewed,
            RENEWED + 200,
            Active,
        ),
        (
            "second_sub_created.same_customer_active",
            &[],
            ENDED,
            Active,
        ),
        ("checkout.no_org_reference", &[], BEGIN + 9, None),
        ("checkout.reference_conflict", &[], BEGIN + 9, Pending),
        ("invoice_paid.zero_amount_trial", bought, BEGIN + 9, Pending),
        (
            "invoice_payment_failed.final_attempt",
            &renewed,
            1_766_754_190,
            Active,
        ),
    ] {
        let books = after(known, &[&format!("edge/{name}.json")]);
        assert_eq!(access(&books, second), expected, "{name}");
    }
    let asked = after(
        &renewed,
        &["edge/sub_updated.cancel_at_only_flexible_billing.json"],
    );
    assert_eq!(
        asked.record(0).subscription.unwrap().cancel_at,
        Some(at(ENDED))
    );
    let unknown = after(&renewed, &["edge/sub_updated.unknown_future_status.json"]);
    assert!(unknown.record(0).has_unknown_status);
}

#[test]
fn a_new_subscription_counts_beside_one_that_ends() {
    let life = life("dahlia");
    let books = after(
        &life,
        &["edge/second_sub_created.same_customer_active.json"],
    );
    assert_eq!(access(&books, ENDED + 5), Access::Active);
    assert_eq!(
        books.record(0).subscription.unwrap().id.as_str(),
        "sub_1SSecond2Hb4Zq9Lm0PReSub01"
    );
}

#[test]
fn what_is_not_for_this_stack_is_ignored_and_what_cannot_be_read_says_where() {
    for (name, reason) in [
        (
            "checkout.mode_payment_not_subscription",
            Ignored::NotASubscription,
        ),
        ("envelope.connect_account", Ignored::ConnectAccount),
        ("envelope.testmode", Ignored::OtherMode),
        ("envelope.unknown_event_type", Ignored::UnknownType),
    ] {
        assert_eq!(
            said(&format!("edge/{name}.json")),
            Said::Ignored(reason),
            "{name}"
        );
    }
    let malformed = StripeEvent::read(&sample("edge/malformed.no_data.json"), Mode::Live);
    let id = malformed.id.as_ref().map(|id| id.as_str());
    assert_eq!(id, Some("evt_1SEdge44Hb4Zq9Lm0Pupdatedx"));
    let Said::Unparsed(faults) = malformed.said else {
        panic!("{malformed:?}");
    };
    let pointers: Vec<&str> = faults.iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers[..2], ["/data", "/data/object"]);
}

/// An event of a subscription with one member replaced.
fn with(pointer: &str, value: Value) -> Said {
    let body = sample("dahlia/05_customer.subscription.updated.renewed.json");
    let mut event: Value = serde_json::from_slice(&body).unwrap();
    *event
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("{pointer}")) = value;
    StripeEvent::read(event.to_string().as_bytes(), Mode::Live).said
}

#[test]
fn a_fault_is_named_by_its_place_and_never_repeats_a_value() {
    let item = "/data/object/items/data/0";
    for (pointer, value) in [
        ("/id", json!(7)),
        ("/created", json!(-1)),
        ("/created", json!(1e300)),
        ("/created", json!(9_999_999_999_999_i64)),
        ("/created", json!("2026-01-01")),
        ("/object", json!("v2.core.event")),
        ("/type", Value::Null),
        ("/livemode", Value::Null),
        ("/data", json!([])),
        ("/data/object/object", Value::Null),
        ("/data/object/id", json!("sub 1")),
        ("/data/object/customer", json!({"id": 1})),
        ("/data/object/status", Value::Null),
        ("/data/object/ended_at", json!(true)),
        ("/data/object/items/data", json!("x")),
        (&*format!("{item}/price/id"), Value::Null),
        (&*format!("{item}/current_period_end"), json!("x")),
    ] {
        let said = with(pointer, value);
        let Said::Unparsed(faults) = &said else {
            panic!("{pointer}: {said:?}");
        };
        assert!(
            faults.iter().any(|(at, _)| at == pointer),
            "{pointer}: {faults:?}"
        );
    }
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\u{feff}{}",
        "} I am not valid JSON; 123][",
    ] {
        let said = StripeEvent::read(body.as_bytes(), Mode::Live).said;
        assert!(matches!(said, Said::Unparsed(_)), "{body}");
    }
}

#[test]
fn what_is_no_organization_is_no_claim_and_that_is_said() {
    let metadata = "/data/object/metadata/org_id";
    for foreign in [
        json!("acme"),
        json!(7),
        json!("org_01OTHER0000000000000000000"),
    ] {
        let Said::Facts(facts) = with(metadata, foreign) else {
            panic!("unreadable");
        };
        assert!(facts.names_no_organization);
        assert_eq!(facts.facts.len(), 1);
    }
    let named = facts("dahlia/05_customer.subscription.updated.renewed.json");
    assert!(!named.names_no_organization);
    assert_eq!(named.facts.len(), 2);
}

#[test]
fn the_buyers_word_in_a_payment_link_is_no_claim() {
    let mut event: Value =
        serde_json::from_slice(&sample("dahlia/01_checkout.session.completed.json")).unwrap();
    let mut facts = |payment_link: Value| {
        event["data"]["object"]["metadata"] = json!({});
        event["data"]["object"]["payment_link"] = payment_link;
        let event = StripeEvent::read(event.to_string().as_bytes(), Mode::Live);
        match event.said {
            Said::Facts(facts) => facts.facts.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(facts(Value::Null), 1);
    assert_eq!(facts(json!("plink_1")), 0);
}

#[test]
fn without_word_of_the_next_period_access_ends_after_three_days_and_stripe_is_to_be_asked() {
    let books = Books::of(&life("dahlia")[..4]);
    let record = books.record(0);
    for (second, access, is_doubtful) in [
        (RENEWED + 3 * DAY - 1, Access::Active, false),
        (RENEWED + 3 * DAY, Access::Suspended, true),
    ] {
        assert_eq!(record.access(at(second)), access);
        assert_eq!(record.needs_reconcile(at(second)), is_doubtful);
    }
}

#[test]
fn a_deleted_subscription_is_over_whatever_its_status_is_called() {
    let body = sample("dahlia/11_customer.subscription.deleted.json");
    let mut event: Value = serde_json::from_slice(&body).unwrap();
    event["data"]["object"]["status"] = json!("active");
    let Said::Facts(deleted) = StripeEvent::read(event.to_string().as_bytes(), Mode::Live).said
    else {
        panic!("unreadable");
    };
    let life = life("dahlia");
    let books = Books::of(life[..10].iter().rev().chain([&deleted]));
    assert_eq!(access(&books, ENDED), Access::Ended);
}

#[test]
fn where_no_failure_was_heard_of_grace_begins_with_the_period() {
    let life = life("dahlia");
    let books = Books::of(life[..5].iter().chain([&life[6]]));
    let counted = books.record(0).subscription.unwrap();
    assert_eq!(counted.grace_until, Some(at(RENEWED + 14 * DAY)));
    assert_eq!(access(&books, RENEWED), Access::Grace);
    assert_eq!(access(&books, RENEWED + 14 * DAY), Access::Suspended);
}

#[test]
fn a_failure_before_it_was_active_again_without_a_payment_shortens_no_grace() {
    let failing = "dahlia/06_invoice.payment_failed.attempt1.json";
    let past_due = "dahlia/07_customer.subscription.updated.past_due.json";
    let first = 1_765_548_200;
    let later = 20 * DAY;
    // What was owed is written off, and nobody says so.
    let mut life = life("dahlia")[..7].to_vec();
    life.push(facts(
        "dahlia/09_customer.subscription.updated.recovered.json",
    ));
    life.extend([again(failing, later), again(past_due, later)]);
    let grace_until =
        |facts: &[Facts]| Books::of(facts).record(0).subscription.unwrap().grace_until;
    assert_eq!(grace_until(&life), Some(at(first + later + 14 * DAY)));
    // Where it was not active in between, the next invoice's failure makes no grace longer.
    life.remove(7);
    assert_eq!(grace_until(&life), Some(at(first + 14 * DAY)));
}

#[test]
fn each_subscription_that_was_bought_and_not_heard_of_is_doubted() {
    let life = life("dahlia");
    let body = String::from_utf8(sample("dahlia/01_checkout.session.completed.json")).unwrap();
    let body = body
        .replace("\"evt_", "\"evt_2")
        .replace("\"sub_", "\"sub_2");
    let mut event: Value = serde_json::from_str(&body).unwrap();
    event["created"] = json!(ENDED + DAY);
    let Said::Facts(second) = StripeEvent::read(event.to_string().as_bytes(), Mode::Live).said
    else {
        panic!("unreadable");
    };
    for books in [
        Books::of(life.iter().chain([&second])),
        Books::of([&second].into_iter().chain(&life)),
    ] {
        let doubts = books.record(0).doubts;
        let doubt = doubts
            .iter()
            .find(|it| it.reason == Reason::Unseen)
            .unwrap();
        assert!(doubt.subscription.as_str().starts_with("sub_2"));
        assert_eq!(doubt.from, at(ENDED + DAY + 900));
    }
}

#[test]
fn a_plan_is_found_among_as_many_notes_as_stripe_has() {
    let notes = (0..49).map(|number| (format!("note{number}"), json!("x")));
    let mut notes: serde_json::Map<String, Value> = notes.collect();
    notes.insert("plan".to_owned(), json!("enterprise_monthly"));
    let price =
        json!({"id": "price_1", "lookup_key": null, "product": "prod_1", "metadata": notes});
    let Said::Facts(facts) = with("/data/object/items/data/0/price", price) else {
        panic!("unreadable");
    };
    let counted = Books::of([&facts]).record(0).subscription.unwrap();
    assert_eq!(counted.plan.as_deref(), Some("enterprise_monthly"));
}

#[test]
fn what_was_fetched_wins_over_all_that_was_said_before_and_settles_doubts() {
    let life = life("dahlia");
    let body = sample("dahlia/09_customer.subscription.updated.recovered.json");
    let event: Value = serde_json::from_slice(&body).unwrap();
    let object = event["data"]["object"].to_string();
    let asked_at = RENEWED + 20 * DAY;
    let Said::Facts(fetched) = read_fetched(object.as_bytes(), Mode::Live, at(asked_at)) else {
        panic!("unreadable");
    };
    // All that was heard is that a payment failed.
    let failing = &life[..7];
    assert_eq!(access(&Books::of(failing), asked_at), Access::Suspended);
    let all: Vec<Facts> = failing.iter().cloned().chain([fetched.clone()]).collect();
    for books in [Books::of(&all), Books::of(all.iter().rev())] {
        let record = books.record(0);
        assert_eq!(record.access(at(asked_at)), Access::Active);
        assert!(!record.needs_reconcile(at(asked_at)));
    }
    // What is said later counts again.
    let books = Books::of(life.iter().chain([&fetched]));
    assert_eq!(access(&books, ENDED + 5), Access::Ended);
    // Asked about the other world, Stripe says nothing of this one.
    let other = read_fetched(object.as_bytes(), Mode::Test, at(asked_at));
    assert_eq!(other, Said::Ignored(Ignored::OtherMode));
}

#[test]
fn nothing_that_people_wrote_is_in_a_fact() {
    for version in ["basil", "dahlia"] {
        for facts in life(version) {
            let shown = format!("{facts:?}");
            for canary in [
                "acme",
                "Müller",
                "10115",
                "user_01K9XVZ0",
                "pm_",
                "invoice.stripe.com",
            ] {
                assert!(!shown.contains(canary), "{canary} in {shown}");
            }
        }
    }
}

#[test]
fn of_the_events_of_a_second_the_last_is_told_or_it_is_doubted() {
    let mut runner = TestRunner::deterministic();
    let [mut right, mut doubted, mut wrong] = [0_u32; 3];
    for _ in 0..2_000 {
        let mut script = script().new_tree(&mut runner).unwrap().current();
        // All that happens after a subscription began happens at once.
        script
            .iter_mut()
            .for_each(|(which, _, gap)| (*which, *gap) = (0, 0));
        script.insert(0, (0, Move::Begin("active", Some(0)), 0));
        let stripe = Stripe::after(&script, Shape::Dahlia);
        let books = Books::of(&stripe.facts());
        let known = books
            .0
            .values()
            .flat_map(|customer| customer.subscriptions.values());
        for subscription in known {
            let latest = subscription.latest().unwrap();
            let status = latest.snapshot.standing.status.name();
            if status == stripe.subscriptions[&0].status {
                right += 1;
            } else if latest.is_doubtful {
                doubted += 1;
            } else {
                wrong += 1;
            }
        }
    }
    assert!(
        right > 1_850,
        "{right} right, {doubted} doubted, {wrong} wrong"
    );
    assert!(
        wrong < 20,
        "{right} right, {doubted} doubted, {wrong} wrong"
    );
}
