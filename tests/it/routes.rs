//! Every route of the API, for tests that go over all of them.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::resources::{resources, template};
use crate::{stripe, workspace};

/// A route below `/api/v1/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    method: &'static str,
    /// With a name in braces for each id.
    pub(crate) path: &'static str,
    /// What the audit log calls a call that changes something.
    pub(crate) action: Option<&'static str>,
}

impl Route {
    pub(crate) fn method(self) -> Method {
        self.method.parse().expect("a method of HTTP")
    }
}

const fn reads(path: &'static str) -> Route {
    Route {
        method: "GET",
        path,
        action: None,
    }
}

const fn posts(path: &'static str) -> Route {
    Route {
        method: "POST",
        path,
        action: None,
    }
}

const fn changes(method: &'static str, path: &'static str, action: &'static str) -> Route {
    Route {
        method,
        path,
        action: Some(action),
    }
}

pub(crate) const ROUTES: &[Route] = &[
    reads("event-types"),
    reads("event-types/{type}"),
    reads("organizations"),
    changes("POST", "organizations", "organization.created"),
    reads("organizations/{organization}"),
    changes(
        "PUT",
        "organizations/{organization}",
        "organization.updated",
    ),
    reads("organizations/{organization}/keys"),
    changes("POST", "organizations/{organization}/keys", "key.created"),
    changes(
        "DELETE",
        "organizations/{organization}/keys/{key}",
        "key.revoked",
    ),
    reads("organizations/{organization}/jwks.json"),
    reads("organizations/{organization}/signing-keys"),
    changes(
        "POST",
        "organizations/{organization}/signing-keys/rotate",
        "signing_key.rotated",
    ),
    changes(
        "POST",
        "organizations/{organization}/reseal",
        "secrets.resealed",
    ),
    reads("organizations/{organization}/billing"),
    changes(
        "POST",
        "organizations/{organization}/billing/link",
        "billing.linked",
    ),
    reads("billing/parked"),
    reads("endpoints"),
    changes("POST", "endpoints", "endpoint.created"),
    reads("endpoints/{endpoint}"),
    changes("PATCH", "endpoints/{endpoint}", "endpoint.updated"),
    changes("DELETE", "endpoints/{endpoint}", "endpoint.deleted"),
    changes(
        "POST",
        "endpoints/{endpoint}/rotate-secret",
        "endpoint.secret_rotated",
    ),
    reads("endpoints/{endpoint}/deliveries"),
    reads("endpoints/{endpoint}/stats"),
    posts("endpoints/{endpoint}/test"),
    changes("POST", "endpoints/{endpoint}/replay", "replay.created"),
    reads("endpoints/{endpoint}/replays"),
    reads("endpoints/{endpoint}/replays/{replay}"),
    changes(
        "DELETE",
        "endpoints/{endpoint}/replays/{replay}",
        "replay.cancelled",
    ),
    posts("events"),
    posts("events/batch"),
    reads("events"),
    reads("events/{event}"),
    changes("POST", "events/{event}/replay", "event.replayed"),
    reads("events/{event}/deliveries"),
    reads("events/{event}/deliveries/{endpoint}"),
    changes(
        "POST",
        "events/{event}/deliveries/{endpoint}/retry",
        "delivery.retried",
    ),
    reads("deliveries"),
    reads("credentials"),
    reads("credentials/{credential}"),
    changes("PATCH", "credentials/{credential}", "credential.updated"),
    posts("convert"),
    reads("recipients/{recipient}"),
    changes("PUT", "recipients/{recipient}", "recipient.put"),
    changes("DELETE", "recipients/{recipient}", "recipient.deleted"),
    reads("achievements/{achievement}"),
    changes("PUT", "achievements/{achievement}", "achievement.put"),
    changes(
        "DELETE",
        "achievements/{achievement}",
        "achievement.deleted",
    ),
    reads("erasures"),
    reads("erasures/{erasure}"),
    reads("relays"),
    changes("POST", "relays", "relay.created"),
    changes("DELETE", "relays/{relay}", "relay.deleted"),
    posts("relay/{token}"),
    posts("relay/{token}/{name}"),
    reads("quarantine"),
    reads("quarantine/{quarantine}"),
    changes(
        "POST",
        "quarantine/{quarantine}/replay",
        "quarantine.replayed",
    ),
    changes("DELETE", "quarantine/{quarantine}", "quarantine.deleted"),
    reads("audit"),
];

/// What the deletion of a recipient is when the id is the address of a person.
const ERASURE: &str = "erasure.created";

/// The directory, which takes ids of several segments: its routes are no patterns of the router.
const DIRECTORY: [&str; 2] = ["recipients", "achievements"];

/// A route with `{}` for each of its ids.
fn shape<'s>(method: &str, segments: impl IntoIterator<Item = &'s str>) -> String {
    let segments: Vec<&str> = segments.into_iter().collect();
    format!("{method} {}", segments.join("/"))
}

/// The patterns of the router of the function `api`: `(["endpoints", id], "GET")`.
fn routes_of_api() -> BTreeSet<String> {
    let source = workspace::read("functions/api/src/handler.rs");
    let patterns = source.split("([").skip(1).filter_map(|pattern| {
        let (segments, rest) = pattern.split_once(']')?;
        let (method, _) = rest.strip_prefix(", \"")?.split_once('"')?;
        let segments = segments.split(',').map(|segment| {
            let literal = segment.trim().strip_prefix('"');
            literal.map_or("{}", |literal| literal.trim_end_matches('"'))
        });
        Some(shape(method, segments))
    });
    patterns.collect()
}

/// The routes that the template gives to a function: method and path.
fn routes_in_template(function: &str) -> Vec<(String, String)> {
    let template = template();
    let functions = resources(&template, "AWS::Serverless::Function");
    let found = functions.iter().find(|(name, _)| name == function);
    let (_, function) = found.unwrap_or_else(|| panic!("no {function}"));
    let events = function["Events"].as_object().expect("events");
    let routes = events.values().filter(|event| event["Type"] == "HttpApi");
    let routes = routes.map(|event| {
        let text = |member: &str| event["Properties"][member].as_str().map(str::to_owned);
        let (Some(method), Some(path)) = (text("Method"), text("Path")) else {
            panic!("no route: {event}")
        };
        (method, path)
    });
    routes.collect()
}

/// The routes that the template gives to the function `ingest`.
fn routes_of_ingest() -> BTreeSet<String> {
    let routes = routes_in_template("IngestFunction").into_iter();
    let routes = routes.map(|(method, path)| {
        let path = path.strip_prefix("/api/v1/").expect("a path of the API");
        shape(&method, path.split('/').map(placeholder_as_braces))
    });
    routes.collect()
}

fn placeholder_as_braces(segment: &str) -> &str {
    if segment.starts_with('{') {
        "{}"
    } else {
        segment
    }
}

#[test]
fn every_route_of_the_functions_is_in_the_table_and_no_other() {
    let mut there = routes_of_api();
    assert!(there.len() > 30, "{there:?}");
    there.extend(routes_of_ingest());
    let table = ROUTES.iter().filter(|route| {
        let first = route.path.split('/').next().unwrap_or_default();
        !DIRECTORY.contains(&first)
    });
    let table: BTreeSet<String> = table
        .map(|route| {
            shape(
                route.method,
                route.path.split('/').map(placeholder_as_braces),
            )
        })
        .collect();
    assert_eq!(table, there);
}

/// Who calls it has no key but a signature, and it is no part of the API.
#[test]
fn stripe_reaches_one_route_and_the_api_has_no_part_in_it() {
    let routes = routes_in_template("BillingFunction");
    assert_eq!(routes, [("POST".to_owned(), stripe::PATH.to_owned())]);
}

#[test]
fn the_directory_is_in_the_table_with_all_its_methods() {
    let source = workspace::read("functions/api/src/handler.rs");
    assert_eq!(source.matches(" => directory::").count(), 3);
    for of in DIRECTORY {
        for method in ["GET", "PUT", "DELETE"] {
            assert!(source.contains(&format!("\"{method}\" => directory::")));
            let is_this = |route: &&Route| route.method == method && route.path.starts_with(of);
            assert_eq!(ROUTES.iter().filter(is_this).count(), 1, "{method} {of}");
        }
    }
}

/// What the audit log must have said when every route that changes something was called.
pub(crate) fn actions() -> BTreeSet<String> {
    let actions = ROUTES.iter().filter_map(|route| route.action);
    actions.chain([ERASURE]).map(str::to_owned).collect()
}

/// The members of a list that the API answered.
pub(crate) fn items(answer: &Value) -> &[Value] {
    answer["data"].as_array().expect("a list")
}
