//! What a caller says about an event outside of its body, and how large the body may be.

use lambda_http::{Request, RequestExt};
use payload::dialect::{Dialect, UnknownDialect};

use crate::{Problem, header};

/// Largest body of a request, and of each event of a batch, bytes.
const MAX_BODY: usize = 256 * 1024;

/// `?dialect=`.
///
/// # Errors
/// 422 when it names none.
pub fn named_dialect(request: &Request) -> Result<Option<Dialect>, Problem> {
    let query = request.query_string_parameters();
    let dialect = query.first("dialect").map(str::parse).transpose();
    dialect.map_err(|error: UnknownDialect| {
        Problem::new(422, "unknown_dialect", format!("?dialect= {error}"))
    })
}

/// The native event name: `?event=`, or the header `X-Webhook-Event`.
///
/// # Errors
/// 422 when the header is no text.
pub fn named_event(request: &Request) -> Result<Option<String>, Problem> {
    let query = request.query_string_parameters();
    let event = match query.first("event") {
        Some(event) => Some(event),
        None => header(request, "x-webhook-event")?,
    };
    Ok(event.map(str::to_owned))
}

/// Refuses a body that is too large.
///
/// # Errors
/// 413.
pub fn check_size(body: &[u8]) -> Result<(), Problem> {
    if body.len() > MAX_BODY {
        let message = "a body has at most 256 KiB";
        return Err(Problem::new(413, "body_too_large", message));
    }
    Ok(())
}
