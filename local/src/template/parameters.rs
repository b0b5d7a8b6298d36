//! The template's parameters: declared types, defaults and limits, and the values given for them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Declaration {
    r#type: String,
    default: Option<Value>,
    allowed_pattern: Option<String>,
    allowed_values: Option<Vec<Value>>,
    min_value: Option<f64>,
    max_value: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    constraint_description: Option<String>,
    #[serde(rename = "Description")]
    _description: Option<String>,
    #[serde(rename = "NoEcho")]
    _no_echo: Option<Value>,
}

/// Gives every declared parameter its value: the given one, else the default.
///
/// A `Number` becomes a JSON number, everything else a string or a list of strings.
/// A value outside the declared limits, a missing one and one that nobody declared are errors.
pub(super) fn values(
    declared: &Map<String, Value>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>> {
    if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
        bail!("the template has no parameter {name}");
    }
    let mut values = BTreeMap::new();
    for (name, declaration) in declared {
        let declaration: Declaration = serde_json::from_value(declaration.clone())
            .with_context(|| format!("parameter {name} cannot be read"))?;
        let text = match (given.get(name), &declaration.default) {
            (Some(text), _) => text.clone(),
            (None, Some(default)) => text_of(default),
            (None, None) => bail!("parameter {name} has no default and no value was given"),
        };
        let value = check(&declaration, &text).with_context(|| format!("parameter {name}"))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// The text CloudFormation would make of a scalar.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn check(declaration: &Declaration, text: &str) -> Result<Value> {
    let hint = declaration.constraint_description.as_deref();
    let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    if let Some(pattern) = &declaration.allowed_pattern {
        let pattern = Regex::new(&format!("^(?:{pattern})$")).context("AllowedPattern")?;
        ensure!(
            pattern.is_match(text),
            "{text:?} does not match AllowedPattern{hint}"
        );
    }
    if let Some(allowed) = &declaration.allowed_values {
        let allowed: Vec<String> = allowed.iter().map(text_of).collect();
        ensure!(
            allowed.iter().any(|value| value == text),
            "{text:?} is not one of {allowed:?}{hint}"
        );
    }
    let length = text.chars().count();
    ensure!(
        declaration.min_length.is_none_or(|least| length >= least)
            && declaration.max_length.is_none_or(|most| length <= most),
        "{text:?} is shorter than MinLength or longer than MaxLength{hint}"
    );
    match declaration.r#type.as_str() {
        "String" => Ok(json!(text)),
        "CommaDelimitedList" => Ok(text.split(',').map(str::trim).collect()),
        "Number" => {
            let number: serde_json::Number = text
                .parse()
                .with_context(|| format!("{text:?} is not a number"))?;
            let size = number.as_f64().unwrap_or_default();
            ensure!(
                declaration.min_value.is_none_or(|least| size >= least)
                    && declaration.max_value.is_none_or(|most| size <= most),
                "{text} is below MinValue or above MaxValue{hint}"
            );
            Ok(Value::Number(number))
        }
        other => bail!("Type {other} is not supported locally"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn value(declaration: Value, given: Option<&str>) -> Result<Value> {
        let declared = Map::from_iter([("P".to_owned(), declaration)]);
        let given = given.map(|text| ("P".to_owned(), text.to_owned()));
        values(&declared, &given.into_iter().collect())
            .map(|mut values| values.remove("P").unwrap())
    }

    #[test]
    fn a_given_value_replaces_the_default() {
        let declaration = json!({"Type": "Number", "Default": "360", "MinValue": 1});
        assert_eq!(value(declaration.clone(), None).unwrap(), json!(360));
        assert_eq!(value(declaration.clone(), Some("2")).unwrap(), json!(2));
        assert!(value(declaration, Some("0")).is_err());
    }

    #[test]
    fn a_pattern_must_match_the_whole_value() {
        let declaration = json!({"Type": "String", "AllowedPattern": "[a-f]+", "ConstraintDescription": "hex letters"});
        assert_eq!(
            value(declaration.clone(), Some("abc")).unwrap(),
            json!("abc")
        );
        let error = value(declaration, Some("abc!")).unwrap_err();
        assert!(format!("{error:#}").contains("hex letters"), "{error:#}");
    }

    #[test]
    fn an_undeclared_or_missing_parameter_is_an_error() {
        assert!(
            values(
                &Map::new(),
                &BTreeMap::from([("P".to_owned(), String::new())])
            )
            .is_err()
        );
        assert!(value(json!({"Type": "String"}), None).is_err());
    }
}
