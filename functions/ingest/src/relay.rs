//! The webhooks of a source system, sent by itself to the URL of a relay.
//!
//! A sender that repeats what is answered 4xx would repeat a body that cannot be read for ever to no
//! end (Beedeez: 100 times in ten minutes). Such a body is taken into quarantine and answered 202. And what
//! comes for an organization without access is answered 200, and not kept.

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::HeaderMap;
use lambda_http::{Body, Request, RequestExt, Response};
use payload::dialect::{Dialect, ParseError, Recognised};
use payload::fault::Faults;
use payload::id::QuarantineId;
use payload::secret::Secret;
use payload::signature::{ID_HEADER, Scheme, SignatureError, Signed, TIMESTAMP_HEADER};
use payload::token::RelayToken;
use reply::{Problem, check_size};
use serde::Serialize;
use state::{Clock, Relay, Unreadable};
use tracing::warn;

use crate::handler::{Context, Ingest};
use crate::submit::{self, Options};

/// How far a signed time may be from now: a source may repeat a webhook for hours with its first
/// signature. A natural idempotency key is valid for as long, so a replay within this time is a
/// duplicate and a later one is refused, as far as the source's clock is right.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(24);

/// The answer to a webhook that cannot be read.
#[derive(Serialize)]
struct QuarantineAnswer<'a> {
    quarantined: bool,
    id: QuarantineId,
    error: &'a str,
    message: &'a str,
    details: &'a Faults,
    dialect: Dialect,
    recognised: Recognised,
}

/// The answer to a webhook of an organization without access.
#[derive(Serialize)]
struct Ignored<'a> {
    ignored: bool,
    error: &'a str,
    message: &'a str,
}

/// `POST /api/v1/relay/{token}` and `/relay/{token}/{event}`.
pub(crate) async fn receive(
    ingest: &Ingest,
    request: &Request,
    token: &str,
    event: Option<&str>,
    clock: Clock,
) -> Result<Response<Body>, Problem> {
    let now = clock.read();
    let relay = find(ingest, token, now).await?;
    let body = request.body().as_ref();
    check_size(body)?;
    let secret = relay.open(&ingest.keyring).await?;
    let checked = check_signature(relay.dialect, secret.as_ref(), request.headers(), body, now);
    checked.map_err(|reason| {
        warn!(relay.id = %relay.id, dialect = %relay.dialect, %reason, "refused a signature");
        // One answer for every reason: whoever guesses learns nothing.
        Problem::new(401, "bad_signature", "the signature is not valid")
    })?;
    let context = ingest.context_for(relay.organization_id, clock).await?;
    let context = context.ok_or_else(|| Problem::not_found("relay"))?;
    ingest.admit(1, &context).await?;
    if let Err(refused) = context.require_plan() {
        return Ok(ignore(&relay, &context, &refused));
    }
    let options = Options {
        dialect: Some(relay.dialect),
        event: event_name(request, event),
        idempotency_key: None,
    };
    match submit::read(body, &options, now, &context) {
        Ok(parsed) => {
            let answer = submit::accept(ingest, body, parsed, None, &context).await?;
            Ok(reply::json(answer.status(), &answer))
        }
        Err(error) => {
            let named = options.event;
            quarantine(ingest, &relay, body, named, error, &context).await
        }
    }
}

/// Answers what would be refused anywhere else. The source system has no part in what the organization pays
/// for: it would repeat the webhook, and then switch off what is to work again when the access is back.
fn ignore(relay: &Relay, context: &Context, refused: &Problem) -> Response<Body> {
    warn!(
        relay.id = %relay.id,
        organization.id = %relay.organization_id,
        "ignored: the organization's access is {}", context.access,
    );
    let answer = Ignored {
        ignored: true,
        error: refused.code(),
        message: refused.message(),
    };
    reply::json(200, &answer)
}

/// The relay of a token. A mistyped one costs no look-up.
async fn find(ingest: &Ingest, token: &str, now: Timestamp) -> Result<Relay, Problem> {
    let unknown = || Problem::not_found("relay");
    let token = RelayToken::parse(token).map_err(|_| unknown())?;
    let relay = ingest.accounts.find_relay(&token.sha256(), now).await?;
    relay.ok_or_else(unknown)
}

/// Accepts what is signed as the relay's dialect signs, and anything where it does not sign: there the
/// token is the secret.
fn check_signature(
    dialect: Dialect,
    secret: Option<&Secret>,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let Some(scheme) = Scheme::of(dialect) else {
        return Ok(());
    };
    // A relay of such a dialect is not made without a secret.
    let secret = secret.ok_or(SignatureError::NoMatch)?;
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let signed = Signed {
        id: header(ID_HEADER),
        timestamp: header(TIMESTAMP_HEADER),
        signature: header(scheme.header),
        body,
    };
    scheme.verify(secret, signed, now, TOLERANCE)
}

/// The name of the event: of the path, or `?event=`, or the header `X-Webhook-Event`.
fn event_name(request: &Request, segment: Option<&str>) -> Option<String> {
    let query = request.query_string_parameters();
    let header = || request.headers().get("x-webhook-event")?.to_str().ok();
    let name = segment.or_else(|| query.first("event")).or_else(header);
    name.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Keeps a webhook that cannot be read.
async fn quarantine(
    ingest: &Ingest,
    relay: &Relay,
    body: &[u8],
    event: Option<String>,
    error: ParseError,
    context: &Context,
) -> Result<Response<Body>, Problem> {
    let problem = Problem::from(error);
    let unreadable = Unreadable {
        relay,
        event,
        error: problem.code().to_owned(),
        message: problem.message().to_owned(),
        faults: problem.details().clone(),
        body,
        retention: context.account.organization.retention(ingest.retention),
    };
    let id = ingest.events.quarantine(unreadable, context.now).await?;
    warn!(
        quarantine.id = %id,
        relay.id = %relay.id,
        organization.id = %relay.organization_id,
        dialect = %relay.dialect,
        error = problem.code(),
        "quarantined {id}",
    );
    let answer = QuarantineAnswer {
        quarantined: true,
        id,
        error: problem.code(),
        message: problem.message(),
        details: problem.details(),
        dialect: relay.dialect,
        recognised: Recognised::Named,
    };
    Ok(reply::json(202, &answer))
}

#[cfg(test)]
mod tests {
    use lambda_http::http::{HeaderName, HeaderValue};

    use super::*;

    const BODY: &[u8] = b"{}";

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::of_source(text).unwrap()
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    /// The headers of a webhook that was signed then.
    fn signed(dialect: Dialect, at: Timestamp) -> HeaderMap {
        let scheme = Scheme::of(dialect).unwrap();
        let signature = scheme.sign(&secret("abc"), "msg_1", at, BODY);
        headers(&[
            (ID_HEADER, "msg_1"),
            (TIMESTAMP_HEADER, &at.as_second().to_string()),
            (scheme.header, &signature),
        ])
    }

    #[test]
    fn a_signature_is_good_for_a_day_where_the_time_is_signed_and_for_ever_where_not() {
        let day = now() - TOLERANCE;
        let longer = day - SignedDuration::from_secs(1);
        for dialect in Dialect::ALL {
            if Scheme::of(dialect).is_none() {
                continue;
            }
            let check = |at| {
                let headers = signed(dialect, at);
                check_signature(dialect, Some(&secret("abc")), &headers, BODY, now())
            };
            assert_eq!(check(day), Ok(()), "{dialect}");
            let expected = match dialect {
                Dialect::Canonical | Dialect::Thatsme => Err(SignatureError::TooOld),
                _ => Ok(()),
            };
            assert_eq!(check(longer), expected, "{dialect}");
        }
    }

    #[test]
    fn a_signature_that_is_missing_or_no_text_or_without_a_secret_is_bad() {
        let check = |text: Option<&str>, headers| {
            let secret = text.map(secret);
            check_signature(Dialect::Vec, secret.as_ref(), &headers, BODY, now()).is_err()
        };
        assert!(check(Some("abc"), HeaderMap::new()));
        assert!(check(Some("abc"), headers(&[("x-webhook-signature", "é")])));
        assert!(check(None, signed(Dialect::Vec, now())));
        assert!(check(Some("abd"), signed(Dialect::Vec, now())));
        assert!(!check(Some("abc"), signed(Dialect::Vec, now())));
    }

    #[test]
    fn where_nobody_signs_nothing_is_checked() {
        for dialect in [Dialect::Toolzz, Dialect::Beedeez] {
            let checked = check_signature(dialect, None, &HeaderMap::new(), BODY, now());
            assert_eq!(checked, Ok(()));
        }
    }

    #[test]
    fn the_path_names_the_event_before_the_query_and_the_query_before_the_header() {
        let request = |query: &str, header: &str| {
            let mut request = Request::new(Body::Empty).with_query_string_parameters(
                std::collections::HashMap::from([("event".to_owned(), query.to_owned())]),
            );
            let value = HeaderValue::from_bytes(header.as_bytes()).unwrap();
            request.headers_mut().insert("x-webhook-event", value);
            request
        };
        let both = request("query", "header");
        assert_eq!(event_name(&both, Some("path")).as_deref(), Some("path"));
        assert_eq!(event_name(&both, None).as_deref(), Some("query"));
        let mut header = Request::new(Body::Empty);
        let value = HeaderValue::from_static("header");
        header.headers_mut().insert("x-webhook-event", value);
        assert_eq!(event_name(&header, None).as_deref(), Some("header"));
        assert_eq!(event_name(&Request::new(Body::Empty), None), None);
    }
}
