//! The sender, and `ingest`: the idempotency row, the event, the wake-ups, the answer.

use crate::actions::Action;
use crate::actors::Ingest;
use crate::protocol::Protocol;
use crate::rules::Rule;
use crate::state::{Age, DELIVERIES, Message, State};

/// The sender repeats its one submission until it is answered, as long as the key is valid.
pub(crate) fn actions(protocol: &Protocol, state: &State, actions: &mut Vec<Action>) {
    match state.ingest {
        Ingest::Idle => {
            let id = next_id(protocol, state);
            let room = protocol
                .deliveries(id)
                .all(|at| usize::from(at) < DELIVERIES);
            let answered = state.answered.contains(&true);
            if !answered && state.age < Age::Expired && room {
                actions.push(Action::Submit);
            }
        }
        Ingest::Claimed(_) => actions.push(Action::WriteEvent),
        Ingest::Written(_, sent) if sent < protocol.bounds.endpoints => {
            actions.push(Action::SendFirst);
        }
        Ingest::Written(..) => actions.push(Action::Answer),
    }
}

fn next_id(protocol: &Protocol, state: &State) -> u8 {
    if protocol.keeps(Rule::KeyFixesTheId) {
        0
    } else {
        state.claimed
    }
}

/// The request arrives, and its idempotency row is written or found.
pub(crate) fn submit(protocol: &Protocol, state: &mut State) {
    let id = next_id(protocol, state);
    state.claimed = id + 1;
    state.ingest = Ingest::Claimed(id);
    if !protocol.keeps(Rule::AnswerWhenDurable) {
        state.answered[usize::from(id)] = true;
    }
}

/// The event is written, if it is not there.
pub(crate) fn write(protocol: &Protocol, state: &mut State) {
    let Ingest::Claimed(id) = state.ingest else {
        unreachable!("only what is claimed is written");
    };
    state.written[usize::from(id)] = true;
    state.ingest = Ingest::Written(id, 0);
    if !protocol.keeps(Rule::AnswerWhenWoken) {
        state.answered[usize::from(id)] = true;
    }
}

/// The first wake-up of the next endpoint is sent. That the request was a repeated one and says so in
/// its wake-ups saves a read and is not modelled: each says that its delivery begins.
pub(crate) fn send(protocol: &Protocol, state: &mut State) {
    let Ingest::Written(id, sent) = state.ingest else {
        unreachable!("only what is written is sent");
    };
    let delivery = protocol.deliveries(id).nth(usize::from(sent));
    state.send(Message {
        first: true,
        ..Message::new(delivery.expect("as many are sent as there are"), 1)
    });
    state.ingest = Ingest::Written(id, sent + 1);
}

/// The sender learns that its event is accepted.
pub(crate) fn answer(state: &mut State) {
    let Ingest::Written(id, _) = state.ingest else {
        unreachable!("only what is written is answered");
    };
    state.answered[usize::from(id)] = true;
    state.ingest = Ingest::Idle;
}
