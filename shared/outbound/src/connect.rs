//! What stands between reqwest and its connections: whom each leads to is checked before a byte is sent.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Extensions;
use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use tower::{BoxError, Layer, Service};

use crate::{Error, Resolver};

tokio::task_local! {
    /// Whether a connection was begun for the request of this task. One that finds a kept connection at once
    /// begins none: hyper-util asks its pool first.
    pub(crate) static BEGUN: Cell<bool>;
}

/// Checks the peer of every connection.
#[derive(Debug, Clone)]
pub(crate) struct CheckPeer(pub(crate) Resolver);

/// A connector whose peers are checked.
#[derive(Debug, Clone)]
pub(crate) struct Checked<C> {
    connector: C,
    allowed: Resolver,
}

impl<C> Layer<C> for CheckPeer {
    type Service = Checked<C>;

    fn layer(&self, connector: C) -> Checked<C> {
        Checked {
            connector,
            allowed: self.0.clone(),
        }
    }
}

impl<C, To> Service<To> for Checked<C>
where
    C: Service<To, Error = BoxError>,
    C::Response: Connection,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, to: To) -> Self::Future {
        // Outside of a request there is nobody to tell.
        BEGUN.try_with(|begun| begun.set(true)).ok();
        let connecting = self.connector.call(to);
        let allowed = self.allowed.clone();
        Box::pin(async move {
            let connection = connecting.await?;
            check(&connection, &allowed)?;
            Ok(connection)
        })
    }
}

/// A connection whose peer is not known is as good as one to a forbidden address.
fn check(connection: &impl Connection, allowed: &Resolver) -> Result<(), Error> {
    let mut extras = Extensions::new();
    connection.connected().get_extras(&mut extras);
    let peer = extras.get().map(HttpInfo::remote_addr);
    allowed.check_address(peer.ok_or(Error::BlockedAddress)?.ip())
}
