//! A receiver of webhooks that does what a test tells it and remembers what it got.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse as _;
use futures::stream::{self, StreamExt as _};
use payload::secret::Secret;
use payload::signature::{ID_HEADER, STANDARD, Signed, TIMESTAMP_HEADER, TOLERANCE};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::samples::issued;
use crate::stack::{DEADLINE, Organization, until};

/// What a receiver does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and body.
    Text(u16, &'static str),
    /// Answers 200 with so many bytes.
    Bytes(usize),
    /// Answers with this status, elsewhere.
    Redirect(u16, String),
    /// Answers with this status, and asks to be left alone for a while.
    RetryAfter(u16, &'static str),
    /// Answers 204 after a while.
    Late(Duration),
    /// Never answers.
    Hang,
    /// Answers 200 and the start of a body that never ends.
    Stall,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Webhook {
    /// A header that must be there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers));
        value.to_str().expect("webhooks have text headers")
    }

    /// The id of the event.
    pub(crate) fn id(&self) -> &str {
        self.header(ID_HEADER)
    }

    /// Fails unless the signature is that of this secret, now.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "a receiver reads its own clock")]
    pub(crate) fn verify(&self, secret: &str) {
        self.verify_at(jiff::Timestamp::now(), secret);
    }

    /// Fails unless the signature is that of this secret, at this time.
    #[track_caller]
    pub(crate) fn verify_at(&self, now: jiff::Timestamp, secret: &str) {
        let secret = Secret::parse(secret).expect("the secret of an endpoint");
        let signed = Signed {
            id: self.id(),
            timestamp: self.header(TIMESTAMP_HEADER),
            signature: self.header(STANDARD.header),
            body: &self.body,
        };
        let verified = STANDARD.verify(&secret, signed, now, TOLERANCE);
        verified.unwrap_or_else(|error| panic!("{error}: {self:?}"));
    }
}

/// A receiver on a free port of loopback.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: watch::Receiver<Vec<Webhook>>,
}

struct Script {
    replies: Vec<Reply>,
    received: watch::Sender<Vec<Webhook>>,
}

impl Receiver {
    /// Does with each request what `replies` says; the last one is for all that follow.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener");
        let (sender, received) = watch::channel(Vec::new());
        let script = Script {
            replies: replies.into_iter().collect(),
            received: sender,
        };
        let router = Router::new().fallback(receive).with_state(Arc::new(script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: format!("http://{address}/hook"),
            received,
        }
    }

    /// Answers everything 204.
    pub(crate) async fn content() -> Self {
        Self::start([Reply::Status(204)]).await
    }

    /// What has come so far.
    pub(crate) fn received(&self) -> Vec<Webhook> {
        self.received.borrow().clone()
    }

    /// How much has come so far.
    pub(crate) fn count(&self) -> usize {
        self.received.borrow().len()
    }

    /// Waits until at least `count` requests have come, and answers all that have.
    pub(crate) async fn requests(&self, count: usize) -> Vec<Webhook> {
        self.requests_within(count, DEADLINE).await
    }

    /// Posts one event after the other until a webhook comes that is as it is awaited, and answers it: what the
    /// functions remember of an endpoint may be a few seconds old.
    pub(crate) async fn until(
        &self,
        sender: &Organization,
        is_awaited: impl Fn(&Webhook) -> bool,
    ) -> Webhook {
        until("a webhook as it is awaited", async || {
            let before = self.count();
            sender.post_event(&issued(&format!("until {before}"))).await;
            let all = self.requests(before + 1).await;
            let found = all[before..].iter().find(|webhook| is_awaited(webhook));
            found.cloned().ok_or(before)
        })
        .await
    }

    /// [`Self::requests`] with another deadline.
    pub(crate) async fn requests_within(&self, count: usize, deadline: Duration) -> Vec<Webhook> {
        let mut received = self.received.clone();
        let enough = received.wait_for(|received| received.len() >= count);
        match timeout(deadline, enough).await {
            Ok(received) => received.expect("the receiver lives").clone(),
            Err(_) => panic!(
                "{} of {count} requests came within {deadline:?}",
                self.count()
            ),
        }
    }
}

async fn receive(
    State(script): State<Arc<Script>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut place = 0;
    script.received.send_modify(|received| {
        place = received.len();
        received.push(Webhook { headers, body });
    });
    let reply = script.replies.get(place).or(script.replies.last());
    let status = |code: u16| StatusCode::from_u16(code).expect("a status of HTTP");
    match reply.expect("a script has a reply").clone() {
        Reply::Status(code) => status(code).into_response(),
        Reply::Text(code, text) => (status(code), text).into_response(),
        Reply::Bytes(length) => vec![b'x'; length].into_response(),
        Reply::Redirect(code, location) => (status(code), [("location", location)]).into_response(),
        Reply::RetryAfter(code, wait) => (status(code), [("retry-after", wait)]).into_response(),
        Reply::Late(wait) => {
            sleep(wait).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Reply::Hang => std::future::pending().await,
        Reply::Stall => {
            let start = stream::iter([Ok::<_, Infallible>("a start")]);
            Body::from_stream(start.chain(stream::pending())).into_response()
        }
    }
}
