//! The audit log of an organization: who changed what, and when.
//!
//! A line is written with the change it is about, both or neither, where that change is rows of
//! Accounts, or a job that begins. Else the line is written first, and says what was asked for. A line is
//! never changed and goes by itself after [`KEPT_FOR`]; lines of one organization lie together, so that
//! reading them costs nothing where its endpoints are read.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::{SignedDuration, Timestamp};
use payload::id::{AuditId, KeyId, OrganizationId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::accounts::Accounts;
use crate::endpoints::DisabledReason;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, Page, from_item, key, number, page_end, put, text, to_item};

/// How long a line is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 400);

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its id, which says when it was written.
    pub id: AuditId,
    /// Whose log it is in.
    pub organization_id: OrganizationId,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// The id of what it was done to.
    pub target: String,
    /// What is different since.
    #[serde(default)]
    pub changes: Changes,
}

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// The holder of the platform key.
    Platform,
    /// The holder of a key of the organization.
    Key {
        /// The id of the key, not the key.
        id: KeyId,
    },
    /// The product by itself.
    Certhooks,
}

impl From<Caller> for Actor {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::Platform => Self::Platform,
            Caller::Organization { key, .. } => Self::Key { id: key },
        }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the name of what is done")]
pub enum Action {
    #[serde(rename = "organization.created")]
    OrganizationCreated,
    #[serde(rename = "organization.updated")]
    OrganizationUpdated,
    #[serde(rename = "key.created")]
    KeyCreated,
    #[serde(rename = "key.revoked")]
    KeyRevoked,
    #[serde(rename = "endpoint.created")]
    EndpointCreated,
    #[serde(rename = "endpoint.updated")]
    EndpointUpdated,
    #[serde(rename = "endpoint.disabled")]
    EndpointDisabled,
    #[serde(rename = "endpoint.deleted")]
    EndpointDeleted,
    #[serde(rename = "endpoint.secret_rotated")]
    SecretRotated,
    #[serde(rename = "signing_key.created")]
    SigningKeyCreated,
    #[serde(rename = "signing_key.rotated")]
    SigningKeyRotated,
    #[serde(rename = "secrets.resealed")]
    SecretsResealed,
    #[serde(rename = "relay.created")]
    RelayCreated,
    #[serde(rename = "relay.deleted")]
    RelayDeleted,
    #[serde(rename = "recipient.put")]
    RecipientPut,
    #[serde(rename = "recipient.deleted")]
    RecipientDeleted,
    #[serde(rename = "achievement.put")]
    AchievementPut,
    #[serde(rename = "achievement.deleted")]
    AchievementDeleted,
    #[serde(rename = "credential.updated")]
    CredentialUpdated,
    #[serde(rename = "erasure.created")]
    ErasureCreated,
    #[serde(rename = "erasure.completed")]
    ErasureCompleted,
    #[serde(rename = "replay.created")]
    ReplayCreated,
    #[serde(rename = "replay.cancelled")]
    ReplayCancelled,
    #[serde(rename = "event.replayed")]
    EventReplayed,
    #[serde(rename = "delivery.retried")]
    DeliveryRetried,
    #[serde(rename = "billing.linked")]
    BillingLinked,
    #[serde(rename = "quarantine.replayed")]
    QuarantineReplayed,
    #[serde(rename = "quarantine.deleted")]
    QuarantineDeleted,
}

/// Members that are different, by name: what each was and what it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changes(BTreeMap<String, Change>);

/// What became of one member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Change {
    /// What it was and what it is; null where it was or is not there.
    Shown([Value; 2]),
    Hidden(Hidden),
}

/// That a secret is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Hidden {
    #[serde(rename = "changed")]
    Changed,
}

impl Changes {
    /// What is different between a thing and the same thing later. Of what is made there is nothing before,
    /// of what is deleted nothing after. Neither may hold a secret.
    pub fn between(before: Map<String, Value>, mut after: Map<String, Value>) -> Self {
        let mut changes = BTreeMap::new();
        for (name, before) in before {
            let after = after.remove(&name).unwrap_or_default();
            if before != after {
                changes.insert(name, Change::Shown([before, after]));
            }
        }
        let made = after.into_iter().filter(|(_, value)| !value.is_null());
        changes.extend(made.map(|(name, value)| (name, Change::Shown([Value::Null, value]))));
        Self(changes)
    }

    /// What was given with something that is made or asked for: an object, without what is secret.
    pub fn given(asked: &impl Serialize) -> Self {
        Self::between(Map::new(), members(asked))
    }

    /// What becomes of an endpoint that we disable.
    pub(crate) fn of_disabling(reason: DisabledReason) -> Self {
        let before = json!({"enabled": true});
        let after = json!({"enabled": false, "reason": reason});
        Self::between(members(&before), members(&after))
    }

    /// Says of a member that it changed, without its value: it is a secret, or somebody's own.
    #[must_use]
    pub fn hiding(mut self, member: &str) -> Self {
        let hidden = Change::Hidden(Hidden::Changed);
        self.0.insert(member.to_owned(), hidden);
        self
    }
}

/// The members of what serialises as an object.
fn members(object: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(object) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The write of a line, for the transaction of what it is about.
#[derive(Debug, Clone)]
pub struct Logging(pub(crate) TransactWriteItem);

impl AuditLine {
    /// A line that is written now.
    pub fn new(
        organization_id: OrganizationId,
        actor: impl Into<Actor>,
        action: Action,
        target: &(impl ToString + ?Sized),
        changes: Changes,
        now: Timestamp,
    ) -> Self {
        Self {
            id: AuditId::new(now, &mut rand::rng()),
            organization_id,
            actor: actor.into(),
            action,
            target: target.to_string(),
            changes,
        }
    }

    pub(crate) fn row(&self) -> Result<Item, StateError> {
        let mut row = to_item(self)?;
        let ends_at = self.id.created_at() + KEPT_FOR;
        row.insert("ttl".to_owned(), number(&ends_at.as_second()));
        row.extend(key(
            keyspace::audit_log(self.organization_id),
            self.id.to_string(),
        ));
        Ok(row)
    }
}

impl Accounts {
    /// Writes a line about what is done next, elsewhere than in this table.
    ///
    /// # Errors
    /// DynamoDB did not take it. What it is about must not be done then.
    pub async fn log(&self, line: &AuditLine) -> Result<(), StateError> {
        put(
            &self.client,
            &self.table,
            line.row()?,
            "write the audit log",
        )
        .await
    }

    /// Writes the line in one transaction with what it is about, where that is elsewhere.
    ///
    /// # Errors
    /// The line cannot be made a row.
    pub fn logging(&self, line: &AuditLine) -> Result<Logging, StateError> {
        Ok(Logging(self.put_new(line.row()?)))
    }

    /// The lines of an organization, newest first, before `before`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn list_audit(
        &self,
        organization: OrganizationId,
        before: Option<AuditId>,
        limit: i32,
    ) -> Result<Page<AuditLine>, StateError> {
        let before = before.map_or_else(|| "~".to_owned(), |id| id.to_string());
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :log AND sk < :before")
            .expression_attribute_values(":log", text(keyspace::audit_log(organization)))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(StateError::while_doing("read the audit log"))?;
        let items = answer.items.unwrap_or_default().into_iter();
        Ok(Page {
            items: items.map(from_item).collect::<Result<_, _>>()?,
            next: page_end(answer.last_evaluated_key, keyspace::SK),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_no_change_and_what_is_secret_is_not_shown() {
        let before = members(&json!({"name": "a", "url": "https://x/", "rate": null, "gone": 1}));
        let after = members(&json!({"name": "b", "url": "https://x/", "rate": 3, "new": null}));
        let changes = Changes::between(before, after).hiding("secret");
        let expected = json!({
            "name": ["a", "b"], "rate": [null, 3], "gone": [1, null], "secret": "changed",
        });
        assert_eq!(serde_json::to_value(&changes).unwrap(), expected);
        let made = Changes::given(&json!({"name": "a", "end": null}));
        assert_eq!(
            serde_json::to_value(&made).unwrap(),
            json!({"name": [null, "a"]})
        );
    }

    #[test]
    fn a_line_reads_back_from_its_row_and_expires() {
        let changes = Changes::given(&json!({"event_types": ["*"]})).hiding("headers");
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let organization = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let key = "key_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        for (actor, shown) in [
            (Actor::Platform, json!({"type": "platform"})),
            (Actor::Key { id: key }, json!({"type": "key", "id": key})),
            (Actor::Certhooks, json!({"type": "certhooks"})),
        ] {
            let action = Action::EndpointCreated;
            let line = AuditLine::new(organization, actor, action, "ep_1", changes.clone(), now);
            assert_eq!(serde_json::to_value(&line).unwrap()["actor"], shown);
            let row = line.row().unwrap();
            assert_eq!(
                row["ttl"].as_n().unwrap(),
                &(now + KEPT_FOR).as_second().to_string()
            );
            assert_eq!(from_item::<AuditLine>(row).unwrap(), line);
        }
    }
}
