use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event_type::EventType;

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn read(body: &Value, dialect: Option<Dialect>, event: Option<&str>) -> Result<Parsed, ParseError> {
    let time_zone = TimeZone::get("America/Sao_Paulo").unwrap();
    parse(
        body.to_string().as_bytes(),
        Hints {
            dialect,
            event,
            time_zone: &time_zone,
            received_at: now(),
        },
    )
}

/// The body and the `?event=` of a sample invocation of ingest.
fn sample(name: &str) -> (Value, Option<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../events/ingest")
        .join(name)
        .with_added_extension("json");
    let invocation: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let body = serde_json::from_str(invocation["body"].as_str().unwrap()).unwrap();
    (
        body,
        invocation["queryStringParameters"]["event"]
            .as_str()
            .map(str::to_owned),
    )
}

fn parsed(name: &str) -> Parsed {
    let (body, event) = sample(name);
    read(&body, None, event.as_deref()).unwrap()
}

/// The facts of a sample, as a subscriber reads them.
fn facts(name: &str) -> Value {
    serde_json::to_value(parsed(name).facts).unwrap()
}

/// Faults of a sample after `change`.
fn faults(name: &str, change: impl FnOnce(&mut Value)) -> Vec<(String, String)> {
    let (mut body, event) = sample(name);
    change(&mut body);
    match read(&body, None, event.as_deref()) {
        Err(ParseError::Invalid { faults, .. }) => faults
            .iter()
            .map(|(pointer, reason)| (pointer.to_owned(), reason.to_owned()))
            .collect(),
        other => panic!("expected faults, got {other:?}"),
    }
}

#[track_caller]
fn check(name: &str, dialect: Dialect, event_type: EventType, timestamp: &str) {
    let parsed = parsed(name);
    assert_eq!(parsed.facts.source.dialect, dialect);
    assert_eq!(parsed.event_type, event_type);
    assert_eq!(crate::timestamp::canonical(parsed.timestamp), timestamp);
    assert_eq!(parsed.recognised, Recognised::ByMembers);
    assert!(
        parsed
            .facts
            .subject_id(event_type.subject())
            .is_some_and(|id| !id.is_empty())
    );
}

#[test]
fn every_event_of_the_source_systems_is_recognised_typed_and_dated() {
    use Dialect::{Beedeez, Certdirectory, Thatsme, Toolzz, Vec};
    use EventType as T;
    check(
        "thatsme.certificate.issued",
        Thatsme,
        T::CredentialIssued,
        "2026-03-18T10:30:00.000Z",
    );
    check(
        "thatsme.certificate.accepted",
        Thatsme,
        T::CredentialAccepted,
        "2026-03-18T11:00:00.000Z",
    );
    check(
        "thatsme.certificate.rejected",
        Thatsme,
        T::CredentialDeclined,
        "2026-03-18T11:05:00.000Z",
    );
    check(
        "thatsme.certificate.expired",
        Thatsme,
        T::CredentialExpired,
        "2026-03-18T00:00:00.000Z",
    );
    check(
        "thatsme.recipient.registered",
        Thatsme,
        T::RecipientRegistered,
        "2026-03-18T12:00:00.000Z",
    );
    check(
        "toolzz.activities.certificate.issued",
        Toolzz,
        T::CredentialIssued,
        "2023-08-28T23:47:31.000Z",
    );
    check(
        "vec.certificate_application.created",
        Vec,
        T::ApplicationCreated,
        "2026-06-04T10:30:00.000Z",
    );
    check(
        "vec.certificate_application.processing",
        Vec,
        T::ApplicationProcessing,
        "2026-06-04T10:30:00.000Z",
    );
    check(
        "vec.certificate_application.approved",
        Vec,
        T::CredentialIssued,
        "2026-06-04T10:30:00.000Z",
    );
    check(
        "vec.certificate_application.rejected",
        Vec,
        T::ApplicationRejected,
        "2026-06-04T10:30:00.000Z",
    );
    check(
        "vec.certificate_application.failed",
        Vec,
        T::ApplicationFailed,
        "2026-06-04T10:30:00.000Z",
    );
    check(
        "vec.certificate_application.retried",
        Vec,
        T::ApplicationRetried,
        "2026-06-04T10:30:00.000Z",
    );
    check(
        "certdirectory.credential.issued",
        Certdirectory,
        T::CredentialIssued,
        "2026-01-15T10:00:00.000Z",
    );
    check(
        "certdirectory.credential.claimed",
        Certdirectory,
        T::CredentialAccepted,
        "2026-01-15T12:30:00.000Z",
    );
    check(
        "certdirectory.credential.revoked",
        Certdirectory,
        T::CredentialRevoked,
        "2026-03-02T09:00:00.000Z",
    );
    check(
        "certdirectory.credential.expired",
        Certdirectory,
        T::CredentialExpired,
        "2027-01-15T10:00:05.000Z",
    );
    check(
        "certdirectory.credential.renewed",
        Certdirectory,
        T::CredentialRenewed,
        "2027-01-20T08:00:00.000Z",
    );
    check(
        "certdirectory.bulk_issuance.completed",
        Certdirectory,
        T::IssuanceBatchCompleted,
        "2026-01-15T10:05:00.000Z",
    );
    check(
        "beedeez.certificate_completed",
        Beedeez,
        T::CredentialIssued,
        "2024-11-27T10:30:00.000Z",
    );
    check(
        "beedeez.certificate_expired",
        Beedeez,
        T::CredentialExpired,
        "2025-11-27T10:30:00.000Z",
    );
    check(
        "canonical.credential.revoked",
        Dialect::Canonical,
        T::CredentialRevoked,
        "2026-06-01T06:00:00.000Z",
    );
}

#[test]
fn thatsme_facts_find_their_canonical_places() {
    let facts = facts("thatsme.certificate.accepted");
    assert_eq!(facts["credential"]["id"], "inv_abc123");
    assert_eq!(facts["credential"]["status"], "valid");
    assert_eq!(
        facts["credential"]["url"],
        "https://thatsme.com.br/c/post_ghi012"
    );
    assert_eq!(facts["credential"]["hash"], "a3f9b2c1d4e5...");
    assert_eq!(
        facts["credential"]["accepted_at"],
        "2026-03-18T11:00:00.000Z"
    );
    assert_eq!(facts["achievement"]["name"], "English Level 2 Certificate");
    assert_eq!(
        facts["activity"],
        json!({"id": "evt_xyz789", "name": "English Level 2", "workload": null,
        "started_at": null, "completed_at": null, "pass_threshold": null, "evidence_ids": null})
    );
    assert_eq!(facts["recipient"]["email"], "leonardo@email.com");
    assert_eq!(facts["ext"], json!({}));
}

#[test]
fn toolzz_times_are_local_and_its_certificate_gets_an_id() {
    let facts = facts("toolzz.activities.certificate.issued");
    assert_eq!(facts["source"]["time_assumed"], true);
    assert_eq!(
        facts["source"]["event_label"],
        "Atividades - Certificado emitido"
    );
    assert_eq!(
        facts["credential"]["id"],
        "toolzz-98765432-12345678-87654321-1693266451"
    );
    assert_eq!(facts["credential"]["kind"], "achievement");
    assert_eq!(facts["activity"]["pass_threshold"], 25.0);
    assert_eq!(facts["activity"]["workload"], "0h");
    assert_eq!(
        facts["recipient"]["national_id"],
        json!({"type": "cpf", "value": "XXX.XXX.XXX-XX"})
    );
    assert_eq!(
        facts["school"]["managers"],
        json!([{"id": "98712326", "name": "Manager Name"}])
    );
    assert_eq!(facts["ext"], json!({}));
}

#[test]
fn toolzz_writings_of_its_portuguese_pages_are_read_too() {
    let (mut body, _) = sample("toolzz.activities.certificate.issued");
    body["data"]["school"]["managers"] = json!({"manager_id": "7", "manager_name": "Only One"});
    body["data"]["course"]["enrolled_at"] = json!("28/08/2023 20:46:18");
    body["data"]["user"]["id"] = json!("12345678");
    body["data"]["user"]["cpf"] = json!(null);
    let mut certificate = body["data"]
        .as_object_mut()
        .unwrap()
        .remove("certified")
        .unwrap();
    certificate["type"] = json!("Participação");
    certificate["approval_rate"] = json!("25");
    body["data"]["certificate"] = certificate;
    let facts = serde_json::to_value(read(&body, None, None).unwrap().facts).unwrap();
    assert_eq!(facts["school"]["managers"][0]["id"], "7");
    assert_eq!(facts["activity"]["started_at"], "2023-08-28T23:46:18.000Z");
    assert_eq!(facts["credential"]["kind"], "participation");
    assert_eq!(facts["recipient"]["national_id"], json!(null));

    body["data"]["certificate"]["type"] = json!("Merit");
    let facts = serde_json::to_value(read(&body, None, None).unwrap().facts).unwrap();
    assert_eq!(facts["credential"]["kind"], json!(null));
    assert_eq!(facts["ext"]["data"]["certified"]["type"], "Merit");
}

#[test]
fn what_is_odd_about_a_body_is_said_and_the_body_taken() {
    let warnings = |body: &Value| {
        let parsed = read(body, None, None).unwrap();
        let warnings = parsed.warnings.into_iter();
        warnings
            .map(|warning| (warning.pointer, warning.message))
            .collect::<std::vec::Vec<_>>()
    };
    let (mut body, _) = sample("toolzz.activities.certificate.issued");
    // Received at 07:00 in São Paulo.
    for (sent_at, expected) in [
        ("2026-11-21 07:00:05", None),
        ("2026-11-21 07:14:00", None),
        (
            "2026-11-21 10:00:00",
            Some("is 3h after the time of receipt"),
        ),
        (
            "2026-11-21 05:30:20",
            Some("is 1h 30m before the time of receipt"),
        ),
        (
            "2026-11-18 05:00:00",
            Some("is 3d 2h before the time of receipt"),
        ),
    ] {
        body["event"]["send_at"] = json!(sent_at);
        let found = warnings(&body);
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        if let Some(expected) = expected {
            assert_eq!(found[0].0, "/event/send_at");
            let expected = format!("{expected}, read as a time of America/Sao_Paulo");
            assert_eq!(found[0].1, expected);
        }
    }
    let (body, _) = sample("certdirectory.credential.issued");
    assert_eq!(warnings(&body)[0].0, "/data/...");
    assert!(warnings(&sample("certdirectory.credential.revoked").0).is_empty());
}

#[test]
fn vec_rejects_only_what_a_customer_submitted() {
    let rejected = facts("vec.certificate_application.rejected");
    assert_eq!(
        rejected["application"],
        json!({"id": "42", "uuid": "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
        "source": "customer", "trigger": null})
    );
    assert_eq!(rejected["failure"]["reason"], "Duplicate certificate");
    assert_eq!(
        rejected["ext"]["webhook_id"],
        "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    );
    assert_eq!(
        facts("vec.certificate_application.approved")["credential"]["status"],
        "valid"
    );
    assert_eq!(
        facts("vec.certificate_application.created")["application"]["trigger"],
        "bulk_upload"
    );
}

#[test]
fn certdirectory_members_nobody_promised_are_read_or_kept() {
    let issued = facts("certdirectory.credential.issued");
    assert_eq!(issued["credential"]["short_id"], "CRD-ZBUYQMTA");
    assert_eq!(issued["credential"]["status"], "pending");
    assert_eq!(issued["source"]["native_id"], "evt_...");
    assert_eq!(issued["ext"], json!({}));
    let renewed = facts("certdirectory.credential.renewed");
    assert_eq!(
        renewed["credential"]["expires_at"],
        "2028-01-20T00:00:00.000Z"
    );
    assert_eq!(
        renewed["credential"]["supersedes"],
        "7d9f2a34-6b1e-4c58-9a0d-3e5f7b8c9d01"
    );
    assert_eq!(
        facts("certdirectory.bulk_issuance.completed")["batch"]["successful"],
        117
    );

    let (mut body, _) = sample("certdirectory.credential.revoked");
    body["data"]["office"] = json!("Lisbon");
    body["apiVersion"] = json!(2);
    let facts = serde_json::to_value(read(&body, None, None).unwrap().facts).unwrap();
    assert_eq!(
        facts["ext"],
        json!({"apiVersion": 2, "data": {"office": "Lisbon"}})
    );
}

#[test]
fn beedeez_needs_to_be_told_what_happened() {
    let (mut body, event) = sample("beedeez.certificate_expired");
    let dialect = Dialect::Beedeez;
    let recognised = Recognised::ByMembers;
    assert_eq!(
        read(&body, None, None),
        Err(ParseError::EventTypeRequired {
            dialect,
            recognised
        })
    );
    assert!(matches!(
        read(&body, None, Some("certificate.issued")),
        Err(ParseError::Invalid { .. })
    ));

    body["__v"] = json!(0);
    body["ruleData"] = json!({"type": "certification", "name": "Safety Training"});
    body["expires"] = json!(null);
    let completed = read(&body, None, Some("certificate_completed")).unwrap();
    let facts = serde_json::to_value(completed.facts).unwrap();
    assert_eq!(facts["achievement"]["name"], "Safety Training");
    assert_eq!(facts["ext"]["__v"], 0);
    assert_eq!(
        facts["activity"]["evidence_ids"],
        json!(["lesson_active_1", "lesson_active_2"])
    );
    assert!(read(&body, None, event.as_deref()).is_err());
}

#[test]
fn a_canonical_event_needs_its_type_its_time_and_what_it_is_about() {
    let about = |event_type: &str, data: Value| {
        read(
            &json!({"type": event_type, "timestamp": "2026-01-01T00:00:00Z", "data": data}),
            None,
            None,
        )
    };
    assert!(about("credential.issued", json!({"credential": {"id": "c1"}})).is_ok());
    assert!(about("application.created", json!({"application": {"id": 42}})).is_ok());
    assert!(about("issuance_batch.completed", json!({"batch": {"id": "b1"}})).is_ok());
    assert!(
        about(
            "recipient.registered",
            json!({"recipient": {"email": "a@example.com"}})
        )
        .is_ok()
    );

    assert_eq!(
        faults("canonical.credential.issued", |body| body["type"] =
            json!("credential.eaten"))[0]
            .0,
        "/type"
    );
    let missing = faults("canonical.credential.issued", |body| {
        body["timestamp"] = json!("yesterday");
        body["data"] = json!({"credential": {"expires_at": 5}, "recipient": "Ana", "achievement": {"rule": []}});
    });
    let pointers: Vec<&str> = missing
        .iter()
        .map(|(pointer, _)| pointer.as_str())
        .collect();
    assert_eq!(
        pointers,
        [
            "/data/achievement/rule",
            "/data/credential/expires_at",
            "/data/credential/id",
            "/data/recipient",
            "/timestamp"
        ]
    );
}

#[test]
fn unknown_canonical_members_are_kept_where_they_were() {
    let parsed = read(
        &json!({"type": "credential.issued", "timestamp": "2026-01-01T00:00:00Z", "trace": "t",
            "data": {"credential": {"id": "c1", "colour": "red"}, "points": 3, "ext": {"mine": true}}}),
        None,
        None,
    );
    let ext = Value::Object(parsed.unwrap().facts.ext);
    assert_eq!(
        ext,
        json!({"trace": "t", "credential": {"colour": "red"}, "points": 3, "mine": true})
    );
}

#[test]
fn all_faults_of_a_body_are_named_at_once() {
    let found = faults("thatsme.certificate.issued", |body| {
        body["created_at"] = json!("2026-03-18 10:30");
        body["data"]["invitation_id"] = json!(null);
        body["data"]["badge_name"] = json!(5);
        body["data"]["recipient_email"] = json!(" ");
    });
    let expected = [
        (
            "/created_at",
            "must be an RFC 3339 date-time with an offset",
        ),
        ("/data/badge_name", "must be a string"),
        ("/data/invitation_id", "required"),
        ("/data/recipient_email", "must not be empty"),
    ];
    assert_eq!(
        found,
        expected.map(|(pointer, reason)| (pointer.to_owned(), reason.to_owned()))
    );

    let empty = faults("toolzz.activities.certificate.issued", |body| {
        body["data"] = json!({})
    });
    assert!(
        empty
            .iter()
            .any(|(pointer, _)| pointer == "/data/user/email")
    );
    assert!(
        empty
            .iter()
            .any(|(pointer, _)| pointer == "/data/certified/certified_at")
    );
}

#[test]
fn bodies_of_no_dialect_are_told_apart() {
    let hints = Hints {
        dialect: None,
        event: None,
        time_zone: &TimeZone::UTC,
        received_at: now(),
    };
    assert_eq!(parse(b"[1]", hints), Err(ParseError::NotAnObject));
    assert_eq!(parse(b"{}", hints), Err(ParseError::UnknownDialect));
    assert_eq!(
        parse(b"{\"a\":", hints),
        Err(ParseError::Unreadable { line: 1, column: 5 })
    );
    assert!(matches!(
        parse(b"{\"a\":\"\xff\"}", hints),
        Err(ParseError::Unreadable { .. })
    ));
    let deep = "[".repeat(100_000);
    let (line, column) = (1, 65);
    assert_eq!(
        parse(deep.as_bytes(), hints),
        Err(ParseError::TooDeep { line, column })
    );
    let named = Hints {
        dialect: Some(Dialect::Vec),
        ..hints
    };
    assert!(matches!(
        parse(b"{}", named),
        Err(ParseError::Invalid {
            recognised: Recognised::Named,
            ..
        })
    ));
}

#[test]
fn natural_keys_hold_what_makes_an_event_unique() {
    let keys = |name: &str| parsed(name).natural_key;
    assert_eq!(
        keys("thatsme.certificate.issued"),
        [
            "certificate.issued",
            "inv_abc123",
            "2026-03-18T10:30:00.000Z"
        ]
    );
    assert_eq!(
        keys("thatsme.recipient.registered"),
        [
            "recipient.registered",
            "leonardo@email.com",
            "2026-03-18T12:00:00.000Z"
        ]
    );
    assert_eq!(
        keys("toolzz.activities.certificate.issued"),
        [
            "98765432",
            "12345678",
            "87654321",
            "2023-08-28T23:47:31.000Z"
        ]
    );
    assert_eq!(
        keys("vec.certificate_application.failed"),
        [
            "certificate_application.failed",
            "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
            "2026-06-04T10:30:00.000Z"
        ]
    );
    assert_eq!(
        keys("certdirectory.credential.revoked"),
        ["evt_cd_revoked_1"]
    );
    assert_eq!(
        keys("beedeez.certificate_expired"),
        [
            "certificate_expired",
            "badge_user_id",
            "2024-11-27T10:30:00.000Z"
        ]
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2026-03-18T10:30:00Z")),
        Just(json!("2023-08-28 20:47:31")),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..5)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Every JSON pointer of a value.
fn places(value: &Value, at: &str, found: &mut std::vec::Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| {
                places(
                    value,
                    &format!("{at}/{}", crate::fault::escape(name)),
                    found,
                )
            });
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| places(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

fn sample_names() -> std::vec::Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/ingest");
    let mut names: std::vec::Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .filter(|name| !name.starts_with("batch."))
        .collect();
    names.sort();
    assert!(names.len() >= 26);
    names
}

proptest! {
    #[test]
    fn any_bytes_are_answered_without_a_panic(body: std::vec::Vec<u8>) {
        let hints = Hints { dialect: None, event: None, time_zone: &TimeZone::UTC, received_at: now() };
        prop_assert!(parse(&body, hints).is_err());
    }

    #[test]
    fn any_json_is_answered_without_a_panic_in_any_dialect(
        body in any_json(),
        dialect in prop::sample::select(&Dialect::ALL[..]),
        event in prop::sample::select(&["certificate_completed", "certificate_expired", ""][..]),
    ) {
        drop(read(&body, Some(dialect), Some(event)));
    }

    #[test]
    fn a_sample_with_any_place_changed_is_read_or_its_fault_is_named_there(
        name in prop::sample::select(sample_names()),
        place: prop::sample::Index,
        value in any_json(),
    ) {
        let (mut body, event) = sample(&name);
        let dialect = Dialect::recognise(body.as_object().unwrap());
        let mut pointers = std::vec::Vec::new();
        places(&body, "", &mut pointers);
        let pointer = &pointers[place.index(pointers.len())];
        *body.pointer_mut(pointer).unwrap() = value;
        if let Err(ParseError::Invalid { faults, .. }) = read(&body, dialect, event.as_deref()) {
            prop_assert!(!faults.is_empty());
            for (at, _) in faults.iter() {
                prop_assert!(at.starts_with(pointer.as_str()) || pointer.starts_with(at), "{pointer} changed, {at} named");
            }
        }
    }
}

/// A sample with this value at `pointer`.
fn replaced(name: &str, pointer: &str, value: Value) -> Result<Parsed, ParseError> {
    let (mut body, event) = sample(name);
    *body.pointer_mut(pointer).unwrap() = value;
    read(&body, None, event.as_deref())
}

#[test]
fn what_is_kept_is_not_nested_too_deeply() {
    let nest = |depth| (0..depth).fold(json!(1), |inner, _| json!({"x": inner}));
    for (name, pointer) in [
        ("beedeez.certificate_completed", "/ruleData"),
        ("vec.certificate_application.approved", "/webhook_id"),
    ] {
        // What is read into the rule is its members.
        let deepest = if pointer == "/ruleData" { 61 } else { 60 };
        assert!(replaced(name, pointer, nest(deepest)).is_ok(), "{pointer}");
        let deep = replaced(name, pointer, nest(deepest + 1));
        let Err(ParseError::Invalid { faults, .. }) = deep else {
            panic!("{pointer} is taken");
        };
        let places: Vec<&str> = faults.iter().map(|(place, _)| place).collect();
        assert_eq!(places, [""]);
    }
}

/// Every text in a body.
fn texts(body: &Value) -> Vec<&str> {
    match body {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[test]
fn what_was_read_does_not_show_what_it_says() {
    for name in sample_names() {
        let (body, event) = sample(&name);
        let parsed = read(&body, None, event.as_deref()).unwrap();
        let (named, at) = (parsed.facts.source.event.clone(), parsed.timestamp);
        let organization = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let id = crate::id::EventId::new(now(), &mut rand::rng());
        let read = parsed.clone().into_event(id, organization);
        let shown = format!("{parsed:?} {read:?}");
        let texts = texts(&body);
        assert!(texts.len() > 2, "{name}");
        for text in texts {
            // The documentation of Beedeez has names of members in place of ids.
            let is_public = named == text
                || text == "organization_id"
                || text.parse().is_ok_and(|it: Timestamp| it == at)
                || at.to_string().starts_with(text)
                || text.len() < 4;
            assert!(
                is_public || !shown.contains(text),
                "{name} shows {text}: {shown}"
            );
        }
    }
}

#[test]
fn the_identifiers_that_make_a_credential_of_toolzz_are_short_enough_together() {
    let name = "toolzz.activities.certificate.issued";
    let course = |length| json!("c".repeat(length));
    assert!(replaced(name, "/data/course/id", course(400)).is_ok());
    let found = faults(name, |body| body["data"]["course"]["id"] = course(500));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "/data/course/id");
}

#[test]
fn an_operational_event_is_refused_from_anyone() {
    for event_type in EventType::ALL.into_iter().filter(|it| it.is_operational()) {
        let body = json!({"type": event_type, "timestamp": "2026-11-21T10:00:00Z", "data": {"endpoint": {"id": "a"}}});
        let Err(ParseError::Invalid { faults, .. }) = read(&body, None, None) else {
            panic!("{event_type} is taken")
        };
        let faults: std::vec::Vec<_> = faults.iter().collect();
        let reason = "is an event that certhooks makes itself, and takes from nobody";
        assert_eq!(faults, [("/type", reason)]);
    }
}
