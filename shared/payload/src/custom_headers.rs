//! The headers that an endpoint's owner adds to its webhooks.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fault::{Faults, escape};

/// A header to be sent.
pub type Header = (HeaderName, HeaderValue);

const MAX_HEADERS: usize = 20;
/// Most bytes of all names and values together.
const MAX_BYTES: usize = 4 * 1024;

/// The names that are not the owner's to set, by the reason. A `*` at the end stands for any end.
const RESERVED: [(&str, &[&str]); 6] = [
    (
        "is reserved: it is a part of how HTTP is spoken",
        &[
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "proxy-*",
        ],
    ),
    (
        "is reserved: certhooks says what the body is",
        &["content-type", "content-encoding"],
    ),
    (
        "is reserved: certhooks says who is sending and which answers it reads",
        &["user-agent", "accept-encoding"],
    ),
    (
        "is reserved: set it by auth, as bearer_token or basic_auth",
        &["authorization"],
    ),
    (
        "is reserved: certhooks sends it itself",
        &[
            "webhook-*",
            "x-webhook-signature",
            "x-webhook-event",
            "x-webhook-id",
            "x-webhook-timestamp",
            "x-webhook-source",
            "x-tm-*",
            "x-certdirectory-*",
            "ce-*",
            "x-dialect",
            "x-source-ids",
        ],
    ),
    (
        "is reserved: it belongs to the tracing of requests",
        &["traceparent", "tracestate", "x-amzn-*"],
    ),
];

/// Up to 20 headers, 4 KiB, by their names as their owner writes them.
///
/// The values may be secrets: they are serialised for the table only, and never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomHeaders(BTreeMap<String, String>);

impl CustomHeaders {
    /// Reads an object of names and values.
    ///
    /// # Errors
    /// Every fault, at its place within the object.
    pub fn parse(members: Map<String, Value>) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        if members.len() > MAX_HEADERS {
            faults.add("", format!("must have at most {MAX_HEADERS} headers"));
        }
        let mut headers = BTreeMap::new();
        let mut names = HashSet::new();
        let mut bytes = 0;
        for (name, value) in members {
            bytes += name.len() + value.as_str().map_or(0, str::len);
            match read(&name, value, &mut names) {
                Ok(value) => {
                    headers.insert(name, value);
                }
                Err(reason) => faults.add(format!("/{}", escape(&name)), reason),
            }
        }
        if bytes > MAX_BYTES {
            let reason = "must have at most 4,096 bytes, names and values together";
            faults.add("", reason);
        }
        faults.check()?;
        Ok(Self(headers))
    }

    /// The names as they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The name of the header that is the same as this one, as it was written.
    pub fn same_as(&self, name: &str) -> Option<&str> {
        self.names().find(|own| own.eq_ignore_ascii_case(name))
    }

    /// The headers to send. One whose name was reserved after it had been set is left out.
    pub fn headers(&self) -> impl Iterator<Item = Header> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((free_name(name).ok()?, secret_value(value)?)))
    }
}

/// Without the values, which may be secrets.
impl fmt::Debug for CustomHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomHeaders")?;
        f.debug_set().entries(self.names()).finish()
    }
}

fn read(name: &str, value: Value, names: &mut HashSet<HeaderName>) -> Result<String, &'static str> {
    if !names.insert(free_name(name)?) {
        return Err("is there twice: upper and lower case make no difference");
    }
    let Value::String(value) = value else {
        return Err("must be a string");
    };
    if value.is_empty() {
        return Err("must not be empty");
    }
    if secret_value(&value).is_none() {
        return Err(
            "must consist of visible ASCII characters, with spaces and tabs only between them",
        );
    }
    Ok(value)
}

/// A name that is a token and not reserved, or the reason why not.
pub(crate) fn free_name(name: &str) -> Result<HeaderName, &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "must be the name of a header: letters, digits and !#$%&'*+-.^_`|~")?;
    match reason_for_reserving(name.as_str()) {
        Some(reason) => Err(reason),
        None => Ok(name),
    }
}

fn reason_for_reserving(name: &str) -> Option<&'static str> {
    let is_meant = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    };
    RESERVED
        .iter()
        .find(|(_, names)| names.iter().any(is_meant))
        .map(|(reason, _)| *reason)
}

/// A value that nothing on its way may show or remember, if it can be one.
pub(crate) fn secret_value(text: &str) -> Option<HeaderValue> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let ends = [text.as_bytes().first(), text.as_bytes().last()];
    if !text.is_ascii() || ends.iter().any(|end| end.is_none_or(is_blank)) {
        return None;
    }
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(headers: Value) -> Result<CustomHeaders, Vec<(String, String)>> {
        let Value::Object(members) = headers else {
            panic!("an object")
        };
        CustomHeaders::parse(members).map_err(|faults| {
            let faults = faults.iter();
            faults
                .map(|(at, why)| (at.to_owned(), why.to_owned()))
                .collect()
        })
    }

    fn places(headers: Value) -> Vec<String> {
        let faults = parse(headers).expect_err("a fault");
        faults.into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn headers_are_kept_as_written_and_sent_as_secrets() {
        let headers = parse(json!({"X-Environment": "production", "X-Note": "a\tb c"})).unwrap();
        assert_eq!(
            headers.names().collect::<Vec<_>>(),
            ["X-Environment", "X-Note"]
        );
        let sent: Vec<Header> = headers.headers().collect();
        assert_eq!(sent[0].0, "x-environment");
        assert_eq!(sent[1].1, "a\tb c");
        assert!(sent.iter().all(|(_, value)| value.is_sensitive()));
        assert_eq!(
            format!("{headers:?}"),
            r#"CustomHeaders{"X-Environment", "X-Note"}"#
        );
        let stored = serde_json::to_value(&headers).unwrap();
        assert_eq!(stored["X-Environment"], "production");
        assert_eq!(
            serde_json::from_value::<CustomHeaders>(stored).unwrap(),
            headers
        );
        assert_eq!(parse(json!({})), Ok(CustomHeaders::default()));
    }

    #[test]
    fn every_reserved_name_is_refused_in_any_case() {
        for name in [
            "Host",
            "Content-Type",
            "content-length",
            "Content-Encoding",
            "transfer-encoding",
            "connection",
            "Keep-Alive",
            "TE",
            "trailer",
            "upgrade",
            "expect",
            "Proxy-Authorization",
            "accept-encoding",
            "User-Agent",
            "AUTHORIZATION",
            "webhook-id",
            "X-Webhook-Source",
            "x-tm-event",
            "X-CertDirectory-Signature",
            "ce-type",
            "x-dialect",
            "x-source-ids",
            "traceparent",
            "tracestate",
            "X-Amzn-Trace-Id",
        ] {
            let faults = parse(json!({name: "v"})).unwrap_err();
            assert_eq!(faults[0].0, format!("/{name}"));
            assert!(faults[0].1.starts_with("is reserved: "), "{name}");
        }
        for name in [
            "x-hosting",
            "webhooks",
            "content-language",
            "X-API-Key",
            "tea",
        ] {
            assert!(parse(json!({name: "v"})).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_name_is_a_token_and_a_value_is_visible_text() {
        for name in ["", "a b", "a:b", "ã", "a\n", "(a)"] {
            assert_eq!(places(json!({name: "v"})), [format!("/{name}")]);
        }
        assert_eq!(places(json!({"a/b~": "v"})), ["/a~1b~0"]);
        for value in [
            json!(""),
            json!(" v"),
            json!("v\t"),
            json!("a\r\nb"),
            json!("a\u{0}"),
            json!("ã"),
            json!(7),
            json!(null),
            json!(["v"]),
        ] {
            assert_eq!(places(json!({"X-A": value})), ["/X-A"], "{value}");
        }
    }

    #[test]
    fn all_faults_are_named_and_no_value_is_repeated() {
        let faults =
            parse(json!({"X-A": "v", "x-a": "v", "X-B": "sécret", "host": "v"})).unwrap_err();
        let places: Vec<&str> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(places, ["/X-B", "/host", "/x-a"]);
        assert!(!format!("{faults:?}").contains("cret"));
    }

    #[test]
    fn there_are_at_most_20_of_4_kib_together() {
        let many = |count: usize| {
            let members = (0..count).map(|number| (format!("X-{number}"), json!("v")));
            Value::Object(members.collect())
        };
        assert!(parse(many(20)).is_ok());
        assert_eq!(places(many(21)), [""]);
        assert!(parse(json!({"X-AB": "v".repeat(4_092)})).is_ok());
        assert_eq!(places(json!({"X-AB": "v".repeat(4_093)})), [""]);
    }

    #[test]
    fn a_stored_header_whose_name_was_reserved_later_is_not_sent() {
        let stored = json!({"Host": "v", "X-A": "v", "X-B": "a\nb"});
        let headers: CustomHeaders = serde_json::from_value(stored).unwrap();
        let names: Vec<HeaderName> = headers.headers().map(|(name, _)| name).collect();
        assert_eq!(names, ["x-a"]);
    }
}
