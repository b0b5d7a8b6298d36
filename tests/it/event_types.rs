//! The catalogue of event types, open to everyone.

use std::collections::BTreeSet;

use payload::event_type::EventType;
use serde_json::{Value, json};

use crate::stack::{Stack, text};

#[tokio::test]
async fn the_catalogue_has_every_type_and_every_native_name_for_everyone() {
    let stack = Stack::start().await;
    let nobody = stack.caller(None);
    let catalogue = nobody.get("event-types").await.expect(200);
    assert!(catalogue["next_cursor"].is_null());
    let entries = catalogue["data"].as_array().unwrap();
    let types: Vec<&str> = entries
        .iter()
        .map(|entry| entry["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, EventType::ALL.map(EventType::name));
    assert_eq!(types.len(), 20);
    let natives = entries.iter().flat_map(|entry| {
        let dialects = entry["dialects"].as_array().unwrap();
        dialects
            .iter()
            .map(|it| (text(it, "dialect"), text(it, "name")))
    });
    let natives: BTreeSet<(String, String)> = natives.collect();
    assert_eq!(natives.len(), 20);
    for (dialect, name) in [
        ("thatsme", "certificate.rejected"),
        ("toolzz", "activities.certificate.issued"),
        ("vec", "certificate_application.approved"),
        ("certdirectory", "bulk_issuance.completed"),
        ("beedeez", "certificate_expired"),
    ] {
        assert!(
            natives.contains(&(dialect.to_owned(), name.to_owned())),
            "{name}"
        );
    }
}

#[tokio::test]
async fn one_type_is_shown_by_its_canonical_name() {
    let stack = Stack::start().await;
    let nobody = stack.caller(None);
    let catalogue = nobody.get("event-types").await.expect(200);
    for entry in catalogue["data"].as_array().unwrap() {
        let path = format!("event-types/{}", text(entry, "type"));
        assert_eq!(nobody.get(&path).await.expect(200), *entry);
        let forms = entry["dialects"].as_array().unwrap().iter().chain([entry]);
        for form in forms {
            assert!(text(form, "fires").ends_with('.'), "{path}");
            assert!(form["schema"]["properties"].is_object(), "{path}");
            assert!(form["example"].is_object(), "{path}");
        }
    }
    for unknown in ["certificate.issued", "credential", "*", "credential.*", ""] {
        let path = format!("event-types/{unknown}");
        nobody.get(&path).await.refusal(404, "not_found");
    }
}

#[tokio::test]
async fn every_example_of_what_is_posted_is_an_event_that_is_taken() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let catalogue = college.api.get("event-types").await.expect(200);
    let posted: Vec<&str> = EventType::posted().map(EventType::name).collect();
    let entries = catalogue["data"].as_array().unwrap().iter();
    for entry in entries.filter(|entry| posted.contains(&entry["type"].as_str().unwrap())) {
        let canonical =
            json!({"dialect": "canonical", "name": entry["type"], "example": entry["example"]});
        let natives = entry["dialects"].as_array().unwrap().iter();
        for form in natives.chain([&canonical]) {
            let (dialect, name) = (text(form, "dialect"), text(form, "name"));
            let path = format!("convert?to={dialect}&dialect={dialect}&event={name}");
            let taken = college.api.post(&path, form["example"].clone()).await;
            let taken = taken.expect(200);
            assert_eq!(taken["type"], entry["type"], "{dialect} {name}");
            assert_eq!(taken["event"], form["name"]);
            assert_eq!(taken["warnings"], Value::Array(warnings(&dialect, &taken)));
        }
    }
}

/// The times of Toolzz' example are long past.
fn warnings(dialect: &str, taken: &Value) -> Vec<Value> {
    let warnings = taken["warnings"].as_array().unwrap();
    let odd = warnings.iter().all(|it| it["pointer"] == "/event/send_at");
    assert!(dialect == "toolzz" && odd || warnings.is_empty());
    warnings.clone()
}

#[tokio::test]
async fn the_catalogue_is_only_read() {
    let stack = Stack::start().await;
    for path in ["event-types", "event-types/credential.issued"] {
        for caller in [stack.platform(), stack.caller(None)] {
            let refused = caller.post(path, json!({})).await;
            refused.refusal(405, "method_not_allowed");
            let refused = caller.delete(path).await;
            refused.refusal(405, "method_not_allowed");
        }
    }
}
