//! What becomes of a connection, and of what comes over it.

use tokio::sync::mpsc;

use super::*;
use crate::MAX_HEAD;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start(|_, mut stream| async move {
        loop {
            read_request(&mut stream).await;
            write(&mut stream, OK).await;
        }
    })
    .await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(exchange(&client, &server).await, Ok((200, "ok".into())));
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_dies_before_it_answers_is_replaced_once() {
    let server = Server::start(|number, mut stream| async move {
        read_request(&mut stream).await;
        write(&mut stream, OK).await;
        if number == 0 {
            // Takes the next request and hangs up, as a server does that is just being replaced.
            read_request(&mut stream).await;
        } else {
            std::future::pending::<()>().await;
        }
    })
    .await;
    let client = client();
    for _ in 0..2 {
        assert_eq!(exchange(&client, &server).await, Ok((200, "ok".into())));
    }
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_breaks_off_within_a_head_is_replaced_too_and_a_new_one_is_not() {
    const BROKEN_OFF: &str = "HTTP/1.1 200 OK\r\ncontent-le";
    // The first one answers once and breaks off then; the second breaks off, or answers.
    for second in [Err(Error::NoAnswer), Ok((200, "ok".into()))] {
        let answers = second.is_ok();
        let server = Server::start(move |number, mut stream| async move {
            if number == 0 || answers {
                read_request(&mut stream).await;
                write(&mut stream, OK).await;
            }
            read_request(&mut stream).await;
            write(&mut stream, BROKEN_OFF).await;
        })
        .await;
        let client = client();
        assert_eq!(exchange(&client, &server).await, Ok((200, "ok".into())));
        assert_eq!(exchange(&client, &server).await, second);
        assert_eq!(server.accepted(), 2);
    }
}

#[tokio::test]
async fn a_new_connection_that_dies_is_the_receivers_answer() {
    // The first one lives for one request; no other one answers at all.
    let server = Server::start(|number, mut stream| async move {
        if number == 0 {
            read_request(&mut stream).await;
            write(&mut stream, OK).await;
        }
        read_request(&mut stream).await;
    })
    .await;
    let client = client();
    assert_eq!(exchange(&client, &server).await, Ok((200, "ok".into())));
    assert_eq!(exchange(&client, &server).await, Err(Error::NoAnswer));
    assert_eq!(server.accepted(), 2);
    assert_eq!(exchange(&client, &server).await, Err(Error::NoAnswer));
    assert_eq!(server.accepted(), 3);
}

#[tokio::test]
async fn what_follows_an_answer_is_never_the_answer_to_the_next_request() {
    let server = Server::start(|_, mut stream| async move {
        loop {
            read_request(&mut stream).await;
            write(
                &mut stream,
                &format!("{OK}HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"),
            )
            .await;
        }
    })
    .await;
    let client = client();
    for _ in 0..20 {
        assert_eq!(exchange(&client, &server).await, Ok((200, "ok".into())));
    }
    assert_eq!(server.accepted(), 20);
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        for _ in 0..1_000 {
            write(
                &mut stream,
                "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n",
            )
            .await;
        }
        write(&mut stream, NO_CONTENT).await;
    })
    .await;
    assert_eq!(exchange(&client(), &server).await, Ok((204, "".into())));
}

#[tokio::test]
async fn the_body_is_not_counted_as_a_head() {
    const LENGTH: usize = 1_000_000;
    let server = Server::start(|_, mut stream| async move {
        loop {
            read_request(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
            write(&mut stream, &head).await;
            write(&mut stream, &"x".repeat(LENGTH)).await;
        }
    })
    .await;
    let client = client();
    for _ in 0..3 {
        let (status, body) = exchange(&client, &server).await.unwrap();
        assert_eq!((status, body.len()), (200, LENGTH));
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_head_of_16_kib_is_read_and_a_larger_one_is_not() {
    for (length, expected) in [
        (MAX_HEAD - 100, Ok(204)),
        (MAX_HEAD, Err(Error::HeadTooLarge)),
    ] {
        let server = Server::start(move |_, mut stream| async move {
            read_request(&mut stream).await;
            let head = format!(
                "HTTP/1.1 204 No Content\r\nx: {}\r\n\r\n",
                "x".repeat(length)
            );
            write(&mut stream, &head).await;
        })
        .await;
        let answer = exchange(&client(), &server).await;
        assert_eq!(answer.map(|(status, _)| status), expected, "{length}");
    }
}

#[tokio::test]
async fn whoever_stops_waiting_closes_the_connection() {
    let (closed, mut when) = mpsc::unbounded_channel();
    for slow_start in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
    ] {
        let closed = closed.clone();
        let server = Server::start(move |_, mut stream| {
            let closed = closed.clone();
            async move {
                read_request(&mut stream).await;
                write(&mut stream, slow_start).await;
                // Nothing more is sent: what comes is the end.
                assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
                closed.send(()).unwrap();
            }
        })
        .await;
        let client = client();
        let request = client.send(server.request());
        let whole = async {
            let body = request.await?.bytes().await;
            body.map_err(|_| Error::Malformed)
        };
        assert!(timeout(Duration::from_millis(200), whole).await.is_err());
        let ended = timeout(Duration::from_secs(2), when.recv()).await;
        assert!(
            ended.is_ok(),
            "the connection stays open after {slow_start:?}"
        );
    }
}
