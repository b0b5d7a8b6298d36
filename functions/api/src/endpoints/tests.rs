//! What a configuration makes of an endpoint.

use payload::billing::access::Access;
use payload::dialect::Dialect;
use payload::id::{EndpointId, OrganizationId};
use payload::receiver_auth::ReceiverAuth;
use payload::secret::Secret;
use payload::target::{Ports, TargetPolicy};
use payload::unmappable::OnUnmappable;
use serde_json::{Value, json};
use state::{Endpoint, EndpointSecrets};

use super::change::{Configured, change};

fn blank() -> Configured {
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    Configured {
        access: Access::Active,
        endpoint: Endpoint::blank(EndpointId::NIL, OrganizationId::NIL, now),
        secrets: EndpointSecrets::new(Secret::generate(&mut rand::rng())),
        health: None,
    }
}

/// The endpoint, or the whole refusal.
fn answer(endpoint: &Configured, body: Value) -> Result<Configured, Value> {
    let Value::Object(body) = body else {
        panic!("an object")
    };
    change(endpoint, body, &TargetPolicy::Public(Ports::default()))
        .map_err(|problem| serde_json::to_value(problem).unwrap())
}

/// The endpoint, or the places that are wrong.
fn changed(endpoint: &Configured, body: Value) -> Result<Configured, Vec<String>> {
    answer(endpoint, body).map_err(|refusal| {
        let details = refusal["details"].as_object().unwrap();
        details.keys().cloned().collect()
    })
}

/// A new endpoint with further members.
fn made(members: Value) -> Result<Configured, Vec<String>> {
    changed(&blank(), with_defaults(members))
}

fn with_defaults(members: Value) -> Value {
    let mut body = json!({"url": "https://example.com/", "event_types": ["*"]});
    let (Value::Object(all), Value::Object(members)) = (&mut body, members) else {
        panic!("members of an object")
    };
    all.extend(members);
    body
}

#[test]
fn the_configuration_of_beedeez_is_taken_as_documented() {
    let body = json!({
        "name": "Certificate Notifications",
        "url": "https://api.yourcompany.com/webhooks/certificates",
        "eventTypes": ["certificate_completed", "certificate_expired"]
    });
    let endpoint = changed(&blank(), body).unwrap();
    assert_eq!(endpoint.endpoint.dialect, Dialect::Beedeez);
    assert!(endpoint.endpoint.enabled);
    assert_eq!(
        endpoint.endpoint.event_types.patterns(),
        ["credential.issued", "credential.expired"]
    );
}

#[test]
fn the_dialect_follows_from_the_names_unless_it_is_named() {
    let dialect = |event_types: Value| {
        made(json!({"event_types": event_types})).map(|endpoint| endpoint.endpoint.dialect)
    };
    assert_eq!(dialect(json!(["*"])), Ok(Dialect::Canonical));
    assert_eq!(
        dialect(json!(["credential.issued"])),
        Ok(Dialect::Canonical)
    );
    assert_eq!(dialect(json!(["certificate.*"])), Ok(Dialect::Thatsme));
    assert_eq!(
        dialect(json!(["credential.claimed"])),
        Ok(Dialect::Certdirectory)
    );
    assert!(dialect(json!(["certificate_completed", "certificate.issued"])).is_err());
}

#[test]
fn a_timeout_is_1_to_30_seconds_also_in_milliseconds() {
    for (milliseconds, seconds) in [
        (1_000, 1),
        (5_000, 5),
        (5_500, 6),
        (29_001, 30),
        (30_000, 30),
    ] {
        let endpoint = made(json!({"timeout": milliseconds})).unwrap();
        assert_eq!(endpoint.endpoint.timeout_seconds, seconds);
    }
    for timeout in [
        json!(0),
        json!(1),
        json!(500),
        json!(999),
        json!(30_001),
        json!(u64::MAX),
        json!("5000"),
    ] {
        assert_eq!(made(json!({"timeout": timeout})).unwrap_err(), ["/timeout"]);
    }
    for seconds in [0, 31, 256, 1_000] {
        assert_eq!(
            made(json!({"timeout_seconds": seconds})).unwrap_err(),
            ["/timeout_seconds"]
        );
    }
    let both = json!({"timeout": 5_000, "timeout_seconds": 5});
    assert_eq!(made(both).unwrap_err(), ["/timeout"]);
}

#[test]
fn limits_are_whole_numbers_within_bounds_and_null_removes_them() {
    let limits = |Configured { endpoint, .. }: &Configured| {
        (endpoint.max_concurrency, endpoint.rate_per_second)
    };
    let none = made(json!({})).unwrap();
    assert_eq!(limits(&none), (None, None));
    assert_eq!(none.endpoint.max_concurrency(), 5);
    for (concurrency, rate) in [(1, 1), (100, 1_000)] {
        let body = json!({"max_concurrency": concurrency, "rate_per_second": rate});
        let endpoint = made(body).unwrap();
        assert_eq!(limits(&endpoint), (Some(concurrency), Some(rate)));
        assert_eq!(endpoint.endpoint.max_concurrency(), concurrency);
        let kept = changed(&endpoint, json!({"name": "HR"})).unwrap();
        assert_eq!(limits(&kept), limits(&endpoint));
        let removed = json!({"max_concurrency": null, "rate_per_second": null});
        assert_eq!(limits(&changed(&endpoint, removed).unwrap()), (None, None));
    }
    for (name, most) in [("max_concurrency", 100), ("rate_per_second", 1_000)] {
        for bad in [
            json!(0),
            json!(most + 1),
            json!(65_537),
            json!(1.5),
            json!("5"),
            json!(-1),
        ] {
            let faults = made(json!({name: bad})).unwrap_err();
            assert_eq!(faults, [format!("/{name}")], "{bad}");
        }
    }
}

#[test]
fn every_fault_of_a_configuration_is_named() {
    let faults = changed(
        &blank(),
        json!({"url": "http://10.0.0.1/", "event_types": ["*", "nothing.*"], "enabled": "yes", "timeout_seconds": 31,
            "dialect": "morse", "retries": 3, "secret": "short", "on_unmappable": "drop", "cloudevents": 1,
            "surrogate_ids": "no", "downcast_renewed": "yes", "headers": {"host": "a", "x-a": ""}, "auth": {"type": "digest"}}),
    );
    assert_eq!(
        faults.unwrap_err(),
        [
            "/auth/type",
            "/cloudevents",
            "/dialect",
            "/downcast_renewed",
            "/enabled",
            "/event_types/1",
            "/headers/host",
            "/headers/x-a",
            "/on_unmappable",
            "/retries",
            "/secret",
            "/surrogate_ids",
            "/timeout_seconds",
            "/url"
        ]
    );
    assert_eq!(
        changed(&blank(), json!({})).unwrap_err(),
        ["/event_types", "/url"]
    );
    for (member, value) in [("headers", json!(["a"])), ("auth", json!("none"))] {
        assert_eq!(
            made(json!({member: value})).unwrap_err(),
            [format!("/{member}")]
        );
    }
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let endpoint = made(json!({
        "on_unmappable": "native",
        "headers": {"X-College": "a"},
        "auth": {"authType": "bearer_token", "token": "t"},
        "surrogate_ids": false,
    }))
    .unwrap();
    let disabled = changed(&endpoint, json!({"enabled": false})).unwrap();
    let mut expected = endpoint.clone();
    expected.endpoint.enabled = false;
    assert_eq!(disabled, expected);
    assert_eq!(
        changed(&endpoint, json!({"secret": "whsec_x"})).unwrap_err(),
        ["/secret"]
    );
}

#[test]
fn headers_and_auth_are_replaced_as_a_whole_and_removed_by_null() {
    let endpoint = made(json!({
        "headers": {"X-A": "a", "X-B": "b"},
        "auth": {"authType": "bearer_token", "token": "t"},
    }))
    .unwrap();
    let names = |body: Value| {
        let endpoint = changed(&endpoint, body).unwrap();
        endpoint
            .secrets
            .headers
            .names()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(json!({"headers": {"X-C": "c"}})), ["X-C"]);
    assert_eq!(names(json!({"headers": null})), [""; 0]);
    assert_eq!(names(json!({"headers": {}})), [""; 0]);
    assert_eq!(names(json!({"auth": null})), ["X-A", "X-B"]);
    for auth in [json!(null), json!({"authType": "none"})] {
        let endpoint = changed(&endpoint, json!({"auth": auth})).unwrap();
        assert_eq!(endpoint.secrets.auth, ReceiverAuth::None);
    }
}

#[test]
fn a_custom_header_cannot_be_the_header_of_auth() {
    let key = json!({"authType": "api_key", "key": "k"});
    let both = json!({"headers": {"x-api-KEY": "a"}, "auth": key});
    assert_eq!(made(both).unwrap_err(), ["/auth/header"]);
    let with_header = made(json!({"headers": {"X-API-Key": "a"}})).unwrap();
    let refused = changed(&with_header, json!({"auth": key}));
    assert_eq!(refused.unwrap_err(), ["/auth/header"]);
    let with_auth = made(json!({"auth": key})).unwrap();
    let refused = changed(&with_auth, json!({"headers": {"x-api-key": "a"}}));
    assert_eq!(refused.unwrap_err(), ["/headers/x-api-key"]);
    assert!(
        changed(
            &with_auth,
            json!({"headers": {"x-api-key": "a"}, "auth": null})
        )
        .is_ok()
    );
}

#[test]
fn a_type_the_dialect_has_no_name_for_is_refused_with_the_way_out() {
    let body = json!({
        "url": "https://example.com/",
        "dialect": "beedeez",
        "event_types": ["certificate_completed", "credential.revoked", "*", "credential.revoked", "recipient.registered"],
    });
    let refusal = answer(&blank(), body.clone()).unwrap_err();
    let message = refusal["message"].as_str().unwrap();
    assert!(message.contains("on_unmappable"), "{message}");
    let reason = "beedeez has no name for this event type";
    assert_eq!(
        refusal,
        json!({
            "error": "unrepresentable_event_type",
            "message": message,
            "details": {"/event_types/1": reason, "/event_types/3": reason, "/event_types/4": reason},
            "dialect": "beedeez",
            "types": ["credential.revoked", "recipient.registered"],
            "alternatives": ["canonical", "native"],
        })
    );
    for choice in ["canonical", "native"] {
        let mut body = body.clone();
        body["on_unmappable"] = json!(choice);
        assert!(answer(&blank(), body).is_ok());
    }
    let mut faulty = body;
    faulty["timeout"] = json!(1);
    let refusal = answer(&blank(), faulty).unwrap_err();
    assert_eq!(refusal["error"], "validation_error");
    assert_eq!(refusal["details"].as_object().unwrap().len(), 4);
}

#[test]
fn groups_are_always_taken_and_renewals_where_they_may_be_as_type_issues() {
    for dialect in Dialect::ALL {
        let of = |event_types: Value, downcast: bool| {
            made(
                json!({"dialect": dialect, "event_types": event_types, "downcast_renewed": downcast}),
            )
        };
        assert!(of(json!(["*", "credential.*", "application.*"]), false).is_ok());
        assert!(of(json!(["credential.renewed"]), true).is_ok());
        let has_renewed = matches!(dialect, Dialect::Canonical | Dialect::Certdirectory);
        let refused = of(json!(["credential.renewed"]), false).is_err();
        assert_eq!(refused, !has_renewed, "{dialect}");
    }
}

#[test]
fn a_change_is_checked_against_the_types_that_stay() {
    let places = |endpoint: &Configured, body: Value| changed(endpoint, body).map(drop);
    let canonical = made(json!({"event_types": ["*", "credential.revoked"]})).unwrap();
    let refused = places(&canonical, json!({"dialect": "vec"}));
    assert_eq!(refused.unwrap_err(), ["/event_types/1"]);
    assert!(places(&canonical, json!({"dialect": "certdirectory"})).is_ok());
    assert!(places(&canonical, json!({"dialect": "vec", "event_types": ["*"]})).is_ok());

    let native = json!({"dialect": "vec", "on_unmappable": "native"});
    let native = changed(&canonical, native).unwrap();
    assert_eq!(native.endpoint.on_unmappable, OnUnmappable::Native);
    let types = json!({"event_types": ["credential.expired"]});
    assert!(places(&native, types).is_ok());
    let refused = places(&native, json!({"on_unmappable": "skip"}));
    assert_eq!(refused.unwrap_err(), ["/event_types/1"]);

    let renewals =
        json!({"dialect": "vec", "event_types": ["credential.renewed"], "downcast_renewed": true});
    let renewals = made(renewals).unwrap();
    let refused = places(&renewals, json!({"downcast_renewed": false}));
    assert_eq!(refused.unwrap_err(), ["/event_types/0"]);

    // One that was made before this was checked can still be renamed.
    let mut old = canonical;
    old.endpoint.dialect = Dialect::Vec;
    assert!(places(&old, json!({"name": "Old"})).is_ok());
    assert!(places(&old, json!({"event_types": ["credential.revoked"]})).is_err());
}
