//! API Gateway's part: HTTP requests to the functions they are routed to.

use std::{borrow::Cow, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::{
    clock,
    invoke::{Functions, Invocable},
    payload_v2,
    routes::{self, Chosen},
    template::Route,
};

/// API Gateway's limit for a request's body.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// API Gateway's limit for the time an integration takes.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The routes of the HTTP API and the functions behind them.
pub(crate) struct Gateway {
    routes: Vec<Route>,
    targets: Vec<Arc<Invocable>>,
}

impl Gateway {
    /// Collects the routes of all functions.
    pub(crate) fn new(functions: &Functions) -> Self {
        let routed = functions.iter().flat_map(|target| {
            target
                .function
                .routes
                .iter()
                .map(|route| (route.clone(), Arc::clone(target)))
        });
        let (routes, targets) = routed.unzip();
        Self { routes, targets }
    }

    async fn answer(&self, client: SocketAddr, request: Request) -> Response<Body> {
        let (request, body) = request.into_parts();
        let path = decoded(request.uri.path());
        let Some(chosen) = routes::choose(self.routes.iter(), request.method.as_str(), &path)
        else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let event = payload_v2::event(&request, &path, &body, &chosen, client, clock::now());
        self.integrate(&chosen, event).await
    }

    /// A function's failure is a 500, as API Gateway answers; only its own time limit is a 503.
    async fn integrate(&self, chosen: &Chosen<'_>, event: Bytes) -> Response<Body> {
        let target = &self.targets[chosen.route];
        let Ok(result) = tokio::time::timeout(INTEGRATION_TIMEOUT, target.invoke(event)).await
        else {
            return message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        };
        let failure = || message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        match result {
            Ok(answer) => payload_v2::response(answer).unwrap_or_else(|| {
                tracing::error!(
                    function = target.function.binary,
                    "the answer is not an HTTP response"
                );
                failure()
            }),
            Err(_) => failure(),
        }
    }
}

/// The handler for every request that is not for `local` itself.
pub(crate) async fn answer(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    gateway.answer(client, request).await
}

/// HTTP APIs pass the path on decoded, and cut off at a decoded `?`.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let path = percent_decode_str(path).decode_utf8_lossy();
    let end = path.find('?').unwrap_or(path.len());
    Cow::Owned(path[..end].to_owned())
}

fn message(status: StatusCode, text: &str) -> Response<Body> {
    (status, axum::Json(json!({"message": text}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::Value;

    use super::*;
    use crate::{
        invoke::InvokeError,
        testing::{invocable, route},
    };

    async fn send(method: Method, uri: &str, body: Body) -> (u16, String) {
        let mut echo = invocable(|event: Bytes| async move {
            let event: Value = serde_json::from_slice(&event).unwrap();
            match event["body"].as_str() {
                Some("fail") => Err(InvokeError::failed("Oops", "no")),
                Some("nonsense") => Ok(Bytes::from_static(b"\"\"")),
                _ => Ok(json!({"statusCode": 200, "body": event["rawPath"]})
                    .to_string()
                    .into()),
            }
        });
        echo.function.routes = vec![route("POST /api/{proxy+}")];
        let gateway = Gateway::new(&Functions::new(vec![echo]));
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(body)
            .unwrap();
        let response = gateway
            .answer(SocketAddr::from(([127, 0, 0, 1], 1)), request)
            .await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        (status, String::from_utf8(body.into()).unwrap())
    }

    #[tokio::test]
    async fn a_request_reaches_the_function_of_its_route() {
        assert_eq!(
            send(Method::POST, "/api/a%20b", Body::empty()).await,
            (200, "/api/a b".into())
        );
    }

    #[tokio::test]
    async fn no_route_is_not_found() {
        let expected = (404, r#"{"message":"Not Found"}"#.into());
        assert_eq!(send(Method::GET, "/api/a", Body::empty()).await, expected);
    }

    #[tokio::test]
    async fn a_failing_function_is_an_internal_server_error() {
        let expected = (500, r#"{"message":"Internal Server Error"}"#.to_owned());
        assert_eq!(
            send(Method::POST, "/api/a", Body::from("fail")).await,
            expected
        );
        assert_eq!(
            send(Method::POST, "/api/a", Body::from("nonsense")).await,
            (200, "\"\"".into())
        );
    }

    #[tokio::test]
    async fn a_body_over_ten_megabytes_is_refused() {
        let body = Body::from(vec![b'x'; BODY_LIMIT + 1]);
        assert_eq!(send(Method::POST, "/api/a", body).await.0, 413);
    }
}
