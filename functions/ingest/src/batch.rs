//! Up to 100 events in one request, each answered for itself.
//!
//! The body is `{"events": [...]}` or the bare list. An item is an event, or an event with its
//! options: `{"payload": {...}, "dialect": "…", "event": "…", "idempotency_key": "…"}`. The bytes of
//! each event are kept as they stand in the batch.

use std::collections::HashMap;

use futures::stream::{self, StreamExt as _};
use lambda_http::{Body, Request, Response};
use payload::dialect::{ParseError, Parsed, UnknownDialect};
use payload::fault::{Faults, escape};
use reply::{Problem, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::handler::{Context, Ingest};
use crate::submit::{Answer, Options, accept, check, query_options};

const MAX_EVENTS: usize = 100;
/// Events of one batch that are accepted at the same time.
const CONCURRENCY: usize = 16;

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

impl WithOptions<'_> {
    /// Its own options, and the defaults where it has none.
    fn options(self, defaults: &Options) -> Result<Options, Problem> {
        let dialect = self.dialect.map(|name| name.parse()).transpose();
        let dialect = dialect.map_err(|error: UnknownDialect| {
            Problem::new(422, "unknown_dialect", format!("`dialect` {error}"))
        })?;
        Ok(Options {
            dialect: dialect.or(defaults.dialect),
            event: self.event.or_else(|| defaults.event.clone()),
            idempotency_key: self.idempotency_key,
        })
    }
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

impl ItemAnswer {
    fn new(accepted: Result<Answer, Problem>) -> Self {
        match accepted {
            Ok(answer) => Self {
                status: answer.status(),
                outcome: Outcome::Accepted(answer),
            },
            Err(problem) => Self {
                status: problem.status(),
                outcome: Outcome::Refused(problem),
            },
        }
    }
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
    ingest.admit(items.len(), context).await?;
    let items = items
        .into_iter()
        .map(|item| read_item(item, &defaults, context));
    let chains: Vec<_> = chains(items)
        .into_iter()
        .map(|chain| accept_in_order(ingest, chain, context))
        .collect();
    let mut answers = stream::iter(chains)
        .buffer_unordered(CONCURRENCY)
        .concat()
        .await;
    answers.sort_by_key(|(place, _)| *place);
    let results = answers.into_iter().map(|(_, answer)| answer).collect();
    Ok(reply::json(200, &BatchAnswer { results }))
}

/// An item that was read, or why not.
struct Item<'b> {
    body: &'b [u8],
    idempotency_key: Option<String>,
    parsed: Result<Parsed, Problem>,
}

impl Item<'_> {
    fn credential(&self) -> Option<&str> {
        let credential = self.parsed.as_ref().ok()?.facts.credential.as_ref();
        credential?.id.as_deref()
    }
}

/// Items that must be accepted one after the other, each with its place in the batch: a later event of a
/// credential is completed by what an earlier one said.
type Chain<'b> = Vec<(usize, Item<'b>)>;

fn chains<'b>(items: impl Iterator<Item = Item<'b>>) -> Vec<Chain<'b>> {
    let mut chains: Vec<Chain<'b>> = Vec::new();
    let mut of_credential: HashMap<String, usize> = HashMap::new();
    for (place, item) in items.enumerate() {
        let chain = item.credential().map_or(chains.len(), |credential| {
            *of_credential
                .entry(credential.to_owned())
                .or_insert(chains.len())
        });
        match chains.get_mut(chain) {
            Some(chain) => chain.push((place, item)),
            None => chains.push(vec![(place, item)]),
        }
    }
    chains
}

async fn accept_in_order(
    ingest: &Ingest,
    chain: Chain<'_>,
    context: &Context,
) -> Vec<(usize, ItemAnswer)> {
    let mut answers = Vec::with_capacity(chain.len());
    for (place, item) in chain {
        let Item {
            body,
            idempotency_key,
            parsed,
        } = item;
        let accepted = match parsed {
            Ok(parsed) => accept(ingest, body, parsed, idempotency_key, context).await,
            Err(problem) => Err(problem),
        };
        answers.push((place, ItemAnswer::new(accepted)));
    }
    answers
}

/// The items of a batch as they stand in it.
fn split(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let whole: &RawValue =
        serde_json::from_slice(body).map_err(|error| ParseError::Unreadable {
            line: error.line(),
            column: error.column(),
        })?;
    let items = if whole.get().starts_with('[') {
        whole.get()
    } else {
        under_events(whole)?
    };
    let items: Vec<&RawValue> = serde_json::from_str(items)
        .map_err(|_| Problem::invalid(Faults::one("/events", "must be a list of events")))?;
    if items.is_empty() || items.len() > MAX_EVENTS {
        return Err(Problem::invalid(Faults::one(
            "/events",
            format!("must hold 1 to {MAX_EVENTS} events"),
        )));
    }
    Ok(items)
}

/// The list in an object that has nothing else.
fn under_events(whole: &RawValue) -> Result<&str, Problem> {
    let members: Option<HashMap<String, &RawValue>> = serde_json::from_str(whole.get()).ok();
    let mut members = members.unwrap_or_default();
    // What has none is something else than a batch: no member of it is worth a word.
    let Some(events) = members.remove("events") else {
        return Ok("{}");
    };
    let mut faults = Faults::default();
    for name in members.keys() {
        faults.add(format!("/{}", escape(name)), "unknown member");
    }
    faults.check().map_err(Problem::invalid)?;
    Ok(events.get())
}

fn read_item<'b>(item: &'b RawValue, defaults: &Options, context: &Context) -> Item<'b> {
    let whole = item.get().as_bytes();
    let (body, options) = match serde_json::from_str::<WithOptions<'b>>(item.get()) {
        Ok(with_options) => (
            with_options.payload.get().as_bytes(),
            with_options.options(defaults),
        ),
        Err(_) => (whole, Ok(defaults.clone())),
    };
    match options {
        Ok(options) => Item {
            body,
            parsed: check(body, &options, context),
            idempotency_key: options.idempotency_key,
        },
        Err(problem) => Item {
            body,
            idempotency_key: None,
            parsed: Err(problem),
        },
    }
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
        assert_eq!(items("7"), Err(422));
        assert_eq!(items(r#"{"events": [1], "event": [2]}"#), Err(422));
        assert_eq!(items("[]"), Err(422));
        assert_eq!(items(&format!("[{}1]", "1,".repeat(100))), Err(422));
    }
}
