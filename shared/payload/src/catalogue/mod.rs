//! The catalogue of event types: every name, when it fires, what it looks like.

mod examples;
mod fires;
mod markdown;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use crate::convert::{Target, render};
use crate::dialect::{Dialect, schema};
use crate::event_type::{EventType, native_name};
use crate::vocabulary::Vocabulary;

pub use markdown::markdown;

/// An event type in all its forms.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The canonical name.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When it fires.
    pub fires: &'static str,
    /// JSON Schema (2020-12) of the canonical body.
    pub schema: Value,
    /// A canonical body.
    pub example: Value,
    /// The dialects that have it.
    pub dialects: Vec<InDialect>,
}

/// An event type as one dialect has it.
#[derive(Debug, Clone, Serialize)]
pub struct InDialect {
    /// The dialect.
    pub dialect: Dialect,
    /// Its name for the type.
    pub name: &'static str,
    /// When its system says that it fires.
    pub fires: &'static str,
    /// JSON Schema (2020-12) of its body.
    pub schema: Value,
    /// A body.
    pub example: Value,
}

/// Every event type, in the order of the documents.
pub fn catalogue() -> Vec<Entry> {
    EventType::ALL.into_iter().map(entry).collect()
}

/// One event type.
pub fn entry(event_type: EventType) -> Entry {
    Entry {
        event_type,
        fires: fires::canonical(event_type),
        schema: named_schema(Dialect::Canonical, event_type, event_type.name()),
        example: canonical_example(event_type),
        dialects: Dialect::ALL
            .into_iter()
            .filter(|dialect| *dialect != Dialect::Canonical)
            .filter_map(|dialect| in_dialect(dialect, event_type))
            .collect(),
    }
}

fn in_dialect(dialect: Dialect, event_type: EventType) -> Option<InDialect> {
    let name = native_name(dialect, event_type)?;
    Some(InDialect {
        dialect,
        name,
        fires: fires::native(dialect, event_type)?,
        schema: named_schema(dialect, event_type, name),
        example: example(dialect, dialect, event_type)?,
    })
}

/// The canonical form of the example of the first dialect that has one; of ours our own.
fn canonical_example(event_type: EventType) -> Value {
    if event_type.is_operational() {
        let event = examples::operational(event_type);
        return serde_json::to_value(&event).unwrap_or_default();
    }
    Dialect::ALL
        .into_iter()
        .find_map(|source| example(source, Dialect::Canonical, event_type))
        .unwrap_or_default()
}

/// The example of `source`, in the words of `dialect`.
fn example(source: Dialect, dialect: Dialect, event_type: EventType) -> Option<Value> {
    let event = examples::event(source, event_type)?;
    let time_zone = TimeZone::get(examples::TIME_ZONE).unwrap_or(TimeZone::UTC);
    let target = Target {
        vocabulary: Vocabulary {
            dialect,
            downcast_renewed: false,
        },
        endpoint: examples::endpoint(),
        time_zone: &time_zone,
        surrogate_ids: true,
    };
    let rendered = render(&event, target).expect("an example can be said in its dialect");
    serde_json::from_slice(&rendered.body).ok()
}

/// The schema of a dialect's body, with the one name that its event has.
fn named_schema(dialect: Dialect, event_type: EventType, name: &str) -> Value {
    let mut schema = schema(dialect, event_type).to_value();
    let place = match dialect {
        Dialect::Canonical | Dialect::Certdirectory => "/properties/type",
        Dialect::Thatsme | Dialect::Vec => "/properties/event",
        Dialect::Toolzz => "/properties/event/properties/slug",
        Dialect::Beedeez => "",
    };
    if let (false, Some(place)) = (place.is_empty(), schema.pointer_mut(place)) {
        *place = json!({"const": name, "description": "What happened."});
    }
    absent_is_not_null(&mut schema);
    if let Some(members) = schema.as_object_mut() {
        members.insert("title".to_owned(), format!("{name} ({dialect})").into());
        members.remove("description");
    }
    schema
}

/// A member that may be absent is left out when it is not known, and never null.
fn absent_is_not_null(schema: &mut Value) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        let names = required.as_array();
        names.is_some_and(|names| names.iter().any(|it| it == name))
    };
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let kinds = property.get_mut("type").and_then(Value::as_array_mut);
        if let (false, Some(kinds)) = (is_required(name), kinds) {
            kinds.retain(|kind| kind != "null");
        }
        absent_is_not_null(property);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Also that a body of another type, or with a member missing, is not valid: a schema that accepts
    /// everything would pass the first half.
    #[track_caller]
    fn check(schema: &Value, example: &Value, what: &str) {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(schema)
            .unwrap();
        let faults: Vec<String> = validator
            .iter_errors(example)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{what}");
        for required in schema["required"].as_array().unwrap() {
            let mut incomplete = example.clone();
            incomplete
                .as_object_mut()
                .unwrap()
                .remove(required.as_str().unwrap());
            assert!(
                !validator.is_valid(&incomplete),
                "{what} without {required}"
            );
        }
    }

    #[test]
    fn every_example_is_valid_under_its_schema() {
        let catalogue = catalogue();
        assert_eq!(catalogue.len(), EventType::ALL.len());
        let mut native = 0;
        for entry in catalogue {
            assert_eq!(entry.example["type"], entry.event_type.name());
            check(&entry.schema, &entry.example, entry.event_type.name());
            for of in &entry.dialects {
                check(&of.schema, &of.example, of.name);
                native += 1;
            }
        }
        assert_eq!(native, 20, "the events that the five systems document");
    }

    #[test]
    fn the_schema_of_one_event_refuses_the_example_of_another() {
        for dialect in [Dialect::Thatsme, Dialect::Vec, Dialect::Certdirectory] {
            let entries: Vec<InDialect> = EventType::ALL
                .into_iter()
                .filter_map(|event_type| in_dialect(dialect, event_type))
                .collect();
            for schema in &entries {
                for example in &entries {
                    let is_valid = jsonschema::is_valid(&schema.schema, &example.example);
                    assert_eq!(is_valid, schema.name == example.name, "{dialect}");
                }
            }
        }
    }

    #[test]
    fn the_document_says_what_the_catalogue_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/event-types.md");
        let stands = fs::read_to_string(path).unwrap_or_default();
        assert!(
            stands == markdown(),
            "stale: cargo run -p payload --example event_types > docs/event-types.md"
        );
    }
}
