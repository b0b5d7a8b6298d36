//! Key pairs of an organization: the public halves, and a new one in place of the current.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::fields::read_strictly;
use payload::id::{OrganizationId, SigningKeyId};
use payload::key_pair::Jwk;
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::json;
use state::{Account, Action, Changes, MAX_SIGNING_KEYS, SigningKey};

use crate::handler::{Api, Call};
use crate::{endpoints, organizations, page};

/// A key pair as it is shown: its public half.
#[derive(Serialize)]
struct View {
    id: SigningKeyId,
    /// `whpk_…`, as Standard Webhooks writes it.
    public_key: String,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
    /// Until when it signs, once it was replaced.
    #[serde(serialize_with = "timestamp::option::serialize")]
    valid_until: Option<Timestamp>,
}

/// A JSON Web Key Set, RFC 7517. `whpk` is ours: the same key as Standard Webhooks writes it.
#[derive(Serialize)]
struct KeySet {
    keys: Vec<PublishedKey>,
}

#[derive(Serialize)]
struct PublishedKey {
    #[serde(flatten)]
    jwk: Jwk,
    whpk: String,
}

impl View {
    fn new(key: &SigningKey) -> Self {
        Self {
            id: key.id,
            public_key: key.public.to_string(),
            created_at: key.created_at,
            valid_until: key.valid_until,
        }
    }
}

/// `GET /organizations/{id}/jwks.json`, for everybody: the public keys that sign now, newest first.
pub(crate) async fn published(
    api: &Api,
    id: &str,
    now: Timestamp,
) -> Result<Response<Body>, Problem> {
    let unknown = || Problem::not_found("organization");
    let organization = id.parse().map_err(|_| unknown())?;
    let account = api.accounts.account(organization, now).await?;
    let account = account.ok_or_else(unknown)?;
    let published = |key: &SigningKey| PublishedKey {
        jwk: key.public.jwk(key.id.to_string()),
        whpk: key.public.to_string(),
    };
    let keys = account.valid_signing_keys(now).map(published).collect();
    Ok(reply::json(200, &KeySet { keys }))
}

/// `GET /organizations/{id}/signing-keys`: those that sign now, newest first.
pub(crate) async fn list(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = organizations::own_account(api, call, id).await?;
    let views: Vec<View> = account
        .valid_signing_keys(call.now)
        .map(View::new)
        .collect();
    Ok(page::answer(&views, None))
}

/// `POST /organizations/{id}/signing-keys/rotate {"overlap_hours"?}`: a new key pair signs from now on, the
/// ones before it until their overlap is over.
pub(crate) async fn rotate(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let body = reply::read_options(call.request)?;
    let overlap = read_strictly(body, endpoints::overlap).map_err(Problem::invalid)?;
    let account = organizations::own_account(api, call, id).await?;
    let valid: Vec<&SigningKey> = account.valid_signing_keys(call.now).collect();
    if !overlap.is_zero() && valid.len() >= MAX_SIGNING_KEYS {
        let message = format!(
            "{MAX_SIGNING_KEYS} key pairs sign already: wait until one has ended, or rotate without overlap"
        );
        return Err(Problem::new(409, "too_many_signing_keys", message));
    }
    // The new one first: a crash in between leaves two that sign, not none.
    let (organization, action) = (account.organization.id, Action::SigningKeyRotated);
    let made = make(api, call, organization, action).await?;
    for key in &account.signing_keys {
        // What signs no more goes: every reading of the account reads what stays.
        if overlap.is_zero() || !key.is_valid(call.now) {
            api.accounts.delete_signing_key(key).await?;
            continue;
        }
        let replaced = key.clone().replaced(overlap, call.now);
        if !api.accounts.replace_signing_key(key, &replaced).await? {
            let message = "the key pairs are being changed by others; try again";
            return Err(Problem::new(409, "conflict", message));
        }
    }
    Ok(reply::json(201, &View::new(&made)))
}

/// Makes a key pair.
pub(crate) async fn make(
    api: &Api,
    call: &Call<'_>,
    organization: OrganizationId,
    action: Action,
) -> Result<SigningKey, Problem> {
    let key = SigningKey::generate(organization, &api.keyring, call.now);
    let given = Changes::given(&json!({"public_key": key.public.to_string()}));
    call.log(api, organization, action, &key.id, given).await?;
    api.accounts.create_signing_key(&key).await?;
    Ok(key)
}

/// Seals the key pairs of an organization with the current root key; how many were not.
pub(crate) async fn reseal(api: &Api, account: &Account) -> Result<usize, Problem> {
    let mut resealed = 0;
    for key in &account.signing_keys {
        let mut sealed = key.clone();
        if sealed.reseal(&api.keyring).await? {
            // One that was ended or replaced in between is left as it is: the next call sees to it.
            let is_written = api.accounts.replace_signing_key(key, &sealed).await?;
            resealed += usize::from(is_written);
        }
    }
    Ok(resealed)
}
