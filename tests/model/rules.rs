//! The rules of the protocol, each by its name, so that each can be taken away.

/// One rule. What is lost without it is shown by the test that takes it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    // Accepting.
    /// A submission is answered only when its event is written.
    AnswerWhenDurable,
    /// A submission is answered only when its wake-ups are sent.
    AnswerWhenWoken,
    /// The idempotency key fixes the id of the event, for the sender's retry too.
    KeyFixesTheId,

    // Delivering.
    /// A worker writes a row only on the revision that it read.
    WriteOnTheRevisionRead,
    /// A wake-up for a finished delivery is only acknowledged.
    FinishedIsAcknowledged,
    /// No failure is written over a delivery that somebody else has finished.
    NoFailureOverFinished,
    /// A success is written over what another worker wrote in between.
    SuccessOverFailure,
    /// A wake-up for an attempt that was made is only acknowledged.
    StaleIsAcknowledged,
    /// A message that is handed out again sends the next wake-up again.
    HandedOutAgainWakesNext,
    /// A message is acknowledged only when its row is written and the next wake-up is sent.
    AcknowledgeLast,
    /// The queue hands out again what was not acknowledged.
    VisibilityTimeout,
    /// A delivery whose endpoint is disabled becomes held.
    DisabledIsHeld,
    /// A wait that ends before the sweep comes by goes by message, however old the delivery is.
    NearWaitsAreMessages,

    // Recovery.
    /// The sweep's watermark is saved after the wake-ups are sent.
    SweptAfterSending,
    /// Every open row is in the index of due deliveries, also one that a message wakes up.
    OpenIsIndexed,
    /// The look's watermark is saved after the overdue rows before it are written.
    LookedAfterWriting,
    /// The look writes a row only on the revision that it read.
    LookWritesOnTheRevisionRead,
    /// A row whose wake-up was made again stays in the index, at a later time.
    MadeAgainStaysIndexed,
    /// The audit makes wake-ups for accepted events without a row.
    AuditWakes,
    /// The audit gives these deliveries a row.
    AuditGivesARow,
    /// The audit writes such a row only where there is none.
    AuditWritesOnlyWhereNoneIs,
    /// The audit's watermark is saved after every event before it has its rows.
    AuditedAfterWriting,
    /// The audit looks at nothing younger than its offset.
    LookOnlyAtWhatIsOld,
    /// The audit looks again, at what appeared in the minute after its first look.
    LateLook,
    /// The last look comes when nothing can appear in the minute any more.
    LastLookWhenComplete,

    // Replay.
    /// A row that is replayed is put into the index of due deliveries.
    ReplayIsIndexed,
    /// A replay passes over what it has replayed before.
    ReplayPassesOver,
}

/// All rules, or all but one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    without: Option<Rule>,
}

impl Rules {
    /// All but this one.
    pub(crate) const fn without(rule: Rule) -> Self {
        Self {
            without: Some(rule),
        }
    }

    /// Whether the rule is kept.
    pub(crate) fn keep(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}
