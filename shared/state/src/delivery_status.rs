//! How a delivery stands.

use std::fmt;
use std::str::FromStr;

use payload::convert::Unmappable;
use serde::{Deserialize, Serialize};

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Accepted, not yet attempted.
    Pending,
    /// Attempted without success, and to be attempted again.
    Retrying,
    /// Answered with 2xx.
    Delivered,
    /// All attempts of the schedule failed.
    Exhausted,
    /// Kept until someone asks for it, or the organization's access returns: [`Held`](crate::Held) says why.
    Held,
    /// Not sent: the event cannot be said in the endpoint's dialect.
    Skipped,
    /// Not sent: [`Cancelled`] says why.
    Cancelled,
    /// Its wake-up was lost, and lost again each time recovery made another: a fault of ours, which an
    /// alarm reports. A redriven message or a replay still delivers it.
    Stuck,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Retrying,
        Self::Delivered,
        Self::Exhausted,
        Self::Held,
        Self::Skipped,
        Self::Cancelled,
        Self::Stuck,
    ];

    /// Of a delivery that waits for its next attempt after so many.
    pub const fn waiting_after(attempts: u32) -> Self {
        match attempts {
            0 => Self::Pending,
            _ => Self::Retrying,
        }
    }

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Held => "held",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Stuck => "stuck",
        }
    }

    /// Whether a wake-up can still change it.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Retrying | Self::Stuck => true,
            Self::Delivered | Self::Exhausted | Self::Held | Self::Skipped | Self::Cancelled => {
                false
            }
        }
    }

    /// Whether something of ours is to see to it that it goes on: it is on the agenda of recovery.
    pub const fn is_scheduled(self) -> bool {
        match self {
            Self::Pending | Self::Retrying => true,
            Self::Delivered
            | Self::Exhausted
            | Self::Held
            | Self::Skipped
            | Self::Cancelled
            | Self::Stuck => false,
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeliveryStatus {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == name)
            .ok_or(())
    }
}

/// Why a delivery was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Cancelled {
    /// The organization's access had ended.
    AccessEnded,
    /// What its event said was erased.
    EventErased,
}

/// Why a delivery was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", content = "missing", rename_all = "snake_case")]
pub enum Skipped {
    /// The dialect has no event of this type.
    NoSuchType,
    /// The dialect asks for facts that nobody said: canonical paths.
    MissingFacts(Vec<String>),
}

impl From<&Unmappable> for Skipped {
    fn from(why: &Unmappable) -> Self {
        match why {
            Unmappable::NoSuchType => Self::NoSuchType,
            Unmappable::Missing(paths) => {
                Self::MissingFacts(paths.iter().map(ToString::to_string).collect())
            }
        }
    }
}
