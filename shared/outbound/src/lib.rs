//! Requests to receivers: strangers' servers, which may lie, stall, flood or lead elsewhere.
//!
//! A connection is made only to addresses that the [`TargetPolicy`](payload::target::TargetPolicy) allows:
//! all that a name resolves to are checked, then the very ones are connected to, and whom the connection
//! leads to is checked once more before anything is sent. No redirect is followed, no proxy of the system used,
//! nothing decompressed. HTTP/1.1 only, so a connection carries one request at a time.
//!
//! The caller's deadline covers all of it: whoever drops the future of a request drops its connection.

#![forbid(unsafe_code)]

mod client;
mod connect;
mod resolve;
#[cfg(test)]
mod tests;

pub use client::{Client, MAX_HEAD};
pub use resolve::Resolver;

/// Why there is no answer to a request. The address is told to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The host is, or its name resolves to, an address that no connection may be made to.
    #[error("the address is not allowed")]
    BlockedAddress,
    /// The name has no address, or nobody who knows could be asked.
    #[error("the name cannot be resolved")]
    UnknownHost,
    /// Nobody listens there.
    #[error("no connection")]
    Connect,
    /// Whoever listens does not speak TLS, or is not who it should be.
    #[error("no TLS")]
    Tls,
    /// The connection ended before the head of an answer was complete.
    #[error("no answer")]
    NoAnswer,
    /// What came is no HTTP.
    #[error("the answer is no HTTP")]
    Malformed,
    /// The head of the answer is larger than is read.
    #[error("the head of the answer is too large")]
    HeadTooLarge,
}
