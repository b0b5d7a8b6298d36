//! Between the functions and DynamoDB, where it is asked for: what the template does not allow a function is refused,
//! as it is on AWS.
//!
//! Each function has an address of its own here, `/{binary}`. The root is for who is no function, a test for example,
//! and allows all. What functions ask of queues and secrets is not looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{
        HeaderMap, Method, Response, StatusCode, Uri,
        header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    },
    response::IntoResponse,
};
use serde_json::{Value, json};

use crate::template::{Function, Permissions, accesses};

/// More than DynamoDB takes.
const BODY_LIMIT: usize = 17 * 1024 * 1024;

/// Who lets requests through.
pub(crate) struct Guard {
    http: reqwest::Client,
    dynamodb_url: String,
    permissions: BTreeMap<String, Permissions>,
}

impl Guard {
    /// In front of DynamoDB, for these functions.
    ///
    /// # Errors
    /// The machine's TLS settings cannot be read.
    pub(crate) fn new<'f>(
        dynamodb_url: &str,
        functions: impl Iterator<Item = &'f Function>,
    ) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true);
        let permissions = functions.map(|it| (it.binary.clone(), it.permissions.clone()));
        Ok(Self {
            http: http
                .build()
                .context("cannot make requests to the emulator")?,
            dynamodb_url: dynamodb_url.to_owned(),
            permissions: permissions.collect(),
        })
    }

    /// What the first refused thing of a request is; `None` where all is allowed.
    fn refused(&self, binary: &str, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        if binary.is_empty() {
            return None;
        }
        let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok());
        let operation = target.and_then(|target| target.rsplit('.').next());
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let accesses = accesses(operation.unwrap_or_default(), &request);
        let permissions = self.permissions.get(binary);
        let mut accesses = accesses.into_iter();
        let refused = accesses.find(|access| permissions.is_none_or(|it| !it.allow(access)))?;
        let (action, resource) = (refused.action, refused.resource);
        Some(format!(
            "{binary} is not authorized to perform {action} on {resource}, or not in this partition"
        ))
    }
}

/// Where the guard answers.
pub(crate) fn router(guard: Guard) -> Router {
    Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::new(guard))
}

async fn answer(
    State(guard): State<Arc<Guard>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let binary = uri.path().trim_matches('/');
    if let Some(why) = guard.refused(binary, &headers, &body) {
        tracing::error!("{why}: its Policies in the template do not say so");
        let refused =
            json!({"__type": "com.amazon.coral.service#AccessDeniedException", "message": why});
        let headers = [("content-type", "application/x-amz-json-1.0")];
        return (StatusCode::BAD_REQUEST, headers, refused.to_string()).into_response();
    }
    headers.remove(HOST);
    headers.remove(CONTENT_LENGTH);
    let request = guard.http.request(method, &guard.dynamodb_url);
    match exchange(request.headers(headers).body(body)).await {
        Ok(answer) => answer.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn exchange(
    request: reqwest::RequestBuilder,
) -> reqwest::Result<(StatusCode, HeaderMap, Bytes)> {
    let answer = request.send().await?;
    let status = answer.status();
    let mut headers = answer.headers().clone();
    for of_one_connection in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(of_one_connection);
    }
    Ok((status, headers, answer.bytes().await?))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::AttributeValue};

    use super::*;
    use crate::emulators::{Emulators, dynamodb_at, listen, serve};
    use crate::template::Template;

    const TEMPLATE: &str = "
Resources:
  Rows:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Odd:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/odd/
      Policies:
        - Statement:
            - Effect: Allow
              Action: dynamodb:PutItem
              Resource: !GetAtt Rows.Arn
              Condition:
                ForAllValues:StringLike:
                  dynamodb:LeadingKeys: ['a*']
";

    #[tokio::test]
    async fn a_function_may_do_what_its_policies_say_and_who_is_none_may_do_all() {
        let emulators = Emulators::start(None).await.unwrap();
        let template = Template::parse(TEMPLATE, &BTreeMap::new(), &emulators.sqs_url).unwrap();
        emulators.create_tables(&template.tables).unwrap();
        let guard = Guard::new(&emulators.dynamodb_url, template.functions.iter()).unwrap();
        let (listener, address) = listen(0).await.unwrap();
        tokio::spawn(serve(listener, router(guard)));
        for (who, partition, refused) in [
            ("odd", "ab", None),
            ("odd", "b", Some("AccessDeniedException")),
            ("unknown", "ab", Some("AccessDeniedException")),
            ("", "b", None),
        ] {
            let row = [("pk".to_owned(), AttributeValue::S(partition.to_owned()))];
            let client = dynamodb_at(&format!("http://{address}/{who}"));
            let put = client.put_item().table_name("local-Rows");
            let answer = put.set_item(Some(row.into())).send().await;
            let code = answer.as_ref().err().and_then(ProvideErrorMetadata::code);
            assert_eq!(code, refused, "{who} {partition}");
        }
    }
}
