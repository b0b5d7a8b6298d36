//! Names to addresses, each of which must be allowed.

use std::io;
use std::net::{IpAddr, SocketAddr};

use payload::target::TargetPolicy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::Error;

/// Resolves names, and knows which addresses are allowed.
#[derive(Debug, Clone)]
pub struct Resolver {
    policy: TargetPolicy,
    lookup: Lookup,
}

#[derive(Debug, Clone)]
enum Lookup {
    /// As the machine does it.
    System,
    /// One answer after the other, whatever the name.
    #[cfg(any(test, feature = "testing"))]
    Scripted(std::sync::Arc<std::sync::Mutex<std::collections::VecDeque<Vec<IpAddr>>>>),
}

impl Resolver {
    /// Asks the machine.
    pub fn new(policy: TargetPolicy) -> Self {
        Self {
            policy,
            lookup: Lookup::System,
        }
    }

    /// For tests: answers the first question with the first of these, and so on, then that there is no such name.
    #[cfg(any(test, feature = "testing"))]
    pub fn scripted(policy: TargetPolicy, answers: Vec<Vec<IpAddr>>) -> Self {
        let answers = std::sync::Arc::new(std::sync::Mutex::new(answers.into()));
        Self {
            policy,
            lookup: Lookup::Scripted(answers),
        }
    }

    /// Says early what [`Client`](crate::Client) would say at each request. A name that has no address yet may
    /// get one; it is looked up anew for every connection.
    ///
    /// # Errors
    /// [`Error::BlockedAddress`] if the host leads to an address that is not allowed, else
    /// [`Error::UnknownHost`].
    pub async fn check(&self, url: &Url) -> Result<(), Error> {
        // There nothing is blocked, so nothing need be asked.
        if self.policy == TargetPolicy::AllowPrivate {
            return Ok(());
        }
        match url.host() {
            Some(Host::Domain(name)) => self.addresses(name).await.map(drop),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => self.check_literal(url),
            None => Err(Error::UnknownHost),
        }
    }

    /// Whether a connection may be made to a host that is written as an address; a name passes.
    pub(crate) fn check_literal(&self, url: &Url) -> Result<(), Error> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Whether a connection to this address may be made.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), Error> {
        if self.policy.allows(address) {
            Ok(())
        } else {
            Err(Error::BlockedAddress)
        }
    }

    /// All addresses of a name, none of which is blocked: a private one among public ones is an attack, not a
    /// mistake.
    async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, Error> {
        let found = self.lookup.addresses(name).await;
        let found = found.map_err(|_| Error::UnknownHost)?;
        if found.is_empty() {
            return Err(Error::UnknownHost);
        }
        for address in &found {
            self.check_address(address.ip())?;
        }
        Ok(found)
    }
}

impl Lookup {
    async fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((name, 0)).await?.collect()),
            #[cfg(any(test, feature = "testing"))]
            Self::Scripted(answers) => {
                let answer = answers.lock().expect("no holder panics").pop_front();
                let answer = answer.ok_or(io::ErrorKind::NotFound)?;
                let addresses = answer.into_iter();
                Ok(addresses
                    .map(|address| SocketAddr::new(address, 0))
                    .collect())
            }
        }
    }
}

/// What reqwest asks for names.
impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
