//! Saying a canonical event in the words of a dialect.
//!
//! Identifiers may be surrogates, and a few members have a documented fallback; both are named in the
//! result. Facts are never made up: what the dialect asks for and nobody said makes the event
//! unrepresentable, and the missing facts are named.

mod conversion;
mod identity;
pub mod surrogate;

use std::borrow::Cow;
use std::fmt;

use jiff::tz::TimeZone;
use serde::Serialize;
use uuid::Uuid;

use crate::dialect::{Dialect, write};
use crate::event::Event;
use crate::event_type::{EventType, native_name};
use crate::id::EndpointId;
use crate::unmappable::OnUnmappable;
use crate::vocabulary::Vocabulary;

pub(crate) use conversion::{Conversion, said};
pub(crate) use identity::Identity;

/// In whose words, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The words.
    pub vocabulary: Vocabulary,
    /// The endpoint it is for; some dialects name it in the body.
    pub endpoint: EndpointId,
    /// The zone of times that the dialect writes without one.
    pub time_zone: &'a TimeZone,
    /// Whether identifiers may be replaced by surrogates of the form the dialect asks for.
    pub surrogate_ids: bool,
}

impl Target<'_> {
    /// The endpoint as a UUID.
    pub(crate) fn endpoint_uuid(&self) -> Uuid {
        self.endpoint.into()
    }
}

/// An event in the words of a dialect.
#[derive(Clone, PartialEq)]
pub struct Rendered {
    /// The dialect.
    pub dialect: Dialect,
    /// The dialect's name for the event.
    pub event: &'static str,
    /// JSON.
    pub body: Vec<u8>,
    /// Whether another dialect was asked for, which cannot say the event.
    pub is_substitute: bool,
    /// The identifiers that were replaced.
    pub surrogates: Vec<Surrogate>,
    /// The members that say the nearest thing known.
    pub fallbacks: Vec<Fallback>,
}

/// The two forms in which an event is stored.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// What happened.
    pub event_type: EventType,
    /// The dialect it was received in.
    pub dialect: Dialect,
    /// The received bytes.
    pub received: &'a [u8],
    /// The canonical JSON.
    pub canonical: &'a [u8],
}

impl Stored<'_> {
    /// The event in `dialect`, if it is stored so: the received bytes where that is its own. A test has one
    /// form for all.
    pub fn rendered_in(&self, dialect: Dialect) -> Option<Rendered> {
        let body = match dialect {
            _ if dialect == self.dialect => self.received,
            Dialect::Canonical => self.canonical,
            // Only the headers and the signature of a test are the dialect's.
            _ if self.event_type == EventType::WebhookTest => self.canonical,
            _ => return None,
        };
        Some(Rendered {
            dialect,
            event: native_name(dialect, self.event_type)?,
            body: body.to_vec(),
            is_substitute: false,
            surrogates: Vec::new(),
            fallbacks: Vec::new(),
        })
    }

    /// What an endpoint gets that asked for a dialect which cannot say the event.
    ///
    /// # Errors
    /// Nothing, for the reason `why`.
    pub fn instead(&self, choice: OnUnmappable, why: Unmappable) -> Result<Rendered, Unmappable> {
        let substitute = match choice {
            OnUnmappable::Skip => None,
            OnUnmappable::Canonical => self.rendered_in(Dialect::Canonical),
            OnUnmappable::Native => self.rendered_in(self.dialect),
        };
        substitute
            .map(|rendered| Rendered {
                is_substitute: true,
                ..rendered
            })
            .ok_or(why)
    }
}

/// Without what it says: that is people's data.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("dialect", &self.dialect)
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
    pub pointer: Cow<'static, str>,
    /// The source's identifier; none where that is a person's e-mail address.
    pub original: Option<String>,
}

/// A member that says the nearest thing known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fallback {
    /// Where it stands in the body.
    pub pointer: Cow<'static, str>,
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
    let (as_type, name) = target
        .vocabulary
        .name_for(event.event_type)
        .ok_or(Unmappable::NoSuchType)?;
    let mut conversion = Conversion::new(event, target, as_type, name);
    let body = write(&mut conversion);
    conversion.finish(body)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
