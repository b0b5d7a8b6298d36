//! Writes the catalogue of event types as a page: `docs/event-types.md`.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    io::stdout().write_all(payload::catalogue::markdown().as_bytes())
}
