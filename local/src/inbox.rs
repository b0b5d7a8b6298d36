//! The built-in receiver: endpoints at `/inbox/{name}`, and a page that shows what they received.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::{Html, IntoResponse},
    routing::{get, post},
};
use jiff::Timestamp;
use payload::secret::Secret;
use payload::signature::{ID_HEADER, STANDARD, Signed, TIMESTAMP_HEADER, TOLERANCE};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::clock;

/// How many deliveries are remembered.
const KEPT: usize = 500;

/// One webhook that arrived.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Received {
    /// When it arrived.
    pub(crate) at: Timestamp,
    /// The name in the endpoint's URL.
    pub(crate) endpoint: String,
    /// The event's id, from the header `webhook-id`.
    pub(crate) event_id: String,
    /// The event's type in the words of its dialect.
    pub(crate) r#type: String,
    /// Whether the signature is the endpoint's.
    pub(crate) verified: bool,
    /// Why not.
    pub(crate) reason: Option<String>,
    /// The body as it came.
    pub(crate) body: String,
}

/// What the built-in endpoints have received, oldest first.
#[derive(Default)]
pub(crate) struct Inbox {
    secrets: Mutex<HashMap<String, Secret>>,
    received: Mutex<VecDeque<Received>>,
    arrivals: watch::Sender<u64>,
}

impl Inbox {
    /// Makes the secret of an endpoint known, so that its signatures can be checked.
    pub(crate) fn expect(&self, endpoint: &str, secret: Secret) {
        lock(&self.secrets).insert(endpoint.to_owned(), secret);
    }

    /// What arrived last, oldest first.
    pub(crate) fn list(&self) -> Vec<Received> {
        lock(&self.received).iter().cloned().collect()
    }

    /// Changes with every arrival.
    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    fn receive(&self, endpoint: String, headers: &HeaderMap, body: &[u8], now: Timestamp) {
        let header = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let id = header(ID_HEADER);
        let checked = match lock(&self.secrets).get(&endpoint) {
            None => Err("the secret of this endpoint is not known here".to_owned()),
            Some(secret) => {
                let signed = Signed {
                    id,
                    timestamp: header(TIMESTAMP_HEADER),
                    signature: header(STANDARD.header),
                    body,
                };
                let verified = STANDARD.verify(secret, signed, now, TOLERANCE);
                verified.map_err(|error| error.to_string())
            }
        };
        let mut received = lock(&self.received);
        if received.len() == KEPT {
            received.pop_front();
        }
        received.push_back(Received {
            at: now,
            endpoint,
            event_id: id.to_owned(),
            r#type: event_type(body),
            verified: checked.is_ok(),
            reason: checked.err(),
            body: String::from_utf8_lossy(body).into_owned(),
        });
        drop(received);
        self.arrivals.send_modify(|count| *count += 1);
    }
}

/// The inbox's routes.
pub(crate) fn router(inbox: Arc<Inbox>) -> Router {
    Router::new()
        .route("/inbox", get(page))
        .route("/inbox.json", get(list))
        .route("/inbox/{endpoint}", post(receive))
        .with_state(inbox)
}

async fn receive(
    State(inbox): State<Arc<Inbox>>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    inbox.receive(endpoint, &headers, &body, clock::now());
    StatusCode::NO_CONTENT
}

async fn list(State(inbox): State<Arc<Inbox>>) -> Json<Vec<Received>> {
    let mut received = inbox.list();
    received.reverse();
    Json(received)
}

async fn page(inbox: State<Arc<Inbox>>, headers: HeaderMap) -> Response<Body> {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    match accept.contains("application/json") {
        true => list(inbox).await.into_response(),
        false => Html(include_str!("inbox.html")).into_response(),
    }
}

/// The dialects name the type under different keys.
fn event_type(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let named = ["type", "event", "eventType", "event_type"].map(|key| body[key].as_str());
    named
        .into_iter()
        .flatten()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(secret: &Secret, endpoint: &str) -> Received {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let body = br#"{"type":"credential.issued"}"#;
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (ID_HEADER, "evt_1".to_owned()),
            (TIMESTAMP_HEADER, now.as_second().to_string()),
            (STANDARD.header, STANDARD.sign(secret, "evt_1", now, body)),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let inbox = Inbox::default();
        inbox.expect(
            "mine",
            Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap(),
        );
        inbox.receive(endpoint.to_owned(), &headers, body, now);
        assert_eq!(*inbox.arrivals().borrow(), 1);
        inbox.list().remove(0)
    }

    #[test]
    fn a_delivery_is_shown_with_its_type_and_whether_its_signature_is_good() {
        let own = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap();
        let good = received(&own, "mine");
        assert_eq!(
            (good.event_id.as_str(), good.r#type.as_str(), good.verified),
            ("evt_1", "credential.issued", true)
        );
        let other = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            received(&other, "mine").reason.as_deref(),
            Some("no signature matches")
        );
        assert!(!received(&own, "unknown").verified);
    }

    #[test]
    fn only_the_last_deliveries_are_kept() {
        let inbox = Inbox::default();
        for index in 0..=KEPT {
            inbox.receive(
                index.to_string(),
                &HeaderMap::new(),
                b"",
                Timestamp::UNIX_EPOCH,
            );
        }
        let list = inbox.list();
        assert_eq!((list.len(), list[0].endpoint.as_str()), (KEPT, "1"));
    }
}
