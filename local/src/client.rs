//! The few calls of the product's HTTP API that the seed and the demo make.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The HTTP API as the holder of one key sees it.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Client {
    /// A client of the stack at `url` (no slash at the end).
    pub(crate) fn new(url: &str, key: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: url.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Creates an organization and answers its id. Needs the platform key.
    pub(crate) async fn create_organization(&self, name: &str) -> Result<String> {
        let organization = self.post("organizations", json!({"name": name})).await?;
        text(&organization, "id")
    }

    /// Creates a key of an organization and answers the key itself. Needs the platform key.
    pub(crate) async fn create_key(&self, organization_id: &str, name: &str) -> Result<String> {
        let key = self
            .post(
                &format!("organizations/{organization_id}/keys"),
                json!({"name": name}),
            )
            .await?;
        text(&key, "key")
    }

    /// Creates an endpoint and answers its id and its secret.
    pub(crate) async fn create_endpoint(&self, endpoint: Value) -> Result<(String, String)> {
        let endpoint = self.post("endpoints", endpoint).await?;
        Ok((text(&endpoint, "id")?, text(&endpoint, "secret")?))
    }

    /// Moves an endpoint to another URL.
    pub(crate) async fn move_endpoint(&self, id: &str, url: &str) -> Result<()> {
        let request = self
            .http
            .patch(format!("{}/api/v1/endpoints/{id}", self.url));
        self.send(request.json(&json!({"url": url})))
            .await
            .map(|_| ())
    }

    /// The deliveries of an event.
    pub(crate) async fn deliveries(&self, event_id: &str) -> Result<Vec<Value>> {
        let request = self
            .http
            .get(format!("{}/api/v1/events/{event_id}/deliveries", self.url));
        let answer = self.send(request).await?;
        answer["data"]
            .as_array()
            .cloned()
            .with_context(|| format!("the deliveries hold no `data`: {answer}"))
    }

    /// Sends a request of its own making with the key, whatever the answer.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &[(String, String)],
        body: String,
    ) -> Result<(u16, Value)> {
        let mut request = self
            .http
            .request(method.parse()?, format!("{}{path_and_query}", self.url));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.bearer_auth(&self.key).body(body).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        ))
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.send(
            self.http
                .post(format!("{}/api/v1/{path}", self.url))
                .json(&body),
        )
        .await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let request = request.bearer_auth(&self.key).build()?;
        let what = format!("{} {}", request.method(), request.url().path());
        let answer = self
            .http
            .execute(request)
            .await
            .with_context(|| what.clone())?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| what.clone())?;
        ensure!(status.is_success(), "{what} was answered {status}: {text}");
        serde_json::from_str(&text)
            .with_context(|| format!("{what} was not answered with JSON: {text}"))
    }
}

fn text(object: &Value, field: &str) -> Result<String> {
    let text = object[field].as_str().map(str::to_owned);
    text.with_context(|| format!("an answer of the API has no `{field}`"))
}
