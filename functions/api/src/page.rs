//! Lists: `limit`, `cursor`, and `next_cursor` in the answer; `watermark` where a list can be followed.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use lambda_http::{Body, Request, RequestExt, Response};
use payload::fault::Faults;
use reply::Problem;
use serde::Serialize;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

/// A parameter of the query. An empty one is as good as none: clients write all that there are.
pub(crate) fn text(request: &Request, name: &str) -> Option<String> {
    let query = request.query_string_parameters();
    let text = query.first(name).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

/// A parameter of the query, read as `T`.
pub(crate) fn parameter<T: FromStr>(
    request: &Request,
    name: &str,
    expected: &str,
) -> Result<Option<T>, Problem> {
    text(request, name)
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| fault(name, expected))
}

/// `?limit=`, 1 to 100, 50 when absent.
pub(crate) fn limit(request: &Request) -> Result<usize, Problem> {
    let expected = format!("must be a number from 1 to {MAX_LIMIT}");
    let limit = parameter(request, "limit", &expected)?.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(fault("limit", &expected))
    }
}

/// The place a `?cursor=` of an earlier answer stands for.
pub(crate) fn cursor<T: FromStr>(request: &Request) -> Result<Option<T>, Problem> {
    let Some(cursor) = text(request, "cursor") else {
        return Ok(None);
    };
    let place = BASE64
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let place = place.and_then(|place| place.parse().ok());
    place
        .map(Some)
        .ok_or_else(|| fault("cursor", "must be the `next_cursor` of an earlier answer"))
}

#[derive(Serialize)]
pub(crate) struct List<'i, T> {
    data: &'i [T],
    next_cursor: Option<String>,
}

impl<'i, T> List<'i, T> {
    /// A list that has one page.
    pub(crate) fn whole(items: &'i [T]) -> Self {
        Self {
            data: items,
            next_cursor: None,
        }
    }
}

/// The answer to a list.
pub(crate) fn answer(items: &[impl Serialize], next: Option<String>) -> Response<Body> {
    reply::json(
        200,
        &List {
            data: items,
            next_cursor: next.map(|place| BASE64.encode(place)),
        },
    )
}

/// A place as the `cursor` that stands for it.
pub(crate) fn encode(place: &impl ToString) -> String {
    BASE64.encode(place.to_string())
}

pub(crate) fn fault(name: &str, expected: &str) -> Problem {
    Problem::invalid(Faults::one(format!("?{name}"), expected))
}
