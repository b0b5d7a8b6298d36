//! The outgoing HTTP request: the one place that talks to receivers.
//!
//! No redirect is followed, no proxy used, no compressed answer unpacked. One deadline covers name
//! resolution, connection, TLS, head and body of the answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use payload::convert::Rendered;
use payload::retry_after;
use payload::target::TargetPolicy;
use payload::webhook::Webhook;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode, redirect};
use state::{Endpoint, StoredEvent};

use crate::failure::Failure;
use crate::outcome::Answer;
use crate::signing::Signing;

const USER_AGENT: &str = "certhooks/1";
/// Most that is read of an answer: who sends more is cut off, not waited for.
const MAX_READ: usize = 16 * 1024;
/// Most that is kept of an answer, to be shown in the log.
const MAX_KEPT: usize = 2 * 1024;

/// Sends webhooks. One per environment, so that connections are reused.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    client: Client,
    target_policy: TargetPolicy,
}

impl Sender {
    /// Sends to targets that the policy allows.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub(crate) fn new(target_policy: TargetPolicy) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            // Receivers close idle connections after a minute or so; a Lambda environment sleeps longer.
            .pool_idle_timeout(Duration::from_secs(20))
            .dns_resolver(Arc::new(CheckedResolver(target_policy)))
            .build()?;
        Ok(Self {
            client,
            target_policy,
        })
    }

    /// Makes one request and waits for its answer, up to the endpoint's timeout.
    pub(crate) async fn attempt(
        &self,
        endpoint: &Endpoint,
        event: &StoredEvent,
        rendered: Rendered,
        signing: &Signing,
        now: Timestamp,
    ) -> Answer {
        let started = Instant::now();
        let deadline = Duration::from_secs(endpoint.timeout_seconds.into());
        let mut answer = Answer {
            at: now,
            took: Duration::ZERO,
            status: None,
            failure: None,
            retry_after: None,
            body: None,
        };
        let sent = self.send(endpoint, event, rendered, signing, &mut answer);
        let sent = tokio::time::timeout(deadline, sent).await;
        // A status that was received stays in the log, also when the body then broke off.
        answer.failure = match sent {
            Ok(Ok(())) => answer.status.and_then(Failure::of_status),
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(Failure::Timeout),
        };
        answer.took = started.elapsed();
        answer
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        event: &StoredEvent,
        rendered: Rendered,
        signing: &Signing,
        answer: &mut Answer,
    ) -> Result<(), Failure> {
        // The policy may have become stricter since the endpoint was made.
        let url = self
            .target_policy
            .parse(&endpoint.url)
            .map_err(|_| Failure::BlockedTarget)?;
        let webhook = Webhook {
            organization: event.organization_id,
            event: event.id,
            event_type: event.event_type,
            timestamp: event.timestamp,
            credential_id: event.credential_id.as_deref(),
            endpoint: endpoint.id,
            signers: signing.signers(),
            rendered: &rendered,
            cloudevents: endpoint.cloudevents,
            at: answer.at,
        };
        let mut request = self
            .client
            .post(url)
            .headers(signing.own_headers().collect());
        for (name, value) in webhook.headers() {
            request = request.header(name, value);
        }
        let request = request.body(rendered.body);
        let response = request.send().await.map_err(|error| failure_of(&error))?;
        let status = response.status();
        answer.status = Some(status.as_u16());
        if let StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE = status {
            let asked = response.headers().get(RETRY_AFTER);
            let asked = asked.and_then(|asked| asked.to_str().ok());
            answer.retry_after = asked.and_then(|asked| retry_after::parse(asked, answer.at));
        }
        let body = read_start(response).await;
        answer.body = body.map_err(|error| failure_of(&error))?;
        Ok(())
    }
}

/// Reads an answer up to [`MAX_READ`]; the rest is dropped with the connection.
async fn read_start(mut response: Response) -> Result<Option<String>, reqwest::Error> {
    let mut read = 0;
    let mut kept = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let keep = chunk.len().min(MAX_KEPT - kept.len());
        kept.extend_from_slice(&chunk[..keep]);
        read += chunk.len();
        if read >= MAX_READ {
            break;
        }
    }
    Ok((!kept.is_empty()).then(|| String::from_utf8_lossy(&kept).into_owned()))
}

fn failure_of(error: &reqwest::Error) -> Failure {
    if causes(error).any(|cause| cause.is::<BlockedAddress>()) {
        Failure::BlockedAddress
    } else if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        Failure::Connect
    } else {
        Failure::Broken
    }
}

fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// Resolves names and passes only addresses that the policy allows.
///
/// A host written as an address is not resolved; [`TargetPolicy::parse`] has checked it.
#[derive(Debug, Clone, Copy)]
struct CheckedResolver(TargetPolicy);

/// A name resolves to an address that is not public. The address is not told to anyone.
#[derive(Debug)]
struct BlockedAddress;

impl std::fmt::Display for BlockedAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name resolves to an address that is not public")
    }
}

impl std::error::Error for BlockedAddress {}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if addresses.is_empty() {
                return Err(
                    io::Error::new(io::ErrorKind::NotFound, "the name has no address").into(),
                );
            }
            // One private address among public ones is an attack, not a mistake.
            if !addresses.iter().all(|address| policy.allows(address.ip())) {
                return Err(BlockedAddress.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
