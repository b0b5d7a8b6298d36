//! Why an attempt did not succeed, as the log names it.

use outbound::Error;

/// Why an attempt did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The endpoint's URL is none a webhook may be sent to.
    BlockedTarget,
    /// The name resolves to an address that webhooks may not be sent to.
    BlockedAddress,
    /// The name cannot be resolved.
    UnknownHost,
    /// Nobody listens.
    Connect,
    /// TLS failed: an untrusted or wrong certificate, or no TLS at all.
    Tls,
    /// Not over within the endpoint's timeout.
    Timeout,
    /// The connection ended before the head of an answer was complete.
    NoAnswer,
    /// The answer is no HTTP.
    MalformedAnswer,
    /// The head of the answer is larger than is read.
    HeadTooLarge,
    /// The body of the answer broke off, or is not what its head said.
    BrokenBody,
    /// Answered 3xx, which is never followed.
    Redirect,
    /// Answered 410: the endpoint is gone, and is disabled.
    Gone,
    /// Answered another 4xx.
    ClientError,
    /// Answered 5xx.
    ServerError,
    /// Answered with a status that is none of these.
    UnexpectedStatus,
}

impl Failure {
    /// Its name in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BlockedTarget => "blocked_target",
            Self::BlockedAddress => "blocked_address",
            Self::UnknownHost => "unknown_host",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::NoAnswer => "no_answer",
            Self::MalformedAnswer => "malformed_answer",
            Self::HeadTooLarge => "head_too_large",
            Self::BrokenBody => "broken_body",
            Self::Redirect => "redirect",
            Self::Gone => "gone",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::UnexpectedStatus => "unexpected_status",
        }
    }

    /// The failure that an answer with this status is; `None` for success, which is 2xx only.
    pub(crate) const fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            300..=399 => Some(Self::Redirect),
            410 => Some(Self::Gone),
            400..=499 => Some(Self::ClientError),
            500..=599 => Some(Self::ServerError),
            _ => Some(Self::UnexpectedStatus),
        }
    }

    /// Whether the receiver does not work at all, as far as can be told from here: nothing is gained by
    /// sending it the next webhook at once.
    pub(crate) const fn is_outage(self) -> bool {
        match self {
            Self::UnknownHost
            | Self::Connect
            | Self::Tls
            | Self::Timeout
            | Self::NoAnswer
            | Self::MalformedAnswer
            | Self::BrokenBody
            | Self::ServerError => true,
            Self::BlockedTarget
            | Self::BlockedAddress
            | Self::HeadTooLarge
            | Self::Redirect
            | Self::Gone
            | Self::ClientError
            | Self::UnexpectedStatus => false,
        }
    }

    /// Whether the receiver, or what is in front of it, has too much to do.
    pub(crate) const fn is_overload(self, status: Option<u16>) -> bool {
        matches!(self, Self::Timeout) || matches!(status, Some(429 | 502 | 503 | 504))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::BlockedAddress => Self::BlockedAddress,
            Error::UnknownHost => Self::UnknownHost,
            Error::Connect => Self::Connect,
            Error::Tls => Self::Tls,
            Error::NoAnswer => Self::NoAnswer,
            Error::Malformed => Self::MalformedAnswer,
            Error::HeadTooLarge => Self::HeadTooLarge,
        }
    }
}
