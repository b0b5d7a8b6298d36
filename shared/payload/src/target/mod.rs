//! Where a webhook may be sent: a public https URL.
//!
//! The functions run next to services that trust whoever can reach them (the Lambda Runtime API is
//! on loopback), so a URL, and every address its name resolves to, must be public.

mod address;
mod ports;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use ports::{NoPorts, Ports};
use url::{Host, Url};

/// Most characters of a URL.
const MAX_LENGTH: usize = 2_048;

/// Ends of names that are not the Internet's, with or without something before them.
const PRIVATE_NAMES: [&str; 10] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "test",
    "invalid",
    "onion",
];

/// Which targets are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPolicy {
    /// Public https only, on these ports. What is deployed.
    Public(Ports),
    /// Also plain http, every port, and private addresses: for a machine that is its own network.
    AllowPrivate,
}

/// Why a URL is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL with a host.
    #[error("must be an absolute URL")]
    NotAUrl,
    /// Longer than 2,048 characters.
    #[error("must have at most 2,048 characters")]
    TooLong,
    /// Something that some readers of URLs drop and others do not: they would not agree on the host.
    #[error("must not contain spaces, control characters or backslashes")]
    Characters,
    /// Neither https nor, where private targets are allowed, http.
    #[error("must be an https URL")]
    NotHttps,
    /// It carries a user name or password, which would end up in logs.
    #[error("must not contain a user name or password")]
    Userinfo,
    /// It has a fragment, which no request carries.
    #[error("must not contain a fragment")]
    Fragment,
    /// A port that webhooks do not go to.
    #[error("must use port {0}")]
    Port(Ports),
    /// The host is written as an address.
    #[error("must name its host, not give an address")]
    Address,
    /// The name of the host is not a public one.
    #[error("must point to a public host")]
    NotPublic,
}

impl TargetPolicy {
    /// Reads the URL of an endpoint. What is sent to is what this answers, never the text.
    ///
    /// # Errors
    /// The first reason why nothing may be sent there.
    pub fn parse(&self, text: &str) -> Result<Url, TargetError> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(TargetError::TooLong);
        }
        if text.contains(|char: char| char.is_whitespace() || char.is_control() || char == '\\') {
            return Err(TargetError::Characters);
        }
        let url = Url::parse(text).map_err(|_| TargetError::NotAUrl)?;
        let host = url.host().ok_or(TargetError::NotAUrl)?;
        match (url.scheme(), self) {
            ("https", _) | ("http", Self::AllowPrivate) => {}
            _ => return Err(TargetError::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        if url.as_str().len() > MAX_LENGTH {
            return Err(TargetError::TooLong);
        }
        // Requests are made from it. Were the two not to agree on the host, another would be checked than asked.
        let request: http::Uri = url.as_str().parse().map_err(|_| TargetError::NotAUrl)?;
        if request.host() != url.host_str() || request.port_u16() != url.port() {
            return Err(TargetError::NotAUrl);
        }
        let Self::Public(ports) = self else {
            return Ok(url);
        };
        match host {
            Host::Domain(name) if is_public_name(name) => {}
            Host::Domain(_) => return Err(TargetError::NotPublic),
            Host::Ipv4(_) | Host::Ipv6(_) => return Err(TargetError::Address),
        }
        match url.port_or_known_default() {
            Some(port) if ports.contains(port) => Ok(url),
            _ => Err(TargetError::Port(ports.clone())),
        }
    }

    /// Whether a connection to this address may be made.
    pub fn allows(&self, address: IpAddr) -> bool {
        match self {
            Self::AllowPrivate => true,
            Self::Public(_) => address::is_public(address),
        }
    }
}

/// Has a dot, and does not end like the names of a private network.
fn is_public_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_private = |end: &&str| {
        name.strip_suffix(end)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    name.contains('.') && !PRIVATE_NAMES.iter().any(is_private)
}
