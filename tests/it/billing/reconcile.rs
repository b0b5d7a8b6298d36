//! Where events leave a doubt, Stripe is asked, if there is a key for that.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::get;
use jiff::SignedDuration;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control::fire;
use crate::source::now;
use crate::stack::{Stack, text};
use crate::stripe::{Customer, SECRET, access};

const READ_KEY: &str = "rk_live_replace_me";

/// Stripe's API: it knows some subscriptions, and whoever shows the key may read them.
struct Api {
    url: String,
    knows: watch::Sender<Option<Value>>,
    asked: watch::Receiver<Vec<String>>,
}

struct Shared {
    knows: watch::Receiver<Option<Value>>,
    asked: watch::Sender<Vec<String>>,
}

impl Api {
    async fn start() -> Self {
        let (knows, known) = watch::channel(None);
        let (notes, asked) = watch::channel(Vec::new());
        let shared = Arc::new(Shared {
            knows: known,
            asked: notes,
        });
        let router = Router::new()
            .route("/v1/subscriptions/{id}", get(answer))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: format!("http://{address}"),
            knows,
            asked,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> axum::response::Response {
    shared.asked.send_modify(|asked| asked.push(id.clone()));
    let key = headers
        .get("authorization")
        .and_then(|key| key.to_str().ok());
    if key != Some(&format!("Bearer {READ_KEY}")) || !headers.contains_key("stripe-version") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let known = shared.knows.borrow().clone();
    match known.filter(|known| known["id"] == *id) {
        Some(known) => axum::Json(known).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A stack that may ask this Stripe.
async fn start(api: &Api) -> Stack {
    let key = format!("StripeReadKey={READ_KEY}");
    Stack::start_with(&[
        "--stripe-secret",
        SECRET,
        "--stripe-api",
        &api.url,
        "--parameter",
        &key,
    ])
    .await
}

/// Fires the schedule of the billing function: how many doubts were settled, and how many left.
async fn asks_as_each_hour(stack: &Stack) -> (u64, u64) {
    let answer = fire(&stack.url, "BillingFunction").await;
    assert_eq!(answer["statusCode"], 200, "{answer:#}");
    let body: Value = serde_json::from_str(&text(&answer, "body")).expect("JSON");
    let count = |name: &str| body[name].as_u64().expect("a number");
    (count("settled"), count("left"))
}

#[tokio::test]
async fn a_renewal_of_which_the_word_was_lost_is_found_by_the_schedule() {
    let api = Api::start().await;
    let stack = start(&api).await;
    let college = stack.create_organization().await.id;
    let other = stack.create_organization().await.id;
    // The period of the one ended four days ago, that of the other goes on.
    let past = Customer::of(&college, 1, now() - SignedDuration::from_hours(4 * 24));
    let present = Customer::of(&other, 2, now());
    let activated = "dahlia/03_customer.subscription.updated.activated";
    let renewed = "dahlia/05_customer.subscription.updated.renewed";
    stack.stripe(&past.event(activated)).await.expect(200);
    stack.stripe(&present.event(renewed)).await.expect(200);
    assert_eq!(access(&stack.billing(&college).await), "SUSPENDED");
    assert_eq!(api.asked(), [past.subscription()]);

    // Stripe does not say it, and is asked again.
    assert_eq!(asks_as_each_hour(&stack).await, (0, 1));
    assert_eq!(api.asked().len(), 2);
    let paid = Customer::of(&college, 1, now()).event(renewed);
    let paid: Value = serde_json::from_str(&paid).expect("JSON");
    let paid = paid["data"]["object"].clone();
    api.knows.send(Some(paid)).expect("it listens");
    assert_eq!(asks_as_each_hour(&stack).await, (1, 0));
    let view = stack.billing(&college).await;
    assert_eq!(access(&view), "ACTIVE", "{view:#}");
    assert_eq!(view["needs_reconcile"], false, "{view:#}");

    // Nobody is in doubt any more.
    assert_eq!(asks_as_each_hour(&stack).await, (0, 0));
    assert_eq!(api.asked().len(), 3);
}

#[tokio::test]
async fn a_stripe_that_does_not_answer_keeps_no_event_from_being_heard() {
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await;
    let silent = silent.expect("a free port on loopback");
    let address = silent.local_addr().expect("a bound listener");
    let api = Api {
        url: format!("http://{address}"),
        ..Api::start().await
    };
    let stack = start(&api).await;
    let college = stack.create_organization().await.id;
    let past = now() - SignedDuration::from_hours(4 * 24);
    let activated = "dahlia/03_customer.subscription.updated.activated";
    for number in 1..=2 {
        // Each asks about all that are doubtful by then.
        let event = Customer::of(&college, number, past).event(activated);
        stack.stripe(&event).await.expect(200);
    }
    let view = stack.billing(&college).await;
    assert_eq!(access(&view), "SUSPENDED");
    let outcomes = view["events"].as_array().expect("a list").iter();
    let outcomes: Vec<&Value> = outcomes.map(|event| &event["outcome"]).collect();
    assert_eq!(outcomes, ["applied", "applied"], "{view:#}");
}

#[tokio::test]
async fn a_subscription_that_was_bought_and_never_heard_of_is_asked_for() {
    let api = Api::start().await;
    let stack = start(&api).await;
    let college = stack.create_organization().await.id;
    // A checkout of an hour ago.
    let customer = Customer::of(&college, 1, now() - SignedDuration::from_hours(1));
    let checkout = customer.event("dahlia/01_checkout.session.completed");
    stack.stripe(&checkout).await.expect(200);
    assert_eq!(api.asked(), [customer.subscription()]);
    let view = stack.billing(&college).await;
    assert_eq!(
        (access(&view).as_str(), &view["needs_reconcile"]),
        ("PENDING", &Value::Bool(true)),
        "{view:#}"
    );

    // Stripe did not know it. Now it does, and the same event asks again.
    let active = customer.event("dahlia/03_customer.subscription.updated.activated");
    let active: Value = serde_json::from_str(&active).expect("JSON");
    api.knows
        .send(Some(active["data"]["object"].clone()))
        .expect("it listens");
    stack.stripe(&checkout).await.expect(200);
    assert_eq!(api.asked().len(), 2);
    let view = stack.billing(&college).await;
    assert_eq!(
        (access(&view).as_str(), &view["needs_reconcile"]),
        ("ACTIVE", &Value::Bool(false)),
        "{view:#}"
    );
    // Nothing is left to be asked, and what it was when it was asked is not undone by what happened before.
    let before = customer.event("dahlia/02_customer.subscription.created.incomplete");
    stack.stripe(&before).await.expect(200);
    assert_eq!(api.asked().len(), 2);
    assert_eq!(access(&stack.billing(&college).await), "ACTIVE");
}

#[tokio::test]
async fn without_a_key_stripe_is_not_asked_and_the_doubt_is_shown() {
    let api = Api::start().await;
    let arguments = ["--stripe-secret", SECRET, "--stripe-api", &api.url];
    let stack = Stack::start_with(&arguments).await;
    let college = stack.create_organization().await.id;
    let customer = Customer::of(&college, 1, now() - SignedDuration::from_hours(1));
    let checkout = customer.event("dahlia/01_checkout.session.completed");
    stack.stripe(&checkout).await.expect(200);
    let view = stack.billing(&college).await;
    assert_eq!(view["needs_reconcile"], true, "{view:#}");
    assert!(api.asked().is_empty());
}
