//! Faults between the functions and their tables and queue.
//!
//! The functions of a stack that runs as processes reach DynamoDB and SQS through [`Faults`], which knows
//! of each request the function, the operation and the body, and does to it what a rule says. Random
//! faults come from a seed.

mod connection;
mod forward;
mod random;
mod request;
mod rows;
mod rule;
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::json;
use tokio::net::TcpListener;

pub(crate) use connection::Connection;
pub(crate) use random::{Chances, roll, seed};
pub(crate) use request::Request;
pub(crate) use rule::{Fault, Injected, Rule};

use crate::control::{environments, kill};
use crate::stack::Stack;
use forward::{Forwarded, answered_as_sent, refused};
use random::Dice;
use rows::Asked;
use rule::Set;

/// More than any request of a function has.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// The interceptor of one stack.
#[derive(Clone)]
pub(crate) struct Faults(Arc<Shared>);

struct Shared {
    http: reqwest::Client,
    stack: OnceLock<String>,
    asked: OnceLock<Asked>,
    state: Mutex<Plan>,
}

/// What is to happen, and what has.
#[derive(Default)]
struct Plan {
    rules: Vec<Set>,
    dice: Vec<Dice>,
    injected: BTreeMap<&'static str, usize>,
}

impl Faults {
    /// Starts a stack whose functions are processes, with an interceptor that does nothing yet.
    pub(crate) async fn start(arguments: &[&str]) -> (Stack, Self) {
        let (faults, url) = Self::listen().await;
        let intercepted = [&["--processes", "--intercept", &url], arguments].concat();
        let stack = Stack::start_with(&intercepted).await;
        faults.0.stack.set(stack.url.clone()).expect("set once");
        (stack, faults)
    }

    /// The interceptor alone, and where it answers.
    async fn listen() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener");
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true);
        let faults = Self(Arc::new(Shared {
            http: http.build().expect("a client"),
            stack: OnceLock::new(),
            asked: OnceLock::new(),
            state: Mutex::default(),
        }));
        let router = Router::new()
            .fallback(intercept)
            .with_state(faults.clone())
            .into_make_service_with_connect_info::<Connection>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (faults, format!("http://{address}"))
    }

    /// Does what the rule says from now on.
    pub(crate) fn inject(&self, rule: Rule) -> Injected {
        let (set, injected) = rule.set();
        self.plan().rules.push(set);
        injected
    }

    /// Injects faults at random from now on.
    pub(crate) fn roll(&self, chances: Chances) {
        self.plan().dice.push(Dice::new(chances));
    }

    /// Injects nothing from now on.
    pub(crate) fn stop(&self) {
        let mut plan = self.plan();
        plan.rules.clear();
        plan.dice.clear();
    }

    /// How many faults of each kind were injected.
    pub(crate) fn injected(&self) -> BTreeMap<&'static str, usize> {
        self.plan().injected.clone()
    }

    /// Kills all processes of a function.
    pub(crate) async fn kill(&self, function: &str) {
        let stack = self.0.stack.get().expect("processes belong to a stack");
        for process in environments(&self.0.http, stack, function).await {
            kill(process);
        }
    }

    /// What happens to a request.
    fn fate(&self, request: &Request) -> Option<Fault> {
        let mut plan = self.plan();
        let by_rule = plan.rules.iter_mut().find_map(|rule| rule.fault(request));
        let fault = match by_rule {
            Some(fault) => Some(fault),
            None => plan.dice.iter_mut().find_map(|dice| dice.fault(request)),
        }?;
        *plan.injected.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    async fn answer(
        &self,
        request: &Request,
        forwarded: Forwarded<'_>,
        connection: &Connection,
    ) -> Response<Body> {
        let Some(fault) = self.fate(request) else {
            return forwarded.send().await;
        };
        match fault {
            Fault::Throttle => refused(StatusCode::BAD_REQUEST, request.throttling()),
            Fault::Fail => refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
            Fault::TimeOut => std::future::pending().await,
            Fault::DropAnswer => {
                forwarded.send().await;
                connection.close();
                std::future::pending().await
            }
            Fault::KillBefore => {
                self.kill(&request.function).await;
                std::future::pending().await
            }
            Fault::KillAfter => {
                forwarded.send().await;
                self.kill(&request.function).await;
                std::future::pending().await
            }
            Fault::FindNothing => {
                axum::Json(json!({"Count": 0, "ScannedCount": 0, "Items": []})).into_response()
            }
            Fault::LoseMessage => answered_as_sent(request, 1, forwarded).await,
            Fault::LoseMessages => answered_as_sent(request, usize::MAX, forwarded).await,
            Fault::DuplicateMessages => {
                forwarded.send().await;
                forwarded.send().await
            }
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.state.lock().expect("no holder panics")
    }
}

/// One request of a function, to `/{function}/{host:port}/…`.
async fn intercept(
    State(faults): State<Faults>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut path = head.uri.path().trim_start_matches('/').splitn(3, '/');
    let (Some(function), Some(upstream)) = (path.next(), path.next()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let rest = path.next().unwrap_or_default();
    let request = Request::new(function, &head.headers, body);
    let url = format!("http://{upstream}/{rest}");
    if !request.is_for_queue {
        // Whoever is no function may do all.
        faults.0.asked.get_or_init(|| Asked {
            url: format!("http://{upstream}/"),
            headers: head.headers.clone(),
        });
    }
    let forwarded = Forwarded {
        http: &faults.0.http,
        url,
        headers: &head.headers,
        body: request.body.clone(),
    };
    faults.answer(&request, forwarded, &connection).await
}
