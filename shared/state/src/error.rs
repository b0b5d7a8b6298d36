//! One error for everything that is ours and transient.

use std::error::Error;
use std::fmt;

/// DynamoDB or SQS did not do what was asked, after the SDK's own retries.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing}")]
pub struct StateError {
    doing: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl StateError {
    /// Says what was being done when `source` happened. For use in `map_err`.
    pub(crate) fn while_doing<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        move |source| Self {
            doing,
            source: source.into(),
        }
    }
}

impl StateError {
    /// A row is not of the form this version knows.
    pub fn unreadable(doing: &'static str) -> Self {
        Self {
            doing,
            source: "a row cannot be read".into(),
        }
    }

    /// Others wrote the same row again and again, or DynamoDB kept leaving something out.
    pub fn contended(doing: &'static str) -> Self {
        Self {
            doing,
            source: "it was tried several times".into(),
        }
    }
}

/// Shows an error with all its causes: the SDK's own text names the layer only.
///
/// Unlike the SDK's `DisplayErrorContext` it never prints the raw response.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
