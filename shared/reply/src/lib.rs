//! What the HTTP functions answer: JSON, and for every refusal one shape,
//! `{"error": "CODE", "message": "…", "details": {"/json/pointer": "reason"}}`.
//!
//! A caller branches on `error`, a person reads `message`, and `details` points into the body. None of
//! them repeats a value of the request: values are people's data.

#![forbid(unsafe_code)]

mod native_event;

use std::time::Duration;

use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Request, Response};
use payload::billing::access::Access;
use payload::dialect::{self, Dialect, ParseError, Recognised};
use payload::event_type::EventType;
use payload::fault::Faults;
use payload::unmappable::OnUnmappable;
use serde::Serialize;
use serde_json::{Map, Value};
use state::{AccessError, Chain, StateError};
use tracing::error;

/// Most faults that are told: a list of a hundred thousand wrong items has as many, and an answer of
/// Lambda has at most 6 MB.
const MAX_FAULTS: usize = 100;

pub use native_event::{check_size, named_dialect, named_event};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(skip)]
    status: u16,
    #[serde(rename = "error")]
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Faults::is_empty")]
    details: Faults,
    /// The dialect the body was read in.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<Dialect>,
    /// How that dialect was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    recognised: Option<Recognised>,
    /// The event types that the dialect has no name for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    types: Vec<EventType>,
    /// What `on_unmappable` may be set to, to get them in another form.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    alternatives: &'static [OnUnmappable],
    /// After how many seconds the request may be repeated.
    #[serde(skip)]
    retry_after: Option<u16>,
    /// What is left of the caller's requests.
    #[serde(skip)]
    allowance: Option<Box<Allowance>>,
}

/// What the caller has of the requests that are limited, told in the headers of every answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many there are in a minute.
    pub limit: u32,
    /// How many are left now.
    pub remaining: u32,
    /// When all are there again, in Unix seconds.
    pub reset: i64,
}

impl Allowance {
    /// Puts the headers into an answer.
    pub fn tell(self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.reset));
    }
}

impl Problem {
    /// With an HTTP status, a code to branch on, and a sentence for a person.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Faults::default(),
            dialect: None,
            recognised: None,
            types: Vec::new(),
            alternatives: &[],
            retry_after: None,
            allowance: None,
        }
    }

    /// 422 with the places that are wrong.
    pub fn invalid(faults: Faults) -> Self {
        Self {
            details: faults.first(MAX_FAULTS),
            ..Self::new(422, "validation_error", "the request is not valid")
        }
    }

    /// 422 for a subscription to event types that the endpoint's dialect has no name for.
    pub fn unrepresentable(dialect: Dialect, types: Vec<EventType>, faults: Faults) -> Self {
        let message = format!(
            "{dialect} has no name for some of these event types; \
             with on_unmappable set to canonical or native the endpoint receives them in another form"
        );
        Self {
            details: faults.first(MAX_FAULTS),
            dialect: Some(dialect),
            types,
            alternatives: &OnUnmappable::ALTERNATIVES,
            ..Self::new(422, "unrepresentable_event_type", message)
        }
    }

    /// 429 for who sends more than is allowed, and may go on after this time.
    pub fn rate_limited(message: &str, wait: Duration) -> Self {
        Self {
            retry_after: Some(whole_seconds(wait)),
            ..Self::new(429, "rate_limited", message)
        }
    }

    /// `Ok` for what an organization does whose events are recorded, 403 for any other.
    ///
    /// # Errors
    /// Its access is not such.
    pub fn unless_recorded(access: Access) -> Result<(), Self> {
        if access.records() {
            return Ok(());
        }
        let message = format!("the organization has no plan with webhooks: its access is {access}");
        Err(Self::new(403, "plan_required", message))
    }

    /// 404 for a thing of this kind.
    pub fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("there is no such {what}"))
    }

    /// The same, with what the caller has left.
    pub fn with_allowance(self, allowance: Allowance) -> Self {
        let allowance = Some(Box::new(allowance));
        Self { allowance, ..self }
    }

    /// The same, answered with another status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The status it is answered with.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The code to branch on.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The places that are wrong.
    pub fn details(&self) -> &Faults {
        &self.details
    }

    /// The answer.
    pub fn response(&self) -> Response<Body> {
        let mut response = json(self.status, self);
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert("retry-after", HeaderValue::from(seconds));
        }
        if let Some(allowance) = &self.allowance {
            allowance.tell(&mut response);
        }
        response
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let (status, code) = match error {
            AccessError::NoKey | AccessError::BadKey => (401, "unauthorized"),
            AccessError::NoOrganization => (400, "organization_required"),
            AccessError::UnknownOrganization => (404, "not_found"),
            AccessError::Forbidden => (403, "forbidden"),
            AccessError::Unavailable(error) => return error.into(),
        };
        Self::new(status, code, error.to_string())
    }
}

/// Our own trouble: logged here with its causes, told to the caller without them.
impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        error!(error = %Chain(&error), "the request failed and can be repeated");
        let message = "the request could not be completed; repeat it with the same Idempotency-Key";
        Self {
            retry_after: Some(1),
            ..Self::new(503, "unavailable", message)
        }
    }
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        let message = error.to_string();
        match error {
            ParseError::Unreadable { line, column } => Self::new(
                400,
                "unreadable_json",
                format!("{message}: line {line}, column {column}"),
            ),
            ParseError::TooDeep { line, column } => Self::new(
                400,
                "too_deep",
                format!("{message}: line {line}, column {column}"),
            ),
            ParseError::NotAnObject => Self::new(400, "unreadable_json", message),
            ParseError::UnknownDialect => Self::new(422, "unknown_dialect", message),
            ParseError::EventTypeRequired {
                dialect,
                recognised,
            } => Self {
                details: Faults::one("?event", "required"),
                dialect: Some(dialect),
                recognised: Some(recognised),
                ..Self::new(422, "event_type_required", message)
            },
            ParseError::Invalid {
                dialect,
                recognised,
                faults,
            } => Self {
                dialect: Some(dialect),
                recognised: Some(recognised),
                message,
                ..Self::invalid(faults)
            },
        }
    }
}

/// A wait as `Retry-After` says it: not shorter than it is, and at least a second.
fn whole_seconds(wait: Duration) -> u16 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u16::try_from(seconds.max(1)).unwrap_or(u16::MAX)
}

/// An answer with a JSON body.
pub fn json(status: u16, body: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_string(body).expect("what is answered has text keys only");
    raw_json(status, body)
}

/// An answer whose body is JSON already.
pub fn raw_json(status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

/// An answer without a body.
pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A header's text.
///
/// # Errors
/// 422 when it holds anything but visible ASCII: to take it for absent could change what the request means.
pub fn header<'r>(request: &'r Request, name: &str) -> Result<Option<&'r str>, Problem> {
    let value = request.headers().get(name).map(HeaderValue::to_str);
    value.transpose().map_err(|_| {
        let reason = "must consist of visible ASCII characters";
        Problem::invalid(Faults::one(name, reason))
    })
}

/// The `Authorization` header. One that cannot be read holds no valid key.
///
/// # Errors
/// 401 for such a one.
pub fn authorization(request: &Request) -> Result<Option<&str>, Problem> {
    header(request, "authorization").map_err(|_| AccessError::BadKey.into())
}

/// Reads a body that may be left out, and else must be a JSON object.
///
/// # Errors
/// 400 when it is something else.
pub fn read_options(request: &Request) -> Result<Map<String, Value>, Problem> {
    if request.body().as_ref().is_empty() {
        return Ok(Map::new());
    }
    read_object(request)
}

/// Reads a body that must be a JSON object.
///
/// # Errors
/// 413 when it is too large, 400 when it is none or nested too deeply.
pub fn read_object(request: &Request) -> Result<Map<String, Value>, Problem> {
    let body = request.body().as_ref();
    check_size(body)?;
    Ok(dialect::read_object(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_that_are_enough() {
        for (milliseconds, header) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            let wait = Duration::from_millis(milliseconds);
            let response = Problem::rate_limited("too much", wait).response();
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], header);
        }
        let response = Problem::not_found("route").response();
        assert!(!response.headers().contains_key("retry-after"));
    }
}
