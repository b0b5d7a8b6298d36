//! CloudFormation's intrinsic functions over the values known locally.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::parameters::text_of;

/// What names mean while a template is resolved.
#[derive(Default)]
pub(super) struct Scope {
    /// What `Ref` answers: parameters, pseudo parameters, resources.
    pub(super) references: BTreeMap<String, Value>,
    /// What `Fn::GetAtt` answers, by resource and attribute.
    pub(super) attributes: BTreeMap<(String, String), Value>,
    /// The template's `Conditions`, unresolved.
    pub(super) conditions: Map<String, Value>,
}

impl Scope {
    /// Resolves every function inside `value`. `None` is `AWS::NoValue`: the property is left out.
    ///
    /// `at` names the resource and property for error messages.
    pub(super) fn resolve(&self, value: &Value, at: &str) -> Result<Option<Value>> {
        match value {
            Value::Object(object) => match function(object) {
                Some((name, argument)) => self.call(name, argument, at),
                None => self.resolve_object(object, at).map(Some),
            },
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    resolved.extend(self.resolve(item, &format!("{at}[{index}]"))?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            scalar => Ok(Some(scalar.clone())),
        }
    }

    fn resolve_object(&self, object: &Map<String, Value>, at: &str) -> Result<Value> {
        let mut resolved = Map::new();
        for (key, value) in object {
            if let Some(value) = self.resolve(value, &format!("{at}.{key}"))? {
                resolved.insert(key.clone(), value);
            }
        }
        Ok(Value::Object(resolved))
    }

    /// Evaluates a condition of the template by its name.
    pub(super) fn condition(&self, name: &str, at: &str) -> Result<bool> {
        let condition = self.conditions.get(name);
        let condition = condition.with_context(|| format!("{at}: there is no condition {name}"))?;
        self.truth(condition, &format!("Conditions.{name}"))
    }

    /// Refuses parameters that contradict each other, as the template's `Rules` say.
    pub(super) fn check_rules(&self, rules: &Map<String, Value>) -> Result<()> {
        for (name, rule) in rules {
            let at = format!("Rules.{name}");
            if let Some(condition) = rule.get("RuleCondition")
                && !self.truth(condition, &at)?
            {
                continue;
            }
            for assertion in list(&rule["Assertions"], &at)? {
                let description = assertion["AssertDescription"].as_str();
                ensure!(
                    self.truth(&assertion["Assert"], &at)?,
                    "{}",
                    description.unwrap_or(&at)
                );
            }
        }
        Ok(())
    }

    fn call(&self, name: &str, argument: &Value, at: &str) -> Result<Option<Value>> {
        let value = match name {
            "Ref" => {
                let name = string(argument, at)?;
                if name == "AWS::NoValue" {
                    return Ok(None);
                }
                self.reference(name, at)?
            }
            "Fn::GetAtt" => match list(argument, at)? {
                [resource, attribute] => {
                    self.attribute(string(resource, at)?, string(attribute, at)?, at)?
                }
                _ => bail!("{at}: Fn::GetAtt takes a resource and an attribute"),
            },
            "Fn::Sub" => Value::String(self.substitute(argument, at)?),
            "Fn::Join" => match list(argument, at)? {
                [separator, items] => {
                    let items = self.texts(items, at)?;
                    Value::String(items.join(string(separator, at)?))
                }
                _ => bail!("{at}: Fn::Join takes a separator and a list"),
            },
            "Fn::Select" => match list(argument, at)? {
                [index, items] => {
                    let index: usize = text_of(index).parse().with_context(|| {
                        format!("{at}: the index of Fn::Select is not a whole number")
                    })?;
                    let items = self.texts(items, at)?;
                    let item = items.into_iter().nth(index);
                    Value::String(item.with_context(|| {
                        format!("{at}: Fn::Select asks for item {index} of a shorter list")
                    })?)
                }
                _ => bail!("{at}: Fn::Select takes an index and a list"),
            },
            "Fn::If" => match list(argument, at)? {
                [condition, yes, no] => {
                    let chosen = match self.condition(string(condition, at)?, at)? {
                        true => yes,
                        false => no,
                    };
                    return self.resolve(chosen, at);
                }
                _ => bail!("{at}: Fn::If takes a condition and two values"),
            },
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" | "Condition" => {
                Value::Bool(self.call_condition(name, argument, at)?)
            }
            other => bail!("{at}: {other} is not supported locally"),
        };
        Ok(Some(value))
    }

    fn truth(&self, condition: &Value, at: &str) -> Result<bool> {
        match condition.as_object().and_then(function) {
            Some((name, argument)) => self.call_condition(name, argument, at),
            None => bail!("{at}: this is not a condition: {condition}"),
        }
    }

    fn call_condition(&self, name: &str, argument: &Value, at: &str) -> Result<bool> {
        if name == "Condition" {
            return self.condition(string(argument, at)?, at);
        }
        let arguments = list(argument, at)?;
        match (name, arguments) {
            ("Fn::Equals", [left, right]) => {
                let left = self.resolve(left, at)?.map(|value| text_of(&value));
                let right = self.resolve(right, at)?.map(|value| text_of(&value));
                Ok(left == right)
            }
            ("Fn::Not", [condition]) => Ok(!self.truth(condition, at)?),
            ("Fn::And", conditions) => {
                let truths = conditions.iter().map(|condition| self.truth(condition, at));
                truths
                    .collect::<Result<Vec<bool>>>()
                    .map(|truths| truths.iter().all(|truth| *truth))
            }
            ("Fn::Or", conditions) => {
                let truths = conditions.iter().map(|condition| self.truth(condition, at));
                truths
                    .collect::<Result<Vec<bool>>>()
                    .map(|truths| truths.contains(&true))
            }
            _ => bail!(
                "{at}: {name} is not a condition that is supported locally, or has the wrong number of arguments"
            ),
        }
    }

    fn reference(&self, name: &str, at: &str) -> Result<Value> {
        let value = self.references.get(name).cloned();
        value.with_context(|| format!("{at}: nothing that exists locally is called {name}"))
    }

    fn attribute(&self, resource: &str, attribute: &str, at: &str) -> Result<Value> {
        let key = (resource.to_owned(), attribute.to_owned());
        let value = self.attributes.get(&key).cloned();
        value.with_context(|| {
            format!("{at}: {resource} has no attribute {attribute} that exists locally")
        })
    }

    fn substitute(&self, argument: &Value, at: &str) -> Result<String> {
        let (text, variables) = match argument {
            Value::Array(both) => match both.as_slice() {
                [text, Value::Object(variables)] => (string(text, at)?, Some(variables)),
                _ => bail!("{at}: Fn::Sub takes a text and a mapping"),
            },
            text => (string(text, at)?, None),
        };
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("{at}: Fn::Sub has an open ${{"))?;
            result.push_str(before);
            // `${!Literal}` is CloudFormation's way to write `${Literal}`.
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = variables.and_then(|variables| variables.get(name)) {
                let value = self.resolve(value, at)?;
                result.push_str(&value.as_ref().map(text_of).unwrap_or_default());
            } else {
                let value = match name.split_once('.') {
                    Some((resource, attribute)) => self.attribute(resource, attribute, at)?,
                    None => self.reference(name, at)?,
                };
                result.push_str(&text_of(&value));
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn texts(&self, items: &Value, at: &str) -> Result<Vec<String>> {
        match self.resolve(items, at)? {
            Some(Value::Array(items)) => Ok(items.iter().map(text_of).collect()),
            _ => bail!("{at}: a list is needed here"),
        }
    }
}

/// An object with one key that is a function's name is a call of it.
fn function(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next().filter(|_| object.len() == 1)?;
    let is_function =
        name == "Ref" || name == "Condition" && argument.is_string() || name.starts_with("Fn::");
    is_function.then_some((name.as_str(), argument))
}

fn string<'a>(value: &'a Value, at: &str) -> Result<&'a str> {
    value
        .as_str()
        .with_context(|| format!("{at}: a string is needed here, not {value}"))
}

fn list<'a>(value: &'a Value, at: &str) -> Result<&'a [Value]> {
    let list = value.as_array().map(Vec::as_slice);
    list.with_context(|| format!("{at}: a list is needed here, not {value}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope {
            references: BTreeMap::from([
                ("AWS::Region".to_owned(), json!("us-east-1")),
                ("Days".to_owned(), json!(90)),
            ]),
            attributes: BTreeMap::from([(("Queue".to_owned(), "Arn".to_owned()), json!("arn:q"))]),
            conditions: json!({
                "Sells": {"Fn::Equals": [{"Ref": "Days"}, "90"]},
                "Never": {"Fn::Not": [{"Condition": "Sells"}]},
                "Either": {"Fn::Or": [{"Condition": "Sells"}, {"Condition": "Never"}]},
            })
            .as_object()
            .cloned()
            .unwrap(),
        }
    }

    #[track_caller]
    fn check(expression: &Value, expected: &Value) {
        assert_eq!(
            scope().resolve(expression, "here").unwrap().as_ref(),
            Some(expected)
        );
    }

    #[test]
    fn each_function_answers_as_cloudformation_does() {
        check(&json!({"Ref": "Days"}), &json!(90));
        check(&json!({"Fn::GetAtt": ["Queue", "Arn"]}), &json!("arn:q"));
        check(
            &json!({"Fn::Sub": "${AWS::Region}/${Queue.Arn}/${!Kept}"}),
            &json!("us-east-1/arn:q/${Kept}"),
        );
        check(
            &json!({"Fn::Sub": ["${A}!", {"A": {"Ref": "Days"}}]}),
            &json!("90!"),
        );
        check(
            &json!({"Fn::Join": ["-", ["a", {"Ref": "Days"}]]}),
            &json!("a-90"),
        );
        check(&json!({"Fn::Select": ["1", ["a", "b"]]}), &json!("b"));
        check(&json!({"Fn::If": ["Sells", "yes", "no"]}), &json!("yes"));
        check(&json!({"Fn::If": ["Never", "yes", "no"]}), &json!("no"));
        check(&json!({"Fn::If": ["Either", 1, 2]}), &json!(1));
    }

    #[test]
    fn no_value_leaves_the_property_out() {
        check(
            &json!({"a": 1, "b": {"Ref": "AWS::NoValue"}}),
            &json!({"a": 1}),
        );
    }

    #[test]
    fn an_unknown_name_or_function_is_an_error_that_says_where() {
        for expression in [
            json!({"Ref": "Quee"}),
            json!({"Fn::GetAtt": ["Quee", "Arn"]}),
            json!({"Fn::Sub": "${Quee}"}),
            json!({"Fn::ImportValue": "x"}),
        ] {
            let error = scope()
                .resolve(&expression, "Api.Environment")
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("Api.Environment: "), "{error}");
        }
    }
}
