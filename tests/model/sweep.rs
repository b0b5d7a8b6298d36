//! The sweep of `recovery`: wake-ups for the waits that no message bridges.
//!
//! Each row is a bucket of its own here. The sweep writes nothing but its watermark.

use crate::actions::Action;
use crate::actors::Sweep;
use crate::protocol::Protocol;
use crate::rules::Rule;
use crate::state::{Due, Message, Row, State, Version};

/// The sweep reads rows ahead of its watermark.
pub(crate) fn actions(state: &State, actions: &mut Vec<Action>) {
    match state.sweep {
        Sweep::Idle => {
            for (delivery, row) in (0..).zip(state.rows) {
                if row.is_some_and(is_for_the_sweep) {
                    actions.push(Action::SweepRead(delivery));
                }
            }
        }
        Sweep::Read(..) => actions.push(Action::SweepSend),
        Sweep::Sent(..) => actions.push(Action::SweepSave),
    }
}

/// Whether the sweep is to wake this row up, and has not yet.
pub(crate) fn is_for_the_sweep(row: Row) -> bool {
    row.due == Due::Ahead && !row.queued && row.made_again == 0
}

/// The row is read.
pub(crate) fn read(protocol: &Protocol, state: &mut State, delivery: u8) {
    let row = state.row(delivery).expect("only a row is read").version();
    state.sweep = Sweep::Read(delivery, row);
    if !protocol.keeps(Rule::SweptAfterSending) {
        pass(state, delivery, row);
    }
}

/// The wake-up is sent.
pub(crate) fn send(state: &mut State) {
    let Sweep::Read(delivery, row) = state.sweep else {
        unreachable!("only what was read is sent");
    };
    state.send(Message::new(delivery, row.attempts + 1));
    state.sweep = Sweep::Sent(delivery, row);
}

/// The watermark is saved. A row that was written since stands elsewhere, at a later time.
pub(crate) fn save(state: &mut State) {
    let Sweep::Sent(delivery, row) = state.sweep else {
        unreachable!("only what was sent is passed");
    };
    pass(state, delivery, row);
    state.sweep = Sweep::Idle;
}

fn pass(state: &mut State, delivery: u8, read: Version) {
    if let Some(row) = &mut state.rows[usize::from(delivery)]
        && row.version() == read
        && row.due == Due::Ahead
    {
        row.due = Due::Swept;
    }
}
