//! Tests against servers on loopback that do what they should not.

mod addresses;
mod connections;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use payload::target::TargetPolicy;
use reqwest::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::{Client, Error, Resolver};

/// A server, with the number of connections it has accepted.
struct Server {
    port: u16,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    /// Gives each connection, with its number from 0, to `serve`.
    async fn start<F>(serve: impl Fn(usize, TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(count.fetch_add(1, Ordering::SeqCst), stream));
            }
        });
        Self { port, accepted }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    fn request(&self) -> Request {
        request(&format!("http://127.0.0.1:{}/", self.port))
    }
}

fn request(url: &str) -> Request {
    let mut request = Request::new(Method::POST, url.parse().unwrap());
    *request.body_mut() = Some("hello".into());
    request
}

/// A client that may connect to loopback.
fn client() -> Client {
    Client::new(Resolver::new(TargetPolicy::AllowPrivate)).unwrap()
}

/// The status and body of an answer; fails when it takes longer than any of these tests should.
async fn exchange(client: &Client, server: &Server) -> Result<(u16, String), Error> {
    let exchange = async {
        let response = client.send(server.request()).await?;
        let status = response.status().as_u16();
        let body = response.text().await;
        Ok((status, body.expect("a whole body")))
    };
    let answered = timeout(Duration::from_secs(5), exchange).await;
    answered.expect("an answer in time")
}

/// Reads a request to the end of its body.
async fn read_request(stream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.ends_with(b"hello") {
        assert!(
            stream.read_buf(&mut read).await.unwrap() > 0,
            "the end of the request"
        );
    }
}

async fn write(stream: &mut TcpStream, text: &str) {
    // Who has heard enough has hung up.
    stream.write_all(text.as_bytes()).await.ok();
}
