//! Erasures: all that is known of a person is removed. Asked for here, done by recovery, which begins within a
//! minute.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::email::MAX_ADDRESS;
use payload::fault::Faults;
use payload::id::ErasureId;
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use state::{
    Action, Changes, Erased, Erasure, ErasureState, MAX_ERASURES, MAX_TRIES, Opening, give_way,
};

use crate::handler::{Api, Call};
use crate::page;

/// An erasure as it is shown: it does not say whose.
#[derive(Serialize)]
struct View<'e> {
    id: ErasureId,
    state: ErasureState,
    /// Rows looked at.
    examined: u64,
    /// What was removed.
    erased: &'e Erased,
    /// Rows of which nobody can read whom they are about.
    unreadable: u64,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

impl<'e> View<'e> {
    fn new(erasure: &'e Erasure) -> Self {
        Self {
            id: erasure.id,
            state: erasure.state,
            examined: erasure.examined,
            erased: &erasure.erased,
            unreadable: erasure.unreadable,
            created_at: erasure.created_at,
            updated_at: erasure.updated_at,
        }
    }
}

/// `DELETE /recipients/{email}`. The address goes no further than into a digest. What goes on for the same address
/// is answered again.
pub(crate) async fn create(
    api: &Api,
    call: &Call<'_>,
    address: &str,
) -> Result<Response<Body>, Problem> {
    if address.len() > MAX_ADDRESS {
        let reason = format!("must have at most {MAX_ADDRESS} bytes");
        return Err(Problem::invalid(Faults::one("{id}", reason)));
    }
    let account = call.recent_account(api).await?;
    let organization = account.organization.id;
    let erasure = Erasure::new(organization, address, call.now);
    let (action, nothing) = (Action::ErasureCreated, Changes::default());
    let line = call.line(organization, action, &erasure.id, nothing);
    for tries in 0..MAX_TRIES {
        let slot = match api.deliveries.opening_for_erasure(&erasure).await? {
            Opening::Free(slot) => slot,
            Opening::Same(other) => return Ok(reply::json(202, &View::new(&other))),
            Opening::Full => return Err(too_many()),
        };
        let line = api.accounts.logging(&line)?;
        let begun = api.deliveries.begin_erasure(&erasure, slot, line, call.now);
        if begun.await? {
            return Ok(reply::json(202, &View::new(&erasure)));
        }
        give_way(tries).await;
    }
    let message = "others ask for erasures right now; try again";
    Err(Problem::new(409, "conflict", message))
}

fn too_many() -> Problem {
    let message = format!("at most {MAX_ERASURES} erasures of an organization go on at once");
    Problem::new(409, "too_many_erasures", message)
}

/// `GET /erasures`, newest first.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let limit = i32::try_from(page::limit(call.request)?).unwrap_or(i32::MAX);
    let before = page::cursor(call.request)?;
    let organization = account.organization.id;
    let found = api.deliveries.erasures(organization, before, limit).await?;
    let views: Vec<View<'_>> = found.items.iter().map(View::new).collect();
    Ok(page::answer(&views, found.next))
}

/// `GET /erasures/{id}`: how far it got.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let unknown = || Problem::not_found("erasure");
    let account = call.recent_account(api).await?;
    let id = id.parse().map_err(|_| unknown())?;
    let erasure = api.deliveries.erasure(account.organization.id, id).await?;
    Ok(reply::json(200, &View::new(&erasure.ok_or_else(unknown)?)))
}
