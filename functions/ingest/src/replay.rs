//! Reading a quarantined webhook again, after what kept it from being read was mended: our reader, the
//! organization's time zone, the name of the event, or the body.
//!
//! The event's natural key makes it one event, however often it is replayed, and the same event as a
//! copy that the source sent in order. An explicit key made of the quarantine's id would know nothing
//! of that copy, and would answer 409 to a second correction. When the natural key has expired, the
//! row still says which event it became.
//!
//! read → accept (event, wake-ups) → crash → the caller repeats: the same key, the same event,
//! and this time the row says so.

use lambda_http::{Body, Request, Response};
use reply::{Problem, check_size};
use serde_json::json;
use state::{Action, AuditLine, Caller, Changes};

use crate::handler::{Context, Ingest};
use crate::submit::{self, Answer, Options};

/// `POST /api/v1/quarantine/{id}/replay?event=&dialect=`, with a corrected body or none.
pub(crate) async fn again(
    ingest: &Ingest,
    request: &Request,
    context: &Context,
    caller: Caller,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let organization = context.account.organization.id;
    let unknown = || Problem::not_found("quarantined webhook");
    let id = id.parse().map_err(|_| unknown())?;
    let account = &context.account;
    let keeping = account.organization.keeping(ingest.retention, context.now);
    let webhook = ingest.events.quarantined(organization, id, keeping);
    let webhook = webhook.await?.ok_or_else(unknown)?;
    if let Some(event) = webhook.replayed_as
        && let Some(event) = ingest.events.get(organization, event).await?
    {
        return Ok(answer(&Answer::again(event)));
    }

    ingest.admit(1, context).await?;
    context.require_plan()?;
    let given = request.body().as_ref();
    let (body, received_at) = if given.is_empty() {
        (webhook.body()?, webhook.id.created_at())
    } else {
        check_size(given)?;
        (given.to_vec(), context.now)
    };
    let named = submit::query_options(request)?;
    let options = Options {
        dialect: named.dialect.or(Some(webhook.dialect)),
        event: named.event.or(webhook.event),
        idempotency_key: None,
    };
    // 422 for every reason: the request was fine, what it is about is not.
    let parsed = submit::read(&body, &options, received_at, context)
        .map_err(|error| Problem::from(error).with_status(422))?;
    let asked = Changes::given(&json!({
        "dialect": parsed.facts.source.dialect,
        "event": parsed.facts.source.event,
        "corrected": !given.is_empty(),
    }));
    let action = Action::QuarantineReplayed;
    let line = AuditLine::new(organization, caller, action, &id, asked, context.now);
    ingest.accounts.log(&line).await?;
    let accepted = submit::accept(ingest, &body, parsed, None, context).await?;
    let recorded = ingest.events.record_replay(organization, id, accepted.id);
    recorded.await?;
    Ok(answer(&accepted))
}

fn answer(answer: &Answer) -> Response<Body> {
    reply::json(answer.status(), answer)
}
