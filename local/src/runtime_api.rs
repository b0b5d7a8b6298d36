//! The Lambda Runtime API, as function binaries speak it.
//!
//! Every environment has an address of its own (`<host>/<environment>/2018-06-01/…`), so that an answer, a death and a
//! kill each concern the right process.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    environments::{Environment, Registry},
    invoke::{InvokeError, deadline_ms},
};

/// The Runtime API for the environments of `registry`.
pub(crate) fn router(registry: Registry) -> Router {
    Router::new()
        .route(
            "/{environment}/2018-06-01/runtime/invocation/next",
            get(next),
        )
        .route(
            "/{environment}/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route(
            "/{environment}/2018-06-01/runtime/invocation/{id}/error",
            post(error),
        )
        .route(
            "/{environment}/2018-06-01/runtime/init/error",
            post(init_error),
        )
        .layer(DefaultBodyLimit::disable())
        .with_state(registry)
}

type Answer = Result<Response<Body>, (StatusCode, Json<Value>)>;

async fn next(State(registry): State<Registry>, Path(environment): Path<String>) -> Answer {
    let environment = find(&registry, &environment)?;
    let Some((id, payload)) = environment.next().await else {
        return Err(refuse(StatusCode::GONE, "InvalidEnvironment"));
    };
    let function = environment.function();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        (
            "lambda-runtime-deadline-ms",
            deadline_ms(function.timeout).to_string(),
        ),
        ("lambda-runtime-invoked-function-arn", function.arn()),
    ];
    Ok((headers, payload).into_response())
}

async fn response(
    State(registry): State<Registry>,
    Path((environment, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    complete(&*find(&registry, &environment)?, &id, Ok(body))
}

async fn error(
    State(registry): State<Registry>,
    Path((environment, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    complete(
        &*find(&registry, &environment)?,
        &id,
        Err(read_error(&body)),
    )
}

async fn init_error(
    State(registry): State<Registry>,
    Path(environment): Path<String>,
    body: Bytes,
) -> Answer {
    let environment = find(&registry, &environment)?;
    tracing::error!(function = environment.function().binary, error = %read_error(&body), "the function cannot start");
    Ok(accepted())
}

fn complete(environment: &Environment, id: &str, result: Result<Bytes, InvokeError>) -> Answer {
    match environment.complete(id, result) {
        true => Ok(accepted()),
        false => Err(refuse(StatusCode::BAD_REQUEST, "InvalidRequestID")),
    }
}

fn find(
    registry: &Registry,
    environment: &str,
) -> Result<Arc<Environment>, (StatusCode, Json<Value>)> {
    registry
        .find(environment)
        .ok_or_else(|| refuse(StatusCode::FORBIDDEN, "InvalidEnvironment"))
}

fn accepted() -> Response<Body> {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn refuse(status: StatusCode, error: &str) -> (StatusCode, Json<Value>) {
    (
        status,
        Json(json!({"errorType": error, "errorMessage": error})),
    )
}

fn read_error(body: &[u8]) -> InvokeError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reported {
        #[serde(default)]
        error_type: String,
        #[serde(default)]
        error_message: String,
    }
    match serde_json::from_slice::<Reported>(body) {
        Ok(Reported {
            error_type,
            error_message,
        }) => InvokeError::failed(&error_type, error_message),
        Err(_) => InvokeError::failed("Unhandled", String::from_utf8_lossy(body)),
    }
}
