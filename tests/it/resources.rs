//! The resources of `template.yaml`.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The template, with `!Ref Name` as `{"!Ref": "Name"}`.
pub(crate) fn template() -> Value {
    let text = include_str!("../../template.yaml");
    let documents = Yaml::load_from_str(text).expect("YAML");
    let [document] = documents.as_slice() else {
        panic!("a template is one document")
    };
    plain(document)
}

fn plain(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(name, value): (&Yaml<'_>, &Yaml<'_>)| {
                (name.as_str().expect("a text").to_owned(), plain(value))
            };
            entries.iter().map(entry).collect::<Map<_, _>>().into()
        }
        Yaml::Tagged(tag, node) => json!({format!("!{}", tag.suffix): plain(node)}),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => panic!("{node:?}"),
    }
}

/// The resources of a type: name and properties.
pub(crate) fn resources(template: &Value, kind: &str) -> Vec<(String, Value)> {
    let resources = template["Resources"].as_object().expect("resources");
    let found: Vec<_> = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.clone(), resource["Properties"].clone()))
        .collect();
    assert!(!found.is_empty(), "no {kind}");
    found
}
