//! The sample invocations in `events/`: each is what its function gets on Lambda.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::source::now;
use crate::stack::{Organization, Stack, text};
use crate::{stripe, workspace};

/// The organization in the paths of samples.
const EXAMPLE: &str = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV";
/// Stands in the samples where a key belongs.
const PLACEHOLDER: &str = "ck_live_replace_with_an_api_key";
/// Stands in the path of a source system's webhook where the token of its relay belongs.
const TOKEN: &str = "rt_replace_with_the_token_of_a_relay";

/// The function's name in the template: the crate's with a capital letter, and `Function`.
fn logical_id(function: &str) -> String {
    let (first, rest) = function.split_at(1);
    format!("{}{rest}Function", first.to_uppercase())
}

/// A source system has no key: its samples need a relay.
fn is_relayed(sample: &Value) -> bool {
    let path = sample["rawPath"].as_str().unwrap_or_default();
    path.starts_with("/api/v1/relay/")
}

fn samples(function: &str) -> Vec<(String, Value)> {
    let read = |path: String| {
        let text = workspace::read(&path);
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        (path, value)
    };
    // What stands in a folder is what the samples are made of.
    let is_sample = |path: &String| path.matches('/').count() == 2;
    workspace::files(&format!("events/{function}"))
        .into_iter()
        .filter(is_sample)
        .map(read)
        .collect()
}

/// The sample with the platform's key, acting for an organization.
fn authorized(stack: &Stack, college: &Organization, mut sample: Value) -> Value {
    let authorization = text(&sample["headers"], "authorization");
    assert_eq!(
        authorization,
        format!("Bearer {PLACEHOLDER}"),
        "no sample holds a key"
    );
    sample["headers"]["authorization"] = json!(format!("Bearer {}", stack.platform_key));
    sample["headers"]["x-organization-id"] = json!(college.id);
    // Where the path names an organization, it is this one.
    let path = text(&sample, "rawPath").replace(EXAMPLE, &college.id);
    sample["rawPath"] = json!(path);
    sample["requestContext"]["http"]["path"] = json!(path);
    sample
}

#[test]
fn every_function_has_samples_and_every_sample_a_function() {
    assert_eq!(
        workspace::folders("events"),
        workspace::folders("functions")
    );
}

#[tokio::test]
async fn every_sample_of_an_http_function_is_answered() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let http = ["ingest", "api"];
    for function in http {
        let keyed = samples(function).into_iter();
        for (path, sample) in keyed.filter(|(_, sample)| !is_relayed(sample)) {
            let name = logical_id(function);
            let answer = stack.invoke(&name, sample.to_string().into_bytes()).await;
            assert_eq!(answer["statusCode"], 401, "{path}: {answer:#}");
            let sample = authorized(&stack, &college, sample);
            let answer = stack.invoke(&name, sample.to_string().into_bytes()).await;
            let status = answer["statusCode"].as_u64().unwrap();
            assert!((200..300).contains(&status), "{path}: {answer:#}");
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert!(body.is_object(), "{path}: {answer:#}");
            assert_eq!(answer["isBase64Encoded"], false, "{path}");
        }
    }
    // Whatever else there is, is fed by something else and tested below.
    let others: Vec<String> = workspace::folders("functions")
        .into_iter()
        .filter(|function| !http.contains(&function.as_str()))
        .collect();
    assert_eq!(others, ["billing", "delivery", "expiry", "recovery"]);
}

#[tokio::test]
async fn every_sample_of_billing_is_refused_until_stripe_has_signed_it() {
    let stack = Stack::start_with(&stripe::SELLING).await;
    let samples = samples("billing");
    let is_encoded = |(_, sample): &&(String, Value)| sample["isBase64Encoded"] == true;
    assert_eq!(samples.iter().filter(is_encoded).count(), 1);
    for (path, mut sample) in samples {
        let invoke = async |sample: &Value| {
            let sample = sample.to_string().into_bytes();
            stack.invoke("BillingFunction", sample).await
        };
        let answer = invoke(&sample).await;
        assert_eq!(answer["statusCode"], 400, "{path}: {answer:#}");
        let body = text(&sample, "body");
        let body = match sample["isBase64Encoded"].as_bool() {
            Some(true) => BASE64.decode(body).expect("base64"),
            _ => body.into_bytes(),
        };
        let signature = stripe::signature(stripe::SECRET, now(), &body);
        sample["headers"]["stripe-signature"] = json!(signature);
        let answer = invoke(&sample).await;
        assert_eq!(answer["statusCode"], 200, "{path}: {answer:#}");
    }
}

#[tokio::test]
async fn every_sample_of_recovery_is_answered_with_what_it_did() {
    let stack = Stack::start().await;
    for (path, sample) in samples("recovery") {
        let sample = sample.to_string().into_bytes();
        let report = stack.invoke("RecoveryFunction", sample).await;
        assert_eq!(report["recovery_failures"], 0, "{path}: {report:#}");
        assert_eq!(report["audit_unaccounted"], 0, "{path}: {report:#}");
    }
}

#[tokio::test]
async fn every_sample_of_expiry_is_answered_with_what_it_did() {
    let stack = Stack::start().await;
    for (path, sample) in samples("expiry") {
        let sample = sample.to_string().into_bytes();
        let report = stack.invoke("ExpiryFunction", sample).await;
        assert_eq!(report["expiry_finished"], 1, "{path}: {report:#}");
    }
}

#[tokio::test]
async fn every_webhook_of_a_source_system_is_taken_through_a_relay() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let vec: Value =
        serde_json::from_str(&workspace::read("events/api/relays.create.json")).expect("JSON");
    let vec: Value = serde_json::from_str(&text(&vec, "body")).expect("JSON");
    let relayed: Vec<_> = samples("ingest")
        .into_iter()
        .filter(|(_, sample)| is_relayed(sample))
        .collect();
    assert_eq!(relayed.len(), 2);
    for (path, sample) in relayed {
        let signs = path.contains("/relay.vec.");
        let relay = if signs {
            vec.clone()
        } else {
            json!({"dialect": "toolzz"})
        };
        let made = college.api.post("relays", relay).await.expect(201);
        let relay = text(&made, "url_path");
        let token = relay.rsplit('/').next().expect("a token");
        assert!(sample["headers"]["authorization"].is_null(), "{path}");
        let sample = sample.to_string().replace(TOKEN, token);
        let answer = stack.invoke("IngestFunction", sample.into_bytes()).await;
        assert_eq!(answer["statusCode"], 202, "{path}: {answer:#}");
        assert!(!text(&answer, "body").contains("quarantined"), "{path}");
    }
}

#[tokio::test]
async fn every_sample_of_the_delivery_function_is_taken() {
    let stack = Stack::start().await;
    let samples = samples("delivery");
    assert!(
        samples
            .iter()
            .any(|(path, _)| path.ends_with("/unreadable.json"))
    );
    for (path, sample) in samples {
        let unreadable: Vec<Value> = sample["Records"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|record| serde_json::from_str::<Value>(&text(record, "body")).is_err())
            .map(|record| json!({"itemIdentifier": record["messageId"]}))
            .collect();
        assert_eq!(
            unreadable.len(),
            usize::from(path.ends_with("/unreadable.json"))
        );
        let answer = stack
            .invoke("DeliveryFunction", sample.to_string().into_bytes())
            .await;
        assert_eq!(answer["batchItemFailures"], json!(unreadable), "{path}");
    }
}
