//! A receiver that plays one script over each connection: bytes, where HTTP would get in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What a receiver does next. After the last step it hangs up.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Reads a request to its end.
    Read,
    /// Writes this.
    Write(Vec<u8>),
    /// Writes this over and over, as fast as it is taken.
    Flood(&'static str),
    /// Writes this over and over, slowly.
    Drip(&'static str),
    /// Says nothing until the other side hangs up.
    Silence,
    /// Breaks the connection instead of ending it.
    Reset,
}

/// Writes a text.
pub(super) fn write(text: impl Into<String>) -> Step {
    Step::Write(text.into().into_bytes())
}

/// A receiver on a free port of loopback.
pub(super) struct Receiver {
    pub(super) port: u16,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Receiver {
    /// Plays the steps over each connection.
    pub(super) async fn start(steps: Vec<Step>, tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = tls.then(untrusted);
        let (accepted, open) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counts = (Arc::clone(&accepted), Arc::clone(&open));
        tokio::spawn(async move {
            let (accepted, open) = counts;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                open.fetch_add(1, Ordering::SeqCst);
                let (steps, acceptor, open) = (steps.clone(), acceptor.clone(), Arc::clone(&open));
                tokio::spawn(async move {
                    // An error is that the other side has hung up.
                    serve(stream, acceptor, &steps).await.ok();
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            port,
            accepted,
            open,
        }
    }

    /// How many connections there have been.
    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// How many connections there are.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    steps: &[Step],
) -> std::io::Result<()> {
    if let Some(acceptor) = acceptor {
        return play(&mut acceptor.accept(stream).await?, steps).await;
    }
    let mut stream = stream;
    if let [.., Step::Reset] = steps {
        stream.set_zero_linger()?;
    }
    play(&mut stream, steps).await
}

async fn play(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    steps: &[Step],
) -> std::io::Result<()> {
    for step in steps {
        match step {
            Step::Read => read_request(stream).await?,
            Step::Write(bytes) => stream.write_all(bytes).await?,
            Step::Flood(text) => loop {
                stream.write_all(text.repeat(100).as_bytes()).await?;
            },
            Step::Drip(text) => loop {
                stream.write_all(text.as_bytes()).await?;
                sleep(Duration::from_millis(50)).await;
            },
            Step::Silence => while stream.read(&mut [0; 1024]).await? > 0 {},
            // The linger time of zero does it when the stream is dropped.
            Step::Reset => {}
        }
    }
    stream.shutdown().await
}

/// Reads to the end of the body, whose length the head says.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        assert!(
            !head.contains("accept-encoding"),
            "it would be answered compressed"
        );
        let length = head
            .split("content-length: ")
            .nth(1)
            .expect("a content-length");
        let length: usize = length.lines().next().unwrap_or_default().parse().unwrap();
        if body.len() >= length {
            return Ok(());
        }
    }
}

/// TLS with a certificate that the receiver signed itself.
fn untrusted() -> TlsAcceptor {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}
