//! Sealing an organization's secrets with the current version of the root key. For the platform only.

use lambda_http::{Body, Response};
use payload::fields::read_strictly;
use reply::Problem;
use serde::Serialize;
use state::{Action, Changes};

use crate::handler::{Api, Call};
use crate::{endpoints, organizations, signing_keys};

/// How many were sealed again. When all are 0, no secret of the organization needs an older version.
#[derive(Serialize)]
struct Resealed {
    endpoints: usize,
    relays: usize,
    signing_keys: usize,
}

/// `POST /organizations/{id}/reseal`. It can be repeated, and goes on where it stopped.
pub(crate) async fn all(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    call.require_platform()?;
    read_strictly(reply::read_options(call.request)?, |_| ()).map_err(Problem::invalid)?;
    let account = organizations::own_account(api, call, id).await?;
    // The version to seal with may have been added a moment ago.
    api.keyring.reload().await?;
    let (organization, nothing) = (account.organization.id, Changes::default());
    let action = Action::SecretsResealed;
    call.log(api, organization, action, &organization, nothing)
        .await?;
    let mut relays = 0;
    for relay in api.accounts.list_relays(account.organization.id).await? {
        relays += usize::from(api.accounts.reseal_relay(&relay, &api.keyring).await?);
    }
    let resealed = Resealed {
        endpoints: endpoints::reseal(api, call, &account).await?,
        relays,
        signing_keys: signing_keys::reseal(api, &account).await?,
    };
    Ok(reply::json(200, &resealed))
}
