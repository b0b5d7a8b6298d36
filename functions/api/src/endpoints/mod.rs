//! Endpoints of an organization: the routes.
//!
//! The configuration `{"name", "url", "eventTypes", "enabled"?}` is that of Beedeez
//! (<https://doc.developers.beedeez.com/docs/next/webhooks/configuration>) and taken as it is;
//! `event_types` means the same.

mod change;
mod subscription;
#[cfg(test)]
mod tests;
mod view;

use lambda_http::{Body, Response};
use payload::id::EndpointId;
use payload::secret::Secret;
use reply::Problem;
use state::{Account, Endpoint, MAX_ENDPOINTS};

use self::change::change;
use self::view::View;
use crate::handler::{Api, Call};
use crate::page;

/// How often a change is tried again on top of somebody else's.
const MAX_UPDATE_TRIES: usize = 3;

/// `POST /endpoints`: the answer shows the secret, once.
pub(crate) async fn create(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let body = reply::read_object(call.request)?;
    let blank = Endpoint::blank(
        EndpointId::new(call.now, &mut rand::rng()),
        account.organization.id,
        Secret::generate(&mut rand::rng()),
        call.now,
    );
    let endpoint = change(&blank, body, api.target_policy)?;
    if account.endpoints.len() >= MAX_ENDPOINTS {
        let message = format!("an organization has at most {MAX_ENDPOINTS} endpoints");
        return Err(Problem::new(409, "too_many_endpoints", message));
    }
    api.accounts.create_endpoint(&endpoint).await?;
    Ok(reply::json(201, &View::with_secret(&endpoint)))
}

/// `GET /endpoints`: all of them, there are at most 100.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let views: Vec<View<'_>> = account.endpoints.iter().map(View::new).collect();
    Ok(page::answer(&views, None))
}

/// `GET /endpoints/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    Ok(reply::json(200, &View::new(find(&account, id)?)))
}

/// `PATCH /endpoints/{id}` with the members to change.
pub(crate) async fn update(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let body = reply::read_object(call.request)?;
    for _ in 0..MAX_UPDATE_TRIES {
        let account = call.account(api).await?;
        let current = find(&account, id)?;
        let mut endpoint = change(current, body.clone(), api.target_policy)?;
        endpoint.updated_at = call.now;
        endpoint.revision += 1;
        if api.accounts.update_endpoint(&endpoint).await? {
            return Ok(reply::json(200, &View::new(&endpoint)));
        }
    }
    Err(Problem::new(
        409,
        "conflict",
        "the endpoint is being changed by others; try again",
    ))
}

/// `DELETE /endpoints/{id}`. Deliveries of it that are still open become held.
pub(crate) async fn delete(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let endpoint = find(&account, id)?;
    api.accounts
        .delete_endpoint(endpoint.organization_id, endpoint.id)
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
