//! A connection that a server can close in the middle of a request.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;

/// The connection of a request.
#[derive(Clone)]
pub(crate) struct Connection(Arc<TcpStream>);

impl Connection {
    /// Closes it: who waits for an answer gets none.
    pub(crate) fn close(&self) {
        // One that the other side has closed is as good as closed.
        self.0.shutdown(Shutdown::Both).ok();
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        stream.io().set_nodelay(true).ok();
        let another_handle = stream.io().as_fd().try_clone_to_owned();
        Self(Arc::new(another_handle.expect("a handle is free").into()))
    }
}
