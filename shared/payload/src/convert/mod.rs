//! Saying a canonical event in the words of a dialect.
//!
//! Identifiers may be surrogates, and a few members have a documented fallback; both are named in the
//! result. Facts are never made up: what the dialect asks for and nobody said makes the event
//! unrepresentable, and the missing facts are named.

mod identity;
mod retelling;
pub mod surrogate;

use std::fmt;

use jiff::tz::TimeZone;
use serde::Serialize;
use uuid::Uuid;

use crate::dialect::{Dialect, write};
use crate::event::Event;
use crate::event_type::{EventType, native_name, native_names};
use crate::id::EndpointId;

pub(crate) use identity::Identity;
pub(crate) use retelling::Retelling;

/// In whose words, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The words.
    pub dialect: Dialect,
    /// The endpoint it is for; some dialects name it in the body.
    pub endpoint: EndpointId,
    /// The zone of times that the dialect writes without one.
    pub time_zone: &'a TimeZone,
    /// Whether identifiers may be replaced by surrogates of the form the dialect asks for.
    pub surrogate_ids: bool,
    /// Whether `credential.renewed` may be told as `credential.issued` where the dialect has no word
    /// for it.
    pub downcast_renewed: bool,
}

impl Target<'_> {
    /// The endpoint as a UUID.
    pub fn endpoint_uuid(&self) -> Uuid {
        self.endpoint.into()
    }

    /// What the dialect calls an event of this type.
    pub fn name_of(&self, event_type: EventType) -> Option<(EventType, &'static str)> {
        let told_as = told_as(self.dialect, event_type, self.downcast_renewed)?;
        Some((told_as, native_name(self.dialect, told_as)?))
    }
}

/// The type as which `dialect` can tell events of `event_type`, if it can.
///
/// The only other type that is true is *issued* for *renewed*: a renewed credential has been issued.
pub fn told_as(
    dialect: Dialect,
    event_type: EventType,
    downcast_renewed: bool,
) -> Option<EventType> {
    let has = |event_type| native_name(dialect, event_type).is_some();
    if has(event_type) {
        return Some(event_type);
    }
    let downcast = downcast_renewed && event_type == EventType::CredentialRenewed;
    (downcast && has(EventType::CredentialIssued)).then_some(EventType::CredentialIssued)
}

/// An event in the words of a dialect.
#[derive(Clone, PartialEq)]
pub struct Rendered {
    /// JSON.
    pub body: Vec<u8>,
    /// The dialect's name for the event.
    pub event: &'static str,
    /// The identifiers that were replaced.
    pub surrogates: Vec<Surrogate>,
    /// The members that say the nearest thing known.
    pub fallbacks: Vec<Fallback>,
}

/// Without what it says: that is people's data.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("event", &self.event)
            .field("bytes", &self.body.len())
            .field("fallbacks", &self.fallbacks)
            .finish_non_exhaustive()
    }
}

/// An identifier in another form.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Surrogate {
    /// Where it stands in the body.
    pub pointer: &'static str,
    /// The source's identifier; none where that is a person's e-mail address.
    pub original: Option<String>,
}

/// A member that says the nearest thing known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fallback {
    /// Where it stands in the body.
    pub pointer: &'static str,
    /// The canonical path it was taken from, or `default` for a neutral value.
    pub from: &'static str,
}

/// Why an event cannot be said in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmappable {
    /// The dialect has no event of this type.
    #[error("the dialect has no event of this type")]
    NoSuchType,
    /// The dialect asks for facts that nobody said: canonical paths.
    #[error("the dialect asks for facts that are not known")]
    Missing(Vec<&'static str>),
}

impl Unmappable {
    /// The facts that are missing; none where the type is what is missing.
    pub fn missing(&self) -> &[&'static str] {
        match self {
            Self::NoSuchType => &[],
            Self::Missing(paths) => paths,
        }
    }
}

/// Says an event in the words of a dialect.
///
/// # Errors
/// It cannot be said truthfully.
pub fn render(event: &Event, target: Target<'_>) -> Result<Rendered, Unmappable> {
    let (told_as, name) = target
        .name_of(event.event_type)
        .ok_or(Unmappable::NoSuchType)?;
    let mut retelling = Retelling::new(event, target, told_as, name);
    let body = write(&mut retelling);
    retelling.finish(body)
}

/// The types that `dialect` can tell events as.
pub fn types_of(dialect: Dialect) -> Vec<EventType> {
    match dialect {
        Dialect::Canonical => EventType::ALL.into(),
        _ => native_names(dialect)
            .map(|(event_type, _)| event_type)
            .collect(),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
