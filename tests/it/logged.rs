//! What a stack logs: kept for a test that fails, and searched for what no log may hold.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::canaries::Canaries;

/// How much of the log a failing test shows.
const SHOWN_LINES: usize = 80;
/// How much of it is kept at least; half of it is forgotten when there is twice as much.
const KEPT_LINES: usize = 50_000;

/// The log of a stack that runs.
pub(crate) struct Logged {
    lines: Arc<Mutex<Vec<String>>>,
    pub(crate) canaries: Arc<Canaries>,
    reader: Option<JoinHandle<()>>,
}

impl Logged {
    /// Reads it until its last writer ends.
    pub(crate) fn from(output: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let canaries = Arc::new(Canaries::default());
        let (kept, searching) = (Arc::clone(&lines), Arc::clone(&canaries));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                searching.search(&line);
                let mut kept = kept.lock().expect("no holder panics");
                if kept.len() == 2 * KEPT_LINES {
                    kept.drain(..KEPT_LINES);
                }
                kept.push(line);
            }
        });
        Self {
            lines,
            canaries,
            reader: Some(reader),
        }
    }

    /// What was logged so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no holder panics").clone()
    }

    /// To be called when all processes have ended: fails when the log holds what it must not, and shows the
    /// end of it when the test has failed already.
    #[expect(
        clippy::print_stderr,
        reason = "a failing test shows what the stack said"
    )]
    pub(crate) fn end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
        if std::thread::panicking() {
            let lines = self.lines();
            let from = lines.len().saturating_sub(SHOWN_LINES);
            let shown = lines[from..].join("\n");
            eprintln!("the log of the stack ends with:\n{shown}");
            return;
        }
        let found = self.canaries.take_found();
        assert!(found.is_empty(), "the log of the stack holds: {found:#?}");
    }
}
