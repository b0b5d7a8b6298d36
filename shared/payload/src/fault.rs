//! What is wrong with an input: every fault at once, each at its JSON pointer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Faults of one body: JSON pointer (RFC 6901) → reason, for a person to read.
///
/// A reason never repeats the value it complains about: values are people's data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults(BTreeMap<String, String>);

/// For a line of the log.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (pointer, reason)) in self.0.iter().enumerate() {
            let joint = if place > 0 { "; " } else { "" };
            write!(f, "{joint}{pointer} {reason}")?;
        }
        Ok(())
    }
}

impl Faults {
    /// Adds a fault; the first one at a place stays.
    pub fn add(&mut self, pointer: impl Into<String>, reason: impl Into<String>) {
        self.0
            .entry(pointer.into())
            .or_insert_with(|| reason.into());
    }

    /// One fault.
    pub fn one(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(pointer, reason);
        faults
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first `count` of them by pointer: a body of thousands of wrong items has thousands of faults.
    pub fn first(self, count: usize) -> Self {
        Self(self.0.into_iter().take(count).collect())
    }

    /// The pointers and reasons, sorted by pointer.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(pointer, reason)| (pointer.as_str(), reason.as_str()))
    }

    /// `Ok` when nothing is wrong, so that a parser can end with `faults.check()?`.
    pub fn check(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// One step of a JSON pointer, escaped as RFC 6901 says.
pub fn escape(member: &str) -> Cow<'_, str> {
    if member.contains(['~', '/']) {
        member.replace('~', "~0").replace('/', "~1").into()
    } else {
        member.into()
    }
}
