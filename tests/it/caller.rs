//! The HTTP API as the holder of one key calls it.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::canaries::Canaries;

/// Calls the API with one key.
#[derive(Clone)]
pub(crate) struct Caller {
    http: Client,
    url: String,
    key: Option<String>,
    headers: Vec<(&'static str, String)>,
    /// What is sent in bodies must not come up in the log, nor in a refusal.
    canaries: Arc<Canaries>,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The JSON of the body; a body that is none, as a string.
    pub(crate) body: Value,
    request: String,
}

impl Caller {
    pub(crate) fn new(
        http: Client,
        url: String,
        key: Option<String>,
        canaries: Arc<Canaries>,
    ) -> Self {
        Self {
            http,
            url,
            key,
            headers: Vec::new(),
            canaries,
        }
    }

    /// The same caller with one more header.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name, value.to_owned()));
        caller
    }

    /// The same caller acting for an organization.
    pub(crate) fn acting_for(&self, organization: &str) -> Self {
        self.with("x-organization-id", organization)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    /// Posts a body exactly as it is.
    pub(crate) async fn post_text(&self, path: &str, body: &str) -> Answer {
        self.post_bytes(path, body.as_bytes().to_vec()).await
    }

    /// Posts bytes that need not be text.
    pub(crate) async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body.to_string().into_bytes()))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string().into_bytes()))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request for a path below `/api/v1/`.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        if let Some(body) = &body {
            self.canaries.plant_body(body);
        }
        self.send_to(method, &format!("/api/v1/{path}"), body).await
    }

    /// Sends a request for a path. Nothing of the body is planted.
    pub(crate) async fn send_to(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Answer {
        let request = format!("{method} {path}");
        let mut builder = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        if let Some(key) = &self.key {
            builder = builder.bearer_auth(key);
        }
        if let Some(body) = body {
            builder = builder
                .header("content-type", "application/json")
                .body(body);
        }
        let answer = builder
            .send()
            .await
            .unwrap_or_else(|error| panic!("{request}: {error}"));
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer
            .text()
            .await
            .unwrap_or_else(|error| panic!("{request}: {error}"));
        if status >= 400 {
            self.canaries.search(&text);
        }
        Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            request,
        }
    }

    /// All items of a list, page by page. Every page must keep to `limit`.
    pub(crate) async fn pages(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = format!("{path}{joint}limit={limit}{cursor}");
            let mut body = self.get(&page).await.expect(200);
            let Value::Array(found) = body["data"].take() else {
                panic!("{page} has no data: {body:#}")
            };
            assert!(found.len() <= limit, "{page} has {} items", found.len());
            items.extend(found);
            match body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

impl Answer {
    /// The body, when the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        let Self { request, body, .. } = self;
        assert_eq!(self.status, status, "{request} answered {body:#}");
        body
    }

    /// The JSON pointers of a refusal with this status and code.
    #[track_caller]
    pub(crate) fn refusal(self, status: u16, code: &str) -> Vec<String> {
        let content_type = self.headers.get("content-type").cloned();
        let body = self.expect(status);
        assert_eq!(content_type.expect("a content type"), "application/json");
        assert_eq!(body["error"], code, "{body:#}");
        assert!(body["message"].is_string(), "{body:#}");
        match body["details"].as_object() {
            Some(details) => details.keys().cloned().collect(),
            None => Vec::new(),
        }
    }
}
