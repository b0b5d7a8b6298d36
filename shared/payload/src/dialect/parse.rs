//! Reading a body whose dialect may have to be recognised.

use std::cell::RefCell;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::depth::{MAX_DEPTH, too_deep};
use crate::dialect::{Dialect, beedeez, canonical, certdirectory, thatsme, toolzz, vec};
use crate::event::{Event, EventData, Facts, Source};
use crate::event_type::{EventType, native_names};
use crate::fault::Faults;
use crate::fields::Fields;
use crate::id::{EventId, OrganizationId};

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
    /// What is odd about the body, though it was taken.
    pub warnings: Vec<Warning>,
}

impl Parsed {
    /// The event that it becomes.
    pub fn into_event(self, id: EventId, organization_id: OrganizationId) -> Event {
        Event {
            id,
            event_type: self.event_type,
            timestamp: self.timestamp,
            data: EventData {
                organization_id,
                facts: self.facts,
            },
        }
    }
}

/// Something odd about a body that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// JSON pointer.
    pub pointer: String,
    /// What is odd, without the value.
    pub message: String,
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
    /// Nested deeper than any JSON is read.
    #[error("the body is nested deeper than {MAX_DEPTH}")]
    TooDeep {
        /// 1-based, where it becomes so.
        line: usize,
        /// 1-based.
        column: usize,
    },
    /// Not UTF-8 or not JSON.
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

/// Most objects and lists within each other that are kept without being read: in canonical form they stand
/// up to four steps down, and that must not be too deep to be read.
const MAX_KEPT_DEPTH: usize = MAX_DEPTH - 4;

/// Where the native event name stands that does not stand in the body: no JSON pointer reaches it.
const EVENT_HINT: &str = "?event";

/// Recognises a body and reads it.
///
/// # Errors
/// All faults at once, with the dialect that was assumed.
pub fn parse(body: &[u8], hints: Hints<'_>) -> Result<Parsed, ParseError> {
    parse_members(read_object(body)?, hints)
}

/// Reads a body that must be a JSON object.
///
/// # Errors
/// It is none, or nested too deeply.
pub fn read_object(body: &[u8]) -> Result<Map<String, Value>, ParseError> {
    if let Some((line, column)) = too_deep(body) {
        return Err(ParseError::TooDeep { line, column });
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
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
        warnings,
    } = draft.ok_or_else(|| invalid(Faults::one("", unknown_event(dialect))))?;
    let rule = facts.achievement.as_ref().and_then(|it| it.rule.as_ref());
    let mut kept = facts
        .ext
        .values()
        .chain(rule.into_iter().flat_map(Map::values));
    if kept.any(|value| is_deeper_than(MAX_KEPT_DEPTH, value)) {
        let reason = format!("unknown members must not be nested deeper than {MAX_KEPT_DEPTH}");
        return Err(invalid(Faults::one("", reason)));
    }
    Ok(Parsed {
        event_type,
        timestamp,
        recognised,
        natural_key,
        facts,
        warnings,
    })
}

fn is_deeper_than(depth: usize, value: &Value) -> bool {
    match (value, depth.checked_sub(1)) {
        (Value::Array(_) | Value::Object(_), None) => true,
        (Value::Array(items), Some(depth)) => items.iter().any(|it| is_deeper_than(depth, it)),
        (Value::Object(members), Some(depth)) => {
            members.values().any(|it| is_deeper_than(depth, it))
        }
        _ => false,
    }
}

/// What a dialect's reader makes of a body, valid if it noted no fault.
pub(super) struct Draft {
    pub(super) event_type: EventType,
    pub(super) timestamp: Timestamp,
    pub(super) natural_key: Vec<String>,
    pub(super) facts: Facts,
    pub(super) warnings: Vec<Warning>,
}

/// Takes the native event name at `member` and what it means.
pub(super) fn read_event_type(
    fields: &mut Fields<'_>,
    member: &str,
    dialect: Dialect,
) -> Option<(String, EventType)> {
    let native = fields.required_text(member);
    let event_type = EventType::from_native(dialect, &native);
    match event_type {
        None => fields.fault(member, &unknown_event(dialect)),
        Some(ours) if ours.is_operational() => fields.fault(member, OURS),
        Some(posted) => return Some((native, posted)),
    }
    None
}

/// The reason for refusing an operational event.
const OURS: &str = "is an event that certhooks makes itself, and takes from nobody";

/// The reason for refusing an event name, with the names that would do.
fn unknown_event(dialect: Dialect) -> String {
    let names: Vec<&str> = match dialect {
        Dialect::Canonical => EventType::posted().map(EventType::name).collect(),
        _ => native_names(dialect).map(|(_, name)| name).collect(),
    };
    format!("unknown event of {dialect}; it has: {}", names.join(", "))
}

pub(super) fn source(
    dialect: Dialect,
    event: String,
    sent_at: Option<Timestamp>,
    hints: Hints<'_>,
) -> Source {
    Source {
        sent_at,
        ..Source::new(dialect, event, hints.received_at)
    }
}
