use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::dialect::{Dialect, Hints, parse};
use crate::event::{Achievement, Event};
use crate::event_type::{EventType, native_name};

/// The endpoint whose UUID VEC's examples carry as `webhook_id`.
const ENDPOINT: &str = "ep_51PB1X9SFPF28AQKFF28T5CY4G";

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn zone() -> TimeZone {
    TimeZone::get("America/Sao_Paulo").unwrap()
}

/// A sample invocation of ingest: its body as it stands there, and its `?event=`.
fn sample_text(name: &str) -> (String, Option<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../events/ingest")
        .join(name)
        .with_added_extension("json");
    let invocation: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let event = text(&invocation["queryStringParameters"]["event"]);
    (text(&invocation["body"]).unwrap(), event)
}

/// The body of a sample, and the canonical event that it is.
fn sample(name: &str) -> (Value, Event) {
    let (body, event) = sample_text(name);
    let event = read(&body, None, event.as_deref());
    (serde_json::from_str(&body).unwrap(), event)
}

fn read(body: &str, dialect: Option<Dialect>, event: Option<&str>) -> Event {
    let hints = Hints {
        dialect,
        event,
        time_zone: &zone(),
        received_at: now(),
    };
    let parsed = parse(body.as_bytes(), hints).unwrap();
    let event = parsed.into_event(
        "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
    );
    // What is rendered is read from the canonical form, as delivery does.
    let canonical = serde_json::to_vec(&event).unwrap();
    let read = Event::read(&canonical, event.data.organization_id).unwrap();
    assert!(read == event, "the canonical form holds everything");
    read
}

fn render_as(
    event: &Event,
    dialect: Dialect,
    change: impl FnOnce(&mut Target<'_>),
) -> Result<Rendered, Unmappable> {
    let time_zone = zone();
    let mut target = Target {
        vocabulary: Vocabulary {
            dialect,
            downcast_renewed: false,
        },
        endpoint: ENDPOINT.parse().unwrap(),
        time_zone: &time_zone,
        surrogate_ids: true,
    };
    change(&mut target);
    render(event, target)
}

fn body(rendered: &Rendered) -> Value {
    serde_json::from_slice(&rendered.body).unwrap()
}

/// Rendered in the dialect it came in, from its canonical form.
#[track_caller]
fn check_round_trip(name: &str) {
    let (mut original, event) = sample(name);
    // A literal placeholder of the documentation, never sent.
    if let Some(data) = original.get_mut("data").and_then(Value::as_object_mut) {
        data.remove("...");
    }
    let dialect = event.data.facts.source.dialect;
    let rendered = render_as(&event, dialect, |_| ()).unwrap();
    assert_eq!(body(&rendered), original, "{name}");
    assert_eq!(rendered.surrogates.len(), 0, "{name}");
    let written = String::from_utf8(rendered.body).unwrap();
    let order = |text: &str| {
        let names: Vec<_> = text
            .split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        names
    };
    assert_eq!(
        order(&written),
        order(&sample_text(name).0.replace("\"...\": \"...\"", "")),
        "{name}: members in the order of the original"
    );
}

#[test]
fn every_documented_example_is_rendered_as_it_stands_in_the_documents() {
    for name in [
        "thatsme.certificate.issued",
        "thatsme.certificate.accepted",
        "thatsme.certificate.rejected",
        "thatsme.certificate.expired",
        "thatsme.recipient.registered",
        "toolzz.activities.certificate.issued",
        "vec.certificate_application.created",
        "vec.certificate_application.processing",
        "vec.certificate_application.approved",
        "vec.certificate_application.rejected",
        "vec.certificate_application.failed",
        "vec.certificate_application.retried",
        "certdirectory.credential.issued",
        "certdirectory.credential.claimed",
        "certdirectory.credential.revoked",
        "certdirectory.credential.expired",
        "certdirectory.bulk_issuance.completed",
        "beedeez.certificate_completed",
        "beedeez.certificate_expired",
    ] {
        check_round_trip(name);
    }
}

#[test]
fn a_bare_date_is_rendered_as_its_midnight() {
    let (mut original, event) = sample("certdirectory.credential.renewed");
    original["data"]["issuanceDate"] = json!("2027-01-20T00:00:00.000Z");
    original["data"]["expirationDate"] = json!("2028-01-20T00:00:00.000Z");
    let rendered = render_as(&event, Dialect::Certdirectory, |_| ()).unwrap();
    assert_eq!(body(&rendered), original);
}

/// A cell of the matrices.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    /// All facts are there; identifiers may be surrogates.
    Whole,
    /// With a documented fallback.
    Nearly,
    /// These facts are missing.
    Missing(BTreeSet<&'static str>),
    /// The dialect has no such type.
    NoType,
}

fn missing<const N: usize>(paths: [&'static str; N]) -> Cell {
    Cell::Missing(paths.into())
}

fn cell(event: &Event, dialect: Dialect) -> Cell {
    match render_as(event, dialect, |_| ()) {
        Ok(rendered) if rendered.fallbacks.is_empty() => Cell::Whole,
        Ok(_) => Cell::Nearly,
        Err(Unmappable::NoSuchType) => Cell::NoType,
        Err(Unmappable::Missing(paths)) => Cell::Missing(paths.into_iter().collect()),
    }
}

#[track_caller]
fn check_row(name: &str, expected: [(Dialect, Cell); 4]) {
    let (_, event) = sample(name);
    for (dialect, expected) in expected {
        assert_eq!(cell(&event, dialect), expected, "{name} in {dialect}");
    }
    assert_eq!(cell(&event, Dialect::Canonical), Cell::Whole, "{name}");
    let own = event.data.facts.source.dialect;
    assert_eq!(cell(&event, own), Cell::Whole, "{name} in its own dialect");
}

/// What only Toolzz knows of a course.
const COURSE: [&str; 7] = [
    "activity.completed_at",
    "activity.pass_threshold",
    "activity.started_at",
    "activity.workload",
    "credential.kind",
    "recipient.national_id",
    "school",
];

fn missing_course<const N: usize>(more: [&'static str; N]) -> Cell {
    Cell::Missing(COURSE.into_iter().chain(more).collect())
}

#[test]
fn every_cell_of_the_matrix_of_issued_is_as_documented() {
    use Dialect::{Beedeez, Certdirectory, Thatsme, Toolzz, Vec};
    check_row(
        "thatsme.certificate.issued",
        [
            (Toolzz, missing_course([])),
            (Vec, Cell::Nearly),
            (Certdirectory, Cell::Whole),
            (Beedeez, Cell::Nearly),
        ],
    );
    check_row(
        "toolzz.activities.certificate.issued",
        [
            (Thatsme, Cell::Nearly),
            (Vec, Cell::Nearly),
            (Certdirectory, Cell::Whole),
            (Beedeez, Cell::Nearly),
        ],
    );
    check_row(
        "vec.certificate_application.approved",
        [
            (Thatsme, missing(["activity.name", "recipient.name"])),
            (Toolzz, missing_course(["activity.name", "recipient.name"])),
            (Certdirectory, Cell::Nearly),
            (Beedeez, Cell::Nearly),
        ],
    );
    check_row(
        "certdirectory.credential.issued",
        [
            (
                Thatsme,
                missing(["achievement.name", "activity.name", "recipient.name"]),
            ),
            (Toolzz, missing_course(["activity.name", "recipient.name"])),
            (Vec, missing(["credential.title"])),
            (Beedeez, Cell::Nearly),
        ],
    );
    check_row(
        "beedeez.certificate_completed",
        [
            (
                Thatsme,
                missing([
                    "achievement.name",
                    "activity.name",
                    "recipient.email",
                    "recipient.name",
                ]),
            ),
            (
                Toolzz,
                missing_course(["activity.name", "recipient.email", "recipient.name"]),
            ),
            (Vec, missing(["credential.title", "recipient.email"])),
            (Certdirectory, missing(["recipient.email"])),
        ],
    );
}

#[test]
fn every_cell_of_the_matrix_of_the_other_shared_types_is_as_documented() {
    use Dialect::{Beedeez, Certdirectory, Thatsme, Toolzz, Vec};
    check_row(
        "thatsme.certificate.accepted",
        [
            (Toolzz, Cell::NoType),
            (Vec, Cell::NoType),
            (Certdirectory, Cell::Whole),
            (Beedeez, Cell::NoType),
        ],
    );
    let (_, mut claimed) = sample("certdirectory.credential.claimed");
    claimed.data.facts.recipient.as_mut().unwrap().name = None;
    assert_eq!(
        cell(&claimed, Thatsme),
        missing([
            "achievement.name",
            "activity.name",
            "credential.hash",
            "credential.issued_at",
            "credential.url",
            "recipient.name"
        ])
    );
    check_row(
        "thatsme.certificate.expired",
        [
            (Toolzz, Cell::NoType),
            (Vec, Cell::NoType),
            (Certdirectory, Cell::Nearly),
            (Beedeez, missing(["credential.issued_at"])),
        ],
    );
    // The seed's members only: its documents promise no dates and no names.
    let (_, mut expired) = sample("certdirectory.credential.expired");
    expired.data.facts.credential.as_mut().unwrap().issued_at = None;
    expired.data.facts.achievement.as_mut().unwrap().name = None;
    assert_eq!(cell(&expired, Thatsme), missing(["activity.name"]));
    assert_eq!(cell(&expired, Beedeez), missing(["credential.issued_at"]));
    check_row(
        "beedeez.certificate_expired",
        [
            (Thatsme, missing(["activity.name", "recipient.email"])),
            (Toolzz, Cell::NoType),
            (Vec, Cell::NoType),
            (Certdirectory, missing(["recipient.email"])),
        ],
    );
}

#[test]
fn all_other_types_exist_in_one_dialect_only() {
    let shared = [
        EventType::CredentialIssued,
        EventType::CredentialAccepted,
        EventType::CredentialExpired,
    ];
    for event_type in EventType::posted() {
        let dialects: Vec<Dialect> = Dialect::ALL
            .into_iter()
            .filter(|dialect| *dialect != Dialect::Canonical)
            .filter(|dialect| native_name(*dialect, event_type).is_some())
            .collect();
        let expected = match event_type {
            EventType::CredentialIssued => 5,
            EventType::CredentialExpired => 3,
            EventType::CredentialAccepted => 2,
            EventType::CredentialExpiring => 0,
            _ => 1,
        };
        assert_eq!(dialects.len(), expected, "{event_type}: {dialects:?}");
        assert_eq!(shared.contains(&event_type), expected > 1);
    }
}

#[test]
fn the_stored_credential_or_a_name_makes_more_conversions_possible() {
    let (_, mut expired) = sample("thatsme.certificate.expired");
    let facts = &mut expired.data.facts;
    facts.credential.as_mut().unwrap().issued_at = Some(now());
    assert_eq!(cell(&expired, Dialect::Beedeez), Cell::Nearly);
    expired.data.facts.achievement = Some(Achievement {
        id: Some("badge_def456".to_owned()),
        ..Achievement::default()
    });
    let rendered = render_as(&expired, Dialect::Certdirectory, |_| ()).unwrap();
    let badge = |rendered: &Rendered| {
        let of_badge = |fallback: &&Fallback| fallback.pointer == "/data/badgeId";
        rendered.fallbacks.iter().find(of_badge).cloned()
    };
    assert_eq!(badge(&rendered), None);

    let (_, mut completed) = sample("beedeez.certificate_completed");
    let email = Some("ana@example.com".to_owned());
    completed.data.facts.recipient.as_mut().unwrap().email = email;
    assert_eq!(cell(&completed, Dialect::Certdirectory), Cell::Whole);
    completed.data.facts.achievement.as_mut().unwrap().name = Some("Safety".to_owned());
    assert_eq!(cell(&completed, Dialect::Vec), Cell::Nearly);
}

#[test]
fn a_conversion_says_what_it_replaced() {
    let (_, event) = sample("thatsme.certificate.issued");
    let rendered = render_as(&event, Dialect::Beedeez, |_| ()).unwrap();
    assert_eq!(rendered.event, "certificate_completed");
    let document = body(&rendered);
    let object_id = |name: &str| document[name].as_str().unwrap().to_owned();
    for name in ["_id", "_userId", "_ownerId", "_badgeId"] {
        assert!(surrogate::is_object_id(&object_id(name)), "{name}");
    }
    assert_eq!(
        object_id("_id"),
        "d89070b7028a68d09cd90757",
        "the surrogate of every release"
    );
    assert_eq!(document["creationDate"], "2026-03-18T10:30:00.000Z");
    assert_eq!(document["expires"], Value::Null);
    assert_eq!(
        document["ruleData"],
        json!({"name": "English Level 2 Certificate"})
    );
    let originals: Vec<_> = rendered
        .surrogates
        .iter()
        .map(|it| (&*it.pointer, it.original.as_deref()))
        .collect();
    assert_eq!(
        originals,
        [
            ("/_id", Some("inv_abc123")),
            ("/_userId", None),
            ("/_ownerId", Some("org_01ARZ3NDEKTSV4RRFFQ69G5FAV")),
            ("/_badgeId", Some("badge_def456")),
        ]
    );
    let defaults: Vec<_> = rendered
        .fallbacks
        .iter()
        .map(|it| (&*it.pointer, it.from))
        .collect();
    assert_eq!(
        defaults,
        [
            ("/disabled", "default"),
            ("/expiryReminderSent", "default"),
            ("/_lessonActiveIds", "default"),
        ]
    );

    let (_, event) = sample("toolzz.activities.certificate.issued");
    let rendered = render_as(&event, Dialect::Vec, |_| ()).unwrap();
    let document = body(&rendered);
    assert_eq!(document["event"], "certificate_application.approved");
    assert_eq!(document["certificate_title"], "Course Name");
    assert_eq!(document["source"], "vault");
    assert_eq!(document["timestamp"], "2023-08-28T23:47:31Z");
    assert!(document["application_id"].as_u64().unwrap() > 0);
}

#[test]
fn without_surrogates_what_needs_them_is_impossible() {
    let (_, event) = sample("thatsme.certificate.issued");
    let strict = |target: &mut Target<'_>| target.surrogate_ids = false;
    assert_eq!(
        render_as(&event, Dialect::Certdirectory, strict),
        Err(Unmappable::Missing(vec!["achievement.id", "credential.id"]))
    );
    let (_, event) = sample("toolzz.activities.certificate.issued");
    assert!(
        render_as(&event, Dialect::Thatsme, |target| target.surrogate_ids =
            false)
        .is_ok()
    );
}

#[test]
fn renewed_is_as_type_issued_only_when_the_endpoint_wants_it() {
    let (_, renewed) = sample("certdirectory.credential.renewed");
    let allow = |target: &mut Target<'_>| target.vocabulary.downcast_renewed = true;
    assert_eq!(
        render_as(&renewed, Dialect::Beedeez, |_| ()),
        Err(Unmappable::NoSuchType)
    );
    let rendered = render_as(&renewed, Dialect::Beedeez, allow).unwrap();
    assert_eq!(rendered.event, "certificate_completed");
    assert_eq!(body(&rendered)["expires"], "2028-01-20T00:00:00.000Z");
    for other in [
        "certdirectory.credential.revoked",
        "thatsme.certificate.rejected",
    ] {
        let (_, event) = sample(other);
        assert_eq!(
            render_as(&event, Dialect::Beedeez, |target| target
                .vocabulary
                .downcast_renewed =
                true),
            Err(Unmappable::NoSuchType)
        );
    }
}

#[test]
fn toolzz_gets_local_times_of_its_zone_and_only_from_who_knows_the_course() {
    let canonical = json!({
        "type": "credential.issued", "timestamp": "2026-05-04T14:00:00Z",
        "data": {
            "credential": {"id": "c1", "kind": "participation"},
            "activity": {"id": "7", "name": "Course", "workload": "10h", "pass_threshold": 70.5,
                "started_at": "2026-05-01T02:30:00Z", "completed_at": "2026-05-04T13:00:00Z"},
            "recipient": {"id": "u1", "email": "ana@example.com", "name": "Ana",
                "national_id": {"type": "cpf", "value": "XXX.XXX.XXX-XX"}},
            "school": {"id": 1, "name": "Unit", "managers": [{"id": "m", "name": "M"}, {"name": "No id"}]},
        },
    });
    let event = read(&canonical.to_string(), None, None);
    let rendered = render_as(&event, Dialect::Toolzz, |_| ()).unwrap();
    let document = body(&rendered);
    assert_eq!(
        document["data"]["course"]["enrolled_at"],
        "2026-04-30 23:30:00"
    );
    assert_eq!(document["data"]["certified"]["type"], "Participation");
    assert_eq!(document["data"]["certified"]["approval_rate"], 70.5);
    assert_eq!(document["data"]["course"]["id"], 7);
    assert_eq!(
        document["data"]["school"]["managers"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "a manager without an id is known by name"
    );
    let mut nameless = event.clone();
    nameless.data.facts.school.as_mut().unwrap().managers[0].name = None;
    assert_eq!(
        cell(&nameless, Dialect::Toolzz),
        missing(["school.managers"])
    );
    let again = read(&document.to_string(), Some(Dialect::Toolzz), None);
    assert_eq!(again.timestamp, event.timestamp);
    assert!(again.data.facts.activity == event.data.facts.activity);
}

#[test]
fn what_cannot_be_said_is_sent_in_the_form_that_was_asked_for_instead() {
    let stored = Stored {
        event_type: EventType::CredentialRevoked,
        dialect: Dialect::Certdirectory,
        received: b"received",
        canonical: b"canonical",
    };
    let own = stored.rendered_in(Dialect::Certdirectory).unwrap();
    assert_eq!(own.body, b"received");
    assert_eq!(own.event, "credential.revoked");
    assert!(stored.rendered_in(Dialect::Thatsme).is_none());
    let instead = |choice| stored.instead(choice, Unmappable::NoSuchType);
    assert_eq!(instead(OnUnmappable::Skip), Err(Unmappable::NoSuchType));
    for (choice, dialect, body) in [
        (
            OnUnmappable::Canonical,
            Dialect::Canonical,
            &b"canonical"[..],
        ),
        (OnUnmappable::Native, Dialect::Certdirectory, b"received"),
    ] {
        let rendered = instead(choice).unwrap();
        assert!(rendered.is_substitute);
        assert_eq!((rendered.dialect, &rendered.body[..]), (dialect, body));
    }
}

#[test]
fn identifiers_are_the_same_whoever_tells_of_the_credential() {
    let (_, issued) = sample("thatsme.certificate.issued");
    let mut revoked = read(
        r#"{"type": "credential.revoked", "timestamp": "2026-04-01T00:00:00Z", "data":
            {"credential": {"id": "inv_abc123"}, "achievement": {"id": "badge_def456"},
            "recipient": {"email": "leonardo@email.com"}}}"#,
        None,
        None,
    );
    revoked.data.facts.source.origin = Some(Dialect::Thatsme);
    let ids = |event: &Event| {
        let rendered = render_as(event, Dialect::Certdirectory, |_| ()).unwrap();
        let data = body(&rendered)["data"].clone();
        (data["credentialUuid"].clone(), data["badgeId"].clone())
    };
    assert_eq!(ids(&revoked), ids(&issued));
}

#[test]
fn an_integer_or_uuid_that_readers_would_change_is_replaced() {
    let with_id = |id: &str| {
        let body = json!({"type": "credential.issued", "timestamp": "2026-04-01T00:00:00Z", "data": {
            "credential": {"id": id, "title": "T"}, "application": {"id": id}, "achievement": {"id": id},
            "recipient": {"email": "a@example.com"}}});
        read(&body.to_string(), None, None)
    };
    for (id, kept) in [
        ("42", true),
        ("9007199254740991", true),
        ("9007199254740993", false),
        ("0", false),
        ("042", false),
    ] {
        let rendered = render_as(&with_id(id), Dialect::Vec, |_| ()).unwrap();
        let written = body(&rendered)["application_id"].as_u64().unwrap();
        assert_eq!(id == format!("{written}"), kept, "{id}");
    }
    for (id, kept) in [
        ("7d9f2a34-6b1e-4c58-9a0d-3e5f7b8c9d01", true),
        ("7d9f2a346b1e4c589a0d3e5f7b8c9d01", false),
        ("{7d9f2a34-6b1e-4c58-9a0d-3e5f7b8c9d01}", false),
    ] {
        let rendered = render_as(&with_id(id), Dialect::Certdirectory, |_| ()).unwrap();
        assert_eq!(body(&rendered)["data"]["badgeId"] == id, kept, "{id}");
    }
}

#[test]
fn a_text_that_is_blank_says_nothing() {
    let (_, mut event) = sample("thatsme.certificate.accepted");
    event.data.facts.recipient.as_mut().unwrap().name = Some(" ".to_owned());
    event.data.facts.activity.as_mut().unwrap().name = Some(String::new());
    assert_eq!(
        cell(&event, Dialect::Thatsme),
        missing(["activity.name", "recipient.name"])
    );
    event.data.facts.recipient.as_mut().unwrap().email = Some(String::new());
    assert_eq!(
        cell(&event, Dialect::Certdirectory),
        missing(["recipient.email"])
    );
    // What is next in the order of the names is taken instead.
    let (_, mut event) = sample("toolzz.activities.certificate.issued");
    event.data.facts.achievement = Some(Achievement {
        name: Some(" ".to_owned()),
        ..Achievement::default()
    });
    let rendered = render_as(&event, Dialect::Vec, |_| ()).unwrap();
    assert_eq!(body(&rendered)["certificate_title"], "Course Name");
}

#[test]
fn a_value_that_a_dialect_does_not_have_is_not_said_in_it() {
    let (_, mut created) = sample("vec.certificate_application.created");
    let application = created.data.facts.application.as_mut().unwrap();
    application.source = Some("import".to_owned());
    application.trigger = Some("import".to_owned());
    assert_eq!(
        cell(&created, Dialect::Vec),
        missing(["application.source", "application.trigger"])
    );
    let (_, mut approved) = sample("vec.certificate_application.approved");
    approved.data.facts.application.as_mut().unwrap().source = Some("import".to_owned());
    let rendered = render_as(&approved, Dialect::Vec, |_| ()).unwrap();
    assert_eq!(body(&rendered)["source"], "vault");

    let (_, mut issued) = sample("toolzz.activities.certificate.issued");
    let workload = Some("h".repeat(513));
    issued.data.facts.activity.as_mut().unwrap().workload = workload;
    assert_eq!(
        cell(&issued, Dialect::Toolzz),
        missing(["activity.workload"])
    );
}

#[test]
fn what_is_accepted_at_the_greatest_depth_can_be_read_in_canonical_form() {
    let (text, name) = sample_text("beedeez.certificate_completed");
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let start = text.trim().strip_prefix('{').unwrap();
    let event = read(
        &format!(r#"{{"x": {}, {start}"#, nested(60)),
        None,
        name.as_deref(),
    );
    let rendered = render_as(&event, Dialect::Canonical, |_| ()).unwrap();
    let canonical = std::str::from_utf8(&rendered.body).unwrap();
    let again = read(canonical, None, None);
    assert_eq!(again.data.facts.ext["x"], event.data.facts.ext["x"]);
}

#[test]
fn what_a_dialect_has_no_room_for_counts_as_missing_and_is_not_cut() {
    let (_, mut event) = sample("thatsme.certificate.issued");
    event.data.facts.achievement.as_mut().unwrap().name = Some("ç".repeat(255));
    assert_eq!(cell(&event, Dialect::Vec), Cell::Nearly);
    event.data.facts.achievement.as_mut().unwrap().name = Some("ç".repeat(256));
    assert_eq!(cell(&event, Dialect::Vec), missing(["credential.title"]));
}

#[test]
fn lessons_of_others_get_object_ids() {
    let canonical = json!({"type": "credential.issued", "timestamp": "2026-04-01T00:00:00Z", "data": {
        "credential": {"id": "c1"}, "achievement": {"id": "b1"}, "recipient": {"id": "u1"},
        "activity": {"evidence_ids": ["l1", "0123456789abcdef01234567"]}}});
    let event = read(&canonical.to_string(), None, None);
    let rendered = render_as(&event, Dialect::Beedeez, |_| ()).unwrap();
    let lessons = body(&rendered)["_lessonActiveIds"].clone();
    assert!(surrogate::is_object_id(lessons[0].as_str().unwrap()));
    assert_eq!(lessons[1], "0123456789abcdef01234567");
    let replaced: Vec<&str> = rendered.surrogates.iter().map(|it| &*it.pointer).collect();
    assert!(replaced.contains(&"/_lessonActiveIds/0"));
}

#[test]
fn a_test_has_one_body_and_the_name_of_a_test_in_every_dialect_and_other_operational_events_have_none()
 {
    let stored = |event_type| Stored {
        event_type,
        dialect: Dialect::Canonical,
        received: b"{}",
        canonical: b"{}",
    };
    for dialect in Dialect::ALL {
        let test = stored(EventType::WebhookTest).rendered_in(dialect).unwrap();
        assert_eq!((test.dialect, test.event), (dialect, "webhook.test"));
        assert_eq!(
            (test.body.as_slice(), test.is_substitute),
            (&b"{}"[..], false)
        );
        let failing = stored(EventType::EndpointFailing).rendered_in(dialect);
        assert_eq!(failing.is_some(), dialect == Dialect::Canonical);
    }
}
