//! What a Stripe object holds where, without what it holds.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fault::escape;

/// Nothing, be it `null` or absent: Stripe writes the one where another version leaves it out.
const NOTHING: u32 = 0;

/// The places of an object, each with a check sum of its value: enough to tell whether an event began
/// where another ended, and none of what people wrote into it. Eight bytes for each place.
///
/// An object within it has a place of its own and is gone into; a list is one value.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Fingerprint(BTreeMap<u32, u32>);

impl Fingerprint {
    /// Of an object.
    pub(super) fn of(object: &Map<String, Value>) -> Self {
        let mut of = Self::of_changes(object);
        of.0.retain(|_, value| *value != NOTHING);
        of
    }

    /// Of `previous_attributes`, where nothing is something too.
    pub(super) fn of_changes(object: &Map<String, Value>) -> Self {
        let mut of = Self::default();
        of.add(object, &mut String::new());
        of
    }

    fn add(&mut self, object: &Map<String, Value>, pointer: &mut String) {
        for (name, value) in object {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&escape(name));
            let value = match value {
                Value::Null => NOTHING,
                Value::Object(members) => {
                    self.add(members, pointer);
                    crc32fast::hash(b"{}")
                }
                other => check_sum(other),
            };
            self.0.insert(crc32fast::hash(pointer.as_bytes()), value);
            pointer.truncate(length);
        }
    }

    /// Whether nothing was changed, as far as it is known.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `object` holds all of this.
    pub(super) fn is_held_by(&self, object: &Self) -> bool {
        let held = |place| object.0.get(place).copied().unwrap_or(NOTHING);
        self.0.iter().all(|(place, value)| held(place) == *value)
    }
}

/// The same however members are ordered.
fn check_sum(value: &Value) -> u32 {
    fn write(value: &Value, out: &mut crc32fast::Hasher) {
        match value {
            Value::Array(items) => {
                out.update(b"[");
                items.iter().for_each(|item| write(item, out));
                out.update(b"]");
            }
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().collect();
                out.update(b"{");
                for (name, value) in sorted {
                    out.update(&crc32fast::hash(name.as_bytes()).to_be_bytes());
                    write(value, out);
                }
                out.update(b"}");
            }
            plain => {
                let text = plain.to_string();
                out.update(&crc32fast::hash(text.as_bytes()).to_be_bytes());
            }
        }
    }
    let mut hasher = crc32fast::Hasher::new();
    write(value, &mut hasher);
    hasher.finalize().max(NOTHING + 1)
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        let pairs = fingerprint.0.into_iter();
        let bytes = pairs.flat_map(|(place, value)| [place.to_be_bytes(), value.to_be_bytes()]);
        BASE64.encode(bytes.flatten().collect::<Vec<u8>>())
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, base64::DecodeError> {
        let bytes = BASE64.decode(text)?;
        let (numbers, _) = bytes.as_chunks::<4>();
        let (pairs, _) = numbers.as_chunks::<2>();
        let pairs = pairs.iter().map(|pair| pair.map(u32::from_be_bytes));
        Ok(Self(pairs.map(|[place, value]| (place, value)).collect()))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fingerprint({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(object: &Value, changes: &Value) -> bool {
        let changes = Fingerprint::of_changes(changes.as_object().unwrap());
        changes.is_held_by(&Fingerprint::of(object.as_object().unwrap()))
    }

    #[test]
    fn what_an_object_holds_is_compared_deep_and_in_part() {
        let object = json!({
            "status": "active",
            "metadata": {"org_id": "a", "seats": "25"},
            "items": {"data": [{"id": "si_1", "price": {"id": "p"}}], "has_more": false},
            "cancel_at": null,
            "pause_collection": {"behavior": "void"},
        });
        for held in [
            json!({}),
            json!({"status": "active"}),
            json!({"metadata": {"seats": "25"}}),
            json!({"metadata": {"plan": null}}),
            json!({"items": {"data": [{"price": {"id": "p"}, "id": "si_1"}]}}),
            json!({"cancel_at": null, "schedule": null}),
        ] {
            assert!(holds(&object, &held), "{held}");
        }
        for not_held in [
            json!({"status": null}),
            json!({"status": "active", "cancel_at": 1}),
            json!({"metadata": {"seats": null}}),
            json!({"items": {"data": []}}),
            json!({"items": {"data": [{"id": "si_1", "price": {"id": "q"}}]}}),
            json!({"pause_collection": null}),
            json!({"schedule": {"id": null}}),
        ] {
            assert!(!holds(&object, &not_held), "{not_held}");
        }
    }

    #[test]
    fn it_is_written_in_eight_bytes_for_each_place_and_shows_nothing() {
        let object = json!({"email": "person@example.com", "a": {"b": [1]}, "c": null});
        let print = Fingerprint::of_changes(object.as_object().unwrap());
        let text = String::from(print.clone());
        assert_eq!(BASE64.decode(&text).unwrap().len(), 8 * 4);
        assert_eq!(Fingerprint::try_from(text), Ok(print.clone()));
        assert_eq!(format!("{print:?}"), "Fingerprint(4)");
    }
}
