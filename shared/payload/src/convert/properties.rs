//! What the dialects keep, over events made up at random.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::convert::{Target, render};
use crate::dialect::{Dialect, Hints, parse};
use crate::event::Event;
use crate::event_type::{EventType, native_name};
use crate::vocabulary::Vocabulary;

/// No zone with a clock change: an hour that occurs twice cannot come back as the second.
static ZONE: TimeZone = TimeZone::UTC;

/// The canonical paths that a dialect's event of a type can hold, as JSON pointers into `data`.
fn held(dialect: Dialect, event_type: EventType) -> Vec<&'static str> {
    use EventType as T;
    let named = ["/credential/id", "/activity/id", "/recipient/email"];
    let issued = [
        "/activity/name",
        "/achievement/id",
        "/achievement/name",
        "/recipient/name",
        "/credential/url",
        "/credential/hash",
        "/credential/issued_at",
    ];
    let applied = [
        "/credential/id",
        "/credential/title",
        "/recipient/email",
        "/application/id",
    ];
    match (dialect, event_type) {
        (Dialect::Thatsme, T::RecipientRegistered) => vec![
            "/recipient/email",
            "/recipient/name",
            "/recipient/profile_url",
            "/recipient/registered_at",
            "/recipient/pending_resolved",
            "/source/sent_at",
        ],
        (Dialect::Thatsme, T::CredentialDeclined) => {
            [&named[..], &["/credential/declined_at", "/source/sent_at"]].concat()
        }
        (Dialect::Thatsme, T::CredentialExpired) => [
            &named[..],
            &[
                "/activity/name",
                "/credential/expired_at",
                "/source/sent_at",
            ],
        ]
        .concat(),
        (Dialect::Thatsme, T::CredentialAccepted) => {
            [&named[..], &issued, &["/credential/accepted_at"]].concat()
        }
        (Dialect::Thatsme, _) => [&named[..], &issued, &["/source/sent_at"]].concat(),
        (Dialect::Toolzz, _) => vec![
            "/recipient/id",
            "/recipient/name",
            "/recipient/email",
            "/recipient/national_id",
            "/recipient/nickname",
            "/recipient/uuid",
            "/activity/id",
            "/activity/name",
            "/activity/workload",
            "/activity/started_at",
            "/activity/completed_at",
            "/activity/pass_threshold",
            "/school",
            "/issuer/id",
            "/credential/kind",
            "/credential/issued_at",
            "/source/sent_at",
        ],
        (Dialect::Vec, T::ApplicationCreated) => [
            &applied[..],
            &["/application/source", "/application/trigger"],
        ]
        .concat(),
        (Dialect::Vec, T::ApplicationRejected) => [&applied[..], &["/failure"]].concat(),
        (Dialect::Vec, T::ApplicationFailed) => {
            [&applied[..], &["/failure", "/application/source"]].concat()
        }
        (Dialect::Vec, _) => [&applied[..], &["/application/source"]].concat(),
        (Dialect::Certdirectory, T::IssuanceBatchCompleted) => vec!["/batch", "/achievement/id"],
        (Dialect::Certdirectory, event_type) => {
            let mut held = vec![
                "/credential/id",
                "/credential/short_id",
                "/credential/issued_at",
                "/credential/expires_at",
                "/credential/url",
                "/credential/public",
                "/credential/revocation_reason",
                "/credential/supersedes",
                "/credential/superseded_by",
                "/achievement/id",
                "/achievement/name",
                "/recipient/email",
                "/recipient/name",
            ];
            match event_type {
                T::CredentialAccepted => held.push("/credential/accepted_at"),
                T::CredentialRevoked => held.push("/credential/revoked_at"),
                _ => {}
            }
            held
        }
        (Dialect::Beedeez, _) => vec![
            "/credential/id",
            "/credential/issued_at",
            "/credential/expires_at",
            "/credential/disabled",
            "/credential/reminder_sent",
            "/recipient/id",
            "/issuer/id",
            "/achievement/id",
            "/achievement/rule",
            "/activity/evidence_ids",
        ],
        (Dialect::Canonical, _) => vec!["/credential", "/achievement", "/activity", "/recipient"],
    }
}

prop_compose! {
    /// A text that is not blank: any language, quotes, controls.
    fn text()(text in "\\PC{1,20}", more in any::<[char; 2]>()) -> String {
        format!("{text}{}{}x", more[0], more[1])
    }
}

prop_compose! {
    /// Whole seconds: the coarsest precision of any dialect.
    fn instant()(seconds in 946_684_800i64..4_102_444_800) -> String {
        Timestamp::from_second(seconds).unwrap().to_string()
    }
}

/// An identifier in the form that every dialect keeps: it takes a different one in each.
fn id(dialect: Dialect) -> BoxedStrategy<String> {
    match dialect {
        Dialect::Toolzz => (1u64..1 << 53).prop_map(|id| id.to_string()).boxed(),
        Dialect::Beedeez => "[0-9a-f]{24}".boxed(),
        Dialect::Vec | Dialect::Certdirectory => any::<[u8; 16]>()
            .prop_map(|bytes| uuid::Uuid::from_bytes(bytes).to_string())
            .boxed(),
        Dialect::Canonical | Dialect::Thatsme => text().boxed(),
    }
}

/// A canonical body that says all there is to say.
fn whole(dialect: Dialect, event_type: EventType) -> impl Strategy<Value = Value> {
    let ids = prop::collection::vec(id(dialect), 9);
    let texts = prop::collection::vec(text(), 14);
    let times = prop::collection::vec(instant(), 9);
    let flags = any::<[bool; 3]>();
    let counts = any::<[u32; 5]>();
    (ids, texts, times, flags, counts, 0u32..400).prop_map(
        move |(id, text, at, flag, count, quarters)| {
            let managers: Vec<Value> = vec![json!({"id": id[6], "name": text[0]})];
            // An expiry is announced for the time at which it happens.
            let expires_at = if event_type == EventType::CredentialExpired { &at[0] } else { &at[1] };
            json!({
                "type": event_type, "timestamp": at[0],
                "data": {
                    "source": {"sent_at": at[2]},
                    "credential": {
                        "id": id[0], "short_id": text[1], "title": text[2],
                        "kind": if flag[0] { "achievement" } else { "participation" },
                        "issued_at": if event_type == EventType::CredentialIssued { &at[0] } else { &at[3] },
                        "accepted_at": at[0], "declined_at": at[0], "revoked_at": at[0],
                        "expired_at": at[0], "expires_at": expires_at,
                        "url": text[3], "hash": text[4], "public": flag[1], "disabled": flag[2],
                        "reminder_sent": flag[0], "revocation_reason": text[5],
                        "supersedes": id[7], "superseded_by": id[8],
                    },
                    "achievement": {"id": id[1], "name": text[6], "rule": {"name": text[6], "b": 1, "a": [2]}},
                    "activity": {
                        "id": id[2], "name": text[7], "workload": text[8], "started_at": at[4],
                        "completed_at": at[5], "pass_threshold": f64::from(quarters) / 4.0,
                        "evidence_ids": [id[7], id[8]],
                    },
                    "recipient": {
                        "id": id[3], "uuid": text[9], "email": text[10], "name": text[11],
                        "nickname": text[12], "national_id": {"type": "cpf", "value": text[13]},
                        "profile_url": text[0], "registered_at": at[0], "pending_resolved": count[0],
                    },
                    "issuer": {"id": id[4]},
                    "school": {"id": id[5], "name": text[1], "managers": managers},
                    "application": {
                        "id": count[1].to_string(), "uuid": id[0], "source": "customer",
                        "trigger": "customer_submission",
                    },
                    "batch": {"id": id[0], "total": count[1], "successful": count[2], "failed": count[3], "skipped": count[4]},
                    "failure": {"reason": text[2]},
                },
            })
        },
    )
}

fn cases() -> impl Strategy<Value = (Dialect, EventType, Value)> {
    let pairs: Vec<(Dialect, EventType)> = Dialect::ALL
        .into_iter()
        .flat_map(|dialect| EventType::posted().map(move |event_type| (dialect, event_type)))
        .filter(|(dialect, event_type)| native_name(*dialect, *event_type).is_some())
        .collect();
    prop::sample::select(pairs).prop_flat_map(|(dialect, event_type)| {
        whole(dialect, event_type).prop_map(move |body| (dialect, event_type, body))
    })
}

fn read(body: &[u8], dialect: Dialect, name: &str) -> Event {
    let hints = Hints {
        dialect: Some(dialect),
        event: Some(name),
        time_zone: &ZONE,
        received_at: "2026-11-21T10:00:00Z".parse().unwrap(),
    };
    let parsed = parse(body, hints).unwrap();
    parsed.into_event(
        "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
    )
}

fn target(dialect: Dialect) -> Target<'static> {
    Target {
        vocabulary: Vocabulary {
            dialect,
            downcast_renewed: true,
        },
        endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        time_zone: &ZONE,
        surrogate_ids: true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_dialect_keeps_every_fact_it_can_hold((dialect, event_type, body) in cases()) {
        let said = read(body.to_string().as_bytes(), Dialect::Canonical, "");
        let rendered = render(&said, target(dialect)).unwrap();
        let heard = read(&rendered.body, dialect, rendered.event);
        prop_assert_eq!(heard.event_type, event_type);
        let said = serde_json::to_value(&said.data).unwrap();
        let heard = serde_json::to_value(&heard.data).unwrap();
        for pointer in held(dialect, event_type) {
            prop_assert_eq!(heard.pointer(pointer), said.pointer(pointer), "{} of {}", pointer, dialect);
            let was_said = said.pointer(pointer).is_some_and(|fact| !fact.is_null());
            prop_assert!(was_said, "{} is a fact of the event", pointer);
        }
    }

    #[test]
    fn what_is_rendered_is_valid_and_the_same_each_time(
        (_, event_type, body) in cases(),
        dialect in prop::sample::select(&Dialect::ALL[..]),
    ) {
        let event = read(body.to_string().as_bytes(), Dialect::Canonical, "");
        let rendered = render(&event, target(dialect));
        prop_assert_eq!(rendered.is_ok(), target(dialect).vocabulary.has(event_type));
        prop_assert_eq!(&rendered, &render(&event, target(dialect)));
        if let Ok(rendered) = rendered {
            read(&rendered.body, dialect, rendered.event);
        }
    }
}
