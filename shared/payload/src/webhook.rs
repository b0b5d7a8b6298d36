//! The headers of a webhook: a dialect is body, headers and signature.
//!
//! Every webhook carries the three headers of Standard Webhooks; beside them those by which a receiver
//! of the dialect knows and checks its own system; and, if the endpoint wants them, those of
//! `CloudEvents` in binary mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>).

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::convert::surrogate::{Kind, Origin};
use crate::convert::{Rendered, Surrogate};
use crate::dialect::Dialect;
use crate::event_type::EventType;
use crate::id::{EndpointId, EventId, OrganizationId};
use crate::key_pair::KeyPair;
use crate::secret::Secret;
use crate::signature::{ID_HEADER, STANDARD, Scheme, TIMESTAMP_HEADER, sign_asymmetric};
use crate::timestamp::{self, Seconds};
use uuid::Uuid;

/// The dialect of a body that is not in the endpoint's own.
pub const DIALECT_HEADER: &str = "x-dialect";
/// The source's identifiers behind the surrogates in the body: a JSON object of JSON pointers,
/// percent-encoded.
pub const SOURCE_IDS_HEADER: &str = "x-source-ids";
/// Receivers refuse heads of more than 8 KiB or so.
const MAX_SOURCE_IDS: usize = 2 * 1024;

/// What `CloudEvents` asks to be encoded in a header: space, quote, percent and what is no ASCII.
const CLOUDEVENTS_ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// What one attempt sends to one endpoint, but for the endpoint's own headers.
#[derive(Clone, Copy)]
pub struct Webhook<'a> {
    /// Whose event it is.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// What happened.
    pub event_type: EventType,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The credential it is about.
    pub credential_id: Option<&'a str>,
    /// Where it is sent.
    pub endpoint: EndpointId,
    /// With what it is signed.
    pub signers: Signers<'a>,
    /// The body, and in which words it is.
    pub rendered: &'a Rendered,
    /// Whether the endpoint wants the headers of `CloudEvents`.
    pub cloudevents: bool,
    /// When the attempt is made.
    pub at: Timestamp,
}

/// With what a webhook is signed: at least with one secret.
#[derive(Clone, Copy)]
pub struct Signers<'a> {
    /// The endpoint's secret.
    pub secret: &'a Secret,
    /// The secrets it had before, as long as they are valid, newest first.
    pub older_secrets: &'a [Secret],
    /// The key pairs of its organization, newest first, if the endpoint wants such signatures too.
    pub key_pairs: &'a [KeyPair],
}

impl<'a> Signers<'a> {
    /// One secret and nothing else.
    pub fn one(secret: &'a Secret) -> Self {
        Self {
            secret,
            older_secrets: &[],
            key_pairs: &[],
        }
    }
}

/// What a dialect puts into a header of its own.
#[derive(Clone, Copy)]
enum Content {
    /// The signature by the dialect's scheme.
    Signature,
    /// The dialect's name for what happened.
    Event,
    /// A UUID of the delivery, equal in every attempt.
    Delivery,
    /// A UUID of the endpoint.
    Endpoint,
    /// When the attempt is made, RFC 3339.
    SentAt,
    /// Always this.
    Fixed(&'static str),
}

/// The headers of each dialect beside those of Standard Webhooks.
///
/// Beedeez names the event nowhere; `x-webhook-event` there is ours.
const fn own_headers(dialect: Dialect) -> &'static [(&'static str, Content)] {
    match dialect {
        Dialect::Canonical | Dialect::Toolzz => &[],
        Dialect::Thatsme => &[
            ("x-tm-signature", Content::Signature),
            ("x-tm-event", Content::Event),
            ("x-tm-delivery", Content::Delivery),
        ],
        Dialect::Vec => &[
            ("x-webhook-signature", Content::Signature),
            ("x-webhook-event", Content::Event),
            ("x-webhook-id", Content::Endpoint),
            ("x-webhook-timestamp", Content::SentAt),
        ],
        Dialect::Certdirectory => &[
            ("x-certdirectory-signature", Content::Signature),
            ("x-certdirectory-event", Content::Event),
        ],
        Dialect::Beedeez => &[
            ("x-webhook-source", Content::Fixed("beedeez")),
            ("x-webhook-event", Content::Event),
        ],
    }
}

impl Webhook<'_> {
    /// Names, in lower case, and values of the headers.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let id = self.event.to_string();
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            (STANDARD.header, self.standard_signatures()),
            (TIMESTAMP_HEADER, self.at.as_second().to_string()),
            (ID_HEADER, id),
        ];
        for (name, content) in own_headers(self.rendered.dialect) {
            if let Some(value) = self.value(*content) {
                headers.push((name, value));
            }
        }
        if self.rendered.is_substitute {
            headers.push((DIALECT_HEADER, self.rendered.dialect.to_string()));
        }
        headers.extend(self.source_ids().map(|ids| (SOURCE_IDS_HEADER, ids)));
        if self.cloudevents {
            headers.extend(self.cloudevents_headers());
        }
        headers
    }

    fn standard_signatures(&self) -> String {
        let mut signatures = self.sign(&STANDARD);
        let id = self.event.to_string();
        for pair in self.signers.key_pairs {
            signatures.push(' ');
            signatures += &sign_asymmetric(pair, &id, self.at, &self.rendered.body);
        }
        signatures
    }

    fn sign(&self, scheme: &Scheme) -> String {
        scheme.sign_with_each(
            self.signers.secret,
            self.signers.older_secrets,
            &self.event.to_string(),
            self.at,
            &self.rendered.body,
        )
    }

    fn value(&self, content: Content) -> Option<String> {
        Some(match content {
            Content::Signature => self.sign(Scheme::of(self.rendered.dialect)?),
            Content::Event => self.rendered.event.to_owned(),
            Content::Delivery => {
                let origin = Origin {
                    organization: self.organization,
                    dialect: Dialect::Canonical,
                };
                let delivery = format!("{}#{}", self.event, self.endpoint);
                origin.uuid(Kind::Delivery, &delivery).to_string()
            }
            Content::Endpoint => Uuid::from(self.endpoint).to_string(),
            Content::SentAt => Seconds(self.at).to_string(),
            Content::Fixed(value) => value.to_owned(),
        })
    }

    /// Nothing where there is nothing to resolve. What does not fit is left out.
    fn source_ids(&self) -> Option<String> {
        const START: &str = "%7B";
        const COMMA: &str = "%2C";
        const END: &str = "%7D";
        let mut encoded = START.to_owned();
        for Surrogate { pointer, original } in &self.rendered.surrogates {
            let Some(original) = original.as_deref().filter(|id| !is_personal(id)) else {
                continue;
            };
            let pair = format!("{}:{}", Value::from(&**pointer), Value::from(original));
            let pair = utf8_percent_encode(&pair, NON_ALPHANUMERIC).to_string();
            let comma = if encoded == START { "" } else { COMMA };
            if encoded.len() + comma.len() + pair.len() + END.len() <= MAX_SOURCE_IDS {
                encoded += comma;
                encoded += &pair;
            }
        }
        (encoded != START).then(|| encoded + END)
    }

    fn cloudevents_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", self.event.to_string()),
            ("ce-source", format!("/organizations/{}", self.organization)),
            ("ce-type", self.event_type.to_string()),
            ("ce-time", timestamp::canonical(self.timestamp)),
        ];
        if let Some(credential) = self.credential_id.filter(|id| id.len() <= MAX_SOURCE_IDS) {
            let subject = utf8_percent_encode(credential, CLOUDEVENTS_ENCODED).to_string();
            headers.push(("ce-subject", subject));
        }
        headers
    }
}

/// Whether an identifier is an e-mail address or a tax id (CPF): proxies log headers.
fn is_personal(id: &str) -> bool {
    let digits = id.bytes().filter(u8::is_ascii_digit).count();
    let has_form_of_cpf =
        digits == 11 && id.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    id.contains('@') || has_form_of_cpf
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const BODY: &[u8] =
        br#"{"event":"certificate.issued","created_at":"2026-03-18T10:30:00Z","data":{}}"#;

    fn surrogate(pointer: &'static str, original: Option<&str>) -> Surrogate {
        Surrogate {
            pointer: pointer.into(),
            original: original.map(str::to_owned),
        }
    }

    fn rendered(dialect: Dialect) -> Rendered {
        let replaced = vec![
            surrogate("/_id", Some("inv 1")),
            surrogate("/_userId", None),
            surrogate("/_ownerId", Some("ana@example.com")),
            surrogate("/_badgeId", Some("123.456.789-09")),
        ];
        Rendered {
            dialect,
            event: "certificate.issued",
            body: BODY.to_vec(),
            is_substitute: false,
            surrogates: match dialect {
                Dialect::Beedeez => replaced,
                _ => Vec::new(),
            },
            fallbacks: Vec::new(),
        }
    }

    fn headers(rendered: &Rendered, cloudevents: bool) -> BTreeMap<&'static str, String> {
        let secret = Secret::of_source("test_secret").unwrap();
        let webhook = Webhook {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event_type: EventType::CredentialIssued,
            timestamp: "2026-03-18T10:30:00Z".parse().unwrap(),
            credential_id: Some("inv 1"),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            signers: Signers::one(&secret),
            rendered,
            cloudevents,
            at: Timestamp::from_second(1_711_234_567).unwrap(),
        };
        let headers = webhook.headers();
        let count = headers.len();
        let headers: BTreeMap<_, _> = headers.into_iter().collect();
        assert_eq!(headers.len(), count, "no header twice");
        for standard in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            assert!(headers.contains_key(standard));
        }
        headers
    }

    fn of(dialect: Dialect) -> BTreeMap<&'static str, String> {
        headers(&rendered(dialect), false)
    }

    #[test]
    fn every_dialect_has_the_headers_of_its_system() {
        let thatsme = of(Dialect::Thatsme);
        assert_eq!(
            thatsme["x-tm-signature"],
            "t=1711234567,v1=e9241bdb8ff3b445a8880e5dbb534351872e0c788583885a61f7f01b1e2ebf60"
        );
        assert_eq!(thatsme["x-tm-event"], "certificate.issued");
        assert_eq!(
            Uuid::parse_str(&thatsme["x-tm-delivery"])
                .unwrap()
                .get_version_num(),
            5
        );
        let body_mac = "4f9176b801acbc5dc90e45a8541cf1e0e7d97c9adfb4f6294eb25723aa55f3e9";
        let vec = of(Dialect::Vec);
        assert_eq!(vec["x-webhook-signature"], body_mac);
        assert_eq!(vec["x-webhook-event"], "certificate.issued");
        assert_eq!(vec["x-webhook-id"], "01563e3a-b5d3-d676-4c61-efb99302bd5b");
        assert_eq!(vec["x-webhook-timestamp"], "2024-03-23T22:56:07Z");
        let certdirectory = of(Dialect::Certdirectory);
        assert_eq!(certdirectory["x-certdirectory-signature"], body_mac);
        assert_eq!(certdirectory["x-certdirectory-event"], "certificate.issued");
        let beedeez = of(Dialect::Beedeez);
        assert_eq!(beedeez["x-webhook-source"], "beedeez");
        assert_eq!(beedeez["x-webhook-event"], "certificate.issued");
        assert_eq!(of(Dialect::Toolzz).len(), 4);
        assert_eq!(of(Dialect::Canonical).len(), 4);
    }

    #[test]
    fn the_identifiers_behind_surrogates_are_told_but_no_address_of_a_person() {
        let beedeez = of(Dialect::Beedeez);
        let decoded = percent_encoding::percent_decode_str(&beedeez["x-source-ids"]);
        assert_eq!(decoded.decode_utf8().unwrap(), r#"{"/_id":"inv 1"}"#);
        assert!(!of(Dialect::Canonical).contains_key("x-source-ids"));
        let mut long = rendered(Dialect::Canonical);
        let longest = "x".repeat(MAX_SOURCE_IDS);
        long.surrogates = vec![surrogate("/a", Some(&longest)), surrogate("/b", Some("1"))];
        let told = headers(&long, false);
        assert_eq!(told["x-source-ids"], "%7B%22%2Fb%22%3A%221%22%7D");
    }

    #[test]
    fn cloudevents_and_a_substitute_are_said_when_they_are() {
        let plain = of(Dialect::Canonical);
        assert!(!plain.keys().any(|name| name.starts_with("ce-")));
        assert!(!plain.contains_key("x-dialect"));
        let substitute = Rendered {
            is_substitute: true,
            ..rendered(Dialect::Canonical)
        };
        let told = headers(&substitute, true);
        assert_eq!(told["x-dialect"], "canonical");
        assert_eq!(told["ce-specversion"], "1.0");
        assert_eq!(told["ce-id"], told["webhook-id"]);
        assert_eq!(told["ce-type"], "credential.issued");
        assert_eq!(told["ce-time"], "2026-03-18T10:30:00.000Z");
        assert_eq!(told["ce-subject"], "inv%201");
        assert_eq!(
            told["ce-source"],
            "/organizations/org_01ARZ3NDEKTSV4RRFFQ69G5FAV"
        );
    }
}
