//! Writes the seeds of the fuzz targets into `fuzz/corpus/<target>/`: the bodies of the sample events,
//! and a canonical body that says all there is to say, once as each type.

use std::path::Path;
use std::{fs, io};

use payload::dialect::Dialect;
use payload::event_type::EventType;
use serde_json::Value;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
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
    for event_type in EventType::ALL {
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
