//! The catalogue of event types. For everyone: it is the same for all and holds no one's data.

use std::sync::LazyLock;

use lambda_http::http::HeaderValue;
use lambda_http::{Body, Response};
use payload::catalogue;
use payload::event_type::EventType;
use reply::Problem;

use crate::page;

/// It changes with a deployment only, so it is written once per environment.
static LIST: LazyLock<String> = LazyLock::new(|| {
    let catalogue = catalogue::catalogue();
    serde_json::to_string(&page::List::whole(&catalogue)).expect("a catalogue has text keys only")
});
/// An hour.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// `GET /event-types`.
pub(crate) fn list() -> Response<Body> {
    cached(reply::raw_json(200, LIST.clone()))
}

/// `GET /event-types/{name}`, by the canonical name.
pub(crate) fn get(name: &str) -> Result<Response<Body>, Problem> {
    let event_type: Option<EventType> = name.parse().ok();
    let event_type = event_type.ok_or_else(|| Problem::not_found("event type"))?;
    Ok(cached(reply::json(200, &catalogue::entry(event_type))))
}

fn cached(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert("cache-control", CACHE);
    response
}
