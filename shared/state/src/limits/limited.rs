//! Whose limits there are, and of what.

use std::fmt;

use payload::id::{EndpointId, KeyId, OrganizationId};

use crate::keyspace;
use crate::rows::{Item, key};

/// Whose limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limited {
    /// An organization's events, and requests to all its endpoints.
    Organization(OrganizationId),
    /// Requests to an endpoint.
    Endpoint(EndpointId),
    /// What the holder of a key reads.
    Key(KeyId),
}

/// What flows at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Events that are accepted.
    Events,
    /// Requests that are made.
    Requests,
    /// Wake-ups that come back, because there was no room for their requests.
    Returns,
    /// Tests of an endpoint that somebody asks for.
    Tests,
    /// Deliveries of what is told of endpoints and deliveries.
    News,
    /// Requests that read lists again and again.
    Reads,
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => id.fmt(f),
            Self::Endpoint(id) => id.fmt(f),
            Self::Key(id) => id.fmt(f),
        }
    }
}

impl Limited {
    pub(crate) fn item(self) -> Item {
        key(keyspace::limit(self), keyspace::LIMIT)
    }
}

impl Flow {
    pub(super) const fn attribute(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Requests => "requests",
            Self::Returns => "returns",
            Self::Tests => "tests",
            Self::News => "news",
            Self::Reads => "reads",
        }
    }
}
