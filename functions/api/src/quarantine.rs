//! Webhooks that came through a relay and could not be read. Replaying one accepts an event, so
//! that is a route of the function that accepts events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::dialect::Dialect;
use payload::fault::Faults;
use payload::id::{EventId, OrganizationId, QuarantineId, RelayId};
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use state::{Action, Changes, Quarantined};

use crate::handler::{Api, Call};
use crate::page;

/// A webhook in a list.
#[derive(Serialize)]
struct View<'w> {
    id: QuarantineId,
    relay_id: RelayId,
    dialect: Dialect,
    event: Option<&'w str>,
    error: &'w str,
    message: &'w str,
    details: &'w Faults,
    #[serde(serialize_with = "timestamp::serialize")]
    received_at: Timestamp,
    /// Bytes of the body.
    length: usize,
    replayed_as: Option<EventId>,
}

/// A webhook alone, with its body.
#[derive(Serialize)]
struct FullView<'w> {
    #[serde(flatten)]
    view: View<'w>,
    #[serde(flatten)]
    body: Received,
}

/// The bytes that came, as a person can read them.
#[derive(Serialize, Debug, PartialEq, Eq)]
#[serde(untagged)]
enum Received {
    Text { body: String },
    Bytes { body_base64: String },
}

impl From<Vec<u8>> for Received {
    fn from(body: Vec<u8>) -> Self {
        match String::from_utf8(body) {
            Ok(body) => Self::Text { body },
            Err(error) => Self::Bytes {
                body_base64: BASE64.encode(error.as_bytes()),
            },
        }
    }
}

impl<'w> View<'w> {
    fn new(webhook: &'w Quarantined) -> Self {
        Self {
            id: webhook.id,
            relay_id: webhook.relay_id,
            dialect: webhook.dialect,
            event: webhook.event.as_deref(),
            error: &webhook.error,
            message: &webhook.message,
            details: &webhook.faults,
            received_at: webhook.id.created_at(),
            length: webhook.body_length(),
            replayed_as: webhook.replayed_as,
        }
    }
}

/// `GET /quarantine`, newest first.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let limit = page::limit(call.request)?;
    let before = page::cursor(call.request)?;
    let organization = account.organization.id;
    let keeping = api.keeping(&account.organization, call.now);
    let found = api
        .events
        .list_quarantined(organization, before, limit, keeping);
    let found = found.await?;
    let views: Vec<View<'_>> = found.items.iter().map(View::new).collect();
    Ok(page::answer(&views, found.next))
}

/// `GET /quarantine/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let webhook = find(api, call, id).await?.1;
    let view = FullView {
        view: View::new(&webhook),
        body: webhook.body()?.into(),
    };
    Ok(reply::json(200, &view))
}

/// `DELETE /quarantine/{id}`. The event it became, if any, stays.
pub(crate) async fn delete(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let (organization, webhook) = find(api, call, id).await?;
    let (action, nothing) = (Action::QuarantineDeleted, Changes::default());
    call.log(api, organization, action, &webhook.id, nothing)
        .await?;
    let deleted = api.events.delete_quarantined(organization, webhook.id);
    deleted.await?;
    Ok(reply::no_content())
}

/// The webhook named in the path, and whose it is.
async fn find(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<(OrganizationId, Quarantined), Problem> {
    let unknown = || Problem::not_found("quarantined webhook");
    let account = call.recent_account(api).await?;
    let organization = account.organization.id;
    let id = id.parse().map_err(|_| unknown())?;
    let keeping = api.keeping(&account.organization, call.now);
    let webhook = api.events.quarantined(organization, id, keeping).await?;
    Ok((organization, webhook.ok_or_else(unknown)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_as_text_when_it_is_one_and_in_base64_otherwise() {
        let text = Received::from("é".as_bytes().to_vec());
        assert_eq!(text, Received::Text { body: "é".into() });
        let body_base64 = "/w==".into();
        assert_eq!(Received::from(vec![0xff]), Received::Bytes { body_base64 });
    }
}
