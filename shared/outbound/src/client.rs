//! One request and the head of its answer.

use std::cell::Cell;
use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use reqwest::{Client as Connections, ClientBuilder, Request, Response, redirect};

use crate::connect::{BEGUN, CheckPeer};
use crate::{Error, Resolver};

/// Most that is read of the head of an answer.
pub const MAX_HEAD: usize = 16 * 1024;
/// Most header lines of an answer.
const MAX_HEADERS: usize = 100;
/// Receivers close idle connections after a minute or so; a Lambda environment sleeps longer.
const IDLE: Duration = Duration::from_secs(20);
/// The longest a connection may take: as long as the longest timeout of an endpoint. It ends connections that
/// were begun for a request which then found another one, and which nobody waits for.
const MAX_CONNECT: Duration = Duration::from_secs(30);

/// Sends requests. One per environment, so that connections are used again.
#[derive(Debug, Clone)]
pub struct Client {
    pooled: Connections,
    /// Makes a new connection for each request.
    fresh: Connections,
    resolver: Resolver,
}

impl Client {
    /// Connects where the resolver lets it.
    ///
    /// # Errors
    /// No TLS can be set up: the machine trusts nobody.
    pub fn new(resolver: Resolver) -> reqwest::Result<Self> {
        Self::with(&resolver.clone(), resolver)
    }

    /// Connects to what `resolver` finds, where `allowed` agrees.
    pub(crate) fn with(resolver: &Resolver, allowed: Resolver) -> reqwest::Result<Self> {
        Ok(Self {
            pooled: builder(resolver, &allowed).build()?,
            fresh: builder(resolver, &allowed)
                .pool_max_idle_per_host(0)
                .build()?,
            resolver: allowed,
        })
    }

    /// Sends a request and waits for the head of its answer, as long as the caller does.
    ///
    /// A connection that was kept from an earlier request may be dead without anybody knowing: if it ends before
    /// the head of an answer is complete, the request is sent once more, on a new one. On that one, silence is
    /// the receiver's. Whether a part of a head had come cannot be told apart: hyper has one error for both, and
    /// reqwest gives no way to what is read of a connection.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        // reqwest asks no resolver about a host that is written as an address.
        self.resolver.check_literal(request.url())?;
        // A body that is in memory can be sent again.
        let again = request.try_clone();
        let kept = async {
            let sent = once(&self.pooled, request).await;
            (sent, !BEGUN.with(Cell::get))
        };
        match (BEGUN.scope(Cell::new(false), kept).await, again) {
            ((Err(Error::NoAnswer), true), Some(again)) => once(&self.fresh, again).await,
            ((sent, _), _) => sent,
        }
    }
}

fn builder(resolver: &Resolver, allowed: &Resolver) -> ClientBuilder {
    Connections::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        // A connection carries one request at a time.
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .tcp_nodelay(true)
        .connect_timeout(MAX_CONNECT)
        .pool_idle_timeout(IDLE)
        .dns_resolver(Arc::new(resolver.clone()))
        .connector_layer(CheckPeer(allowed.clone()))
}

async fn once(connections: &Connections, request: Request) -> Result<Response, Error> {
    let sent = connections.execute(request).await;
    let response = sent.map_err(|error| classify(&error))?;
    if size(response.headers()) > MAX_HEAD {
        return Err(Error::HeadTooLarge);
    }
    Ok(response)
}

/// Bytes of the header lines, with what separates them.
fn size(headers: &HeaderMap) -> usize {
    let lines = headers.iter();
    lines
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum()
}

fn classify(error: &reqwest::Error) -> Error {
    if error.is_connect() {
        return cause::<Error>(error).copied().unwrap_or_else(|| {
            // The system's errors have a number; the others are those of TLS.
            let is_system = |error: &io::Error| error.raw_os_error().is_some();
            match cause::<io::Error>(error) {
                Some(error) if !is_system(error) && error.kind() != io::ErrorKind::TimedOut => {
                    Error::Tls
                }
                _ => Error::Connect,
            }
        });
    }
    match cause::<hyper::Error>(error) {
        Some(error) if error.is_parse_too_large() => Error::HeadTooLarge,
        Some(error) if error.is_parse() => Error::Malformed,
        _ => Error::NoAnswer,
    }
}

/// The first cause of this type.
fn cause<'e, E: StdError + 'static>(mut error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    loop {
        if let Some(cause) = error.downcast_ref() {
            return Some(cause);
        }
        error = error.source()?;
    }
}
