//! Endpoints of an organization: the routes.
//!
//! The configuration `{"name", "url", "eventTypes", "enabled"?}` is that of Beedeez
//! (<https://doc.developers.beedeez.com/docs/next/webhooks/configuration>) and taken as it is;
//! `event_types` means the same.

mod audited;
mod change;
mod operational;
mod rotation;
mod subscription;
mod target;
#[cfg(test)]
mod tests;
mod view;

use lambda_http::{Body, Response};
use payload::id::EndpointId;
use payload::secret::Secret;
use reply::Problem;
use state::{Account, Action, Changes, Endpoint, EndpointSecrets, MAX_ENDPOINTS};

use self::change::{Configured, change};
use self::operational::announce_switched;
pub(crate) use self::operational::test;
pub(crate) use self::rotation::{overlap, rotate_secret};
use self::view::View;
use crate::handler::{Api, Call};
use crate::{page, signing_keys};

/// How often a change is tried again on top of somebody else's.
const MAX_UPDATE_TRIES: usize = 3;

/// `POST /endpoints`: the answer shows the secret, once.
pub(crate) async fn create(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.entitled_account(api).await?;
    let body = reply::read_object(call.request)?;
    let id = EndpointId::new(call.now, &mut rand::rng());
    let blank = Configured {
        endpoint: Endpoint::blank(id, account.organization.id, call.now),
        secrets: EndpointSecrets::new(Secret::generate(&mut rand::rng())),
        health: None,
        access: api.billing.access(&account, call.now),
    };
    let mut made = change(&blank, body, &api.target_policy)?;
    target::check(&api.target_policy, &api.resolver, &made.endpoint.url).await?;
    // To say so before a key pair is made for one that cannot be.
    if account.endpoints.len() >= MAX_ENDPOINTS {
        return Err(too_many());
    }
    provide_signing_key(api, call, &account, &made.endpoint).await?;
    api.keyring.seal_endpoint(&mut made.endpoint, &made.secrets);
    let changes = audited::changes(None, &made, call.now);
    let line = call.line(
        account.organization.id,
        Action::EndpointCreated,
        &id,
        changes,
    );
    if !api.accounts.create_endpoint(&made.endpoint, &line).await? {
        return Err(too_many());
    }
    Ok(reply::json(201, &View::with_secret(&made, call.now)))
}

fn too_many() -> Problem {
    let message = format!("an organization has at most {MAX_ENDPOINTS} endpoints");
    Problem::new(409, "too_many_endpoints", message)
}

/// `GET /endpoints`: all of them, there are at most 100.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let mut all = Vec::with_capacity(account.endpoints.len());
    for endpoint in &account.endpoints {
        all.push(open(api, call, &account, endpoint).await?);
    }
    let views: Vec<View<'_>> = all.iter().map(|it| View::new(it, call.now)).collect();
    Ok(page::answer(&views, None))
}

/// `GET /endpoints/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let found = open(api, call, &account, find(&account, id)?).await?;
    Ok(reply::json(200, &View::new(&found, call.now)))
}

/// `PATCH /endpoints/{id}` with the members to change.
pub(crate) async fn update(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let body = reply::read_object(call.request)?;
    let enables = body.get("enabled").is_some_and(|enabled| enabled == true);
    let with_body = |current: &Configured| {
        if enables {
            Problem::unless_recorded(current.access)?;
        }
        change(current, body.clone(), &api.target_policy)
    };
    let changed = apply(api, call, id, Action::EndpointUpdated, with_body).await?;
    if body.contains_key("enabled") {
        let account = call.account(api).await?;
        announce_switched(api, &account, &changed.endpoint, call.now).await?;
    }
    Ok(reply::json(200, &View::new(&changed, call.now)))
}

/// Writes what `change` makes of an endpoint, again on top of what others wrote in between.
async fn apply(
    api: &Api,
    call: &Call<'_>,
    id: &str,
    action: Action,
    change: impl Fn(&Configured) -> Result<Configured, Problem>,
) -> Result<Configured, Problem> {
    for _ in 0..MAX_UPDATE_TRIES {
        let account = call.account(api).await?;
        let current = open(api, call, &account, find(&account, id)?).await?;
        let mut changed = change(&current)?;
        if changed.endpoint.url != current.endpoint.url {
            target::check(&api.target_policy, &api.resolver, &changed.endpoint.url).await?;
        }
        provide_signing_key(api, call, &account, &changed.endpoint).await?;
        api.keyring
            .seal_endpoint(&mut changed.endpoint, &changed.secrets);
        if changed.endpoint.enabled != current.endpoint.enabled {
            changed.endpoint.switched_at = Some(call.now);
        }
        changed.endpoint.updated_at = call.now;
        changed.endpoint.revision += 1;
        // What its failures said was about what it was: with an old row it would be given up again at its
        // first failure. Before the change: whoever knows of that finds no such row.
        if begins_anew(&current.endpoint, &changed.endpoint) {
            api.accounts.forget_health(&changed.endpoint).await?;
            changed.health = None;
        }
        let (endpoint, organization) = (&changed.endpoint, account.organization.id);
        let changes = audited::changes(Some(&current), &changed, call.now);
        let line = call.line(organization, action, &endpoint.id, changes);
        if api.accounts.update_endpoint(endpoint, &line).await? {
            return Ok(changed);
        }
    }
    Err(Problem::new(
        409,
        "conflict",
        "the endpoint is being changed by others; try again",
    ))
}

/// Seals the secrets of endpoints with the current root key; how many were not. One that was deleted or
/// changed in between needs nothing more: whoever changed it sealed it.
pub(crate) async fn reseal(
    api: &Api,
    call: &Call<'_>,
    account: &Account,
) -> Result<usize, Problem> {
    let mut resealed = 0;
    for endpoint in &account.endpoints {
        if api.keyring.is_current(&endpoint.sealed) {
            continue;
        }
        let mut current = open(api, call, account, endpoint).await?;
        api.keyring
            .seal_endpoint(&mut current.endpoint, &current.secrets);
        current.endpoint.updated_at = call.now;
        current.endpoint.revision += 1;
        let (endpoint, nothing) = (&current.endpoint, Changes::default());
        let organization = endpoint.organization_id;
        let line = call.line(organization, Action::SecretsResealed, &endpoint.id, nothing);
        resealed += usize::from(api.accounts.update_endpoint(endpoint, &line).await?);
    }
    Ok(resealed)
}

/// An endpoint with its secrets, how it is doing, and what its organization's access is.
async fn open(
    api: &Api,
    call: &Call<'_>,
    account: &Account,
    endpoint: &Endpoint,
) -> Result<Configured, Problem> {
    Ok(Configured {
        endpoint: endpoint.clone(),
        secrets: api.keyring.open_endpoint(endpoint).await?,
        health: account.health.get(&endpoint.id).cloned(),
        access: api.billing.access(account, call.now),
    })
}

/// Whether what is known of an endpoint says nothing of what it becomes.
fn begins_anew(current: &Endpoint, changed: &Endpoint) -> bool {
    changed.enabled && !current.enabled || changed.url != current.url
}

/// Makes the organization's first key pair when the first endpoint wants signatures by it.
async fn provide_signing_key(
    api: &Api,
    call: &Call<'_>,
    account: &Account,
    endpoint: &Endpoint,
) -> Result<(), Problem> {
    if endpoint.ed25519_signature && account.valid_signing_keys(call.now).next().is_none() {
        let (organization, action) = (account.organization.id, Action::SigningKeyCreated);
        signing_keys::make(api, call, organization, action).await?;
    }
    Ok(())
}

/// `DELETE /endpoints/{id}`. Deliveries of it that are still open become held.
pub(crate) async fn delete(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let endpoint = find(&account, id)?;
    api.accounts.forget_health(endpoint).await?;
    let changes = audited::deletion(endpoint, call.now);
    let (organization, id) = (endpoint.organization_id, endpoint.id);
    let line = call.line(organization, Action::EndpointDeleted, &id, changes);
    api.accounts
        .delete_endpoint(organization, id, &line)
        .await?;
    Ok(reply::no_content())
}

/// `GET /endpoints/{id}/stats?limit=`: the last days on which something was counted, newest first.
pub(crate) async fn stats(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let endpoint = find(&account, id)?;
    let limit = i32::try_from(page::limit(call.request)?).unwrap_or(i32::MAX);
    let days = api
        .accounts
        .stats(endpoint.organization_id, endpoint.id, limit);
    Ok(page::answer(&days.await?, None))
}

/// The endpoint named in the path.
pub(crate) fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Endpoint, Problem> {
    let id = id.parse().ok();
    id.and_then(|id| account.endpoint(id))
        .ok_or_else(|| Problem::not_found("endpoint"))
}
