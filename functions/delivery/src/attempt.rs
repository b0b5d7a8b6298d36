//! One attempt: the request to the receiver, and what is taken of its answer.
//!
//! No redirect is followed, no proxy used, no compressed answer unpacked. One deadline covers name
//! resolution, connection, TLS, head and body of the answer.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use outbound::{Client, Resolver};
use payload::convert::Rendered;
use payload::retry_after;
use payload::target::TargetPolicy;
use payload::webhook::Webhook;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Method, Request, Response, StatusCode};
use state::{Endpoint, StoredEvent};

use crate::failure::Failure;
use crate::outcome::Answer;
use crate::signing::Signing;

const SENDER: HeaderValue = HeaderValue::from_static("certhooks/1");
/// Most that is read of an answer's body: who sends more is cut off, not waited for.
const MAX_READ: usize = 16 * 1024;
/// Most that is kept of an answer, to be shown in the log.
const MAX_KEPT: usize = 2 * 1024;

/// Sends webhooks. One per environment, so that connections are used again.
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
    pub(crate) fn new(target_policy: TargetPolicy) -> reqwest::Result<Self> {
        let resolver = Resolver::new(target_policy.clone());
        Self::with(target_policy, resolver)
    }

    fn with(target_policy: TargetPolicy, resolver: Resolver) -> reqwest::Result<Self> {
        Ok(Self {
            client: Client::new(resolver)?,
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
        let mut request = Request::new(Method::POST, url);
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, SENDER);
        headers.extend(signing.own_headers());
        for (name, value) in webhook.headers() {
            // What it is made of was checked when it was taken.
            let value = HeaderValue::from_str(&value).map_err(|_| Failure::BlockedTarget)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        *request.body_mut() = Some(rendered.body.into());
        let response = self.client.send(request).await?;
        let status = response.status();
        answer.status = Some(status.as_u16());
        if let StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE = status {
            answer.retry_after = asked_wait(response.headers(), answer.at);
        }
        let start = read_start(response).await;
        answer.body = start.map_err(|_| Failure::BrokenBody)?;
        Ok(())
    }
}

/// For how long the receiver asks to be left alone.
fn asked_wait(headers: &HeaderMap, at: Timestamp) -> Option<Duration> {
    retry_after::parse(headers.get(RETRY_AFTER)?.to_str().ok()?, at)
}

/// Reads the body of an answer up to [`MAX_READ`], as it comes; the rest is dropped with the connection.
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

#[cfg(test)]
mod tests {
    use payload::dialect::Dialect;
    use payload::secret::Secret;
    use payload::target::Ports;
    use state::{DeliveryKey, EndpointSecrets, testing};

    use super::*;
    use crate::plan::Attempted;

    /// What becomes of an attempt at a URL whose name has these addresses.
    async fn failure(url: &str, addresses: &[&str]) -> Option<Failure> {
        let key = DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        let policy = TargetPolicy::Public(Ports::default());
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let resolver = Resolver::scripted(policy.clone(), vec![addresses]);
        let sender = Sender::with(policy, resolver).unwrap();
        let account = testing::account(key);
        let mut endpoint = Endpoint {
            url: url.to_owned(),
            ..account.endpoints[0].clone()
        };
        let (keyring, event) = (testing::keyring(), testing::event(key));
        let secret = Secret::generate(&mut rand::rng());
        keyring.seal_endpoint(&mut endpoint, &EndpointSecrets::new(secret));
        let rendered = Rendered {
            dialect: Dialect::Canonical,
            event: "credential.issued",
            body: b"{}".to_vec(),
            is_substitute: false,
            surrogates: Vec::new(),
            fallbacks: Vec::new(),
        };
        let at = "2026-11-21T10:00:00Z".parse().unwrap();
        let attempted = Attempted {
            event: &event,
            endpoint: &endpoint,
            account: &account,
        };
        let signing = Signing::open(&keyring, attempted, at).await.ok().unwrap();
        let answer = sender.attempt(&endpoint, &event, rendered, &signing, at);
        let answer = answer.await;
        assert_eq!((answer.status, answer.body), (None, None));
        answer.failure
    }

    #[tokio::test]
    async fn a_name_that_has_become_private_since_is_blocked_and_so_is_an_address() {
        let named = "https://hooks.example.com/";
        for address in ["127.0.0.1", "::1", "169.254.169.254"] {
            let failure = failure(named, &["8.8.8.8", address]).await;
            assert_eq!(failure, Some(Failure::BlockedAddress), "{address}");
        }
        assert_eq!(failure(named, &[]).await, Some(Failure::UnknownHost));
        for url in [
            "https://127.0.0.1/",
            "http://hooks.example.com/",
            "https://localhost/",
            "",
        ] {
            assert_eq!(
                failure(url, &["8.8.8.8"]).await,
                Some(Failure::BlockedTarget),
                "{url}"
            );
        }
    }
}
