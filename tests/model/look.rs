//! The look of `recovery` at rows whose time is over: their wake-up is lost.

use crate::actions::Action;
use crate::actors::{Look, Replay, Sweep};
use crate::protocol::Protocol;
use crate::rules::Rule;
use crate::state::{Due, Message, Row, State, Status};
use crate::sweep::is_for_the_sweep;

/// How often a wake-up is made again.
pub(crate) const MOST_MADE_AGAIN: u8 = 3;

/// Time passes for rows that nobody is about to wake up; the look reads those whose time has come.
pub(crate) fn actions(state: &State, actions: &mut Vec<Action>) {
    for (delivery, row) in (0..).zip(state.rows) {
        let Some(row) = row else {
            continue;
        };
        if matches!(row.due, Due::Ahead | Due::Swept) && is_over(state, delivery, row) {
            actions.push(Action::BecomeOverdue(delivery));
        }
        if row.due == Due::Overdue && state.look == Look::Idle {
            actions.push(Action::LookRead(delivery));
        }
    }
    match state.look {
        Look::Overdue(..) => actions.push(Action::LookWrite),
        Look::Resend(_) => actions.push(Action::LookSend),
        Look::Idle | Look::Audit(..) | Look::Wake(..) => {}
    }
}

/// Whether the look's time for the row can come in this state.
///
/// The offset of the look is longer than a message waits in the queue, by the measured age of the
/// queue, and longer than a worker lives. It is shorter than the visibility timeout: the message may
/// be in the hand of a worker that died. Once a wake-up was made again, the look comes back after 25
/// minutes at the earliest, which is longer than three visibility timeouts.
fn is_over(state: &State, delivery: u8, row: Row) -> bool {
    let sweeping = match state.sweep {
        Sweep::Idle => false,
        Sweep::Read(at, _) | Sweep::Sent(at, _) => at == delivery,
    };
    let replaying = match state.replay {
        Replay::Wake(message) => message.delivery == delivery,
        Replay::Idle | Replay::Read(_) | Replay::Save => false,
    };
    let hidden = row.made_again > 0 && state.is_in_queue(delivery);
    !is_for_the_sweep(row)
        && !sweeping
        && !replaying
        && !hidden
        && !state.waits_in_queue(delivery)
        && !state.is_in_work(delivery)
        && state.look == Look::Idle
}

/// The time comes.
pub(crate) fn become_overdue(state: &mut State, delivery: u8) {
    let row = state.rows[usize::from(delivery)].as_mut();
    row.expect("only a row is due").due = Due::Overdue;
}

/// An overdue row is read.
pub(crate) fn read(protocol: &Protocol, state: &mut State, delivery: u8) {
    let read = state.row(delivery).expect("only a row is read").version();
    state.look = Look::Overdue(delivery, read);
    if !protocol.keeps(Rule::LookedAfterWriting) {
        let row = state.rows[usize::from(delivery)].as_mut();
        row.expect("it was read").due = Due::Behind;
    }
}

/// It is written that the wake-up is made again, which puts the row at a later time in the index; or
/// that it was made again often enough. The row that was read is then in its minute no more, so saving
/// the watermark is no step of its own.
pub(crate) fn write(protocol: &Protocol, state: &mut State) {
    let Look::Overdue(delivery, read) = state.look else {
        unreachable!("only what was read is written");
    };
    state.look = Look::Idle;
    let unchanged = state.row(delivery).map(Row::version) == Some(read);
    if !unchanged && protocol.keeps(Rule::LookWritesOnTheRevisionRead) {
        return;
    }
    let again = Row {
        status: read.status,
        attempts: read.attempts,
        queued: true,
        made_again: read.made_again + 1,
        replayed: read.replayed,
        due: if protocol.keeps(Rule::MadeAgainStaysIndexed) {
            Due::Ahead
        } else {
            Due::Nowhere
        },
    };
    if read.made_again == MOST_MADE_AGAIN {
        let stuck = Row {
            status: Status::Stuck,
            made_again: read.made_again,
            due: Due::Nowhere,
            ..again
        };
        state.put(delivery, stuck);
        return;
    }
    state.put(delivery, again);
    state.look = Look::Resend(Message::new(delivery, read.attempts + 1));
}

/// The wake-up is sent.
pub(crate) fn send(state: &mut State) {
    let Look::Resend(message) = state.look else {
        unreachable!("only what was written is sent");
    };
    state.send(message);
    state.history.surplus -= 1;
    state.look = Look::Idle;
}
