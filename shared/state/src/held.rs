//! Why a delivery is held.

use serde::{Deserialize, Serialize};

/// Why a delivery is kept and not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Held {
    /// The organization's access is suspended. It is released when that is over.
    Suspended,
    /// The endpoint was disabled. It stays until someone asks for it, as with all that follows.
    EndpointDisabled,
    /// The endpoint was deleted.
    EndpointGone,
}

impl Held {
    /// For people.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Suspended => "the organization's access is suspended",
            Self::EndpointDisabled => "the endpoint is disabled",
            Self::EndpointGone => "the endpoint is gone",
        }
    }
}
