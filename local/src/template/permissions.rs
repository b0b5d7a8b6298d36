//! What a function may do, as its `Policies` say.

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ACCOUNT, REGION};

/// The key of a condition that names the partitions a request is about.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// What a function may do. Nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permissions(Vec<Permission>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Permission {
    actions: Vec<String>,
    resources: Vec<String>,
    /// Patterns of which every partition that is asked for matches one.
    partitions: Option<Vec<String>>,
}

/// Something that is done to a table or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// For example `dynamodb:PutItem`.
    pub(crate) action: String,
    /// The Amazon Resource Name.
    pub(crate) resource: String,
    /// The partitions that it is about.
    pub(crate) partitions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Policy {
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    effect: String,
    action: OneOrMany,
    resource: OneOrMany,
    #[serde(default)]
    condition: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(it: OneOrMany) -> Self {
        match it {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

impl Permissions {
    /// Those of these policies. `at` names the property for error messages.
    pub(super) fn of(policies: Vec<Policy>, at: &str) -> Result<Self> {
        let statements = policies.into_iter().flat_map(|policy| policy.statement);
        let permissions = statements.map(|statement| permission(statement, at));
        permissions.collect::<Result<_>>().map(Self)
    }

    /// Whether something may be done.
    pub(crate) fn allow(&self, access: &Access) -> bool {
        self.0.iter().any(|permission| permission.allows(access))
    }
}

impl Permission {
    fn allows(&self, access: &Access) -> bool {
        let is_in = |patterns: &Vec<String>, partition: &String| {
            patterns.iter().any(|pattern| matches(pattern, partition))
        };
        self.actions.contains(&access.action)
            && self.resources.contains(&access.resource)
            && self.partitions.as_ref().is_none_or(|patterns| {
                access
                    .partitions
                    .iter()
                    .all(|partition| is_in(patterns, partition))
            })
    }
}

fn permission(statement: Statement, at: &str) -> Result<Permission> {
    ensure!(
        statement.effect == "Allow",
        "{at}: the effect {} is not supported locally",
        statement.effect
    );
    let mut partitions = None;
    for (operator, keys) in statement.condition {
        // An exact text is a pattern too, as long as it has no wildcards.
        let is_known =
            ["ForAllValues:StringLike", "ForAllValues:StringEquals"].contains(&&*operator);
        let keys: Map<String, Value> = serde_json::from_value(keys)?;
        for (key, patterns) in keys {
            if !is_known || key != LEADING_KEYS || partitions.is_some() {
                bail!("{at}: the condition {operator} on {key} is not supported locally");
            }
            partitions = Some(serde_json::from_value(patterns)?);
        }
    }
    Ok(Permission {
        actions: statement.action.into(),
        resources: statement.resource.into(),
        partitions,
    })
}

/// Whether a text matches a pattern: `*` is any text, `?` any one character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let mut tails = text.char_indices().map(|(index, _)| &text[index..]);
            matches(rest.as_str(), "") && text.is_empty()
                || tails.any(|tail| matches(rest.as_str(), tail))
                || matches(rest.as_str(), "")
        }
        Some(first) => {
            let mut characters = text.chars();
            characters
                .next()
                .is_some_and(|it| first == '?' || first == it)
                && matches(rest.as_str(), characters.as_str())
        }
    }
}

/// What a request to DynamoDB does.
pub(crate) fn accesses(operation: &str, request: &Value) -> Vec<Access> {
    match operation {
        "BatchGetItem" => members(&request["RequestItems"])
            .map(|(table, asked)| {
                access(operation, table, None, items(&asked["Keys"]).map(partition))
            })
            .collect(),
        "TransactWriteItems" => items(&request["TransactItems"])
            .flat_map(members)
            .map(|(kind, write)| {
                let action = match kind.as_str() {
                    "ConditionCheck" => "ConditionCheckItem".to_owned(),
                    kind => format!("{kind}Item"),
                };
                let table = write["TableName"].as_str().unwrap_or_default();
                access(&action, table, None, one(write).map(partition))
            })
            .collect(),
        _ => {
            let table = request["TableName"].as_str().unwrap_or_default();
            let index = request["IndexName"].as_str();
            let partitions = one(request).map(partition).chain(asked(request));
            vec![access(operation, table, index, partitions)]
        }
    }
}

fn access(
    operation: &str,
    table: &str,
    index: Option<&str>,
    partitions: impl Iterator<Item = String>,
) -> Access {
    let index = index.map(|index| format!("/index/{index}"));
    let index = index.unwrap_or_default();
    Access {
        action: format!("dynamodb:{operation}"),
        resource: format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}{index}"),
        partitions: partitions.collect(),
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn items(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

/// The row or the key of one row that a request names.
fn one(request: &Value) -> impl Iterator<Item = &Value> {
    ["Key", "Item"]
        .into_iter()
        .filter_map(|member| request.get(member))
}

/// The partition of a row or a key. All tables call it the same.
fn partition(row: &Value) -> String {
    text(&row["pk"])
}

/// The partition of a query: what the first equality of its condition compares with.
fn asked(request: &Value) -> Option<String> {
    let condition = request["KeyConditionExpression"].as_str()?;
    let (_, after) = condition.split_once("= ")?;
    let name = after.split_whitespace().next()?;
    Some(text(&request["ExpressionAttributeValues"][name]))
}

fn text(value: &Value) -> String {
    value["S"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/local-T";

    fn permissions(statements: &Value) -> Result<Permissions> {
        let policies = json!([{"Statement": statements}]);
        Permissions::of(serde_json::from_value(policies)?, "F.Policies")
    }

    #[test]
    fn a_pattern_has_any_text_and_any_character() {
        for (pattern, text, is_match) in [
            ("org#*#log", "org#org_1#log", true),
            ("org#*#log", "org#org_1#late", false),
            ("limit#*", "limit#", true),
            ("limit#*", "limits#", false),
            ("org#org_??", "org#org_12", true),
            ("org#org_??", "org#org_123", false),
            ("a", "a", true),
            ("a", "", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn a_request_is_what_it_does_to_each_table_index_and_partition() {
        let row = json!({"pk": {"S": "p"}, "sk": {"S": "s"}});
        let query = json!({
            "TableName": "local-T", "IndexName": "due", "KeyConditionExpression": "due = :shard AND due_at <= :until",
            "ExpressionAttributeValues": {":shard": {"S": "p"}, ":until": {"S": "x"}},
        });
        let keys = json!({"RequestItems": {"local-T": {"Keys": [row, row]}}});
        let writes = json!({"TransactItems": [
            {"Put": {"TableName": "local-T", "Item": row}}, {"ConditionCheck": {"TableName": "local-T", "Key": row}},
        ]});
        let put = json!({"TableName": "local-T", "Item": row});
        for (operation, request, expected) in [
            ("PutItem", put, vec![("PutItem", "", 1)]),
            ("Query", query, vec![("Query", "/index/due", 1)]),
            ("BatchGetItem", keys, vec![("BatchGetItem", "", 2)]),
            (
                "TransactWriteItems",
                writes,
                vec![("PutItem", "", 1), ("ConditionCheckItem", "", 1)],
            ),
            (
                "Scan",
                json!({"TableName": "local-T"}),
                vec![("Scan", "", 0)],
            ),
        ] {
            let expected = expected.into_iter().map(|(action, index, count)| Access {
                action: format!("dynamodb:{action}"),
                resource: format!("{TABLE}{index}"),
                partitions: vec!["p".to_owned(); count],
            });
            let expected: Vec<Access> = expected.collect();
            assert_eq!(accesses(operation, &request), expected, "{operation}");
        }
    }

    #[test]
    fn what_no_statement_allows_is_refused() {
        let patterns = json!({"ForAllValues:StringLike": {LEADING_KEYS: ["org#*"]}});
        let permissions = permissions(&json!([
            {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": TABLE},
            {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": [TABLE], "Condition": patterns},
        ]));
        let permissions = permissions.unwrap();
        for (action, index, partitions, is_allowed) in [
            ("GetItem", "", vec!["any"], true),
            ("Query", "/index/due", vec!["any"], false),
            ("Scan", "", vec![], false),
            ("PutItem", "", vec!["org#1"], true),
            ("PutItem", "", vec!["org#1", "key#1"], false),
        ] {
            let access = Access {
                action: format!("dynamodb:{action}"),
                resource: format!("{TABLE}{index}"),
                partitions: partitions.into_iter().map(str::to_owned).collect(),
            };
            assert_eq!(permissions.allow(&access), is_allowed, "{access:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let statement = |member: &str, value: Value| {
            let mut statement =
                json!({"Effect": "Allow", "Action": "a:B", "Resource": "arn", "Condition": {}});
            statement[member] = value;
            permissions(&json!([statement]))
        };
        assert!(statement("Condition", json!({})).is_ok());
        for (member, value) in [
            ("Effect", json!("Deny")),
            ("NotAction", json!("a:C")),
            ("Condition", json!({"StringLike": {LEADING_KEYS: ["a"]}})),
            (
                "Condition",
                json!({"ForAllValues:StringLike": {"aws:username": ["a"]}}),
            ),
        ] {
            assert!(statement(member, value).is_err(), "{member}");
        }
    }
}
