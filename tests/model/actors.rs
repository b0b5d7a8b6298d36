//! What each actor has in its memory, and loses when it dies.

use crate::state::{DELIVERIES, Message, Version};

/// A delivery function, at work on one message or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Worker {
    Idle,
    Busy {
        message: Message,
        /// What it has read of the row, if there was one.
        read: Option<Version>,
        /// What it does next.
        task: Task,
    },
}

/// What a worker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Task {
    Post,
    Record(Answer),
    Hold,
    /// Send the wake-up for this attempt.
    WakeNext(u8),
    Acknowledge,
}

/// What a receiver answers to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Answer {
    Success,
    Failure,
    /// 410: the endpoint wants no webhooks any more.
    Gone,
}

/// The sender's request, at work in `ingest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ingest {
    Idle,
    /// The idempotency row is written; it names this event.
    Claimed(u8),
    /// The event is written, and so many wake-ups are sent.
    Written(u8, u8),
}

/// The sweep, at work on one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sweep {
    Idle,
    /// It has read the row of this delivery.
    Read(u8, Version),
    /// It has sent the wake-up.
    Sent(u8, Version),
}

/// The look, at work on one row, and the audit, at work on the submission's minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Look {
    Idle,
    /// It has read an overdue row.
    Overdue(u8, Version),
    /// It has written that the wake-up is made again, and is to send it.
    Resend(Message),
    /// It has read the minute, and is to deal with this delivery next.
    Audit(Seen, u8),
    /// It is to send the wake-up of this delivery.
    Wake(Seen, u8),
}

/// A replay, at work on the first delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Replay {
    Idle,
    /// It has read a row to be replayed.
    Read(Version),
    /// It has written the row, and is to send its wake-up.
    Wake(Message),
    /// It is to save its position.
    Save,
}

/// What the audit has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// Whether this is the last look.
    pub(crate) last: bool,
    pub(crate) events: [bool; DELIVERIES],
}
