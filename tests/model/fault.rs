//! What goes wrong: functions die, messages are lost and doubled; and what the queue does about it.

use crate::actions::Action;
use crate::actors::{Ingest, Look, Replay, Sweep, Task, Worker};
use crate::protocol::Protocol;
use crate::rules::Rule;
use crate::state::{Message, State};

/// Everything may go wrong at any time, as often as the bounds say.
pub(crate) fn actions(protocol: &Protocol, state: &State, actions: &mut Vec<Action>) {
    let mut messages = state.queue.clone();
    messages.dedup();
    for message in messages {
        if message.visible {
            if state.faults.losses < protocol.bounds.losses {
                actions.push(Action::Lose(message));
            }
            if state.faults.duplicates < protocol.bounds.duplicates {
                actions.push(Action::Duplicate(message));
            }
        } else {
            actions.push(Action::HandOutAgain(message));
        }
    }
    if state.faults.crashes == protocol.bounds.crashes {
        return;
    }
    if state.ingest != Ingest::Idle {
        actions.push(Action::CrashIngest);
    }
    for (at, worker) in state.workers.iter().enumerate() {
        if *worker != Worker::Idle {
            actions.push(Action::CrashWorker(at));
        }
    }
    if state.sweep != Sweep::Idle {
        actions.push(Action::CrashSweep);
    }
    if state.look != Look::Idle {
        actions.push(Action::CrashLook);
    }
    if state.replay != Replay::Idle {
        actions.push(Action::CrashReplay);
    }
}

/// A function dies and forgets what it was doing. A message that it had in hand stays in the queue, where
/// nobody can see it until its visibility timeout is over.
pub(crate) fn crash(protocol: &Protocol, state: &mut State, action: Action) {
    state.faults.crashes += 1;
    match action {
        Action::CrashIngest => state.ingest = Ingest::Idle,
        Action::CrashWorker(at) => crash_worker(protocol, state, at),
        Action::CrashSweep => state.sweep = Sweep::Idle,
        Action::CrashLook => state.look = Look::Idle,
        Action::CrashReplay => state.replay = Replay::Idle,
        _ => unreachable!("only a function dies"),
    }
}

fn crash_worker(protocol: &Protocol, state: &mut State, at: usize) {
    let Worker::Busy { message, task, .. } = state.workers[at] else {
        unreachable!("only a busy worker dies");
    };
    if matches!(task, Task::Record(_)) {
        state.history.surplus += 1;
    }
    state.workers[at] = Worker::Idle;
    if protocol.keeps(Rule::AcknowledgeLast) && protocol.keeps(Rule::VisibilityTimeout) {
        state.send(Message {
            visible: false,
            ..message
        });
    }
}

/// The visibility timeout of a message is over.
pub(crate) fn hand_out_again(state: &mut State, message: Message) {
    state.take(message);
    state.send(Message {
        again: true,
        visible: true,
        ..message
    });
}

/// The queue loses a message, or it ends in the dead-letter queue.
pub(crate) fn lose(state: &mut State, message: Message) {
    state.faults.losses += 1;
    state.take(message);
}

/// The queue has a message twice. That acknowledging one may remove the other too is a loss.
pub(crate) fn duplicate(state: &mut State, message: Message) {
    state.faults.duplicates += 1;
    state.send(message);
}
