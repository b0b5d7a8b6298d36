//! What no log and no refusal may hold: everything that callers send in a body, and whatever looks like a secret,
//! an e-mail address or a tax id. Every line of every stack is searched for it, and every refusal.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use payload::dialect::Dialect;
use payload::event_type::EventType;
use serde_json::Value;

/// Shorter texts are found in anything.
const SHORTEST: usize = 8;
/// The members of the canonical form, which a line names when they are missing. A source may use the same words.
const SUBJECTS: [&str; 9] = [
    "achievement",
    "activity",
    "application",
    "batch",
    "credential",
    "failure",
    "issuer",
    "recipient",
    "school",
];
/// A word of a source that is in the name of a metric too.
const METRICS: [&str; 1] = ["customer"];
/// Words of ours, which a refusal lists.
const CHOICES: [&str; 3] = ["basic_auth", "bearer_token", "standard"];
/// Statuses of deliveries are asked for in bodies, and logged.
const STATUSES: [&str; 3] = ["delivered", "exhausted", "retrying"];

/// What was planted, and where it came up.
#[derive(Default)]
pub(crate) struct Canaries {
    /// By their first bytes.
    planted: Mutex<HashMap<[u8; SHORTEST], Vec<String>>>,
    found: Mutex<Vec<String>>,
}

impl Canaries {
    /// No line may hold this text from now on, nor a line of it.
    pub(crate) fn plant(&self, text: &str) {
        let mut planted = self.planted.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines().filter(|line| !may_be_logged(line)) {
            let Some(start) = line.as_bytes().first_chunk() else {
                continue;
            };
            let same_start = planted.entry(*start).or_default();
            if !same_start.iter().any(|known| known == line) {
                same_start.push(line.to_owned());
            }
        }
    }

    /// The same for every text in a body; for the whole body, where it is no JSON.
    pub(crate) fn plant_body(&self, body: &[u8]) {
        match serde_json::from_slice(body) {
            Ok(json) => self.plant_texts(&json),
            Err(_) => self.plant(&String::from_utf8_lossy(body)),
        }
    }

    /// The same for what a body of Stripe says of people, and for its links. Its ids and its own words are logged.
    pub(crate) fn plant_people(&self, body: &[u8]) {
        const ABOUT: [&str; 10] = [
            "address",
            "collected_information",
            "customer_address",
            "customer_details",
            "customer_email",
            "customer_name",
            "customer_phone",
            "hosted_invoice_url",
            "initiated_by",
            "invoice_pdf",
        ];
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let mut left = vec![&body];
        while let Some(value) = left.pop() {
            let Value::Object(members) = value else {
                left.extend(value.as_array().into_iter().flatten());
                continue;
            };
            for (name, value) in members {
                if ABOUT.contains(&&**name) {
                    self.plant_texts(value);
                } else {
                    left.push(value);
                }
            }
        }
    }

    fn plant_texts(&self, json: &Value) {
        match json {
            Value::String(text) => self.plant(text),
            Value::Array(items) => items.iter().for_each(|item| self.plant_texts(item)),
            Value::Object(members) => members.values().for_each(|value| self.plant_texts(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Notes what a line of a log, or a refusal, holds and must not.
    pub(crate) fn search(&self, line: &str) {
        if let Some(what) = self.in_line(line) {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push(format!("{what:?} in {line:?}"));
        }
    }

    fn in_line(&self, line: &str) -> Option<String> {
        if let Some(kind) = looks_secret(line) {
            return Some(kind.to_owned());
        }
        let planted = self.planted.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = line.as_bytes();
        let mut starts = bytes.windows(SHORTEST).enumerate();
        starts.find_map(|(at, window)| {
            let same_start = planted.get(window)?;
            let is_here = |text: &&String| bytes[at..].starts_with(text.as_bytes());
            same_start.iter().find(is_here).cloned()
        })
    }

    /// What was found so far; it is forgotten with that.
    pub(crate) fn take_found(&self) -> Vec<String> {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a text of a body is one of the words that logs are made of.
fn may_be_logged(text: &str) -> bool {
    let is_id = text.rsplit_once('_').is_some_and(|(_, ulid)| {
        ulid.len() == 26 && ulid.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    is_id
        || text.starts_with("cus_")
        || CHOICES.contains(&text)
        || STATUSES.contains(&text)
        || SUBJECTS.contains(&text)
        || METRICS.contains(&text)
        || text.parse::<EventType>().is_ok()
        || text.parse::<Dialect>().is_ok()
        || text.parse::<Timestamp>().is_ok()
        || TimeZone::get(text).is_ok()
}

/// What in a line has the form of something that no line may hold.
fn looks_secret(line: &str) -> Option<&'static str> {
    let is_between = |char: char| !char.is_ascii_alphanumeric() && !"_-.+/=@".contains(char);
    line.split(is_between).find_map(kind_of_secret)
}

fn kind_of_secret(word: &str) -> Option<&'static str> {
    let is_long_after = |prefix: &str| {
        let rest = word.split_once(prefix).map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.len() >= 20)
    };
    let is_token = |rest: &str| rest.len() >= 33;
    if is_long_after("whsec_") {
        Some("a signing secret")
    } else if is_long_after("whsk_") {
        Some("a private key")
    } else if is_long_after("ck_live_") {
        Some("an API key")
    } else if word.strip_prefix("rt_").is_some_and(is_token) {
        Some("the token of a relay")
    } else if is_address(word) {
        Some("an e-mail address")
    } else if is_tax_id(word) {
        Some("a tax id")
    } else {
        None
    }
}

fn is_address(word: &str) -> bool {
    let (name, host) = word.split_once('@').unwrap_or_default();
    let is_part = |end: Option<char>| end.is_some_and(|end| end.is_ascii_alphanumeric());
    is_part(name.chars().last()) && is_part(host.chars().next()) && host.contains('.')
}

/// A CPF as it is written: three digits thrice, and two.
fn is_tax_id(word: &str) -> bool {
    let digits = |part: &str| {
        let are_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then_some(part.len())
    };
    let parts: Option<Vec<usize>> = word.split(['.', '-']).map(digits).collect();
    parts.is_some_and(|parts| parts == [3, 3, 3, 2])
}

#[cfg(test)]
mod tests {
    use payload::token::{ApiKey, RelayToken};
    use serde_json::json;

    use super::*;

    fn found(canaries: &Canaries, line: &str) -> usize {
        canaries.search(line);
        canaries.take_found().len()
    }

    #[test]
    fn what_is_planted_is_found_wherever_it_stands() {
        let canaries = Canaries::default();
        assert_eq!(found(&canaries, "accepted Ana Souza de Melo"), 0);
        let body = json!({"data": [{"name": "Ana Souza de Melo", "short": "Ana", "cpf": 1}]});
        canaries.plant_body(body.to_string().as_bytes());
        canaries.plant_body(b"no JSON at all");
        canaries.plant("first line\nsecond line");
        for line in [
            "accepted Ana Souza de Melo",
            r#"{"name":"Ana Souza de Melo"}"#,
            "xno JSON at all",
            "a second line",
        ] {
            assert_eq!(found(&canaries, line), 1, "{line}");
        }
        assert_eq!(found(&canaries, "accepted Ana Souza d"), 0);
    }

    #[test]
    fn what_logs_are_made_of_is_no_canary() {
        let canaries = Canaries::default();
        let words = [
            "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "credential.issued",
            "certdirectory",
            "exhausted",
            "2026-11-21T10:00:00Z",
            "America/Sao_Paulo",
        ];
        canaries.plant_body(json!(words).to_string().as_bytes());
        for word in words {
            assert_eq!(found(&canaries, word), 0, "{word}");
        }
    }

    #[test]
    fn secrets_addresses_and_tax_ids_are_found_unplanted() {
        let canaries = Canaries::default();
        let key = ApiKey::generate(&mut rand::rng());
        let token = RelayToken::generate(&mut rand::rng());
        for secret in [
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
            key.expose(),
            token.expose(),
            "ana.souza+1@example.com",
            "123.456.789-09",
        ] {
            for line in [
                secret.to_owned(),
                format!("x=\"{secret}\","),
                format!("({secret})"),
            ] {
                assert_eq!(found(&canaries, &line), 1, "{line}");
            }
        }
        for line in [
            key.hint(),
            token.hint(),
            "127.0.0.1:3000".to_owned(),
            "@ 1.5".to_owned(),
            "1.2.3-4 started start_with".to_owned(),
        ] {
            assert_eq!(found(&canaries, &line), 0, "{line}");
        }
    }
}
