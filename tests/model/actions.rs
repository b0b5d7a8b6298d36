//! The steps of which every way through the model consists.

use crate::actors::Answer;
use crate::state::Message;

/// A step. `u8` is a delivery, `usize` a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    // The sender and `ingest`.
    Submit,
    WriteEvent,
    SendFirst,
    Answer,
    // A worker of `delivery`.
    Receive(Message),
    Post(usize, Answer),
    Record(usize),
    Hold(usize),
    WakeNext(usize),
    Acknowledge(usize),
    // `recovery`.
    SweepRead(u8),
    SweepSend,
    SweepSave,
    LookRead(u8),
    LookWrite,
    LookSend,
    AuditRead,
    AuditWrite,
    AuditSend,
    AuditSave,
    // A replay.
    ReplayRead,
    ReplayWrite,
    ReplaySend,
    ReplaySave,
    // Time.
    /// The visibility timeout of a message is over.
    HandOutAgain(Message),
    /// The look's time for a row has come.
    BecomeOverdue(u8),
    /// The submission gets older.
    GrowOld,
    // People.
    Disable(u8),
    AskForReplay,
    // Faults.
    CrashIngest,
    CrashWorker(usize),
    CrashSweep,
    CrashLook,
    CrashReplay,
    Lose(Message),
    Duplicate(Message),
}

impl Action {
    /// Whether it need not ever happen.
    pub(crate) const fn is_optional(self) -> bool {
        self.is_fault() || matches!(self, Self::Disable(_) | Self::AskForReplay)
    }

    /// Whether something goes wrong.
    pub(crate) const fn is_fault(self) -> bool {
        matches!(
            self,
            Self::CrashIngest
                | Self::CrashWorker(_)
                | Self::CrashSweep
                | Self::CrashLook
                | Self::CrashReplay
                | Self::Lose(_)
                | Self::Duplicate(_)
        )
    }
}
