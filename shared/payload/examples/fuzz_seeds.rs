//! Writes the seeds of the fuzz targets into `fuzz/corpus/<target>/`: the bodies of the sample events,
//! a canonical body that says all there is to say, once as each type, the sample events of Stripe, and some URLs
//! and headers.

use std::path::Path;
use std::{fs, io};

use payload::dialect::Dialect;
use payload::event_type::EventType;
use serde_json::Value;

const URLS: [&str; 12] = [
    "https://api.yourcompany.com/webhooks/certificates",
    "https://example.com:8443/hook?team=1&a=b%20c",
    "https://b\u{fc}cher.example.com./\u{e9}",
    "https://xn--bcher-kva.example.com/",
    "https://user:pass@example.com/#top",
    "https://0x7f.1/",
    "https://0177.0.0.1:443/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://db.internal\\@example.com/",
    "http://localhost:3000/inbox/demo",
];
const RETRY_AFTERS: [&str; 4] = [
    "120",
    "Sat, 21 Nov 2026 10:02:00 GMT",
    "Saturday, 21-Nov-26 10:02:00 GMT",
    "Sat Nov 21 10:02:00 2026",
];
/// The time at which a header is read stands before it.
const EPOCH: &str = "\0\0\0\0\0\0\0\0";

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = [
        ("target", URLS.map(str::to_owned).to_vec()),
        (
            "retry_after",
            RETRY_AFTERS
                .map(|header| format!("{EPOCH}{header}"))
                .to_vec(),
        ),
    ];
    for (target, seeds) in seeds {
        let corpus = folder.join("fuzz/corpus").join(target);
        fs::create_dir_all(&corpus)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(corpus.join(format!("seed.{number}")), seed)?;
        }
    }
    write_stripe(&folder.join("../../events/billing/stripe"), folder)?;
    for sample in fs::read_dir(folder.join("../../events/ingest"))? {
        let path = sample?.path();
        let invocation: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(name), Some(body)) = (name, invocation["body"].as_str()) {
            write(folder, name, body)?;
        }
    }
    let mut whole: Value =
        serde_json::from_slice(&fs::read(folder.join("fuzz/seeds/canonical.json"))?)?;
    for event_type in EventType::posted() {
        whole["type"] = event_type.name().into();
        write(
            folder,
            &format!("canonical.whole.{event_type}"),
            &whole.to_string(),
        )?;
    }
    Ok(())
}

/// Writes a body for its dialect, which its name begins with, and for recognition.
fn write(folder: &Path, name: &str, body: &str) -> io::Result<()> {
    let dialect = name.split('.').next().unwrap_or_default();
    // A batch is no event.
    if dialect.parse::<Dialect>().is_err() {
        return Ok(());
    }
    for target in [dialect, "recognised"] {
        let corpus = folder.join("fuzz/corpus").join(target);
        fs::create_dir_all(&corpus)?;
        // The length tells which event of Beedeez it is.
        fs::write(corpus.join(name), body)?;
        fs::write(corpus.join(format!("{name}.longer")), format!("{body}\n"))?;
    }
    Ok(())
}

/// Writes the bodies of Stripe's events, behind them the length of a header that is not there.
fn write_stripe(samples: &Path, folder: &Path) -> io::Result<()> {
    let corpus = folder.join("fuzz/corpus/stripe");
    fs::create_dir_all(&corpus)?;
    for entry in fs::read_dir(samples)? {
        let path = entry?.path();
        if path.is_dir() {
            write_stripe(&path, folder)?;
            continue;
        }
        let names = path.iter().rev().take(2).filter_map(|name| name.to_str());
        let name = names.collect::<Vec<_>>().join(".");
        fs::write(corpus.join(name), [&fs::read(&path)?[..], &[0, 0]].concat())?;
    }
    Ok(())
}
