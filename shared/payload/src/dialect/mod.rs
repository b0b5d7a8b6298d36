//! The dialects: the wire formats of the source systems, and the canonical one.
//!
//! [`parse()`] recognises a body and reads it into [`crate::event::Facts`]. Required is what
//! identifies, dates and addresses an event, and what its dialect documents as always there and a
//! subscriber builds on. Members nobody documents are kept in `ext`, never refused.

mod beedeez;
mod canonical;
mod certdirectory;
mod parse;
mod thatsme;
mod toolzz;
mod vec;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::convert::Conversion;
use crate::event::Event;
use crate::event_type::EventType;
use crate::operational::Operational;

use parse::{Draft, read_event_type, source};
pub use parse::{Hints, ParseError, Parsed, Recognised, Warning, parse, read_object};

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Dialect {
    /// Our own: Standard Webhooks' envelope, the canonical event.
    #[default]
    Canonical,
    /// That's Me.
    Thatsme,
    /// Toolzz LXP.
    Toolzz,
    /// VEC.digital.
    Vec,
    /// `CertDirectory` Credentials.
    Certdirectory,
    /// Beedeez.
    Beedeez,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::Canonical,
        Self::Thatsme,
        Self::Toolzz,
        Self::Vec,
        Self::Certdirectory,
        Self::Beedeez,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Thatsme => "thatsme",
            Self::Toolzz => "toolzz",
            Self::Vec => "vec",
            Self::Certdirectory => "certdirectory",
            Self::Beedeez => "beedeez",
        }
    }

    /// Recognises the dialect of a body by the members only it has, most telling first.
    fn recognise(body: &Map<String, Value>) -> Option<Self> {
        let has = |name: &str| body.contains_key(name);
        let event = body.get("event");
        if event.and_then(|event| event.get("slug")).is_some() {
            return Some(Self::Toolzz);
        }
        if has("_badgeId") && has("_userId") {
            return Some(Self::Beedeez);
        }
        if event
            .and_then(Value::as_str)
            .is_some_and(|event| event.starts_with("certificate_application."))
        {
            return Some(Self::Vec);
        }
        if has("type") && has("createdAt") && has("data") {
            return Some(Self::Certdirectory);
        }
        if has("event") && has("created_at") && has("data") {
            return Some(Self::Thatsme);
        }
        (has("type") && has("timestamp") && has("data")).then_some(Self::Canonical)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: canonical, thatsme, toolzz, vec, certdirectory, beedeez")]
pub struct UnknownDialect;

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or(UnknownDialect)
    }
}

impl JsonSchema for Dialect {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Dialect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": Self::ALL})
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Writes the body of an event in the words of its target's dialect.
pub(crate) fn write(event: &mut Conversion<'_>) -> Vec<u8> {
    match event.target.vocabulary.dialect {
        Dialect::Canonical => json(event.event),
        Dialect::Thatsme => thatsme::write(event),
        Dialect::Toolzz => toolzz::write(event),
        Dialect::Vec => vec::write(event),
        Dialect::Certdirectory => certdirectory::write(event),
        Dialect::Beedeez => beedeez::write(event),
    }
}

/// The JSON Schema of the body of `dialect`'s event of this type, before the event's name is put in.
pub(crate) fn schema(dialect: Dialect, event_type: EventType) -> Schema {
    match dialect {
        Dialect::Canonical if event_type.is_operational() => schema_of::<Operational>(),
        Dialect::Canonical => schema_of::<Event>(),
        Dialect::Thatsme => thatsme::schema(event_type),
        Dialect::Toolzz => toolzz::schema(),
        Dialect::Vec => vec::schema(event_type),
        Dialect::Certdirectory => certdirectory::schema(event_type),
        Dialect::Beedeez => beedeez::schema(),
    }
}

/// What most bodies fit into.
const BODY_CAPACITY: usize = 1024;

fn json(body: &impl Serialize) -> std::vec::Vec<u8> {
    let mut json = std::vec::Vec::with_capacity(BODY_CAPACITY);
    serde_json::to_writer(&mut json, body).expect("a body has text keys only");
    json
}

/// As what is written, not as what is read: a member that may be null is there all the same.
fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>()
}

#[cfg(test)]
mod tests;
