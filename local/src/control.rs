//! What `local` itself answers: the Lambda Invoke API, and its own names under `/_local/`.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, Response, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    clock,
    environments::{EnvironmentStatus, Registry},
    invoke::{Functions, Invocable},
    queues::{QueueStatus, Queues, Redrive},
    schedules,
};

/// What the control routes act on.
#[derive(Clone)]
struct Control {
    functions: Functions,
    registry: Registry,
    queues: Queues,
}

/// The control routes.
pub(crate) fn router(functions: Functions, registry: Registry, queues: Queues) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .route("/_local/environments", get(environments))
        .route("/_local/schedules/{function}", post(fire))
        .route("/_local/queues", get(queues_status))
        .route("/_local/redrive", post(redrive))
        .layer(DefaultBodyLimit::disable())
        .with_state(Control {
            functions,
            registry,
            queues,
        })
}

/// `aws lambda invoke`: a failed invocation is a 200 with `X-Amz-Function-Error`.
async fn invoke(
    State(control): State<Control>,
    Path(name): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response<Body> {
    let Some(target) = control.functions.find(&name).cloned() else {
        return unknown_function(&name);
    };
    let payload = if payload.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        payload
    };
    match headers
        .get("x-amz-invocation-type")
        .map(|kind| kind.as_bytes())
    {
        Some(b"DryRun") => StatusCode::NO_CONTENT.into_response(),
        Some(b"Event") => {
            tokio::spawn(async move { target.invoke(payload).await });
            StatusCode::ACCEPTED.into_response()
        }
        _ => outcome(&target, payload).await,
    }
}

/// Fires a function as its schedule would.
async fn fire(State(control): State<Control>, Path(name): Path<String>) -> Response<Body> {
    let Some(target) = control.functions.find(&name) else {
        return unknown_function(&name);
    };
    let by_hand = schedules::by_hand();
    let schedule = target.function.schedules.first().unwrap_or(&by_hand);
    outcome(target, schedules::event(schedule, clock::now())).await
}

async fn environments(State(control): State<Control>) -> Json<Vec<EnvironmentStatus>> {
    Json(control.registry.list())
}

async fn queues_status(State(control): State<Control>) -> Result<Json<Vec<QueueStatus>>, Failure> {
    Ok(Json(control.queues.status().await?))
}

/// Moves dead letters back, as a message move task does on AWS.
async fn redrive(State(control): State<Control>) -> Result<Json<Vec<Redrive>>, Failure> {
    Ok(Json(control.queues.redrive().await?))
}

/// Something of the stack that did not do what it should: a 500 that says what.
struct Failure(anyhow::Error);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        let body = Json(json!({"message": format!("{:#}", self.0)}));
        (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
    }
}

async fn outcome(target: &Invocable, payload: Bytes) -> Response<Body> {
    const VERSION: (&str, &str) = ("x-amz-executed-version", "$LATEST");
    const JSON: (&str, &str) = ("content-type", "application/json");
    const FAILED: (&str, &str) = ("x-amz-function-error", "Unhandled");
    match target.invoke(payload).await {
        Ok(answer) => ([VERSION, JSON], answer).into_response(),
        Err(error) => ([VERSION, JSON, FAILED], error.to_json()).into_response(),
    }
}

fn unknown_function(name: &str) -> Response<Body> {
    let body: Json<Value> =
        Json(json!({"Type": "User", "Message": format!("Function not found: {name}")}));
    (
        StatusCode::NOT_FOUND,
        [("x-amzn-errortype", "ResourceNotFoundException")],
        body,
    )
        .into_response()
}
