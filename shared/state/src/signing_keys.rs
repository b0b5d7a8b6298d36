//! Key pairs of an organization, for endpoints that want `v1a` signatures: rows of its partition in Accounts.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use payload::id::{OrganizationId, SigningKeyId};
use payload::key_pair::{KeyPair, PublicKey};
use payload::timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::accounts::{Account, Accounts};
use crate::error::StateError;
use crate::keyring::Keyring;
use crate::keyspace;
use crate::rows::{self, Item, is_written, key, text, to_item};
use crate::sealed::{Place, Sealed};

/// Most key pairs that sign at once.
pub const MAX_SIGNING_KEYS: usize = 3;

/// A key pair, its private half sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Its id, the `kid` of the public key.
    pub id: SigningKeyId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The public key.
    #[serde(serialize_with = "write_public", deserialize_with = "read_public")]
    pub public: PublicKey,
    /// The private key.
    sealed: Sealed,
    /// When it was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
    /// Until when it signs, once it was replaced.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub valid_until: Option<Timestamp>,
}

impl SigningKey {
    /// Makes a new key pair of an organization.
    pub fn generate(organization: OrganizationId, keyring: &Keyring, now: Timestamp) -> Self {
        let pair = KeyPair::generate(&mut rand::rng());
        let id = SigningKeyId::new(now, &mut rand::rng());
        Self {
            id,
            organization_id: organization,
            public: pair.public(),
            sealed: keyring.seal(
                place(organization, &id.to_string()),
                pair.expose().as_bytes(),
            ),
            created_at: now,
            valid_until: None,
        }
    }

    fn item(&self) -> Item {
        key(
            keyspace::organization(self.organization_id),
            keyspace::signing_key(self.id),
        )
    }

    /// Whether it signs, or did a moment ago: receivers are shown it.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| until > now)
    }

    /// The same, to end when the overlap with its successor is over.
    pub fn replaced(self, overlap: SignedDuration, now: Timestamp) -> Self {
        let end = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
        let valid_until = self.valid_until.map_or(end, |until| until.min(end));
        Self {
            valid_until: Some(valid_until),
            ..self
        }
    }

    /// Opens the private half.
    ///
    /// # Errors
    /// It cannot be opened: nothing may be sent that should be signed with it.
    pub async fn open(&self, keyring: &Keyring) -> Result<KeyPair, StateError> {
        let id = self.id.to_string();
        let opened = keyring.open(place(self.organization_id, &id), &self.sealed);
        let opened = opened.await?;
        let text = std::str::from_utf8(&opened).ok();
        text.and_then(|text| KeyPair::parse(text).ok())
            .ok_or_else(|| StateError::unreadable("read a private key"))
    }

    /// Seals the private half with the current root key; `false` when it is already.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn reseal(&mut self, keyring: &Keyring) -> Result<bool, StateError> {
        if keyring.is_current(&self.sealed) {
            return Ok(false);
        }
        let pair = self.open(keyring).await?;
        let id = self.id.to_string();
        self.sealed = keyring.seal(place(self.organization_id, &id), pair.expose().as_bytes());
        Ok(true)
    }
}

impl Account {
    /// The key pairs that sign now, newest first.
    pub fn valid_signing_keys(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let newest_first = self.signing_keys.iter().rev();
        newest_first.filter(move |key| key.is_valid(now))
    }
}

impl Accounts {
    /// Writes a new key pair.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn create_signing_key(&self, signing_key: &SigningKey) -> Result<(), StateError> {
        let mut row = to_item(signing_key)?;
        row.extend(signing_key.item());
        rows::put(&self.client, &self.table, row, "save a signing key").await?;
        self.forget_account(signing_key.organization_id);
        Ok(())
    }

    /// Writes a changed key pair in place of the one that was read; `false` when somebody changed or deleted it
    /// in between.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn replace_signing_key(
        &self,
        read: &SigningKey,
        changed: &SigningKey,
    ) -> Result<bool, StateError> {
        let mut row = to_item(changed)?;
        row.extend(changed.item());
        // UnchangedSinceRead. read → [somebody ends, deletes or seals it again] → this write: only on what was
        // read. A key that was ended never signs again.
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .expression_attribute_values(":sealed", text_of(&read.sealed)?);
        let put = match read.valid_until {
            None => {
                put.condition_expression("sealed = :sealed AND attribute_not_exists(valid_until)")
            }
            Some(until) => put
                .condition_expression("sealed = :sealed AND valid_until = :until")
                .expression_attribute_values(":until", text(timestamp::canonical(until))),
        };
        let put = put.send().await;
        self.forget_account(changed.organization_id);
        is_written(put, "change a signing key")
    }

    /// Deletes a key pair that signs no more; deleting what is gone is no error.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn delete_signing_key(&self, signing_key: &SigningKey) -> Result<(), StateError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(signing_key.item()))
            .send()
            .await
            .map_err(StateError::while_doing("delete a signing key"))?;
        self.forget_account(signing_key.organization_id);
        Ok(())
    }
}

fn text_of(sealed: &Sealed) -> Result<AttributeValue, StateError> {
    serde_dynamo::to_attribute_value(sealed)
        .map_err(StateError::while_doing("write a sealed secret"))
}

fn place(organization: OrganizationId, holder: &str) -> Place<'_> {
    Place {
        organization,
        holder,
        field: "private_key",
    }
}

fn write_public<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

fn read_public<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
    PublicKey::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}
