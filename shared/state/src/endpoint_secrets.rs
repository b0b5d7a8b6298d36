//! What is secret about an endpoint: what signs, and what its owner adds to each request.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use payload::custom_headers::{CustomHeaders, Header};
use payload::receiver_auth::ReceiverAuth;
use payload::secret::Secret;
use payload::timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::endpoints::Endpoint;
use crate::error::StateError;
use crate::keyring::Keyring;
use crate::sealed::Place;

/// Most secrets that sign at once: the newest, and those before it that are still valid.
pub const MAX_SECRETS: usize = 3;

/// The secrets of an endpoint, opened. They are sealed as one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSecrets {
    /// Signs its webhooks.
    #[serde(serialize_with = "expose", deserialize_with = "parse_secret")]
    pub secret: Secret,
    /// What signed them before, newest first.
    #[serde(default)]
    older: Vec<OlderSecret>,
    /// What its owner adds to each request.
    #[serde(default)]
    pub headers: CustomHeaders,
    /// How we authenticate ourselves to it, beside the signature.
    #[serde(default)]
    pub auth: ReceiverAuth,
}

/// A secret that was replaced.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OlderSecret {
    #[serde(serialize_with = "expose", deserialize_with = "parse_secret")]
    secret: Secret,
    #[serde(serialize_with = "timestamp::serialize")]
    valid_until: Timestamp,
}

/// There are as many valid secrets as an endpoint may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{MAX_SECRETS} secrets are valid already: wait until one has ended, or rotate without overlap"
)]
pub struct TooManySecrets;

impl EndpointSecrets {
    /// A secret, and nothing else.
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            older: Vec::new(),
            headers: CustomHeaders::default(),
            auth: ReceiverAuth::default(),
        }
    }

    /// The secrets before the current one that are still valid, newest first.
    pub fn older(&self, now: Timestamp) -> Vec<Secret> {
        let valid = self.older.iter().filter(|older| older.valid_until > now);
        valid.map(|older| older.secret.clone()).collect()
    }

    /// Until when a secret before the current one signs too.
    pub fn older_valid_until(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.older.iter().map(|older| older.valid_until);
        ends.filter(|end| *end > now).max()
    }

    /// Puts a new secret in place of the current one, which goes on to sign for `overlap`. Without overlap
    /// all before the new one end at once.
    ///
    /// # Errors
    /// Too many are valid already.
    pub fn rotate(
        &mut self,
        secret: Secret,
        overlap: SignedDuration,
        now: Timestamp,
    ) -> Result<(), TooManySecrets> {
        self.older.retain(|older| older.valid_until > now);
        if overlap.is_zero() {
            self.older.clear();
        } else if self.older.len() + 2 > MAX_SECRETS {
            return Err(TooManySecrets);
        } else {
            let older = OlderSecret {
                secret: self.secret.clone(),
                valid_until: now.checked_add(overlap).unwrap_or(Timestamp::MAX),
            };
            self.older.insert(0, older);
        }
        self.secret = secret;
        Ok(())
    }

    /// The headers that its owner adds, and the one by which we authenticate ourselves.
    pub fn own_headers(&self) -> impl Iterator<Item = Header> {
        self.headers.headers().chain(self.auth.header())
    }
}

/// Nothing of it.
impl fmt::Debug for EndpointSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecrets([redacted])")
    }
}

impl Keyring {
    /// Opens the secrets of an endpoint.
    ///
    /// # Errors
    /// They cannot be opened: nothing may be sent, for it would not be signed.
    pub async fn open_endpoint(&self, endpoint: &Endpoint) -> Result<EndpointSecrets, StateError> {
        let holder = endpoint.id.to_string();
        let opened = self
            .open(place(endpoint, &holder), &endpoint.sealed)
            .await?;
        // The parser's error may repeat what it read.
        let secrets = serde_json::from_slice(&opened);
        secrets.map_err(|_| StateError::unreadable("read the secrets of an endpoint"))
    }

    /// Seals these secrets into their endpoint.
    pub fn seal_endpoint(&self, endpoint: &mut Endpoint, secrets: &EndpointSecrets) {
        let text = serde_json::to_vec(secrets).expect("secrets are plain texts");
        let holder = endpoint.id.to_string();
        endpoint.sealed = self.seal(place(endpoint, &holder), &Zeroizing::new(text));
    }
}

fn place<'a>(endpoint: &Endpoint, holder: &'a str) -> Place<'a> {
    Place {
        organization: endpoint.organization_id,
        holder,
        field: "secrets",
    }
}

fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn parse_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Secret::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(letter: &str) -> Secret {
        Secret::parse(&letter.repeat(24)).unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    #[test]
    fn the_secret_before_signs_until_its_overlap_is_over() {
        let mut secrets = EndpointSecrets::new(secret("a"));
        secrets.rotate(secret("b"), DAY, now()).unwrap();
        assert!(secrets.secret == secret("b"));
        let just_before = now() + DAY - SignedDuration::from_millis(1);
        assert_eq!(secrets.older(just_before), [secret("a")]);
        assert_eq!(secrets.older_valid_until(now()), Some(now() + DAY));
        assert!(secrets.older(now() + DAY).is_empty());
        assert_eq!(secrets.older_valid_until(now() + DAY), None);
    }

    #[test]
    fn three_secrets_sign_at_once_and_no_more_and_without_overlap_only_one() {
        let mut secrets = EndpointSecrets::new(secret("a"));
        secrets.rotate(secret("b"), DAY, now()).unwrap();
        secrets.rotate(secret("c"), DAY, now()).unwrap();
        assert_eq!(secrets.older(now()), [secret("b"), secret("a")]);
        let unchanged = secrets.clone();
        assert_eq!(secrets.rotate(secret("d"), DAY, now()), Err(TooManySecrets));
        assert!(secrets == unchanged);
        secrets
            .rotate(secret("d"), SignedDuration::ZERO, now())
            .unwrap();
        assert!(secrets.secret == secret("d") && secrets.older(now()).is_empty());
    }

    #[test]
    fn all_of_it_comes_back_as_it_was_written_and_nothing_shows() {
        let stored = json!({
            "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
            "older": [{"secret": "zq".repeat(12), "valid_until": "2026-11-22T10:00:00.000Z"}],
            "headers": {"X-Environment": "zq"},
            "auth": {"authType": "basic_auth", "username": "zq", "password": "zq"},
        });
        let secrets: EndpointSecrets = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&secrets).unwrap(), stored);
        assert_eq!(secrets.own_headers().count(), 2);
        assert!(!format!("{secrets:?}").contains("zq"));
        let least: Value = json!({"secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"});
        let least: EndpointSecrets = serde_json::from_value(least).unwrap();
        assert_eq!(least.own_headers().count(), 0);
    }
}
