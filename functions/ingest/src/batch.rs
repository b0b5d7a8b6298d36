//! Up to 100 events in one request, each answered for itself.
//!
//! The body is `{"events": [...]}` or the bare list. An item is an event, or an event with its
//! options: `{"payload": {...}, "dialect": "…", "event": "…", "idempotency_key": "…"}`. The bytes of
//! each event are kept as they stand in the batch.

use futures::stream::{self, StreamExt as _};
use lambda_http::{Body, Request, Response};
use payload::dialect::{ParseError, UnknownDialect};
use payload::fault::Faults;
use reply::{Problem, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::handler::{Context, Ingest};
use crate::submit::{Answer, Options, query_options, submit};

const MAX_EVENTS: usize = 100;
/// Events of one batch that are accepted at the same time.
const CONCURRENCY: usize = 16;

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    events: Vec<&'b RawValue>,
}

/// An item of any other form is an event: one may have a member called `payload` too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithOptions<'b> {
    #[serde(borrow)]
    payload: &'b RawValue,
    #[serde(default)]
    dialect: Option<String>,
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    idempotency_key: Option<String>,
}

#[derive(Serialize)]
struct BatchAnswer {
    results: Vec<ItemAnswer>,
}

/// What became of one item, in the place it had in the batch.
#[derive(Serialize)]
struct ItemAnswer {
    status: u16,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Accepted(Answer),
    Refused(Problem),
}

/// `POST /api/v1/events/batch`.
pub(crate) async fn each(
    ingest: &Ingest,
    request: &Request,
    context: &Context,
) -> Result<Response<Body>, Problem> {
    if header(request, "idempotency-key")?.is_some() {
        let reason = "is for one event: give each item of a batch its idempotency_key";
        return Err(Problem::invalid(Faults::one("Idempotency-Key", reason)));
    }
    let defaults = query_options(request)?;
    let items = split(request.body().as_ref())?;
    let submissions: Vec<_> = items
        .into_iter()
        .map(|item| submit_item(ingest, item, &defaults, context))
        .collect();
    let answers = stream::iter(submissions)
        .buffered(CONCURRENCY)
        .map(|result| match result {
            Ok(answer) => ItemAnswer {
                status: answer.status(),
                outcome: Outcome::Accepted(answer),
            },
            Err(problem) => ItemAnswer {
                status: problem.status(),
                outcome: Outcome::Refused(problem),
            },
        })
        .collect::<Vec<_>>()
        .await;
    Ok(reply::json(200, &BatchAnswer { results: answers }))
}

/// The items of a batch as they stand in it.
fn split(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let whole: &RawValue =
        serde_json::from_slice(body).map_err(|error| ParseError::Unreadable {
            line: error.line(),
            column: error.column(),
        })?;
    let items = if whole.get().starts_with('[') {
        serde_json::from_str(whole.get())
    } else {
        serde_json::from_str(whole.get()).map(|Envelope { events }| events)
    };
    let items: Vec<&RawValue> =
        items.map_err(|_| Problem::invalid(Faults::one("/events", "must be a list of events")))?;
    if items.is_empty() || items.len() > MAX_EVENTS {
        return Err(Problem::invalid(Faults::one(
            "/events",
            format!("must hold 1 to {MAX_EVENTS} events"),
        )));
    }
    Ok(items)
}

async fn submit_item(
    ingest: &Ingest,
    item: &RawValue,
    defaults: &Options,
    context: &Context,
) -> Result<Answer, Problem> {
    let Ok(item_with_options) = serde_json::from_str::<WithOptions<'_>>(item.get()) else {
        return submit(ingest, item.get().as_bytes(), defaults.clone(), context).await;
    };
    let WithOptions {
        payload,
        dialect,
        event,
        idempotency_key,
    } = item_with_options;
    let dialect = dialect.map(|name| name.parse()).transpose();
    let dialect = dialect.map_err(|error: UnknownDialect| {
        Problem::new(422, "unknown_dialect", format!("`dialect` {error}"))
    })?;
    let options = Options {
        dialect: dialect.or(defaults.dialect),
        event: event.or_else(|| defaults.event.clone()),
        idempotency_key,
    };
    submit(ingest, payload.get().as_bytes(), options, context).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(body: &str) -> Result<Vec<String>, u16> {
        match split(body.as_bytes()) {
            Ok(items) => Ok(items
                .into_iter()
                .map(|item| item.get().to_owned())
                .collect()),
            Err(problem) => Err(problem.status()),
        }
    }

    #[test]
    fn a_batch_is_a_list_bare_or_under_events_and_keeps_the_bytes() {
        let expected = Ok(vec![r#"{ "a" : 1.0 }"#.to_owned(), "7".to_owned()]);
        assert_eq!(items(r#"{"events": [{ "a" : 1.0 }, 7]}"#), expected);
        assert_eq!(items(r#"[{ "a" : 1.0 }, 7]"#), expected);
    }

    #[test]
    fn what_is_no_batch_is_refused_as_a_whole() {
        assert_eq!(items("[1"), Err(400));
        assert_eq!(items(r#"{"events": {}}"#), Err(422));
        assert_eq!(items("{}"), Err(422));
        assert_eq!(items("[]"), Err(422));
        assert_eq!(items(&format!("[{}1]", "1,".repeat(100))), Err(422));
    }
}
