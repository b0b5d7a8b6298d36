//! Receivers that fail at random, and remember what they took.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::response::IntoResponse as _;
use payload::signature::ID_HEADER;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::faults::{Connection, roll};

/// Where everything is refused, and attempted until the schedule ends.
pub(crate) const BROKEN: &str = "/broken";
/// Where for a while nothing works: its circuit opens.
pub(crate) const INTERRUPTED: &str = "/interrupted";
/// From which request on that is so, and for how long: shorter than a schedule, whose attempts wait then.
const INTERRUPTED_AFTER: usize = 300;
const INTERRUPTED_FOR: Duration = Duration::from_millis(2_500);
/// The path of the endpoint that is disabled.
pub(crate) const DISABLED: &str = "/disabled";

/// In how many of a million requests a receiver answers 500, breaks the connection or never answers.
const ANSWERS_500: u32 = 80_000;
const BREAKS: u32 = 20_000;
const HANGS: u32 = 1_000;

/// All receivers of a test on one address. The path tells them apart.
#[derive(Clone)]
pub(crate) struct Receivers {
    address: String,
    seen: Arc<Mutex<HashMap<(String, String), Seen>>>,
    hashes: RandomState,
    seed: u64,
    interruption: Arc<Mutex<Interruption>>,
}

/// How far the receiver is that is interrupted.
#[derive(Debug, Default)]
struct Interruption {
    requests: usize,
    since: Option<Instant>,
}

impl Interruption {
    /// Counts a request, and says whether it comes while nothing works.
    fn meets(&mut self) -> bool {
        self.requests += 1;
        if self.requests == INTERRUPTED_AFTER {
            self.since = Some(Instant::now());
        }
        self.since
            .is_some_and(|since| since.elapsed() < INTERRUPTED_FOR)
    }
}

/// What a receiver has seen of one `webhook-id`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    body: u64,
    /// How many requests it got.
    pub(crate) requests: u32,
    /// How many of the requests it answered with success.
    pub(crate) taken: usize,
    /// Whether a later request had another body than the first.
    pub(crate) differed: bool,
}

impl Receivers {
    /// Starts them.
    pub(crate) async fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener");
        let receivers = Self {
            address: format!("http://{address}"),
            seen: Arc::default(),
            hashes: RandomState::new(),
            seed,
            interruption: Arc::default(),
        };
        let router = Router::new()
            .fallback(receive)
            .with_state(receivers.clone())
            .into_make_service_with_connect_info::<Connection>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        receivers
    }

    /// The URL of the receiver with this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// What the receiver with this path has seen of this event.
    pub(crate) fn seen(&self, path: &str, event: &str) -> Seen {
        let seen = self.seen.lock().expect("no holder panics");
        let key = (path.to_owned(), event.to_owned());
        seen.get(&key).copied().unwrap_or_default()
    }

    /// Notes a request and says what becomes of it.
    fn decide(&self, path: &str, event: &str, body: &[u8]) -> Decision {
        let mut seen = self.seen.lock().expect("no holder panics");
        let key = (path.to_owned(), event.to_owned());
        let seen = seen.entry(key).or_default();
        let hash = self.hashes.hash_one(body);
        seen.differed |= seen.requests > 0 && seen.body != hash;
        seen.body = hash;
        seen.requests += 1;
        let rolled = roll(self.seed, (path, seen.requests, body));
        let mut interruption = self.interruption.lock().expect("no holder panics");
        if path == BROKEN {
            Decision::Refuse
        } else if path == INTERRUPTED && interruption.meets() || rolled < ANSWERS_500 {
            Decision::Fail
        } else if rolled < ANSWERS_500 + BREAKS {
            Decision::Break
        } else if rolled < ANSWERS_500 + BREAKS + HANGS {
            Decision::Hang
        } else {
            seen.taken += 1;
            Decision::Take
        }
    }
}

enum Decision {
    Take,
    Refuse,
    Fail,
    Break,
    Hang,
}

async fn receive(
    State(receivers): State<Receivers>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let event = headers.get(ID_HEADER).and_then(|id| id.to_str().ok());
    let event = event.expect("a webhook has an id");
    match receivers.decide(uri.path(), event, &body) {
        Decision::Take => StatusCode::NO_CONTENT.into_response(),
        Decision::Refuse => StatusCode::NOT_FOUND.into_response(),
        Decision::Fail => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Decision::Break => {
            connection.close();
            std::future::pending().await
        }
        Decision::Hang => std::future::pending().await,
    }
}
