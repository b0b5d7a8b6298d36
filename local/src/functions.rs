//! The functions that can run in this process, by the name of their binary.

use std::{collections::BTreeMap, error::Error, future::Future, sync::Arc};

use anyhow::{Result, anyhow, bail};
use api::Api;
use billing::Stripe;
use bytes::Bytes;
use delivery::Delivery;
use expiry::Expiry;
use futures::FutureExt;
use ingest::Ingest;
use lambda_http::{Adapter, Body, Request, Response, Service, request::LambdaRequest, service_fn};
use lambda_runtime::{Context, LambdaEvent};
use recovery::Recovery;
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use state::{Aws, Keyring, SecretTexts};

use crate::{
    emulators::{DYNAMODB_URL, Emulators, dynamodb_at},
    invoke::{Handler, InvokeError},
};

/// Builds the handler of one of this product's functions from its environment variables.
///
/// # Errors
/// The configuration is refused, or this program does not contain the function.
pub(crate) async fn handler(
    binary: &str,
    environment: &BTreeMap<String, String>,
    emulators: &Emulators,
) -> Result<Handler> {
    let lookup = |name: &str| environment.get(name).cloned();
    let aws = Aws {
        dynamodb: dynamodb_at(lookup(DYNAMODB_URL).as_deref().unwrap_or_default()),
        sqs: emulators.sqs(),
    };
    Ok(match binary {
        "ingest" => {
            let config = ingest::Config::read(lookup)?;
            let keyring = keyring(&config.root_key_secret, emulators).await?;
            let ingest = Arc::new(Ingest::new(config, aws, keyring));
            http(move |request| {
                let ingest = Arc::clone(&ingest);
                async move { ingest.handle(request).await }
            })
        }
        "api" => {
            let config = api::Config::read(lookup)?;
            let keyring = keyring(&config.root_key_secret, emulators).await?;
            let api = Arc::new(Api::new(config, aws, keyring));
            http(move |request| {
                let api = Arc::clone(&api);
                async move { api.handle(request).await }
            })
        }
        "delivery" => {
            let config = delivery::Config::read(lookup)?;
            let keyring = keyring(&config.root_key_secret, emulators).await?;
            let delivery = Delivery::new(config, aws, keyring);
            let delivery = Arc::new(delivery.map_err(|error| anyhow!(error))?);
            json(move |event| {
                let delivery = Arc::clone(&delivery);
                async move { delivery.handle(event).await }
            })
        }
        "billing" => {
            let config = billing::Config::read(lookup)?;
            let secrets = SecretTexts::new(emulators.secrets());
            let secrets = billing::Secrets::read(&secrets, &config).await?;
            let stripe = Stripe::new(config, aws, secrets).map_err(|error| anyhow!(error))?;
            let stripe = Arc::new(stripe);
            http(move |request| {
                let stripe = Arc::clone(&stripe);
                async move { stripe.handle(request).await }
            })
        }
        "recovery" => {
            let recovery = Arc::new(Recovery::new(recovery::Config::read(lookup)?, aws));
            json(move |event| {
                let recovery = Arc::clone(&recovery);
                async move { Ok(recovery.handle(event).await) }
            })
        }
        "expiry" => {
            let expiry = Arc::new(Expiry::new(expiry::Config::read(lookup)?, aws));
            json(move |event: LambdaEvent<IgnoredAny>| {
                let expiry = Arc::clone(&expiry);
                async move { Ok(expiry.handle(&event.context).await) }
            })
        }
        other => bail!("this program does not contain the function {other}: run with --processes"),
    })
}

/// The root key, as the function's `main` reads it.
async fn keyring(secret_id: &str, emulators: &Emulators) -> Result<Keyring> {
    Ok(Keyring::read(emulators.secrets(), secret_id.to_owned()).await?)
}

/// The handler of a function behind API Gateway: it gets and gives the same bytes as on Lambda.
pub(crate) fn http<F, Fut>(handle: F) -> Handler
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Body>, lambda_http::Error>> + Send + 'static,
{
    let handle = Arc::new(handle);
    Arc::new(move |payload, context| {
        let handle = Arc::clone(&handle);
        async move {
            let event = event::<LambdaRequest>(&payload, context)?;
            let mut adapter = Adapter::from(service_fn(move |request| handle(request)));
            answer(adapter.call(event).await)
        }
        .boxed()
    })
}

/// The handler of a function that takes JSON and answers JSON: one that a queue feeds, or a schedule fires.
pub(crate) fn json<T, A, F, Fut>(handle: F) -> Handler
where
    T: DeserializeOwned + Send + 'static,
    A: Serialize + 'static,
    F: Fn(LambdaEvent<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<A, lambda_runtime::Error>> + Send + 'static,
{
    let handle = Arc::new(handle);
    Arc::new(move |payload, context| {
        let handle = Arc::clone(&handle);
        async move { answer(handle(event(&payload, context)?).await) }.boxed()
    })
}

fn event<T: DeserializeOwned>(
    payload: &Bytes,
    context: Context,
) -> Result<LambdaEvent<T>, InvokeError> {
    let payload = serde_json::from_slice(payload);
    let payload = payload
        .map_err(|error| InvokeError::failed("Runtime.UnmarshalError", error.to_string()))?;
    Ok(LambdaEvent::new(payload, context))
}

fn answer<T: Serialize>(
    result: Result<T, Box<dyn Error + Send + Sync>>,
) -> Result<Bytes, InvokeError> {
    let answer = result.map_err(|error| InvokeError::failed("Error", error.to_string()))?;
    let bytes = serde_json::to_vec(&answer);
    bytes
        .map(Bytes::from)
        .map_err(|error| InvokeError::failed("Runtime.MarshalError", error.to_string()))
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
    use lambda_http::RequestExt;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    async fn call(handler: &Handler, payload: Value) -> Result<Value, InvokeError> {
        let answer = handler(payload.to_string().into(), Context::default()).await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    #[tokio::test]
    async fn an_http_function_gets_and_gives_api_gateways_json() {
        let handler = http(|request: Request| async move {
            let id = request
                .path_parameters()
                .first("id")
                .unwrap_or_default()
                .to_owned();
            let body = format!(
                "{} {} {id} {:?}",
                request.method(),
                request.uri().path(),
                request.body()
            );
            Ok(Response::builder()
                .status(202)
                .header("x-a", "b")
                .body(body.into())?)
        });
        let event = json!({
            "version": "2.0", "routeKey": "POST /a/{id}", "rawPath": "/a/1", "rawQueryString": "",
            "headers": {"host": "localhost"}, "pathParameters": {"id": "1"}, "isBase64Encoded": false, "body": "x",
            "requestContext": {"http": {"method": "POST", "path": "/a/1"}, "stage": "$default", "timeEpoch": 0},
        });
        let answer = call(&handler, event).await.unwrap();
        assert_eq!(
            (&answer["statusCode"], &answer["headers"]["x-a"]),
            (&json!(202), &json!("b"))
        );
        assert_eq!(answer["body"], "POST /a/1 1 Text(\"x\")");
    }

    #[tokio::test]
    async fn a_queue_function_reports_which_messages_failed() {
        let handler = json(|event: LambdaEvent<SqsEvent>| async move {
            let mut response = SqsBatchResponse::default();
            for record in event.payload.records {
                response.add_failure(record.message_id.unwrap_or_default());
            }
            Ok(response)
        });
        let event = json!({"Records": [{"messageId": "m1", "body": "{}", "messageAttributes": {}, "attributes": {}}]});
        let answer = call(&handler, event).await.unwrap();
        assert_eq!(
            answer,
            json!({"batchItemFailures": [{"itemIdentifier": "m1"}]})
        );
    }

    #[tokio::test]
    async fn a_scheduled_function_gets_any_payload_and_answers_anything() {
        #[derive(Deserialize)]
        struct Payload {
            as_of: Option<String>,
        }
        #[derive(Serialize)]
        struct Report {
            as_of: String,
        }
        let handler = json(|event: LambdaEvent<Payload>| async move {
            let as_of = event.payload.as_of.ok_or("there is no time")?;
            Ok(Report { as_of })
        });
        let by_hand = json!({"as_of": "2026-11-21T04:00:00Z"});
        assert_eq!(call(&handler, by_hand.clone()).await.unwrap(), by_hand);
        // What EventBridge sends has members that the function does not read.
        let scheduled = json!({"detail-type": "Scheduled Event", "detail": "{}"});
        let error = call(&handler, scheduled).await.unwrap_err();
        assert_eq!(error.to_string(), "Error: there is no time");
    }

    #[tokio::test]
    async fn an_event_of_another_kind_is_an_error_of_the_invocation() {
        let handler = http(|_| async { Ok(Response::default()) });
        assert!(call(&handler, json!([])).await.is_err());
    }
}
