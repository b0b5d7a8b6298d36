//! Reads YAML into plain JSON values, with CloudFormation's short tags written out.
//!
//! `!Ref Name` becomes `{"Ref": "Name"}`, `!GetAtt Queue.Arn` becomes `{"Fn::GetAtt": ["Queue", "Arn"]}`,
//! any other `!Name` becomes `{"Fn::Name": …}`. From here on there is one form of each function.

use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Parses a document that holds exactly one YAML value.
pub(super) fn parse(text: &str) -> Result<Value> {
    let mut documents = Yaml::load_from_str(text).context("the template is not valid YAML")?;
    match documents.len() {
        1 => to_json(documents.remove(0)),
        count => bail!("a template is one YAML document, this file holds {count}"),
    }
}

fn to_json(node: Yaml<'_>) -> Result<Value> {
    Ok(match node {
        Yaml::Value(scalar) => scalar_to_json(&scalar)?,
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(to_json).collect::<Result<_>>()?)
        }
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let Some(key) = key.as_str().map(str::to_owned) else {
                    bail!("a key of the template is not a string: {key:?}");
                };
                object.insert(key, to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, node) => long_form(&tag.suffix, to_json(*node)?),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            bail!("the template holds a YAML value that cannot be read: {node:?}")
        }
    })
}

fn scalar_to_json(scalar: &Scalar<'_>) -> Result<Value> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => json!(value.into_inner()),
        Scalar::String(value) => json!(value),
    })
}

fn long_form(tag: &str, argument: Value) -> Value {
    let (name, argument) = match (tag, argument) {
        ("Ref" | "Condition", argument) => (tag.to_owned(), argument),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
            ("Fn::GetAtt".to_owned(), json!([resource, attribute]))
        }
        (other, argument) => (format!("Fn::{other}"), argument),
    };
    json!({ name: argument })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_are_written_out() {
        let value =
            parse("a: !Ref Table\nb: !GetAtt Queue.Arn\nc: !Sub \"${A}-b\"\nd: !If [X, 1, true]")
                .unwrap();
        let expected = json!({
            "a": {"Ref": "Table"},
            "b": {"Fn::GetAtt": ["Queue", "Arn"]},
            "c": {"Fn::Sub": "${A}-b"},
            "d": {"Fn::If": ["X", 1, true]},
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_date_stays_a_string() {
        assert_eq!(parse("v: 2010-09-09").unwrap(), json!({"v": "2010-09-09"}));
    }
}
