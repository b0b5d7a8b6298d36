//! Relays: the webhooks of source systems as they are, and who may send them.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::SignedDuration;
use payload::dialect::Dialect;
use payload::secret::Secret;
use payload::signature::{ID_HEADER, STANDARD, Scheme, TIMESTAMP_HEADER, VEC};
use payload::token::RelayToken;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::receiver::Receiver;
use crate::samples;
use crate::source::{SECRET, Source, configuration, now};
use crate::stack::{Stack, text, until};

/// Dialects whose sources sign.
fn signing() -> impl Iterator<Item = Dialect> {
    let signs = |dialect: &Dialect| Scheme::of(*dialect).is_some();
    Dialect::ALL.into_iter().filter(signs)
}

/// A body that its relay can read, of a dialect that says the event in the body.
fn body_of(dialect: Dialect) -> String {
    let all = samples::all().into_iter();
    let mut of_dialect = all.filter(|sample| sample.dialect() == dialect.name());
    of_dialect.next().expect("a sample of each dialect").body
}

#[tokio::test]
async fn every_sample_is_taken_through_the_relay_of_its_dialect_as_it_is() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let mut posted = HashSet::new();
    for dialect in Dialect::ALL {
        let source = Source::create(&stack, &college, dialect).await;
        let all = samples::all().into_iter();
        for sample in all.filter(|sample| sample.dialect() == dialect.name()) {
            let event = sample.path.split_once("event=");
            let suffix = event.map_or_else(String::new, |(_, event)| format!("/{event}"));
            let body = sample.body.as_bytes();
            let accepted = source.send(&suffix, body).await.expect(202);
            assert_eq!(accepted["dialect"], dialect.name(), "{}", sample.name);
            assert_eq!(accepted["recognised"], "named", "{}", sample.name);
            assert_eq!(accepted["endpoints"], json!([endpoint.id]));
            let again = source.send(&suffix, body).await.expect(200);
            assert_eq!(again["id"], accepted["id"], "{}", sample.name);
            let event = text(&accepted, "id");
            let kept = college.api.get(&format!("events/{event}")).await;
            assert_eq!(kept.expect(200)["received"], sample.body);
            posted.insert(event);
        }
    }
    assert_eq!(posted.len(), samples::all().len());
    let webhooks = receiver.requests(posted.len()).await;
    for webhook in &webhooks {
        webhook.verify(&endpoint.secret);
    }
    let delivered: HashSet<String> = webhooks.iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(delivered, posted);
    assert!(college.api.pages("quarantine", 10).await.is_empty());
}

#[tokio::test]
async fn the_event_is_named_by_the_path_the_query_or_the_header() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Beedeez).await;
    let document = samples::named("beedeez.certificate_completed").body;
    let header = |event| source.http.with("x-webhook-event", event);
    let (issued, expired) = ("certificate_completed", "certificate_expired");
    for (suffix, caller, event_type) in [
        (format!("/{issued}"), header(expired), "credential.issued"),
        (format!("?event={issued}"), header("x"), "credential.issued"),
        (String::new(), header(expired), "credential.expired"),
        // What a relay reads is said by the relay.
        (
            format!("/{expired}?dialect=vec"),
            source.http.clone(),
            "credential.expired",
        ),
    ] {
        let answer = source.post(&caller, &suffix, document.as_bytes()).await;
        assert!([200, 202].contains(&answer.status), "{answer:?}");
        assert_eq!(answer.body["type"], event_type, "{suffix}");
    }
}

#[tokio::test]
async fn a_bad_signature_is_401_whatever_is_wrong_with_it_and_nothing_is_kept() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut answers = HashSet::new();
    for dialect in signing() {
        let source = Source::create(&stack, &college, dialect).await;
        let header = Scheme::of(dialect).unwrap().header;
        let text = body_of(dialect);
        let body = text.as_bytes();
        let scheme = Scheme::of(dialect).unwrap();
        let secret = Secret::of_source(SECRET).unwrap();
        let whole = scheme.sign(&secret, "msg_1", now(), body);
        let truncated = source
            .http
            .with(ID_HEADER, "msg_1")
            .with(TIMESTAMP_HEADER, &now().as_second().to_string())
            .with(header, &whole[..whole.len() - 4]);
        let mut bad = vec![
            ("missing", source.http.clone()),
            ("empty", source.http.with(header, "")),
            ("no text", source.http.with(header, "ã")),
            ("with another secret", source.signed("x", now(), body)),
            ("of another body", source.signed(SECRET, now(), b"{}")),
            ("truncated", truncated),
        ];
        if matches!(dialect, Dialect::Canonical | Dialect::Thatsme) {
            let day = SignedDuration::from_hours(25);
            bad.push(("expired", source.signed(SECRET, now() - day, body)));
            bad.push(("of tomorrow", source.signed(SECRET, now() + day, body)));
        }
        for (what, caller) in bad {
            let answer = source.post(&caller, "", body).await;
            assert_eq!(answer.status, 401, "{dialect}, {what}: {}", answer.body);
            assert_eq!(answer.body["error"], "bad_signature", "{dialect}, {what}");
            answers.insert(answer.body.to_string());
            // Bad is bad before anything is read.
            let unreadable = source.post(&caller, "", b"not JSON").await;
            unreadable.refusal(401, "bad_signature");
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    for list in ["events", "quarantine"] {
        assert!(college.api.pages(list, 10).await.is_empty(), "{list}");
    }
}

#[tokio::test]
async fn a_webhook_that_its_source_repeats_for_hours_is_taken() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for dialect in signing() {
        let source = Source::create(&stack, &college, dialect).await;
        let body = body_of(dialect);
        let then = now() - SignedDuration::from_hours(23);
        let signed = source.signed(SECRET, then, body.as_bytes());
        source.post(&signed, "", body.as_bytes()).await.expect(202);
    }
}

#[tokio::test]
async fn each_scheme_signs_with_its_own_bytes_of_the_secret() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let secret = Secret::of_source(SECRET).unwrap();
    let seconds = now().as_second().to_string();

    // Standard Webhooks signs with the decoded bytes: the text of the secret is no key.
    let canonical = Source::create(&stack, &college, Dialect::Canonical).await;
    let body = body_of(Dialect::Canonical);
    let content = format!("msg_1.{seconds}.{body}");
    let by_text = VEC.sign(&secret, "", now(), content.as_bytes());
    let by_text = format!("v1,{}", BASE64.encode(from_hex(&by_text)));
    let signed = |signature: &str| -> Caller {
        let caller = canonical.http.with(ID_HEADER, "msg_1");
        let caller = caller.with(TIMESTAMP_HEADER, &seconds);
        caller.with(STANDARD.header, signature)
    };
    let refused = canonical.post(&signed(&by_text), "", body.as_bytes()).await;
    refused.refusal(401, "bad_signature");
    let accepted = canonical.send("", body.as_bytes()).await;
    accepted.expect(202);

    // The source systems sign with the text, also where it looks like the other kind.
    let vec = Source::create(&stack, &college, Dialect::Vec).await;
    let by_bytes = STANDARD.sign(&secret, "1", now(), b"{}");
    let by_bytes = BASE64.decode(&by_bytes["v1,".len()..]).unwrap();
    let by_bytes: String = by_bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let content = format!("1.{}.{{}}", now().as_second());
    let caller = vec.http.with(VEC.header, &by_bytes);
    let refused = vec.post(&caller, "", content.as_bytes()).await;
    refused.refusal(401, "bad_signature");
    let body = body_of(Dialect::Vec);
    vec.send("", body.as_bytes()).await.expect(202);
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[tokio::test]
async fn an_unknown_a_mistyped_and_a_deleted_token_are_404() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Toolzz).await;
    let body = body_of(Dialect::Toolzz);
    source.send("", body.as_bytes()).await.expect(202);

    let unknown = RelayToken::generate(&mut rand::rng());
    for path in [
        format!("relay/{}", unknown.expose()),
        source.path.to_uppercase(),
        source.path[..source.path.len() - 1].to_owned(),
        format!("{}x", source.path),
        "relay/rt_x/certificate_completed".to_owned(),
        format!("relay/{}", source.id),
    ] {
        let path = path.replace("RELAY/", "relay/");
        let answer = source.http.post_text(&path, &body).await;
        answer.refusal(404, "not_found");
    }

    let relay = format!("relays/{}", source.id);
    let school = stack.create_organization().await;
    let foreign = school.api.delete(&relay).await;
    foreign.refusal(404, "not_found");
    source.send("", body.as_bytes()).await.expect(200);

    college.api.delete(&relay).await.expect(204);
    until("the token is unknown", async || {
        match source.send("", body.as_bytes()).await.status {
            404 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let again = college.api.delete(&relay).await;
    again.refusal(404, "not_found");
    assert!(college.api.pages("relays", 10).await.is_empty());
}

#[tokio::test]
async fn a_body_over_256_kib_is_413_once_the_token_is_known() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Vec).await;
    let mut body = body_of(Dialect::Vec).into_bytes();
    body.resize(256 * 1024, b' ');
    source.send("", &body).await.expect(202);
    body.push(b' ');
    for caller in [source.http.clone(), source.signed(SECRET, now(), &body)] {
        let refused = source.post(&caller, "", &body).await;
        refused.refusal(413, "body_too_large");
    }
    let unknown = source.http.post_bytes("relay/rt_x", body).await;
    unknown.refusal(404, "not_found");
    assert!(college.api.pages("quarantine", 10).await.is_empty());
}

#[tokio::test]
async fn a_relay_is_listed_without_its_token_and_its_secret() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let acting = stack.platform().acting_for(&college.id);
    let made = acting.post("relays", configuration(Dialect::Vec)).await;
    let made = made.expect(201);
    let token = text(&made, "url_path").replace("/api/v1/relay/", "");
    assert!(RelayToken::parse(&token).is_ok());
    assert!(made["secret"].is_null());

    let listed = college.api.get("relays").await.expect(200);
    let relay = &listed["data"][0];
    for member in ["id", "name", "dialect", "hint", "created_at"] {
        assert_eq!(relay[member], made[member], "{member}");
    }
    assert!(token.ends_with(&text(relay, "hint")["rt_…".len()..]));
    let shown = listed.to_string();
    assert!(
        !shown.contains(&token) && !shown.contains(SECRET),
        "{shown}"
    );

    let school = stack.create_organization().await;
    assert!(school.api.pages("relays", 10).await.is_empty());
    stack
        .caller(None)
        .get("relays")
        .await
        .refusal(401, "unauthorized");
    let refused = college
        .api
        .get(&format!("relays/{}", text(&made, "id")))
        .await;
    refused.refusal(405, "method_not_allowed");
}

#[tokio::test]
async fn a_relay_that_cannot_be_is_not_made() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let create = async |body: Value| college.api.post("relays", body).await;
    for (body, pointer) in [
        (json!({}), "/dialect"),
        (json!({"dialect": "morse"}), "/dialect"),
        (json!({"dialect": "thatsme"}), "/secret"),
        (json!({"dialect": "beedeez", "secret": SECRET}), "/secret"),
        (json!({"dialect": "toolzz", "token": "rt_mine"}), "/token"),
    ] {
        let refused = create(body).await;
        assert_eq!(refused.refusal(422, "validation_error"), [pointer]);
    }
    for _ in 0..20 {
        create(configuration(Dialect::Toolzz)).await.expect(201);
    }
    let refused = create(configuration(Dialect::Toolzz)).await;
    refused.refusal(409, "too_many_relays");
    let relays = college.api.pages("relays", 100).await;
    let one = format!("relays/{}", text(&relays[7], "id"));
    college.api.delete(&one).await.expect(204);
    create(configuration(Dialect::Toolzz)).await.expect(201);
}

#[tokio::test]
async fn the_log_says_what_became_of_a_webhook_and_nothing_of_what_it_holds() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let source = Source::create(&stack, &college, Dialect::Vec).await;
    let body = body_of(Dialect::Vec).replace("john@example.com", "ana@example.com");
    assert!(body.contains("ana@example.com"));
    source.send("", body.as_bytes()).await.expect(202);
    let unreadable = body.replace("uuid", "ana@example.com");
    let kept = source.send("/ana@example.com", unreadable.as_bytes()).await;
    assert_eq!(kept.expect(202)["quarantined"], true);
    let forged = source.http.with(VEC.header, "ana@example.com");
    let refused = source.post(&forged, "/ana@example.com", body.as_bytes());
    refused.await.refusal(401, "bad_signature");

    let log = until("all three are in the log", async || {
        let log = stack.log().join("\n");
        let says = |what: &str| log.contains(what);
        if says("accepted evt_") && says("quarantined qrt_") && says("refused a signature") {
            Ok(log)
        } else {
            Err(log)
        }
    })
    .await;
    let token = source.path.replace("relay/", "");
    for held in ["ana@", "Certificate of", SECRET, &token] {
        assert!(!log.contains(held), "{held} is in the log:\n{log}");
    }
}
