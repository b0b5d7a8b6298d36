//! Passing a request on, and the answers that stand in for those of DynamoDB and SQS.

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::request::Request;

/// A request that can be passed on, more than once.
pub(super) struct Forwarded<'r> {
    pub(super) http: &'r reqwest::Client,
    pub(super) url: String,
    pub(super) headers: &'r HeaderMap,
    pub(super) body: Bytes,
}

impl Forwarded<'_> {
    /// Passes it on and answers what came back; 502 when nothing did.
    pub(super) async fn send(&self) -> Response<Body> {
        let mut headers = self.headers.clone();
        headers.remove(HOST);
        headers.remove(CONTENT_LENGTH);
        let request = self.http.post(&self.url).headers(headers);
        match exchange(request.body(self.body.clone())).await {
            Ok((status, headers, body)) => (status, headers, body).into_response(),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}

async fn exchange(
    request: reqwest::RequestBuilder,
) -> Result<(StatusCode, HeaderMap, Bytes), reqwest::Error> {
    let answer = request.send().await?;
    let status = answer.status();
    let mut headers = answer.headers().clone();
    for of_one_connection in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(of_one_connection);
    }
    Ok((status, headers, answer.bytes().await?))
}

/// The answer of a service that refuses a request with this code.
pub(super) fn refused(status: StatusCode, code: &str) -> Response<Body> {
    let body = json!({"__type": code, "message": "injected by a test"});
    (
        status,
        [("content-type", "application/x-amz-json-1.0")],
        body.to_string(),
    )
        .into_response()
}

/// Sends all messages but the first `lost` ones, and answers as if those had been sent too.
pub(super) async fn answered_as_sent(
    request: &Request,
    lost: usize,
    forwarded: Forwarded<'_>,
) -> Response<Body> {
    let mut body = request.json();
    let mut entries = match body["Entries"].take() {
        Value::Array(entries) => entries,
        other => panic!("{} has no messages: {other}", request.operation),
    };
    let rest = entries.split_off(lost.min(entries.len()));
    if !rest.is_empty() {
        body["Entries"] = rest.clone().into();
        let body = body.to_string().into();
        let sent = Forwarded { body, ..forwarded }.send().await;
        if !sent.status().is_success() {
            return sent;
        }
    }
    let all = entries.iter().chain(&rest);
    let successful: Vec<Value> = all
        .map(|entry| json!({"Id": entry["Id"], "MessageId": "none", "MD5OfMessageBody": "none"}))
        .collect();
    axum::Json(json!({"Successful": successful, "Failed": []})).into_response()
}
