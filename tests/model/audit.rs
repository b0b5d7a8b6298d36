//! The audit of `recovery`: accepted events that have no row are woken up.
//!
//! There is one submission, so there is one minute, and what a sender's retry writes later appears in it
//! too. (In the product it appears in the minute of the write; it is the index that shows it late.) Of the
//! late looks only the last is modelled: the others find earlier what it finds.

use crate::actions::Action;
use crate::actors::{Ingest, Look, Seen};
use crate::protocol::Protocol;
use crate::rules::Rule;
use crate::state::{Age, DELIVERIES, Due, Message, Row, State, Status};

/// The submission gets older, and the minute is looked at once its time has come.
pub(crate) fn actions(protocol: &Protocol, state: &State, actions: &mut Vec<Action>) {
    // Rows do not vanish: where each delivery has one, the audit has nothing to find.
    let mut begun = (0..state.claimed).flat_map(|event| protocol.deliveries(event));
    let all = begun.all(|delivery| state.row(delivery).is_some());
    if !all && can_grow_old(protocol, state) {
        actions.push(Action::GrowOld);
    }
    match state.look {
        Look::Idle => {
            if !all && is_due(protocol, state) {
                actions.push(Action::AuditRead);
            }
        }
        Look::Audit(_, delivery) if usize::from(delivery) < DELIVERIES => {
            actions.push(Action::AuditWrite);
        }
        Look::Audit(..) => actions.push(Action::AuditSave),
        Look::Wake(..) => actions.push(Action::AuditSend),
        Look::Overdue(..) | Look::Resend(_) => {}
    }
}

/// The offset is longer than a request lives and longer than a first wake-up waits, as for the look. The
/// last look comes a day later: by then no first wake-up is in anybody's hand.
fn can_grow_old(protocol: &Protocol, state: &State) -> bool {
    let mut begun = (0..state.claimed).flat_map(|event| protocol.deliveries(event));
    let busy = begun.any(|delivery| {
        let in_queue = match state.age {
            Age::Young => state.waits_in_queue(delivery),
            Age::Old | Age::Expired => state.is_in_queue(delivery),
        };
        state.row(delivery).is_none() && (in_queue || state.is_in_work(delivery))
    });
    state.claimed > 0
        && state.age < Age::Expired
        && state.ingest == Ingest::Idle
        && state.look == Look::Idle
        && !busy
}

/// The submission gets older.
pub(crate) fn grow_old(state: &mut State) {
    state.age = match state.age {
        Age::Young => Age::Old,
        Age::Old | Age::Expired => Age::Expired,
    };
}

fn is_due(protocol: &Protocol, state: &State) -> bool {
    let first = if protocol.keeps(Rule::LookOnlyAtWhatIsOld) {
        Age::Old
    } else {
        Age::Young
    };
    let last = if protocol.keeps(Rule::LastLookWhenComplete) {
        Age::Expired
    } else {
        Age::Old
    };
    if state.audited.first {
        protocol.keeps(Rule::LateLook) && !state.audited.last && state.age >= last
    } else {
        state.age >= first
    }
}

/// The events of the minute are read. The last look deals with them only if they are not as many as were
/// recorded.
pub(crate) fn read(protocol: &Protocol, state: &mut State) {
    let seen = Seen {
        last: state.audited.first,
        events: state.written,
    };
    if seen.last && count(seen) == state.audited.events {
        state.audited.last = true;
        return;
    }
    if !protocol.keeps(Rule::AuditedAfterWriting) {
        pass(state, seen);
    }
    go_on(protocol, state, seen, 0);
}

fn count(seen: Seen) -> u8 {
    seen.events.into_iter().map(u8::from).sum()
}

/// Goes to the next delivery, from this one on, that belongs to an event that was seen and has no row.
fn go_on(protocol: &Protocol, state: &mut State, seen: Seen, from: u8) {
    let all = DELIVERIES as u8;
    let mut rest = from..all;
    let next = rest.find(|delivery| {
        seen.events[usize::from(protocol.event(*delivery))] && state.row(*delivery).is_none()
    });
    state.look = Look::Audit(seen, next.unwrap_or(all));
}

/// A delivery without a row gets one, which is in the index of due deliveries.
pub(crate) fn write(protocol: &Protocol, state: &mut State) {
    let Look::Audit(seen, delivery) = state.look else {
        unreachable!("only what was read is written");
    };
    let none = state.row(delivery).is_none();
    let wanted = none || !protocol.keeps(Rule::AuditWritesOnlyWhereNoneIs);
    if !wanted || !protocol.keeps(Rule::AuditWakes) {
        go_on(protocol, state, seen, delivery + 1);
        return;
    }
    if protocol.keeps(Rule::AuditGivesARow) {
        let pending = Row {
            status: Status::Pending,
            attempts: 0,
            queued: true,
            made_again: 1,
            replayed: None,
            due: Due::Ahead,
        };
        state.put(delivery, pending);
    }
    state.look = Look::Wake(seen, delivery);
}

/// Its wake-up is sent.
pub(crate) fn send(protocol: &Protocol, state: &mut State) {
    let Look::Wake(seen, delivery) = state.look else {
        unreachable!("only what was written is sent");
    };
    state.send(Message::new(delivery, 1));
    state.history.surplus -= 1;
    go_on(protocol, state, seen, delivery + 1);
}

/// The number of events is recorded, and the watermark saved.
pub(crate) fn save(state: &mut State) {
    let Look::Audit(seen, _) = state.look else {
        unreachable!("only what was read is passed");
    };
    pass(state, seen);
    state.look = Look::Idle;
}

fn pass(state: &mut State, seen: Seen) {
    state.audited.first = true;
    state.audited.last = seen.last;
    state.audited.events = count(seen);
}
