//! API keys of an organization. For the platform only.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::fields::{Fields, MAX_NAME, read_strictly};
use payload::id::KeyId;
use payload::timestamp;
use payload::token::ApiKey;
use reply::Problem;
use serde::Serialize;
use serde_json::json;
use state::{Action, Changes, KeyRecord};

use crate::handler::{Api, Call};
use crate::{organizations, page};

/// A key as it is shown: with the key itself only in the answer that made it.
#[derive(Serialize)]
struct View<'k> {
    id: KeyId,
    name: &'k str,
    hint: &'k str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'k str>,
    #[serde(serialize_with = "payload::timestamp::serialize")]
    created_at: Timestamp,
    #[serde(serialize_with = "payload::timestamp::option::serialize")]
    expires_at: Option<Timestamp>,
}

impl<'k> View<'k> {
    fn new(record: &'k KeyRecord, key: Option<&'k ApiKey>) -> Self {
        let KeyRecord {
            id,
            name,
            hint,
            created_at,
            expires_at,
            ..
        } = record;
        Self {
            id: *id,
            name,
            hint,
            key: key.map(ApiKey::expose),
            created_at: *created_at,
            expires_at: *expires_at,
        }
    }
}

/// `POST /organizations/{id}/keys {"name"?, "expires_at"?}`: the answer shows the key, once.
pub(crate) async fn create(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let organization = organizations::find(api, call, id).await?;
    let read = |fields: &mut Fields<'_>| read(fields, call.now);
    let (name, expires_at) =
        read_strictly(reply::read_object(call.request)?, read).map_err(Problem::invalid)?;
    let key = ApiKey::generate(&mut rand::rng());
    let record = KeyRecord {
        id: KeyId::new(call.now, &mut rand::rng()),
        organization_id: organization.id,
        name,
        hint: key.hint(),
        sha256: key.sha256(),
        created_at: call.now,
        expires_at,
    };
    let given = Changes::given(&json!({
        "name": record.name,
        "hint": record.hint,
        "expires_at": expires_at.map(timestamp::canonical),
    }));
    let line = call.line(organization.id, Action::KeyCreated, &record.id, given);
    api.accounts.create_key(&record, &line).await?;
    Ok(reply::json(201, &View::new(&record, Some(&key))))
}

/// Name and end of validity.
fn read(fields: &mut Fields<'_>, now: Timestamp) -> (String, Option<Timestamp>) {
    let name = fields.text("name").unwrap_or_default();
    fields.check_length("name", &name, MAX_NAME);
    let expires_at = fields.timestamp("expires_at");
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        fields.fault("expires_at", "must be in the future");
    }
    (name, expires_at)
}

/// `GET /organizations/{id}/keys`.
pub(crate) async fn list(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let organization = organizations::find(api, call, id).await?;
    let records = api.accounts.list_keys(organization.id).await?;
    let views: Vec<View<'_>> = records
        .iter()
        .map(|record| View::new(record, None))
        .collect();
    Ok(page::answer(&views, None))
}

/// `DELETE /organizations/{id}/keys/{key}`.
pub(crate) async fn revoke(
    api: &Api,
    call: &Call<'_>,
    id: &str,
    key: &str,
) -> Result<Response<Body>, Problem> {
    let organization = organizations::find(api, call, id).await?;
    let records = api.accounts.list_keys(organization.id).await?;
    let record = records.iter().find(|record| record.id.to_string() == key);
    let record = record.ok_or_else(|| Problem::not_found("key"))?;
    let (id, nothing) = (record.id, Changes::default());
    let line = call.line(organization.id, Action::KeyRevoked, &id, nothing);
    api.accounts.revoke_key(record, &line).await?;
    Ok(reply::no_content())
}
