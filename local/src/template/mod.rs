//! The SAM template, read and resolved: what is deployed is what runs here.
//!
//! A construct that is not understood is an error that names the resource and the property.
//! What has no effect on one machine is listed by name in `ignored`, so that nothing is skipped by accident.

mod function;
mod ignored;
mod intrinsics;
mod parameters;
mod permissions;
mod storage;
mod yaml;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use self::intrinsics::Scope;
pub(crate) use self::{
    function::{Function, QueueMapping, Route, Schedule},
    permissions::{Permissions, accesses},
    storage::{Queue, Secret, Table},
};

/// The region everything pretends to be in.
pub(crate) const REGION: &str = "us-east-1";
/// The account everything pretends to be in.
pub(crate) const ACCOUNT: &str = "000000000000";
const STACK: &str = "local";

/// Everything of a template that runs on one machine.
#[derive(Debug)]
pub(crate) struct Template {
    /// DynamoDB tables.
    pub(crate) tables: Vec<Table>,
    /// SQS queues; a queue comes after its dead-letter queue.
    pub(crate) queues: Vec<Queue>,
    /// Secrets of Secrets Manager.
    pub(crate) secrets: Vec<Secret>,
    /// Lambda functions with what triggers them.
    pub(crate) functions: Vec<Function>,
}

impl Template {
    /// Reads a template file and resolves it. `queue_url` is where the queues are; see [`Template::parse`].
    pub(crate) fn load(
        file: &Path,
        given: &BTreeMap<String, String>,
        queue_url: &str,
    ) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the template {}", file.display()))?;
        Self::parse(&text, given, queue_url).with_context(|| format!("{}", file.display()))
    }

    /// Resolves a template with the `given` parameters. A queue's URL is `<queue_url>/<account>/<name>`.
    pub(crate) fn parse(
        text: &str,
        given: &BTreeMap<String, String>,
        queue_url: &str,
    ) -> Result<Self> {
        let template = yaml::parse(text)?;
        let section = |name: &str| template[name].as_object().cloned().unwrap_or_default();
        let mut scope = Scope {
            references: parameters::values(&section("Parameters"), given)?,
            conditions: section("Conditions"),
            ..Scope::default()
        };
        for (name, value) in [
            ("Region", REGION),
            ("AccountId", ACCOUNT),
            ("Partition", "aws"),
            ("URLSuffix", "amazonaws.com"),
            ("StackName", STACK),
        ] {
            scope
                .references
                .insert(format!("AWS::{name}"), json!(value));
        }
        let resources = resources(&section("Resources"), &scope)?;
        scope.check_rules(&section("Rules"))?;
        for resource in &resources {
            resource.declare(&mut scope, queue_url);
        }
        let globals = section("Globals");
        let mut result = Self {
            tables: Vec::new(),
            queues: Vec::new(),
            secrets: Vec::new(),
            functions: Vec::new(),
        };
        for resource in resources {
            result.add(resource, &globals, &scope)?;
        }
        // A redrive policy names its dead-letter queue, which must exist first.
        result
            .queues
            .sort_by_key(|queue| queue.dead_letter_queue_arn().is_some());
        Ok(result)
    }

    fn add(
        &mut self,
        resource: Resource,
        globals: &Map<String, Value>,
        scope: &Scope,
    ) -> Result<()> {
        let Resource {
            logical_id,
            kind,
            name,
            properties,
        } = resource;
        let resolve = |properties: Map<String, Value>| match scope
            .resolve(&Value::Object(properties), &logical_id)?
        {
            Some(Value::Object(properties)) => Ok(properties),
            _ => bail!("{logical_id}.Properties is not a mapping"),
        };
        match kind {
            Kind::Table => {
                let mut table: Table =
                    read(&logical_id, resolve(without(&properties, ignored::TABLE))?)?;
                table.table_name = name;
                self.tables.push(table);
            }
            Kind::Queue => {
                let mut queue: Queue =
                    read(&logical_id, resolve(without(&properties, ignored::QUEUE))?)?;
                queue.queue_name = name;
                self.queues.push(queue);
            }
            Kind::Secret => {
                let properties = resolve(without(&properties, ignored::SECRET))?;
                let mut secret: Secret = read(&logical_id, properties)?;
                secret.name = name;
                self.secrets.push(secret);
            }
            Kind::Function => {
                let merged = with_globals(globals.get("Function"), properties);
                let properties = resolve(without(&merged, ignored::FUNCTION))?;
                self.functions
                    .push(function::function(&logical_id, name, properties)?);
            }
            Kind::HttpApi => {
                let unknown = without(&properties, ignored::HTTP_API);
                if let Some(property) = unknown.keys().next() {
                    bail!("{logical_id}.{property} is not supported locally");
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Queue,
    Secret,
    Function,
    HttpApi,
}

struct Resource {
    logical_id: String,
    kind: Kind,
    name: String,
    properties: Map<String, Value>,
}

impl Resource {
    /// Makes the resource's `Ref` and attributes known.
    fn declare(&self, scope: &mut Scope, queue_url: &str) {
        let Self {
            logical_id,
            kind,
            name,
            ..
        } = self;
        let arn = |service: &str, path: &str| {
            json!(format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{path}{name}"))
        };
        let queue_url = json!(format!("{queue_url}/{ACCOUNT}/{name}"));
        let (reference, attributes) = match kind {
            Kind::Table => (json!(name), vec![("Arn", arn("dynamodb", "table/"))]),
            Kind::Queue => (
                queue_url.clone(),
                vec![
                    ("Arn", arn("sqs", "")),
                    ("QueueName", json!(name)),
                    ("QueueUrl", queue_url),
                ],
            ),
            // Its ARN is what `Ref` answers.
            Kind::Secret => (arn("secretsmanager", "secret:"), Vec::new()),
            Kind::Function => (json!(name), vec![("Arn", arn("lambda", "function:"))]),
            Kind::HttpApi => (json!(name), Vec::new()),
        };
        scope.references.insert(logical_id.clone(), reference);
        for (attribute, value) in attributes {
            scope
                .attributes
                .insert((logical_id.clone(), attribute.to_owned()), value);
        }
    }
}

/// The resources that exist locally, with their names.
fn resources(section: &Map<String, Value>, scope: &Scope) -> Result<Vec<Resource>> {
    const ATTRIBUTES: &[&str] = &[
        "Condition",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdateReplacePolicy",
    ];
    let mut resources = Vec::new();
    for (logical_id, resource) in section {
        let fields = resource
            .as_object()
            .with_context(|| format!("{logical_id} is not a mapping"))?;
        if let Some(unknown) = without(fields, ATTRIBUTES).keys().next() {
            bail!("{logical_id}: {unknown} is not supported locally");
        }
        let kind = resource["Type"]
            .as_str()
            .with_context(|| format!("{logical_id} has no Type"))?;
        let (kind, name_property) = match kind {
            "AWS::DynamoDB::Table" => (Kind::Table, "TableName"),
            "AWS::SQS::Queue" => (Kind::Queue, "QueueName"),
            "AWS::SecretsManager::Secret" => (Kind::Secret, "Name"),
            "AWS::Serverless::Function" => (Kind::Function, "FunctionName"),
            "AWS::Serverless::HttpApi" => (Kind::HttpApi, "Name"),
            ignored if ignored::TYPES.contains(&ignored) => continue,
            other => bail!("{logical_id}: the type {other} is not supported locally"),
        };
        if let Some(condition) = resource["Condition"].as_str()
            && !scope.condition(condition, logical_id)?
        {
            continue;
        }
        let properties = resource["Properties"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let name = match properties.get(name_property) {
            Some(name) => scope.resolve(name, &format!("{logical_id}.{name_property}"))?,
            None => None,
        };
        let name = name.as_ref().and_then(Value::as_str);
        resources.push(Resource {
            logical_id: logical_id.clone(),
            kind,
            name: name.map_or_else(|| format!("{STACK}-{logical_id}"), str::to_owned),
            properties,
        });
    }
    Ok(resources)
}

/// Takes away properties that have no effect on one machine.
fn without(properties: &Map<String, Value>, ignored: &[&str]) -> Map<String, Value> {
    let kept = properties
        .iter()
        .filter(|(name, _)| !ignored.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// SAM's merge of `Globals`: mappings are joined, what the function says wins.
fn with_globals(globals: Option<&Value>, properties: Map<String, Value>) -> Map<String, Value> {
    let mut merged = globals
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for (name, value) in properties {
        let value = match (merged.remove(&name), value) {
            (Some(global @ Value::Object(_)), Value::Object(own)) => {
                Value::Object(with_globals(Some(&global), own))
            }
            (_, own) => own,
        };
        merged.insert(name, value);
    }
    merged
}

/// Reads properties into their model; an error names the property after `at`.
fn read<T: DeserializeOwned>(at: &str, properties: Map<String, Value>) -> Result<T> {
    serde_path_to_error::deserialize(Value::Object(properties)).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." {
            String::new()
        } else {
            format!(".{path}")
        };
        anyhow!("{at}{path}: {}", error.into_inner())
    })
}

#[cfg(test)]
mod tests;
