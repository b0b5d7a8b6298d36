//! E-mail addresses of people: when two are the same, a digest that stands for one, and those that stand
//! somewhere in a text.
//!
//! Who looks for everything that names a person knows no more than the digest. So the texts that may be an
//! address are cut out of what is searched, each in every way in which it can be one, and compared by their
//! digests.

use std::collections::HashSet;

use base16ct::lower;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::id::OrganizationId;

/// The longest address that is taken, in bytes: RFC 5321 allows 64 before the `@` and 255 after it.
pub const MAX_ADDRESS: usize = 320;

/// What may stand in an address, and just as well around one: `mailto:ana@example.com`, `to=ana@example.com`.
const DELIMITERS: &str = "!#$%&'*+/=?^`{|}~:";

/// An address of a person of an organization as what it is compared by. It does not say which address it is, but
/// to who guesses it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AddressDigest(String);

impl AddressDigest {
    /// The digest of an address. Case and space around it make no difference.
    pub fn of(organization: OrganizationId, address: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(organization.to_string());
        hash.update([0]);
        hash.update(address.trim().to_lowercase());
        Self(lower::encode_string(&hash.finalize()))
    }

    /// One that was kept as text.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// The text by which it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address that is looked for.
#[derive(Clone)]
pub struct Sought {
    organization: OrganizationId,
    digest: AddressDigest,
}

impl Sought {
    /// The address of this digest, of a person of this organization.
    pub fn new(organization: OrganizationId, digest: AddressDigest) -> Self {
        Self {
            organization,
            digest,
        }
    }

    /// Whether a text is the address.
    pub fn is(&self, text: &str) -> bool {
        AddressDigest::of(self.organization, text) == self.digest
    }

    /// Whether a body names the address: as a value or a name in JSON, within one, or anywhere in what is no
    /// JSON. One that is written with percent signs, as in a form, is found too.
    pub fn is_named_in(&self, body: &[u8]) -> bool {
        // What can be an `@`, also in an escape of JSON and with a percent sign.
        if !body.iter().any(|byte| b"@\\%".contains(byte)) {
            return false;
        }
        let mut seen = HashSet::new();
        let values: Option<Value> = serde_json::from_slice(body).ok();
        // JSON as it stands too: of a name that comes twice the value is the last one only.
        values.is_some_and(|value| self.is_in_value(&value, &mut seen))
            || self.is_in(&String::from_utf8_lossy(body), &mut seen)
    }

    /// Whether the texts of a value name it.
    fn is_in_value(&self, value: &Value, seen: &mut HashSet<String>) -> bool {
        match value {
            // The whole of it too: what is taken as an address may have anything in it.
            Value::String(text) => {
                let may_be = text.contains('@') && text.len() <= MAX_ADDRESS;
                may_be && self.is(text) || self.is_in(text, seen)
            }
            Value::Array(items) => items.iter().any(|item| self.is_in_value(item, seen)),
            Value::Object(members) => members
                .iter()
                .any(|(name, value)| self.is_in(name, seen) || self.is_in_value(value, seen)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Whether a text names it.
    fn is_in(&self, text: &str, seen: &mut HashSet<String>) -> bool {
        if self.is_among(text, seen) {
            return true;
        }
        let may_be_encoded = text.contains("%40");
        may_be_encoded && self.is_among(&percent_decode_str(text).decode_utf8_lossy(), seen)
    }

    fn is_among(&self, text: &str, seen: &mut HashSet<String>) -> bool {
        candidates(text).any(|candidate| {
            let normal = candidate.to_lowercase();
            let is_new = !seen.contains(&normal);
            let is_it = is_new && self.is(&normal);
            if is_new {
                seen.insert(normal);
            }
            is_it
        })
    }
}

/// The texts within a text that may be an address: around each `@` as much as an address can have, and the
/// same from behind each delimiter on.
fn candidates(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('@').flat_map(move |(at, _)| {
        let begins = begin(text, at);
        let ends = end(text, at);
        let inner = text[begins..at].char_indices();
        let inner = inner.filter(|(_, char)| DELIMITERS.contains(*char));
        let inner = inner.map(move |(offset, char)| begins + offset + char.len_utf8());
        std::iter::once(begins)
            .chain(inner)
            .filter(move |start| *start < at)
            .map(move |start| &text[start..ends])
    })
}

fn begin(text: &str, at: usize) -> usize {
    let mut begins = at;
    for (place, char) in text[..at].char_indices().rev() {
        let is_part = char.is_alphanumeric() || "._-".contains(char) || DELIMITERS.contains(char);
        if !is_part || at - place > MAX_ADDRESS {
            break;
        }
        begins = place;
    }
    begins
}

fn end(text: &str, at: usize) -> usize {
    let mut ends = at + 1;
    for (place, char) in text[at + 1..].char_indices() {
        if !(char.is_alphanumeric() || ".-".contains(char)) || place > MAX_ADDRESS {
            break;
        }
        ends = at + 1 + place + char.len_utf8();
    }
    // The end of a sentence is no part of a domain.
    ends - (text[at + 1..ends].len() - text[at + 1..ends].trim_end_matches(['.', '-']).len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn sought(address: &str) -> Sought {
        let digest = AddressDigest::of(OrganizationId::NIL, address);
        Sought::new(
            OrganizationId::NIL,
            AddressDigest::kept(digest.as_str().to_owned()),
        )
    }

    #[test]
    fn case_and_space_make_no_other_address_and_another_organization_does() {
        let digest = AddressDigest::of(OrganizationId::NIL, "Ana.Souza@Example.com ");
        let same = AddressDigest::of(OrganizationId::NIL, "ana.souza@example.COM");
        assert!(digest == same);
        let other = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        assert!(digest != AddressDigest::of(other, "ana.souza@example.com"));
        assert!(!digest.as_str().contains("ana"));
    }

    #[test]
    fn an_address_is_found_however_a_body_names_it() {
        let ana = sought("ana+hr@example.com");
        for body in [
            r#"{"a": {"b": ["ANA+hr@Example.com"]}}"#,
            r#"{"ana+hr@example.com": 1}"#,
            r#"{"text": "write to ana+hr@example.com."}"#,
            r#"{"text": "Ana <ana+hr@example.com>, Bia <bia@example.com>"}"#,
            r#"{"a": "mailto:ana+hr@example.com?subject=x"}"#,
            r#"{"a": "ana\u002bhr\u0040example.com"}"#,
            r#"{"a": "https:\/\/x.example\/?to=ana+hr@example.com&b"}"#,
            r#"{"a": "https://x.example/?to=ana%2Bhr%40example.com"}"#,
            "to=ana%2bhr%40example.com&x=1",
            "{\"broken\": \"ana+hr@example.com",
            "'ana+hr@example.com'",
            "ana+hr@example.com",
        ] {
            assert!(ana.is_named_in(body.as_bytes()), "{body}");
        }
        let bytes = b"\xff\xfe\"ana+hr@example.com\"\xff";
        assert!(ana.is_named_in(bytes));
    }

    #[test]
    fn another_address_is_not() {
        let ana = sought("ana@example.com");
        for body in [
            "",
            "@",
            "@@@",
            "ana@",
            "@example.com",
            "ana@example.com.br",
            "joana@example.com",
            "ana@example.comm",
            "x.ana@example.com",
            "ana-ana@example.com",
            "ana@example.co m",
        ] {
            assert!(!ana.is_named_in(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn addresses_in_other_scripts_are_found() {
        let address = sought("andré@exämple.com");
        assert!(address.is_named_in("{\"a\": \"ANDRÉ@EXÄMPLE.com\"}".as_bytes()));
        let escaped = r#"{"a": "andr\u00e9@ex\u00e4mple.com"}"#;
        assert!(address.is_named_in(escaped.as_bytes()));
    }

    #[test]
    fn what_is_no_address_by_the_rules_is_found_as_a_value() {
        let odd = sought("ana souza@host");
        assert!(odd.is_named_in(br#"{"recipient_email": "Ana Souza@host"}"#));
        let quoted = sought("\"ana souza\"@example.com");
        assert!(quoted.is_named_in(br#"["\"ana souza\"@example.com"]"#));
        let twice = sought("ana@example.com");
        assert!(twice.is_named_in(br#"{"a": "ana@example.com", "a": 1}"#));
    }

    proptest! {
        #[test]
        fn what_stands_in_a_body_is_found_whatever_is_around_it(
            before in "[^@]{0,20}[ \"<,;(\\[=:/?&]",
            after in "[ \">,;)\\]&?#][^@]{0,20}",
            local in "[a-z][a-z0-9._+-]{0,20}",
            domain in "[a-z]{1,10}\\.[a-z]{2,6}",
        ) {
            let address = format!("{local}@{domain}");
            let text = format!("{before}{address}{after}");
            let body = serde_json::to_vec(&json!({"a": [text.clone()]})).unwrap();
            prop_assert!(sought(&address).is_named_in(&body));
            prop_assert!(sought(&address).is_named_in(text.as_bytes()));
        }

        #[test]
        fn whatever_the_bytes_are_nothing_panics(body: Vec<u8>) {
            sought("ana@example.com").is_named_in(&body);
        }

        #[test]
        fn however_many_at_signs_there_are_nothing_panics(body in "[@a%.+é=]{0,400}") {
            sought("ana@example.com").is_named_in(body.as_bytes());
        }
    }
}
