//! The root key that secrets are sealed with, out of Secrets Manager.
//!
//! The secret there is a JSON object `{"current": "2", "1": "…", "2": "…"}`: a random text for each version,
//! and which one seals. It is read at start, and once more when something is sealed with a version that is
//! not known yet, so a new version is used as soon as environments start or meet it. A version may be
//! removed when nothing is sealed with it any more.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_sdk_secretsmanager::Client;
use zeroize::Zeroizing;

use crate::error::StateError;
use crate::sealed::{Place, RootKey, Sealed};

const CURRENT: &str = "current";
/// Shortest text of a version, characters. Random letters and digits carry almost six bits each.
const MIN_LENGTH: usize = 32;

/// All versions of the root key.
struct RootKeys {
    current: RootKey,
    older: Vec<RootKey>,
}

/// Seals and opens secrets. Cheap to clone; one per environment.
#[derive(Clone)]
pub struct Keyring {
    client: Client,
    secret_id: String,
    keys: Arc<RwLock<Arc<RootKeys>>>,
}

/// What is wrong with the secret in Secrets Manager. It never repeats the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Malformed {
    #[error("the root key must be a JSON object of texts")]
    NoObject,
    #[error("the root key must name its current version in \"current\"")]
    NoCurrent,
    #[error(
        "each version of the root key must have at least 32 characters and a name without a full stop"
    )]
    Weak,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("current", &self.keys().current.version())
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads the root key from this secret, by its name or ARN.
    ///
    /// # Errors
    /// Secrets Manager did not answer, or holds something else there. Nothing can be sealed or signed: the
    /// function must not start.
    pub async fn read(client: Client, secret_id: String) -> Result<Self, StateError> {
        let keys = Arc::new(fetch(&client, &secret_id).await?);
        Ok(Self {
            client,
            secret_id,
            keys: Arc::new(RwLock::new(keys)),
        })
    }

    /// One that has this secret and can read no other.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn fixed(text: &str) -> Self {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest());
        let keys = RootKeys::read(text).expect("a root key");
        Self {
            client: Client::from_conf(config.build()),
            secret_id: String::new(),
            keys: Arc::new(RwLock::new(Arc::new(keys))),
        }
    }

    /// Reads the root key again, for a version that was added since.
    ///
    /// # Errors
    /// Secrets Manager did not answer, or holds something else there. What was read before stays.
    pub async fn reload(&self) -> Result<(), StateError> {
        let keys = Arc::new(fetch(&self.client, &self.secret_id).await?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Seals a secret for its place, with the current version.
    pub fn seal(&self, place: Place<'_>, secret: &[u8]) -> Sealed {
        self.keys().current.seal(place, secret)
    }

    /// Whether this was sealed with the current version.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.version() == Some(self.keys().current.version())
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// It is no such box, or its version of the root key is not there: whatever it is needed for must not
    /// happen.
    pub async fn open(
        &self,
        place: Place<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, StateError> {
        let version = sealed.version().unwrap_or_default();
        if self.keys().of(version).is_none() {
            self.reload().await?;
        }
        let broken = StateError::while_doing("open a sealed secret");
        let keys = self.keys();
        let Some(key) = keys.of(version) else {
            return Err(broken(crate::sealed::BrokenSeal));
        };
        key.open(place, sealed).map_err(broken)
    }

    fn keys(&self) -> Arc<RootKeys> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keys)
    }
}

async fn fetch(client: &Client, secret_id: &str) -> Result<RootKeys, StateError> {
    let answer = client.get_secret_value().secret_id(secret_id).send().await;
    let answer = answer.map_err(StateError::while_doing("read the root key"))?;
    let text = Zeroizing::new(answer.secret_string.unwrap_or_default());
    RootKeys::read(&text).map_err(StateError::while_doing("read the root key"))
}

impl RootKeys {
    fn read(text: &str) -> Result<Self, Malformed> {
        let members: Result<BTreeMap<String, Zeroizing<String>>, _> = serde_json::from_str(text);
        // The parser's error may repeat what it read.
        let mut members = members.map_err(|_| Malformed::NoObject)?;
        let current = members.remove(CURRENT).ok_or(Malformed::NoCurrent)?;
        let is_usable = |(version, text): (&String, &Zeroizing<String>)| {
            text.chars().count() >= MIN_LENGTH && !version.is_empty() && !version.contains('.')
        };
        if !members.iter().all(is_usable) {
            return Err(Malformed::Weak);
        }
        let sealing = members.remove(&*current).ok_or(Malformed::NoCurrent)?;
        let older = members.iter();
        Ok(Self {
            current: RootKey::new(&current, &sealing),
            older: older
                .map(|(version, text)| RootKey::new(version, text))
                .collect(),
        })
    }

    fn of(&self, version: &str) -> Option<&RootKey> {
        let all = std::iter::once(&self.current).chain(&self.older);
        all.into_iter().find(|key| key.version() == version)
    }
}

#[cfg(test)]
mod tests {
    use payload::id::OrganizationId;

    use super::*;

    const ONE: &str = "zqzqzqzqzqzqzqzqzqzqzqzqzqzqzq01";
    const TWO: &str = "zqzqzqzqzqzqzqzqzqzqzqzqzqzqzq02";

    fn read(text: &str) -> Result<RootKeys, Malformed> {
        RootKeys::read(text)
    }

    #[test]
    fn what_an_older_version_sealed_opens_and_the_current_one_seals() {
        let place = Place {
            organization: OrganizationId::NIL,
            holder: "ep_1",
            field: "secrets",
        };
        let before = read(&format!(r#"{{"current": "1", "1": "{ONE}"}}"#)).unwrap();
        let sealed = before.current.seal(place, b"zq");
        let after = format!(r#"{{"current": "2", "1": "{ONE}", "2": "{TWO}"}}"#);
        let after = read(&after).unwrap();
        assert_eq!(after.current.version(), "2");
        let key = after.of(sealed.version().unwrap()).unwrap();
        assert_eq!(**key.open(place, &sealed).unwrap(), *b"zq");
        assert!(before.of("2").is_none());
    }

    #[test]
    fn a_root_key_that_cannot_be_used_is_refused_without_being_repeated() {
        for (text, expected) in [
            ("", Malformed::NoObject),
            ("zq", Malformed::NoObject),
            (r#"{"current": 1}"#, Malformed::NoObject),
            ("{}", Malformed::NoCurrent),
            (&format!(r#"{{"1": "{ONE}"}}"#), Malformed::NoCurrent),
            (
                &format!(r#"{{"current": "2", "1": "{ONE}"}}"#),
                Malformed::NoCurrent,
            ),
            (r#"{"current": "1", "1": "zq"}"#, Malformed::Weak),
            (
                &format!(r#"{{"current": "1.0", "1.0": "{ONE}"}}"#),
                Malformed::Weak,
            ),
        ] {
            let refused = read(text).err().unwrap();
            assert_eq!(refused, expected, "{text}");
            assert!(!format!("{refused}{refused:?}").contains("zq"));
        }
    }
}
