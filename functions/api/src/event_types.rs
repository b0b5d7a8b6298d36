//! The catalogue of event types. For everyone: it is the same for all and holds no one's data.

use lambda_http::{Body, Response};
use payload::catalogue;
use payload::event_type::EventType;
use reply::Problem;

use crate::page;

/// `GET /event-types`.
pub(crate) fn list() -> Response<Body> {
    page::answer(&catalogue::catalogue(), None)
}

/// `GET /event-types/{name}`, by the canonical name.
pub(crate) fn get(name: &str) -> Result<Response<Body>, Problem> {
    let event_type: Option<EventType> = name.parse().ok();
    let event_type = event_type.ok_or_else(|| Problem::not_found("event type"))?;
    Ok(reply::json(200, &catalogue::entry(event_type)))
}
