//! A receiver that takes its time, and measures how many requests come at once and how fast.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use payload::signature::ID_HEADER;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::stack::DEADLINE;

/// A receiver on a free port of loopback that answers 204.
pub(crate) struct Gauge {
    pub(crate) url: String,
    measured: Arc<Mutex<Measured>>,
}

/// What it has seen.
#[derive(Debug, Default)]
struct Measured {
    open: usize,
    most_open: usize,
    /// When each request came, in order.
    came: Vec<Instant>,
    /// When the request of an event first came, by `webhook-id`.
    first: HashMap<String, Instant>,
}

type Shared = (Arc<Mutex<Measured>>, Duration);

impl Gauge {
    /// Answers each request after this time.
    pub(crate) async fn start(takes: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port on loopback");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let measured = Arc::new(Mutex::new(Measured::default()));
        let state = (Arc::clone(&measured), takes);
        let router = Router::new().fallback(receive).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, measured }
    }

    fn read<T>(&self, read: impl FnOnce(&Measured) -> T) -> T {
        read(&self.measured.lock().expect("no holder panics"))
    }

    /// Waits until so many events have come.
    pub(crate) async fn events_within(&self, count: usize, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let come = self.read(|measured| measured.first.len());
            if come >= count {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{come} of {count} events came within {within:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Most requests that were open at once.
    pub(crate) fn most_open(&self) -> usize {
        self.read(|measured| measured.most_open)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.read(|measured| measured.came.len())
    }

    /// From the first request to the last.
    pub(crate) fn span(&self) -> Duration {
        self.read(
            |measured| match (measured.came.first(), measured.came.last()) {
                (Some(first), Some(last)) => *last - *first,
                _ => Duration::ZERO,
            },
        )
    }

    /// Most requests that came within any span of this length.
    pub(crate) fn most_within(&self, span: Duration) -> usize {
        self.read(|measured| {
            let came = &measured.came;
            let until = |from: usize| came.partition_point(|at| *at < came[from] + span);
            (0..came.len())
                .map(|from| until(from) - from)
                .max()
                .unwrap_or(0)
        })
    }

    /// When the request of an event first came; waits for it.
    pub(crate) async fn came(&self, event: &str) -> Instant {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let came = self.read(|measured| measured.first.get(event).copied());
            if let Some(came) = came {
                return came;
            }
            assert!(
                Instant::now() < deadline,
                "{event} did not come within {DEADLINE:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn receive(State((measured, takes)): State<Shared>, headers: HeaderMap) -> StatusCode {
    let id = headers.get(ID_HEADER).and_then(|id| id.to_str().ok());
    let id = id.unwrap_or_default().to_owned();
    let open = Open::new(measured, id);
    sleep(takes).await;
    drop(open);
    StatusCode::NO_CONTENT
}

/// An open request: over also when whoever made it hangs up.
struct Open(Arc<Mutex<Measured>>);

impl Open {
    fn new(measured: Arc<Mutex<Measured>>, id: String) -> Self {
        let mut now = measured.lock().expect("no holder panics");
        now.open += 1;
        now.most_open = now.most_open.max(now.open);
        let at = Instant::now();
        now.came.push(at);
        now.first.entry(id).or_insert(at);
        drop(now);
        Self(measured)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().expect("no holder panics").open -= 1;
    }
}
