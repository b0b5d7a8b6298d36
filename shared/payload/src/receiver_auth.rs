//! How certhooks authenticates itself to a receiver, configured as in Beedeez.
//!
//! Source: <https://doc.developers.beedeez.com/docs/next/webhooks/authentication>. That page speaks of
//! five methods; the members of `none`, `bearer_token` and `basic_auth` are its own, those of
//! `api_key` are ours.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::custom_headers::{Header, free_name, secret_value};
use crate::fault::Faults;
use crate::fields::{Fields, read_strictly};

const METHODS: [&str; 4] = ["none", "bearer_token", "basic_auth", "api_key"];
const DEFAULT_HEADER: &str = "X-API-Key";
/// Most bytes of a token, a key, a username or a password.
const MAX_SECRET: usize = 2 * 1024;
const MAX_HEADER: usize = 256;

/// What a webhook says about who sends it, beside its signature.
///
/// Serialised with its secrets, for the table only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "authType", rename_all = "snake_case")]
pub enum ReceiverAuth {
    /// Nothing.
    #[default]
    None,
    /// `Authorization: Bearer …`
    BearerToken {
        /// A secret.
        token: String,
    },
    /// `Authorization: Basic …`, RFC 7617.
    BasicAuth {
        /// Without a colon.
        username: String,
        /// A secret.
        password: String,
    },
    /// A key in a header of the receiver's choice.
    ApiKey {
        /// The name of the header.
        header: String,
        /// A secret.
        key: String,
    },
}

impl ReceiverAuth {
    /// Reads `{"authType": …}` with the members of that method. `type` is the same as `authType`.
    ///
    /// # Errors
    /// Every fault, at its place within the object.
    pub fn parse(members: Map<String, Value>) -> Result<Self, Faults> {
        let is_short = members.contains_key("type") && !members.contains_key("authType");
        let member = if is_short { "type" } else { "authType" };
        read_strictly(members, |fields| {
            let method = fields.one_of(member, &METHODS);
            match method.as_deref() {
                Some("bearer_token") => Self::BearerToken {
                    token: visible_secret(fields, "token"),
                },
                Some("basic_auth") => basic_auth(fields),
                Some("api_key") => Self::ApiKey {
                    header: header_name(fields),
                    key: visible_secret(fields, "key"),
                },
                Some(_) => Self::None,
                None => {
                    fields.fault(member, "required");
                    // Which members belong to a method that is not known is not known either.
                    for other in ["token", "username", "password", "header", "key"] {
                        fields.take(other);
                    }
                    Self::None
                }
            }
        })
    }

    /// The header that says it. Its value counts as secret.
    pub fn header(&self) -> Option<Header> {
        let (name, text) = match self {
            Self::None => return None,
            Self::BearerToken { token } => (AUTHORIZATION, format!("Bearer {token}")),
            Self::BasicAuth { username, password } => {
                let pair = BASE64.encode(format!("{username}:{password}"));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            Self::ApiKey { header, key } => (free_name(header).ok()?, key.clone()),
        };
        Some((name, secret_value(&text)?))
    }
}

/// Only the method: the rest is secrets and a person's name.
impl fmt::Debug for ReceiverAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::BearerToken { .. } => "BearerToken([redacted])",
            Self::BasicAuth { .. } => "BasicAuth([redacted])",
            Self::ApiKey { .. } => "ApiKey([redacted])",
        })
    }
}

fn basic_auth(fields: &mut Fields<'_>) -> ReceiverAuth {
    let username = fields.required_text("username");
    if username.contains(':') {
        fields.fault("username", "must not contain a colon");
    }
    let password = fields.text("password").unwrap_or_else(|| {
        fields.fault("password", "required");
        String::new()
    });
    for (name, text) in [("username", &username), ("password", &password)] {
        if text.chars().any(char::is_control) {
            fields.fault(name, "must not contain control characters");
        }
        limit(fields, name, text);
    }
    ReceiverAuth::BasicAuth { username, password }
}

fn header_name(fields: &mut Fields<'_>) -> String {
    let name = fields.text("header");
    let name = name.unwrap_or_else(|| DEFAULT_HEADER.to_owned());
    if name.len() > MAX_HEADER {
        fields.fault("header", "must have at most 256 bytes");
    } else if let Err(reason) = free_name(&name) {
        fields.fault("header", reason);
    }
    name
}

fn visible_secret(fields: &mut Fields<'_>, name: &str) -> String {
    let text = fields.required_text(name);
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        fields.fault(name, "must consist of visible ASCII characters");
    }
    limit(fields, name, &text);
    text
}

fn limit(fields: &Fields<'_>, name: &str, text: &str) {
    if text.len() > MAX_SECRET {
        fields.fault(name, "must have at most 2,048 bytes");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(auth: Value) -> Result<ReceiverAuth, Vec<(String, String)>> {
        let Value::Object(members) = auth else {
            panic!("an object")
        };
        ReceiverAuth::parse(members).map_err(|faults| {
            let faults = faults.iter();
            faults
                .map(|(at, why)| (at.to_owned(), why.to_owned()))
                .collect()
        })
    }

    #[track_caller]
    fn check(auth: Value, name: &str, value: &str) {
        let auth = parse(auth).unwrap();
        let header = auth.header().unwrap();
        assert_eq!(
            (header.0.as_str(), header.1.to_str().unwrap()),
            (name, value)
        );
        assert!(header.1.is_sensitive());
        assert!(format!("{auth:?}").ends_with("([redacted])"));
        let stored = serde_json::to_value(&auth).unwrap();
        assert_eq!(
            serde_json::from_value::<ReceiverAuth>(stored).unwrap(),
            auth
        );
    }

    #[test]
    fn every_method_of_beedeez_makes_its_header() {
        let none = parse(json!({"authType": "none"})).unwrap();
        assert_eq!(none, ReceiverAuth::default());
        assert_eq!(none.header(), None);
        check(
            json!({"authType": "bearer_token", "token": "your-secret-bearer-token"}),
            "authorization",
            "Bearer your-secret-bearer-token",
        );
        check(
            json!({"type": "basic_auth", "username": "username", "password": "password"}),
            "authorization",
            "Basic dXNlcm5hbWU6cGFzc3dvcmQ=",
        );
        check(
            json!({"authType": "api_key", "header": "X-College", "key": "k-1"}),
            "x-college",
            "k-1",
        );
        check(
            json!({"authType": "api_key", "key": "k-1"}),
            "x-api-key",
            "k-1",
        );
    }

    #[test]
    fn basic_auth_is_that_of_rfc_7617() {
        // Its examples: a colon in the password, and UTF-8 (section 2.1).
        check(
            json!({"authType": "basic_auth", "username": "Aladdin", "password": "open sesame"}),
            "authorization",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        );
        check(
            json!({"authType": "basic_auth", "username": "test", "password": "123£"}),
            "authorization",
            "Basic dGVzdDoxMjPCow==",
        );
        check(
            json!({"authType": "basic_auth", "username": "u", "password": ""}),
            "authorization",
            "Basic dTo=",
        );
    }

    #[test]
    fn every_fault_is_at_its_place_and_repeats_no_value() {
        for (auth, places) in [
            (json!({}), vec!["/authType"]),
            (
                json!({"authType": "oauth2", "token": "zq"}),
                vec!["/authType"],
            ),
            (json!({"type": 7}), vec!["/type"]),
            (json!({"type": "none", "authType": "none"}), vec!["/type"]),
            (json!({"authType": "none", "token": "zq"}), vec!["/token"]),
            (json!({"authType": "bearer_token"}), vec!["/token"]),
            (
                json!({"authType": "bearer_token", "token": ""}),
                vec!["/token"],
            ),
            (
                json!({"authType": "bearer_token", "token": "zq zq"}),
                vec!["/token"],
            ),
            (
                json!({"authType": "bearer_token", "token": "zq\r\n"}),
                vec!["/token"],
            ),
            (
                json!({"authType": "bearer_token", "token": "zq".repeat(1_025)}),
                vec!["/token"],
            ),
            (
                json!({"authType": "basic_auth"}),
                vec!["/password", "/username"],
            ),
            (
                json!({"authType": "basic_auth", "username": "z:q", "password": "z\u{7f}q"}),
                vec!["/password", "/username"],
            ),
            (
                json!({"authType": "api_key", "header": "host"}),
                vec!["/header", "/key"],
            ),
            (
                json!({"authType": "api_key", "header": "Authorization", "key": "zq"}),
                vec!["/header"],
            ),
            (
                json!({"authType": "api_key", "header": "x y", "key": "zqã"}),
                vec!["/header", "/key"],
            ),
            (
                json!({"authType": "api_key", "header": "x".repeat(257), "key": "zq"}),
                vec!["/header"],
            ),
        ] {
            let faults = parse(auth.clone()).unwrap_err();
            let found: Vec<&str> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
            assert_eq!(found, places, "{auth}");
            assert!(!format!("{faults:?}").contains("zq"), "{faults:?}");
        }
        let longest = json!({"authType": "bearer_token", "token": "z".repeat(2_048)});
        assert!(parse(longest).is_ok());
    }
}
