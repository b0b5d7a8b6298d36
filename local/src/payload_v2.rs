//! API Gateway's payload format 2.0: a request as the function gets it, a response as the client gets it.

use std::{borrow::Cow, collections::BTreeMap, net::SocketAddr};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request},
    response::IntoResponse,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ulid::Ulid;
use url::form_urlencoded;

use crate::{routes::Chosen, template::ACCOUNT};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'a str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<&'a str>,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<Cow<'a, str>, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: &'a BTreeMap<String, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: String,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'a str,
    source_ip: String,
    user_agent: Cow<'a, str>,
}

/// The event for a request that `chosen` leads to. `path` is decoded, as API Gateway passes it on.
pub(crate) fn event(
    request: &request::Parts,
    path: &str,
    body: &Bytes,
    chosen: &Chosen<'_>,
    client: SocketAddr,
    now: Timestamp,
) -> Bytes {
    let query = request.uri.query().unwrap_or_default();
    let mut query_string_parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        append(query_string_parameters.entry(name).or_default(), &value);
    }
    let mut headers = BTreeMap::new();
    for name in request
        .headers
        .keys()
        .filter(|name| *name != header::COOKIE)
    {
        headers.insert(name.as_str(), joined(&request.headers, name));
    }
    let forwarded = [
        ("x-forwarded-for", client.ip().to_string()),
        ("x-forwarded-proto", "http".to_owned()),
    ];
    headers.extend(forwarded.map(|(name, value)| (name, Cow::Owned(value))));
    let cookies = request
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let host = request
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let text = std::str::from_utf8(body);
    let event = Event {
        version: "2.0",
        route_key: &chosen.key,
        raw_path: path,
        raw_query_string: query,
        cookies: cookies.flat_map(|cookies| cookies.split("; ")).collect(),
        query_string_parameters,
        path_parameters: &chosen.parameters,
        request_context: RequestContext {
            account_id: ACCOUNT,
            api_id: "local",
            domain_name: host.unwrap_or("localhost"),
            domain_prefix: "local",
            http: Http {
                method: request.method.as_str(),
                path,
                protocol: "HTTP/1.1",
                source_ip: client.ip().to_string(),
                user_agent: joined(&request.headers, &header::USER_AGENT),
            },
            request_id: Ulid::generate().to_string(),
            route_key: &chosen.key,
            stage: "$default",
            time: now
                .to_zoned(TimeZone::UTC)
                .strftime("%d/%b/%Y:%H:%M:%S %z")
                .to_string(),
            time_epoch: now.as_millisecond(),
        },
        headers,
        is_base64_encoded: text.is_err(),
        body: match text {
            Ok("") => None,
            Ok(text) => Some(Cow::Borrowed(text)),
            Err(_) => Some(Cow::Owned(BASE64_STANDARD.encode(body))),
        },
    };
    serde_json::to_vec(&event)
        .expect("the event holds only strings and numbers")
        .into()
}

/// All values of a header, joined as API Gateway joins them.
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let mut values = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let first = values.next().unwrap_or_default();
    values.fold(first, |mut joined, value| {
        append(joined.to_mut(), &value);
        joined
    })
}

fn append(joined: &mut String, value: &str) {
    if !joined.is_empty() {
        joined.push(',');
    }
    joined.push_str(value);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status_code: u16,
    #[serde(default, borrow)]
    headers: BTreeMap<String, &'a RawValue>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response for what a function answered. `None` when the answer is no response.
///
/// An answer without `statusCode` is itself the body of a 200, as API Gateway infers.
pub(crate) fn response(answer: Bytes) -> Option<Response<Body>> {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let parsed: Answer<'_> = match serde_json::from_slice(&answer) {
        Ok(parsed) => parsed,
        Err(_) => {
            let value: serde_json::Value = serde_json::from_slice(&answer).ok()?;
            return value
                .get("statusCode")
                .is_none()
                .then(|| (json, answer).into_response());
        }
    };
    let body = parsed.body.unwrap_or_default();
    let body = match parsed.is_base64_encoded {
        true => Body::from(BASE64_STANDARD.decode(body).ok()?),
        false => Body::from(body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(parsed.status_code).ok()?;
    let headers = response.headers_mut();
    for (name, value) in parsed.headers {
        // A number or a boolean is sent as it is written.
        let value =
            serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned());
        headers.insert(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    for cookie in parsed.cookies {
        headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("text/plain;charset=utf-8"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_request_becomes_the_event_that_api_gateway_sends() {
        let request = Request::builder()
            .method("POST")
            .uri("/a%20b/1?x=1&x=2&y=%C3%A4")
            .header("Host", "localhost:3000")
            .header("X-Two", "a")
            .header("X-Two", "b")
            .header("Cookie", "c=1; d=2")
            .body(())
            .unwrap();
        let chosen = Chosen {
            route: 0,
            key: "POST /{folder}/{id}".into(),
            parameters: BTreeMap::from([
                ("folder".into(), "a b".into()),
                ("id".into(), "1".into()),
            ]),
        };
        let client = SocketAddr::from(([127, 0, 0, 1], 9));
        let bytes = event(
            &request.into_parts().0,
            "/a b/1",
            &Bytes::from("{}"),
            &chosen,
            client,
            Timestamp::UNIX_EPOCH,
        );
        let mut event: Value = serde_json::from_slice(&bytes).unwrap();
        event["requestContext"]["requestId"].take();
        let expected = json!({
            "version": "2.0",
            "routeKey": "POST /{folder}/{id}",
            "rawPath": "/a b/1",
            "rawQueryString": "x=1&x=2&y=%C3%A4",
            "cookies": ["c=1", "d=2"],
            "headers": {"host": "localhost:3000", "x-two": "a,b", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"},
            "queryStringParameters": {"x": "1,2", "y": "ä"},
            "pathParameters": {"folder": "a b", "id": "1"},
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": "localhost:3000",
                "domainPrefix": "local",
                "http": {"method": "POST", "path": "/a b/1", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
                "requestId": null,
                "routeKey": "POST /{folder}/{id}",
                "stage": "$default",
                "time": "01/Jan/1970:00:00:00 +0000",
                "timeEpoch": 0,
            },
            "body": "{}",
            "isBase64Encoded": false,
        });
        assert_eq!(event, expected);
    }

    #[tokio::test]
    async fn an_answer_becomes_a_response() {
        let answer = json!({"statusCode": 201, "headers": {"x-a": "b", "x-n": 1}, "cookies": ["c=1", "d=2"], "body": "AAE=", "isBase64Encoded": true});
        let response = response(answer.to_string().into()).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.headers()["x-n"], "1");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        let body = axum::body::to_bytes(response.into_body(), 9).await.unwrap();
        assert_eq!(body, vec![0, 1]);
    }

    #[test]
    fn an_answer_without_a_status_is_the_body_and_nonsense_is_none() {
        let plain = response(Bytes::from("{\"a\":1}")).unwrap();
        assert_eq!(
            (plain.status().as_u16(), &plain.headers()["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
        assert!(response(Bytes::from("{\"statusCode\":\"x\"}")).is_none());
        assert!(response(Bytes::from("oops")).is_none());
    }
}
