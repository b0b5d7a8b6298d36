//! Why an attempt did not succeed, as the log names it.

/// Why an attempt did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
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
    /// Not over within the endpoint's timeout.
    Timeout,
    /// No connection: the name is unknown, nobody listens, or TLS failed.
    Connect,
    /// The name resolves to an address that webhooks may not be sent to.
    BlockedAddress,
    /// The endpoint's URL is none a webhook may be sent to.
    BlockedTarget,
    /// The connection broke before the answer was complete.
    Broken,
}

impl Failure {
    /// Its name in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Gone => "gone",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::UnexpectedStatus => "unexpected_status",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::BlockedAddress => "blocked_address",
            Self::BlockedTarget => "blocked_target",
            Self::Broken => "broken",
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
            Self::ServerError | Self::Timeout | Self::Connect | Self::Broken => true,
            Self::Redirect
            | Self::Gone
            | Self::ClientError
            | Self::UnexpectedStatus
            | Self::BlockedAddress
            | Self::BlockedTarget => false,
        }
    }

    /// Whether the receiver, or what is in front of it, has too much to do.
    pub(crate) const fn is_overload(self, status: Option<u16>) -> bool {
        matches!(self, Self::Timeout) || matches!(status, Some(429 | 502 | 503 | 504))
    }
}
