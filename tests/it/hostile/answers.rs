//! The answers that no receiver should give, and what each is called in the log.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::receiver::Step::{Drip, Flood, Read, Reset, Silence};
use super::receiver::{Step, write};

/// What one receiver does, and what the log says of it.
pub(super) struct Hostile {
    /// What it does, in words.
    pub(super) does: &'static str,
    /// Where it is, but for the port.
    pub(super) at: &'static str,
    pub(super) tls: bool,
    pub(super) steps: Vec<Step>,
    pub(super) status: Option<u16>,
    /// The class of the failure; `None` where the answer is taken, because its head and start will do.
    pub(super) error: Option<&'static str>,
}

fn http(
    does: &'static str,
    answer: impl IntoIterator<Item = Step>,
    status: impl Into<Option<u16>>,
    error: impl Into<Option<&'static str>>,
) -> Hostile {
    Hostile {
        does,
        at: "http://127.0.0.1",
        tls: false,
        steps: [Read].into_iter().chain(answer).collect(),
        status: status.into(),
        error: error.into(),
    }
}

fn https(does: &'static str, tls: bool, steps: Vec<Step>, error: &'static str) -> Hostile {
    Hostile {
        at: "https://localhost",
        tls,
        steps,
        ..http(does, [], None, error)
    }
}

/// All of them.
pub(super) fn all() -> Vec<Hostile> {
    let mut all = silent();
    all.extend(of_the_head());
    all.extend(of_the_body());
    all.extend(of_tls());
    all.extend(statuses());
    all.push(Hostile {
        at: "http://nobody.invalid",
        ..http("has a name that nobody knows", [], None, "unknown_host")
    });
    all
}

fn silent() -> Vec<Hostile> {
    vec![
        http("never answers", [Silence], None, "timeout"),
        http("hangs up without a word", [], None, "no_answer"),
        http("resets the connection", [Reset], None, "no_answer"),
    ]
}

fn of_the_head() -> Vec<Hostile> {
    let head = |rest: &str| write(format!("HTTP/1.1 200 OK\r\n{rest}"));
    let large = format!("x: {}\r\n\r\n", "x".repeat(1_000_000));
    let twice = "content-length: 2\r\ncontent-length: 3\r\n\r\nok!";
    vec![
        http(
            "sends its head letter by letter",
            [head("x: "), Drip("x")],
            None,
            "timeout",
        ),
        http(
            "breaks off within its head",
            [head("content-le")],
            None,
            "no_answer",
        ),
        http(
            "sends a header of a megabyte",
            [head(&large)],
            None,
            "head_too_large",
        ),
        http(
            "sends headers without end",
            [head(""), Flood("a: b\r\n")],
            None,
            "head_too_large",
        ),
        http(
            "sends 101 headers",
            [head(&"a: b\r\n".repeat(101)), write("\r\n")],
            None,
            "head_too_large",
        ),
        http(
            "sends interim answers without end",
            [Flood("HTTP/1.1 100 Continue\r\n\r\n")],
            None,
            "timeout",
        ),
        http(
            "sends interim answers slowly",
            [Drip("HTTP/1.1 102 Processing\r\n\r\n")],
            None,
            "timeout",
        ),
        http("says two lengths", [head(twice)], None, "malformed_answer"),
        http(
            "says a length that is no number",
            [head("content-length: 2, -1\r\n\r\nok")],
            None,
            "malformed_answer",
        ),
        http(
            "sends control characters in a header",
            [head("x: a\0b\r\n\r\n")],
            None,
            "malformed_answer",
        ),
        http(
            "speaks another protocol",
            [write("SSH-2.0-OpenSSH_9.9\r\n"), Silence],
            None,
            "malformed_answer",
        ),
        http(
            "speaks HTTP/2 without being asked",
            [write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
            None,
            "malformed_answer",
        ),
        http(
            "sends noise",
            [Step::Write((0..=255).collect())],
            None,
            "malformed_answer",
        ),
    ]
}

fn of_the_body() -> Vec<Hostile> {
    let sized = |length: usize, body: &str| {
        write(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    };
    let chunked = || write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    vec![
        http(
            "sends its body letter by letter",
            [sized(1_000, ""), Drip("x")],
            200,
            "timeout",
        ),
        http(
            "sends less than it says",
            [sized(100, "short")],
            200,
            "broken_body",
        ),
        http(
            "resets the connection within the body",
            [sized(100, "short"), Reset],
            200,
            "broken_body",
        ),
        http(
            "sends more than it says",
            [sized(2, "okHTTP/1.1 410 Gone\r\n\r\n")],
            200,
            None,
        ),
        http(
            "sends chunks that are none",
            [chunked(), write("zz\r\nok\r\n")],
            200,
            "broken_body",
        ),
        http(
            "says a chunk of 2^64 bytes",
            [chunked(), write("10000000000000000\r\n")],
            200,
            "broken_body",
        ),
        http(
            "ends within a chunk",
            [chunked(), write("ff\r\nok")],
            200,
            "broken_body",
        ),
        http(
            "sends a body without end",
            [chunked(), Flood("8\r\nxxxxxxxx\r\n")],
            200,
            None,
        ),
        http(
            "says 2^63 bytes and sends them",
            [sized(1 << 63, ""), Flood("xxxxxxxx")],
            200,
            None,
        ),
        http("sends 10 MB in 10 KB", [bomb()], 200, None),
    ]
}

/// An answer that is a thousand times larger when it is unpacked.
fn bomb() -> Step {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b'x'; 10_000_000]).unwrap();
    let packed = packed.finish().unwrap();
    let length = packed.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    Step::Write([head.into_bytes(), packed].concat())
}

fn of_tls() -> Vec<Hostile> {
    let plain = write("HTTP/1.1 400 Bad Request\r\n\r\n");
    vec![
        https(
            "signed its certificate itself",
            true,
            vec![Read, Silence],
            "tls",
        ),
        https(
            "speaks plain HTTP where TLS is due",
            false,
            vec![plain],
            "tls",
        ),
        https("hangs up within the handshake", false, vec![], "tls"),
        https("never shakes hands", false, vec![Silence], "timeout"),
    ]
}

fn statuses() -> Vec<Hostile> {
    let answer = |line: &str| [write(format!("HTTP/1.1 {line}\r\n\r\n"))];
    let redirect = |to: &str| {
        answer(&format!(
            "307 Temporary Redirect\r\ncontent-length: 0\r\nlocation: {to}"
        ))
    };
    let metadata = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    vec![
        http("has nothing to say", answer("204 No Content"), 204, None),
        http(
            "sends a body with 204",
            answer("204 No Content\r\ncontent-length: 5\r\n\r\nhello"),
            204,
            None,
        ),
        http(
            "says that nothing has changed",
            answer("304 Not Modified"),
            304,
            "redirect",
        ),
        http(
            "redirects to the metadata of the machine",
            redirect(metadata),
            307,
            "redirect",
        ),
        http(
            "redirects to a file",
            redirect("file:///etc/passwd"),
            307,
            "redirect",
        ),
        http("redirects to itself", redirect("/"), 307, "redirect"),
        http(
            "wants to speak something else",
            answer("101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade"),
            101,
            "unexpected_status",
        ),
        http(
            "answers with a status that is none",
            answer("999 None\r\ncontent-length: 0"),
            999,
            "unexpected_status",
        ),
        http(
            "answers with four digits",
            answer("2000 OK\r\ncontent-length: 0"),
            None,
            "malformed_answer",
        ),
        http(
            "asks to be left alone for ever",
            answer("503 Busy\r\nretry-after: 99999999999999999999\r\ncontent-length: 0"),
            503,
            "server_error",
        ),
    ]
}
