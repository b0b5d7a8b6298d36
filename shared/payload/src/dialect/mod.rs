//! The dialects: the wire formats of the source systems, and the canonical one.
//!
//! [`parse`] recognises a body and reads it into [`Facts`]. Required is what
//! identifies, dates and addresses an event, and what its dialect documents as always there and a
//! subscriber builds on. Members nobody documents are kept in `ext`, never refused.

mod beedeez;
mod canonical;
mod certdirectory;
mod thatsme;
mod toolzz;
mod vec;

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::event::{Facts, Source};
use crate::event_type::{EventType, native_names};
use crate::fault::Faults;
use crate::fields::Fields;

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

/// What the caller knows about a body beside the body.
#[derive(Debug, Clone, Copy)]
pub struct Hints<'a> {
    /// The dialect, where the sender named it.
    pub dialect: Option<Dialect>,
    /// The native event name, for a dialect whose body does not say it (Beedeez).
    pub event: Option<&'a str>,
    /// The zone of times that are written without one (Toolzz).
    pub time_zone: &'a TimeZone,
    /// When the body arrived.
    pub received_at: Timestamp,
}

/// How the dialect of a body was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recognised {
    /// The sender named it.
    Named,
    /// The body has its members.
    ByMembers,
}

/// A body that was understood.
#[derive(Clone, PartialEq)]
pub struct Parsed {
    /// What happened.
    pub event_type: EventType,
    /// When it happened.
    pub timestamp: Timestamp,
    /// How the dialect was found; the dialect itself is in [`Facts::source`].
    pub recognised: Recognised,
    /// What makes two bodies of this dialect the same event, in order.
    pub natural_key: Vec<String>,
    /// What it says.
    pub facts: Facts,
}

/// Without the natural key: it holds people's e-mail addresses.
impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed")
            .field("event_type", &self.event_type)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// Why a body cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not UTF-8, not JSON, or nested deeper than 128.
    #[error("the body is not valid JSON")]
    Unreadable {
        /// 1-based, as parsers count.
        line: usize,
        /// 1-based.
        column: usize,
    },
    /// JSON, but no object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// The members are those of no dialect.
    #[error("the body has the form of no known dialect; name it with ?dialect=")]
    UnknownDialect,
    /// The dialect does not say in the body what happened, and nobody else said it.
    #[error("a body of this dialect does not say what happened; name it with ?event=")]
    EventTypeRequired {
        /// The dialect assumed.
        dialect: Dialect,
        /// How it was found.
        recognised: Recognised,
    },
    /// The dialect is known, the content is not right.
    #[error("the event is not valid")]
    Invalid {
        /// The dialect assumed.
        dialect: Dialect,
        /// How it was found.
        recognised: Recognised,
        /// Every fault.
        faults: Faults,
    },
}

/// Where the native event name stands that does not stand in the body: no JSON pointer reaches it.
const EVENT_HINT: &str = "?event";

/// Recognises a body and reads it.
///
/// # Errors
/// All faults at once, with the dialect that was assumed.
pub fn parse(body: &[u8], hints: Hints<'_>) -> Result<Parsed, ParseError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => parse_members(members, hints),
        Ok(_) => Err(ParseError::NotAnObject),
        Err(error) => Err(ParseError::Unreadable {
            line: error.line(),
            column: error.column(),
        }),
    }
}

fn parse_members(members: Map<String, Value>, hints: Hints<'_>) -> Result<Parsed, ParseError> {
    let (dialect, recognised) = match hints.dialect {
        Some(dialect) => (dialect, Recognised::Named),
        None => (
            Dialect::recognise(&members).ok_or(ParseError::UnknownDialect)?,
            Recognised::ByMembers,
        ),
    };
    let invalid = |faults: Faults| ParseError::Invalid {
        dialect,
        recognised,
        faults,
    };
    let faults = RefCell::<Faults>::default();
    let root = Fields::root(members, &faults);
    let draft = match dialect {
        Dialect::Canonical => canonical::read(root, hints),
        Dialect::Thatsme => thatsme::read(root, hints),
        Dialect::Toolzz => toolzz::read(root, hints),
        Dialect::Vec => vec::read(root, hints),
        Dialect::Certdirectory => certdirectory::read(root, hints),
        Dialect::Beedeez => match hints.event {
            Some(event) => {
                if EventType::from_native(dialect, event).is_none() {
                    faults.borrow_mut().add(EVENT_HINT, unknown_event(dialect));
                }
                beedeez::read(root, event, hints)
            }
            None => {
                return Err(ParseError::EventTypeRequired {
                    dialect,
                    recognised,
                });
            }
        },
    };
    faults.into_inner().check().map_err(invalid)?;
    let Draft {
        event_type,
        timestamp,
        natural_key,
        facts,
    } = draft.ok_or_else(|| invalid(Faults::one("", unknown_event(dialect))))?;
    Ok(Parsed {
        event_type,
        timestamp,
        recognised,
        natural_key,
        facts,
    })
}

/// What a dialect's reader makes of a body, valid if it noted no fault.
struct Draft {
    event_type: EventType,
    timestamp: Timestamp,
    natural_key: Vec<String>,
    facts: Facts,
}

/// Takes the native event name at `member` and what it means.
fn read_event_type(
    fields: &mut Fields<'_>,
    member: &str,
    dialect: Dialect,
) -> Option<(String, EventType)> {
    let native = fields.required_text(member);
    let event_type = EventType::from_native(dialect, &native);
    if event_type.is_none() {
        fields.fault(member, &unknown_event(dialect));
    }
    Some((native, event_type?))
}

/// The reason for refusing an event name, with the names that would do.
fn unknown_event(dialect: Dialect) -> String {
    let names: Vec<&str> = match dialect {
        Dialect::Canonical => EventType::ALL
            .iter()
            .map(|event_type| event_type.name())
            .collect(),
        _ => native_names(dialect).map(|(_, name)| name).collect(),
    };
    format!("unknown event of {dialect}; it has: {}", names.join(", "))
}

fn source(dialect: Dialect, event: String, sent_at: Option<Timestamp>, hints: Hints<'_>) -> Source {
    Source {
        dialect,
        event,
        event_label: None,
        native_id: None,
        sent_at,
        received_at: hints.received_at,
        time_assumed: false,
    }
}

#[cfg(test)]
mod tests;
