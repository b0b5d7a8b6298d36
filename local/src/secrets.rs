//! Secrets Manager on loopback: what `GetSecretValue` answers, behind its real wire protocol.
//!
//! A secret is generated when it is first seen, and kept beside the tables when those are kept: what was
//! sealed with it must open after a restart. One whose text is given is that text, in each start anew.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing,
};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};

use crate::template::Secret;

const FILE: &str = "secrets.json";

/// The texts of all secrets, by their ARN.
pub(crate) type Secrets = BTreeMap<String, String>;

/// The secrets of a template: what is given, what is kept, and a new text for every other.
pub(crate) fn provide(wanted: &[Secret], data: Option<&Path>) -> Result<Secrets> {
    let is_given = |secret: &&Secret| secret.secret_string.is_some();
    let (given, generated): (Vec<&Secret>, Vec<&Secret>) = wanted.iter().partition(is_given);
    let file = data.map(|directory| directory.join(FILE));
    let mut secrets = match &file {
        Some(file) if file.exists() => {
            let text = std::fs::read(file).context("cannot read the kept secrets")?;
            serde_json::from_slice(&text).context("the kept secrets are not readable")?
        }
        _ => Secrets::new(),
    };
    for secret in &generated {
        if let Entry::Vacant(place) = secrets.entry(secret.arn()) {
            place.insert(generate(secret)?);
        }
    }
    if let Some(file) = file.filter(|_| !generated.is_empty()) {
        keep(&file, &secrets).context("cannot keep the secrets")?;
    }
    let text = |secret: &Secret| secret.secret_string.clone().unwrap_or_default();
    secrets.extend(given.into_iter().map(|secret| (secret.arn(), text(secret))));
    Ok(secrets)
}

/// What CloudFormation's `GenerateSecretString` makes: a random text in a JSON object.
fn generate(secret: &Secret) -> Result<String> {
    let wanted = secret.generate_secret_string.as_ref();
    let wanted = wanted.with_context(|| format!("the secret {} has no text", secret.name))?;
    let random = Alphanumeric.sample_string(&mut rand::rng(), wanted.password_length);
    let mut text: Value = serde_json::from_str(&wanted.secret_string_template)
        .context("SecretStringTemplate is not JSON")?;
    text[&wanted.generate_string_key] = json!(random);
    Ok(text.to_string())
}

fn keep(file: &Path, secrets: &Secrets) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let text = serde_json::to_vec_pretty(secrets).expect("a map of texts");
    options.open(file)?.write_all(&text)
}

/// Answers `GetSecretValue` by ARN, and refuses everything else as Secrets Manager does.
pub(crate) fn router(secrets: Secrets) -> Router {
    Router::new()
        .route("/", routing::post(answer))
        .with_state(Arc::new(secrets))
}

async fn answer(
    State(secrets): State<Arc<Secrets>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> (StatusCode, Json<Value>) {
    let refused = |kind: &str| (StatusCode::BAD_REQUEST, Json(json!({"__type": kind})));
    let target = headers.get("x-amz-target");
    if target.is_none_or(|target| target != "secretsmanager.GetSecretValue") {
        return refused("UnknownOperationException");
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let id = request["SecretId"].as_str().unwrap_or_default();
    match secrets.get(id) {
        Some(text) => {
            let answer = json!({"ARN": id, "Name": id, "SecretString": text});
            (StatusCode::OK, Json(answer))
        }
        None => refused("ResourceNotFoundException"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Vec<Secret> {
        let properties = json!({"GenerateSecretString": {
            "SecretStringTemplate": "{\"current\": \"1\"}",
            "GenerateStringKey": "1",
            "PasswordLength": 43,
            "ExcludePunctuation": true,
        }});
        let mut secret: Secret = serde_json::from_value(properties).unwrap();
        secret.name = "root-key".to_owned();
        vec![secret]
    }

    #[test]
    fn a_secret_is_generated_as_the_template_says_and_kept_with_the_data() {
        let directory = tempfile::tempdir().unwrap();
        let first = provide(&wanted(), Some(directory.path())).unwrap();
        let text: Value = serde_json::from_str(&first[&wanted()[0].arn()]).unwrap();
        assert_eq!(text["current"], "1");
        assert_eq!(text["1"].as_str().unwrap().len(), 43);
        assert_eq!(provide(&wanted(), Some(directory.path())).unwrap(), first);
        assert_ne!(provide(&wanted(), None).unwrap(), first);
    }

    fn given(text: Option<&str>) -> Secret {
        let mut secret: Secret = serde_json::from_value(json!({"SecretString": text})).unwrap();
        secret.name = "given".to_owned();
        secret
    }

    #[test]
    fn a_given_text_is_taken_as_it_is_and_kept_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["whsec_a", "whsec_b"] {
            let secrets = [wanted(), vec![given(Some(text))]].concat();
            let provided = provide(&secrets, Some(directory.path())).unwrap();
            assert_eq!(provided[&given(None).arn()], text);
        }
        let kept = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert!(kept.contains("root-key") && !kept.contains("whsec"));
    }

    #[test]
    fn a_secret_without_a_text_is_named() {
        let refused = provide(&[given(None)], None).unwrap_err();
        assert!(refused.to_string().contains("given"), "{refused}");
    }
}
