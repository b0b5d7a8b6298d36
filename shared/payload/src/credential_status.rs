//! What a credential is after its events.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// In the order in which one outweighs another: what is expired is no longer valid, and what is revoked is
// nothing else, whatever is heard of it later.
/// State of a credential after an event.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the past participle of what happened")]
pub enum CredentialStatus {
    #[default]
    Pending,
    Valid,
    Expired,
    Declined,
    Revoked,
}

impl CredentialStatus {
    /// Each, from the one that every other outweighs.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Valid,
        Self::Expired,
        Self::Declined,
        Self::Revoked,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
        }
    }
}

/// The text names no status of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: pending, valid, expired, declined, revoked")]
pub struct UnknownStatus;

impl FromStr for CredentialStatus {
    type Err = UnknownStatus;

    fn from_str(name: &str) -> Result<Self, UnknownStatus> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.name() == name)
            .ok_or(UnknownStatus)
    }
}
