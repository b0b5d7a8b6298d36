//! What the world of the model looks like between two steps.

use crate::actors::{Ingest, Look, Replay, Sweep, Worker};

/// Deliveries there is room for: an event for two endpoints, or two events for one.
pub(crate) const DELIVERIES: usize = 2;

/// Everything that is stored, in flight, or in somebody's memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// Ids that were claimed for the one submission of the one sender. Two only where the rule is broken.
    pub(crate) claimed: u8,
    /// Events in the table Events.
    pub(crate) written: [bool; DELIVERIES],
    /// Events that the sender was told are accepted.
    pub(crate) answered: [bool; DELIVERIES],
    /// The request of the sender.
    pub(crate) ingest: Ingest,
    /// How old the sender's submission is, by the clock of the audit.
    pub(crate) age: Age,
    /// What the audit has recorded of the submission's minute.
    pub(crate) audited: Audited,
    /// Rows of the table Deliveries.
    pub(crate) rows: [Option<Row>; DELIVERIES],
    /// Whether the endpoint of a delivery takes webhooks.
    pub(crate) enabled: [bool; DELIVERIES],
    /// Messages in the queue, in no order that means anything: they are kept sorted.
    pub(crate) queue: Vec<Message>,
    /// Workers, sorted as well: they are all alike.
    pub(crate) workers: Vec<Worker>,
    /// The sweep.
    pub(crate) sweep: Sweep,
    /// The look and the audit, which one run does after the other.
    pub(crate) look: Look,
    /// The replay that a person has asked for.
    pub(crate) job: Job,
    /// The replay at work.
    pub(crate) replay: Replay,
    /// Faults so far.
    pub(crate) faults: Faults,
    /// What nobody in the protocol knows, kept for the properties.
    pub(crate) history: History,
}

/// The row of a delivery. Its revision is not modelled: what is unchanged is of the same revision, since
/// no write leaves all of a row's [`Version`] as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) status: Status,
    /// Attempts that were recorded.
    pub(crate) attempts: u8,
    /// A message wakes the next attempt up; the sweep passes the row over.
    pub(crate) queued: bool,
    /// How often the wake-up was made again since the last attempt.
    pub(crate) made_again: u8,
    /// Attempts made before the replay; `None`: it was not replayed.
    pub(crate) replayed: Option<u8>,
    /// Where it stands in the index of due deliveries.
    pub(crate) due: Due,
}

/// What a reader remembers of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) status: Status,
    pub(crate) attempts: u8,
    pub(crate) made_again: u8,
    pub(crate) replayed: Option<u8>,
}

impl Row {
    /// What a reader remembers of it.
    pub(crate) const fn version(self) -> Version {
        Version {
            status: self.status,
            attempts: self.attempts,
            made_again: self.made_again,
            replayed: self.replayed,
        }
    }
}

/// How a delivery stands. `Skipped` is left out: to the protocol it is what `Held` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Status {
    Pending,
    Retrying,
    Delivered,
    Exhausted,
    Held,
    Stuck,
}

impl Status {
    /// Whether a wake-up may still attempt it.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Retrying | Self::Stuck)
    }
}

/// Where a row stands in the index of due deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Due {
    /// Not in the index.
    Nowhere,
    /// Ahead of the look's watermark and of the sweep's.
    Ahead,
    /// Ahead of the look's watermark; the sweep's is beyond it.
    Swept,
    /// The look's time for it has come.
    Overdue,
    /// The look's watermark is beyond it: nobody reads it there any more.
    Behind,
}

/// A message of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) delivery: u8,
    /// The attempt that it wakes up.
    pub(crate) attempt: u8,
    /// The wake-up with which a delivery begins: no row is looked for.
    pub(crate) first: bool,
    /// It was handed out before.
    pub(crate) again: bool,
    /// Nobody has it in hand. A delay is not modelled: any message may arrive at any time.
    pub(crate) visible: bool,
}

/// How old the submission is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Age {
    /// Younger than the audit's offset.
    Young,
    /// Old enough for the first look. The sender may still repeat it with the same key.
    Old,
    /// The key is no longer valid, and the time of the last look has come.
    Expired,
}

/// What the audit has recorded of the submission's minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Audited {
    /// The watermark of the first look is beyond it.
    pub(crate) first: bool,
    /// The watermark of the last look is beyond it.
    pub(crate) last: bool,
    /// Events that were seen in it.
    pub(crate) events: u8,
}

/// The row of a replay of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    /// Nobody has asked for it.
    None,
    /// It is to go on.
    Open,
    /// Its position is at the end.
    Done,
}

/// Faults so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Faults {
    pub(crate) crashes: u8,
    pub(crate) losses: u8,
    pub(crate) duplicates: u8,
}

/// What nobody in the protocol knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct History {
    /// Webhooks that were made and are not in a row, less the wake-ups that recovery made again.
    pub(crate) surplus: i8,
    /// A finished delivery was changed, or attempts were taken back.
    pub(crate) undone: bool,
    /// A success that a worker came to record is not in the row.
    pub(crate) unheard: bool,
    /// An attempt was made on the wake-up of an earlier one, so before its time.
    pub(crate) hurried: bool,
}

impl State {
    /// Before anything has happened.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            claimed: 0,
            written: [false; DELIVERIES],
            answered: [false; DELIVERIES],
            ingest: Ingest::Idle,
            age: Age::Young,
            audited: Audited {
                first: false,
                last: false,
                events: 0,
            },
            rows: [None; DELIVERIES],
            enabled: [true; DELIVERIES],
            queue: Vec::new(),
            workers: vec![Worker::Idle; workers],
            sweep: Sweep::Idle,
            look: Look::Idle,
            job: Job::None,
            replay: Replay::Idle,
            faults: Faults::default(),
            history: History::default(),
        }
    }

    /// The row of a delivery.
    pub(crate) fn row(&self, delivery: u8) -> Option<Row> {
        self.rows[usize::from(delivery)]
    }

    /// Writes a row, and notes what may not be done to the one that stands there.
    pub(crate) fn put(&mut self, delivery: u8, row: Row) {
        if let Some(old) = self.row(delivery) {
            let success = row.status == Status::Delivered && old.status != Status::Delivered;
            let replay = row.replayed.is_some() && old.replayed.is_none();
            let finished = !old.status.is_open() && !success && !replay;
            self.history.undone |= finished || row.attempts < old.attempts;
        }
        self.rows[usize::from(delivery)] = Some(row);
    }

    /// Puts a message into the queue.
    pub(crate) fn send(&mut self, message: Message) {
        let at = self.queue.partition_point(|other| *other < message);
        self.queue.insert(at, message);
    }

    /// Takes one such message out of the queue.
    pub(crate) fn take(&mut self, message: Message) {
        let at = self.queue.binary_search(&message);
        self.queue.remove(at.expect("only what is there is taken"));
    }

    /// Whether a message of the delivery could be received now.
    pub(crate) fn waits_in_queue(&self, delivery: u8) -> bool {
        let mut messages = self.queue.iter();
        messages.any(|message| message.delivery == delivery && message.visible)
    }

    /// Whether the queue holds a message of the delivery, also in the hand of a worker that died.
    pub(crate) fn is_in_queue(&self, delivery: u8) -> bool {
        let mut messages = self.queue.iter();
        messages.any(|message| message.delivery == delivery)
    }

    /// Whether a worker has a message of the delivery in hand.
    pub(crate) fn is_in_work(&self, delivery: u8) -> bool {
        self.workers.iter().any(|worker| match worker {
            Worker::Idle => false,
            Worker::Busy { message, .. } => message.delivery == delivery,
        })
    }
}

impl Message {
    /// The wake-up for this attempt.
    pub(crate) const fn new(delivery: u8, attempt: u8) -> Self {
        Self {
            delivery,
            attempt,
            first: false,
            again: false,
            visible: true,
        }
    }
}
