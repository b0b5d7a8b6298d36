//! A source system that sends its own webhooks to a relay, signed as it signs them.

use jiff::Timestamp;
use payload::dialect::Dialect;
use payload::secret::Secret;
use payload::signature::{ID_HEADER, Scheme, TIMESTAMP_HEADER};
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::stack::{Organization, Stack, text};

/// What every source of the tests signs with: for Standard Webhooks the decoded bytes, else the text.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A source system with a relay of its own. It has no key.
pub(crate) struct Source {
    /// The id of its relay.
    pub(crate) id: String,
    /// Below `/api/v1/`, with the token.
    pub(crate) path: String,
    pub(crate) http: Caller,
    dialect: Dialect,
}

impl Source {
    /// Makes a relay of an organization.
    pub(crate) async fn create(stack: &Stack, college: &Organization, dialect: Dialect) -> Self {
        let made = college.api.post("relays", configuration(dialect)).await;
        let made = made.expect(201);
        let path = text(&made, "url_path");
        let path = path.strip_prefix("/api/v1/").expect("a path of the API");
        Self {
            id: text(&made, "id"),
            path: path.to_owned(),
            http: stack.caller(None),
            dialect,
        }
    }

    /// Sends a body signed now; `suffix` names the event, as `/event` or `?event=event`.
    pub(crate) async fn send(&self, suffix: &str, body: &[u8]) -> Answer {
        let signed = self.signed(SECRET, now(), body);
        self.post(&signed, suffix, body).await
    }

    /// Sends a body with whatever headers.
    pub(crate) async fn post(&self, headers: &Caller, suffix: &str, body: &[u8]) -> Answer {
        let path = format!("{}{suffix}", self.path);
        headers.post_bytes(&path, body.to_vec()).await
    }

    /// The headers of a body signed then; none where the dialect does not sign.
    pub(crate) fn signed(&self, secret: &str, at: Timestamp, body: &[u8]) -> Caller {
        let Some(scheme) = Scheme::of(self.dialect) else {
            return self.http.clone();
        };
        let secret = Secret::of_source(secret).expect("a secret");
        self.http
            .with(ID_HEADER, "msg_1")
            .with(TIMESTAMP_HEADER, &at.as_second().to_string())
            .with(scheme.header, &scheme.sign(&secret, "msg_1", at, body))
    }
}

/// What a relay of a dialect is made with.
pub(crate) fn configuration(dialect: Dialect) -> Value {
    match Scheme::of(dialect) {
        Some(_) => json!({"name": "a source", "dialect": dialect, "secret": SECRET}),
        None => json!({"name": "a source", "dialect": dialect}),
    }
}

#[expect(clippy::disallowed_methods, reason = "a source reads its own clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
