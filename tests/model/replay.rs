//! A replay: everything that has ended is to be attempted again.
//!
//! Its job is a row that a person made; whoever dies at work on it, another goes on. It goes over one
//! delivery, the first, so its position is either before it or behind it.

use crate::actions::Action;
use crate::actors::Replay;
use crate::protocol::Protocol;
use crate::rules::Rule;
use crate::state::{Due, Job, Message, Row, State, Status};

/// A person asks for a replay once an event is accepted.
pub(crate) fn actions(state: &State, actions: &mut Vec<Action>) {
    match (state.job, state.replay) {
        (Job::None, _) if state.answered[0] => actions.push(Action::AskForReplay),
        (Job::Open, Replay::Idle) => actions.push(Action::ReplayRead),
        (Job::None | Job::Done, _) => {}
        (Job::Open, Replay::Read(_)) => actions.push(Action::ReplayWrite),
        (Job::Open, Replay::Wake(_)) => actions.push(Action::ReplaySend),
        (Job::Open, Replay::Save) => actions.push(Action::ReplaySave),
    }
}

/// The row is read. What is still open is left to its schedule.
pub(crate) fn read(protocol: &Protocol, state: &mut State) {
    let ended = state.row(0).filter(|row| {
        let passed = row.replayed.is_some() && protocol.keeps(Rule::ReplayPassesOver);
        !matches!(row.status, Status::Pending | Status::Retrying) && !passed
    });
    state.replay = match ended {
        Some(row) => Replay::Read(row.version()),
        None => Replay::Save,
    };
}

/// The row is opened and its schedule starts again, unless somebody wrote since the row was read.
pub(crate) fn write(protocol: &Protocol, state: &mut State) {
    let Replay::Read(read) = state.replay else {
        unreachable!("only what was read is written");
    };
    if state.row(0).map(Row::version) != Some(read) {
        state.replay = Replay::Save;
        return;
    }
    let row = Row {
        status: Status::Retrying,
        attempts: read.attempts,
        queued: true,
        made_again: 0,
        replayed: Some(read.attempts),
        due: if protocol.keeps(Rule::ReplayIsIndexed) {
            Due::Ahead
        } else {
            Due::Nowhere
        },
    };
    state.put(0, row);
    state.replay = Replay::Wake(Message::new(0, read.attempts + 1));
}

/// The wake-up is sent.
pub(crate) fn send(state: &mut State) {
    let Replay::Wake(message) = state.replay else {
        unreachable!("only what was written is sent");
    };
    state.send(message);
    state.replay = Replay::Save;
}

/// The position is saved.
pub(crate) fn save(state: &mut State) {
    state.replay = Replay::Idle;
    state.job = Job::Done;
}
