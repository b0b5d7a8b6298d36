//! Whom a connection may lead to.

use std::future::pending;
use std::net::IpAddr;

use payload::target::Ports;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use url::Url;

use super::*;

const PUBLIC: &str = "8.8.8.8";

fn strict() -> TargetPolicy {
    TargetPolicy::Public(Ports::default())
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn url() -> Url {
    "https://hooks.example.com/".parse().unwrap()
}

async fn silent() -> Server {
    Server::start(|_, stream| async move {
        pending::<()>().await;
        drop(stream);
    })
    .await
}

#[tokio::test]
async fn one_private_address_among_public_ones_blocks_the_name() {
    for private in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fd00::1",
    ] {
        for answer in [[private, PUBLIC], [PUBLIC, private]] {
            let resolver = Resolver::scripted(strict(), vec![addresses(&answer)]);
            assert_eq!(
                resolver.check(&url()).await,
                Err(Error::BlockedAddress),
                "{private}"
            );
        }
    }
    let resolver = Resolver::scripted(
        strict(),
        vec![addresses(&[PUBLIC, "2606:4700::1111"]), vec![]],
    );
    assert_eq!(resolver.check(&url()).await, Ok(()));
    // Neither an empty answer nor none at all is a reason to let anything pass, or to call it blocked.
    assert_eq!(resolver.check(&url()).await, Err(Error::UnknownHost));
    assert_eq!(resolver.check(&url()).await, Err(Error::UnknownHost));
}

#[tokio::test]
async fn hosts_that_are_written_as_addresses_are_checked_too() {
    let server = silent().await;
    let client = Client::new(Resolver::new(strict())).unwrap();
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[::]",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{}/", server.port);
            assert_eq!(
                client.send(request(&url)).await.err(),
                Some(Error::BlockedAddress),
                "{url}"
            );
            let read = Resolver::new(strict()).check(&url.parse().unwrap()).await;
            assert_eq!(read, Err(Error::BlockedAddress), "{url}");
        }
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn whom_a_connection_leads_to_is_checked_again_before_a_byte_is_sent() {
    let (read, mut received) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut stream| {
        let read = read.clone();
        async move {
            read.send(stream.read(&mut [0]).await.unwrap_or(0)).ok();
        }
    })
    .await;
    let url = format!("http://hooks.example.com:{}/", server.port);
    // A resolver that checks nothing.
    let answers = vec![addresses(&["127.0.0.1"]); 2];
    let lenient = Resolver::scripted(TargetPolicy::AllowPrivate, answers);
    for (policy, expected, bytes) in [
        (strict(), Error::BlockedAddress, 0),
        (TargetPolicy::AllowPrivate, Error::NoAnswer, 1),
    ] {
        let client = Client::with(&lenient, Resolver::new(policy)).unwrap();
        assert_eq!(client.send(request(&url)).await.err(), Some(expected));
        assert_eq!(received.recv().await, Some(bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A name that was public when it was checked, and then is not.
    #[test]
    fn a_name_that_changes_its_address_leads_to_no_private_one(
        private in select(vec!["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "64:ff9b::7f00:1"]),
        public in proptest::collection::vec(select(vec![PUBLIC, "1.1.1.1", "2606:4700::1111"]), 0..3),
        place in 0..3_usize,
        checks in 1..4_usize,
    ) {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let server = silent().await;
            let mut rebound = public.clone();
            rebound.insert(place.min(public.len()), private);
            let mut answers = vec![addresses(&[PUBLIC]); checks];
            answers.extend([addresses(&rebound), addresses(&rebound)]);
            let resolver = Resolver::scripted(strict(), answers);
            for _ in 0..checks {
                prop_assert_eq!(resolver.check(&url()).await, Ok(()));
            }
            let client = Client::new(resolver).unwrap();
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://hooks.example.com:{}/", server.port);
                prop_assert_eq!(client.send(request(&url)).await.err(), Some(Error::BlockedAddress));
            }
            prop_assert_eq!(server.accepted(), 0);
            Ok(())
        })?;
    }
}
