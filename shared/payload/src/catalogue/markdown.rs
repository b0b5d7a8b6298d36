//! The catalogue as a page for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::catalogue::{Entry, InDialect, catalogue, named_schema};
use crate::dialect::Dialect;
use crate::event_type::native_name;

const HEAD: &str = "\
# Event types

What certhooks accepts and sends: every event type by its canonical name and by the name that each
dialect has for it. The same catalogue with a JSON Schema for every body is at
`GET /api/v1/event-types`; how one dialect is said in another is in [dialects.md](dialects.md).

This page is written by `cargo run -p payload --example event_types > docs/event-types.md`; a test
fails when it is stale.
";

/// `docs/event-types.md`.
pub fn markdown() -> String {
    let catalogue = catalogue();
    let mut page = HEAD.to_owned();
    page += "\n## Names\n\n";
    overview(&mut page, &catalogue);
    page += "\n## The canonical body\n\nAll types that are posted have the same members; what a source did not say is `null`.\n\n";
    canonical_members(&mut page, &catalogue, false);
    page += "\n## The body of operational events\n\n`endpoint.*`, `delivery.*`, `billing.*` and `webhook.test` are made by certhooks, and refused from anyone else. See [operational-events.md](operational-events.md).\n\n";
    canonical_members(&mut page, &catalogue, true);
    for entry in &catalogue {
        section(&mut page, entry);
    }
    page
}

/// The members that all operational types have in common, or all others.
fn canonical_members(page: &mut String, catalogue: &[Entry], operational: bool) {
    let mut types = catalogue.iter().map(|entry| entry.event_type);
    if let Some(event_type) = types.find(|it| it.is_operational() == operational) {
        let schema = named_schema(Dialect::Canonical, event_type, "the type");
        members(page, &schema);
    }
}

fn overview(page: &mut String, catalogue: &[Entry]) {
    let dialects = Dialect::ALL.into_iter().skip(1);
    line(page, "canonical", dialects.clone().map(|it| it.to_string()));
    line(page, "---", dialects.clone().map(|_| "---".to_owned()));
    for entry in catalogue {
        let name = entry.event_type.name();
        let link = format!("[`{name}`](#{})", name.replace('.', ""));
        let names = dialects
            .clone()
            .map(|dialect| match native_name(dialect, entry.event_type) {
                Some(name) => format!("`{name}`"),
                None => "–".to_owned(),
            });
        line(page, &link, names);
    }
}

fn line(page: &mut String, first: &str, rest: impl Iterator<Item = String>) {
    let cells: Vec<String> = rest.collect();
    add(page, &format!("| {first} | {} |\n", cells.join(" | ")));
}

fn section(page: &mut String, entry: &Entry) {
    let name = entry.event_type.name();
    add(page, &format!("\n## {name}\n\n{}\n\n", entry.fires));
    example(page, &entry.example);
    for of in &entry.dialects {
        in_dialect(page, of);
    }
}

fn in_dialect(page: &mut String, of: &InDialect) {
    let InDialect {
        dialect,
        name,
        fires,
        ..
    } = of;
    add(page, &format!("\n### `{name}` of {dialect}\n\n{fires}\n\n"));
    members(page, &of.schema);
    page.push('\n');
    example(page, &of.example);
}

fn example(page: &mut String, example: &Value) {
    add(page, &format!("```json\n{example:#}\n```\n"));
}

/// A table of the members that a schema names.
fn members(page: &mut String, schema: &Value) {
    add(page, "| member | type | |\n| --- | --- | --- |\n");
    rows(page, "", schema);
}

fn rows(page: &mut String, path: &str, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|it| it == name))
    };
    for (name, property) in properties {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        let optional = if required(name) {
            ""
        } else {
            ", may be absent"
        };
        let description = property["description"].as_str().unwrap_or_default();
        add(
            page,
            &format!(
                "| `{path}` | {}{optional} | {} |\n",
                kind(property),
                description.replace('\n', " ")
            ),
        );
        for part in parts(property) {
            rows(page, &path, part);
        }
    }
}

/// The objects that a member may be: itself, one of its alternatives, or the items of its list.
fn parts(property: &Value) -> Vec<&Value> {
    let alternatives = property["anyOf"].as_array().into_iter().flatten();
    let items = Some(&property["items"]).filter(|items| items.is_object());
    alternatives.chain(items).chain([property]).collect()
}

fn kind(property: &Value) -> String {
    if let Some(constant) = property["const"].as_str() {
        return format!("`{constant}`");
    }
    let one = |kind: &Value| match (kind.as_str(), property["format"].as_str()) {
        (Some("string"), Some("date-time")) => "date-time".to_owned(),
        (Some("array"), _) => "list".to_owned(),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => "any".to_owned(),
    };
    match &property["type"] {
        Value::Array(kinds) => kinds.iter().map(one).collect::<Vec<_>>().join(" or "),
        Value::Null => match property["anyOf"].as_array() {
            Some(kinds) => kinds.iter().map(kind).collect::<Vec<_>>().join(" or "),
            None if property["enum"].is_array() => "string".to_owned(),
            None => "any".to_owned(),
        },
        single => one(single),
    }
}

fn add(page: &mut String, text: &str) {
    write!(page, "{text}").expect("writing to a String cannot fail");
}
