//! How large the world of the model is, and how much may go wrong in it.

/// How large the world is, and how bad.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Endpoints that the event goes to: 1 or 2.
    pub(crate) endpoints: u8,
    /// The waits of the retry schedule: one attempt more than waits.
    pub(crate) schedule: &'static [Wait],
    /// Delivery functions at work at the same time.
    pub(crate) workers: usize,
    /// Whether look and audit run.
    pub(crate) audit: bool,
    /// Whether a person may disable endpoints, and receivers may answer 410.
    pub(crate) disabling: bool,
    /// Whether a person may ask for a replay, once.
    pub(crate) replay: bool,
    /// Most functions that die.
    pub(crate) crashes: u8,
    /// Most messages that the queue loses.
    pub(crate) losses: u8,
    /// Most messages that the queue doubles.
    pub(crate) duplicates: u8,
}

/// How the next attempt is woken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// By a message of the worker: the wait is short and the delivery young.
    Message,
    /// By the sweep.
    Sweep,
    /// The delivery is old, but the wait ends before the sweep comes by.
    Near,
}
