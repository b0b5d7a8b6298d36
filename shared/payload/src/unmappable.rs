//! What an endpoint gets of an event that cannot be said in its dialect.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is done at delivery with an event that has no form in the endpoint's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnmappable {
    /// Nothing is sent.
    #[default]
    Skip,
    /// The canonical form is sent.
    Canonical,
    /// The bytes are sent as they were received, in the dialect of their source.
    Native,
}

impl OnUnmappable {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Skip, Self::Canonical, Self::Native];

    /// The choices by which an endpoint gets such an event after all.
    pub const ALTERNATIVES: [Self; 2] = [Self::Canonical, Self::Native];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Canonical => "canonical",
            Self::Native => "native",
        }
    }
}

impl fmt::Display for OnUnmappable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: skip, canonical, native")]
pub struct UnknownChoice;

impl FromStr for OnUnmappable {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<Self, UnknownChoice> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.name() == name)
            .ok_or(UnknownChoice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_back_from_its_name_and_its_json() {
        for choice in OnUnmappable::ALL {
            assert_eq!(choice.name().parse(), Ok(choice));
            assert_eq!(serde_json::to_value(choice).unwrap(), choice.name());
        }
        assert_eq!("drop".parse::<OnUnmappable>(), Err(UnknownChoice));
        assert_eq!(OnUnmappable::default(), OnUnmappable::Skip);
    }
}
