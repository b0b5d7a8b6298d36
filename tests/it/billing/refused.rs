//! Whose word counts: signatures over HTTP.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::source::now;
use crate::stack::{Stack, until};
use crate::stripe::{SECRET, SELLING, signature, v1};
use crate::workspace;

/// Something that changes nothing: it is about signatures.
fn body() -> String {
    workspace::read("events/billing/stripe/edge/envelope.unknown_event_type.json")
}

fn later(seconds: i64) -> jiff::Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn what_stripe_did_not_sign_is_refused_in_one_way_whatever_is_wrong() {
    let stack = Stack::start_with(&SELLING).await;
    let body = body();
    let body = body.as_bytes();
    let good = signature(SECRET, now(), body);
    let seconds = now().as_second();
    let (time, good_v1) = good.split_once(',').expect("two items");
    let signed = |time: &str| format!("t={time},v1={}", v1(SECRET, time, body));
    let refused: Vec<(&str, Vec<String>)> = vec![
        ("missing_header", vec![]),
        ("missing_header", vec![String::new()]),
        ("malformed_header", vec!["bad_header".into()]),
        (
            "malformed_header",
            vec!["I'm not even a real signature header".into()],
        ),
        ("malformed_header", vec!["v1,t=1".into()]),
        ("malformed_header", vec!["t=".into()]),
        ("malformed_header", vec![good_v1.into()]),
        ("malformed_header", vec![format!("{time}, {good_v1}")]),
        ("malformed_header", vec![format!("{good},t=1")]),
        ("malformed_header", vec![good.clone(), good.clone()]),
        ("malformed_header", vec![signed(&format!("+{seconds}"))]),
        ("malformed_header", vec![signed(&format!("{seconds}x"))]),
        ("no_v1", vec![time.into()]),
        ("no_v1", vec![good.replace("v1=", "v0=")]),
        ("mismatch", vec![format!("{time},v1=bad_signature")]),
        ("mismatch", vec![format!("{time},v1=")]),
        ("mismatch", vec![format!("{good}=junk")]),
        ("mismatch", vec![signature("whsec_other", now(), body)]),
        ("mismatch", vec![signature("", now(), body)]),
        ("mismatch", vec![signature(&SECRET[6..], now(), body)]),
        ("mismatch", vec![signature(SECRET, now(), &body[1..])]),
        ("too_old", vec![signature(SECRET, later(-302), body)]),
        ("too_old", vec![signature(SECRET, later(-100_000), body)]),
        ("too_new", vec![signature(SECRET, later(310), body)]),
    ];
    let mut answers = BTreeSet::new();
    for (reason, headers) in &refused {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = stack.stripe_signed(&headers, body).await;
        assert_eq!(answer.status, 400, "{reason} {headers:?}");
        answers.insert(answer.body.to_string());
    }
    let empty = signature(SECRET, now(), b"");
    let answer = stack.stripe_signed(&[&empty], b"").await;
    assert_eq!(answer.status, 400);
    answers.insert(answer.body.to_string());
    assert_eq!(answers.len(), 1, "{answers:?}");
    let expected = refused.len() + 1;
    let log = until("every refusal is in the log", async || {
        let log = stack.log();
        let refusals: Vec<String> = log
            .into_iter()
            .filter(|line| line.contains("refused: "))
            .collect();
        if refusals.len() == expected {
            Ok(refusals)
        } else {
            Err(refusals)
        }
    })
    .await;
    let reasons = refused.iter().map(|(reason, _)| *reason);
    for (reason, line) in reasons.chain(["empty_body"]).zip(log) {
        assert!(line.contains(&format!("refused: {reason}")), "{line}");
    }
}

#[tokio::test]
async fn any_signature_that_is_stripes_is_enough_within_five_minutes_of_the_clock() {
    let both = format!("whsec_rolled_out,{SECRET}");
    let stack = Stack::start_with(&["--stripe-secret", &both]).await;
    let body = body();
    let body = body.as_bytes();
    let good = signature(SECRET, now(), body);
    let (time, good_v1) = good.split_once(',').expect("two items");
    for header in [
        good.clone(),
        signature("whsec_rolled_out", now(), body),
        format!("{good},v1=potato"),
        format!("{good},v0={}", "0".repeat(64)),
        format!("{time},v1={},{good_v1}", "0".repeat(64)),
        format!("{good_v1},{time}"),
        signature(SECRET, later(-290), body),
        signature(SECRET, later(290), body),
    ] {
        let answer = stack.stripe_signed(&[&header], body).await;
        assert_eq!(answer.status, 200, "{header}: {answer:?}");
    }
    // No text at all: API Gateway passes it on in base64.
    let bytes = b"\xff\xfe\x00";
    let header = signature(SECRET, now(), bytes);
    let answer = stack.stripe_signed(&[&header], bytes).await;
    answer.expect(200);
}

#[tokio::test]
async fn a_body_in_base64_is_the_bytes_that_were_signed() {
    let stack = Stack::start_with(&SELLING).await;
    let sample = "events/billing/invoice.payment_failed.base64.json";
    let mut invocation: Value = serde_json::from_str(&workspace::read(sample)).expect("JSON");
    let encoded = invocation["body"].as_str().expect("a body").to_owned();
    let raw = BASE64.decode(&encoded).expect("base64");
    for (signed, status) in [(raw.as_slice(), 200), (encoded.as_bytes(), 400)] {
        let header = signature(SECRET, now(), signed);
        invocation["headers"]["stripe-signature"] = json!(header);
        let payload = invocation.to_string().into_bytes();
        let answer = stack.invoke("BillingFunction", payload).await;
        assert_eq!(answer["statusCode"], status, "{answer:#}");
    }
}

#[tokio::test]
async fn where_nothing_is_sold_nobody_is_heard_and_everybody_is_entitled() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    stack.stripe(&body()).await.expect(404);
    let view = stack.billing(&college.id).await;
    assert_eq!(view["access"], "ACTIVE", "{view:#}");
    let linked = college.link(&stack, "cus_1").await;
    linked.refusal(409, "billing_off");
}
