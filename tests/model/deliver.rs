//! The workers of `delivery`: from a message to its acknowledgement.

use crate::actions::Action;
use crate::actors::{Answer, Task, Worker};
use crate::bounds::Wait;
use crate::protocol::Protocol;
use crate::rules::Rule;
use crate::state::{Due, Message, Row, State, Status, Version};

/// A free worker receives any message that it can see; a busy one goes on.
pub(crate) fn actions(protocol: &Protocol, state: &State, actions: &mut Vec<Action>) {
    if state.workers.contains(&Worker::Idle) {
        let mut messages = state.queue.clone();
        messages.dedup();
        let visible = messages.into_iter().filter(|message| message.visible);
        actions.extend(visible.map(Action::Receive));
    }
    for (at, worker) in state.workers.iter().enumerate() {
        let Worker::Busy { task, .. } = worker else {
            continue;
        };
        match task {
            Task::Post => {
                actions.push(Action::Post(at, Answer::Success));
                actions.push(Action::Post(at, Answer::Failure));
                if protocol.bounds.disabling {
                    actions.push(Action::Post(at, Answer::Gone));
                }
            }
            Task::Record(_) => actions.push(Action::Record(at)),
            Task::Hold => actions.push(Action::Hold(at)),
            Task::WakeNext(_) => actions.push(Action::WakeNext(at)),
            Task::Acknowledge => actions.push(Action::Acknowledge(at)),
        }
    }
    if protocol.bounds.disabling {
        for delivery in protocol.deliveries(0) {
            if state.enabled[usize::from(delivery)] {
                actions.push(Action::Disable(delivery));
            }
        }
    }
}

/// A message is handed out, and its row is read; what to do follows from these.
pub(crate) fn receive(protocol: &Protocol, state: &mut State, message: Message) {
    state.take(message);
    let read = if message.first && !message.again {
        None
    } else {
        state.row(message.delivery)
    };
    let task = plan(protocol, state, message, read);
    let attempt = read.map_or(0, |row| row.attempts) + 1;
    state.history.hurried |= task == Task::Post && message.attempt < attempt;
    let idle = state
        .workers
        .iter()
        .position(|worker| *worker == Worker::Idle);
    state.workers[idle.expect("a free worker receives")] = Worker::Busy {
        message,
        read: read.map(Row::version),
        task,
    };
}

fn plan(protocol: &Protocol, state: &State, message: Message, read: Option<Row>) -> Task {
    if let Some(row) = read {
        if !row.status.is_open() && protocol.keeps(Rule::FinishedIsAcknowledged) {
            return Task::Acknowledge;
        }
        if message.attempt <= row.attempts && protocol.keeps(Rule::StaleIsAcknowledged) {
            let last = message.again && message.attempt == row.attempts && row.queued;
            return if last && protocol.keeps(Rule::HandedOutAgainWakesNext) {
                Task::WakeNext(row.attempts + 1)
            } else {
                Task::Acknowledge
            };
        }
    }
    if state.enabled[usize::from(message.delivery)] {
        Task::Post
    } else if protocol.keeps(Rule::DisabledIsHeld) {
        Task::Hold
    } else {
        Task::Acknowledge
    }
}

/// The webhook is made and answered; 410 disables its endpoint.
pub(crate) fn post(state: &mut State, worker: usize, answer: Answer) {
    let (message, _) = at_work(state, worker);
    if answer == Answer::Gone {
        state.enabled[usize::from(message.delivery)] = false;
    }
    go_on(state, worker, Task::Record(answer));
}

/// What the answer makes of the delivery is written.
pub(crate) fn record(protocol: &Protocol, state: &mut State, worker: usize) {
    let (message, read) = at_work(state, worker);
    let Worker::Busy {
        task: Task::Record(answer),
        ..
    } = state.workers[worker]
    else {
        unreachable!("only an answer is recorded");
    };
    let current = state.row(message.delivery).map(Row::version);
    let base = if read == current || !protocol.keeps(Rule::WriteOnTheRevisionRead) {
        Some(read)
    } else {
        superseded(protocol, read, current, answer).then_some(current)
    };
    let mut task = Task::Acknowledge;
    if let Some(base) = base {
        let row = apply(protocol, base, answer);
        state.put(message.delivery, row);
        if row.status == Status::Retrying && row.queued {
            task = Task::WakeNext(row.attempts + 1);
        }
    } else {
        state.history.surplus += 1;
    }
    let kept = state.row(message.delivery);
    let delivered = kept.is_some_and(|row| row.status == Status::Delivered);
    state.history.unheard |= answer == Answer::Success && !delivered;
    go_on(state, worker, task);
}

/// Whether an answer is to be written over what somebody else wrote since the row was read.
fn superseded(
    protocol: &Protocol,
    read: Option<Version>,
    current: Option<Version>,
    answer: Answer,
) -> bool {
    let current = current.expect("a row that was written stays");
    if answer == Answer::Success && protocol.keeps(Rule::SuccessOverFailure) {
        return current.status != Status::Delivered;
    }
    let finished = !current.status.is_open() && protocol.keeps(Rule::NoFailureOverFinished);
    !finished && current.attempts <= read.map_or(0, |row| row.attempts)
}

/// The row after one more attempt.
fn apply(protocol: &Protocol, base: Option<Version>, answer: Answer) -> Row {
    let made = base.map_or(0, |row| row.attempts);
    let replayed = base.and_then(|row| row.replayed);
    let waited = made - replayed.unwrap_or(0);
    let wait = protocol.bounds.schedule.get(usize::from(waited));
    let (status, wait) = match (answer, wait) {
        (Answer::Success, _) => (Status::Delivered, None),
        (Answer::Gone, _) => (Status::Held, None),
        (Answer::Failure, None) => (Status::Exhausted, None),
        (Answer::Failure, wait) => (Status::Retrying, wait),
    };
    let by_message = match wait {
        Some(Wait::Message) => true,
        Some(Wait::Near) => protocol.keeps(Rule::NearWaitsAreMessages),
        Some(Wait::Sweep) | None => false,
    };
    let due = match wait {
        None => Due::Nowhere,
        Some(_) if by_message && !protocol.keeps(Rule::OpenIsIndexed) => Due::Nowhere,
        // The sweep is a minute ahead of the clock: it has been where this is now put.
        Some(Wait::Near) => Due::Swept,
        Some(Wait::Message | Wait::Sweep) => Due::Ahead,
    };
    Row {
        status,
        attempts: made + 1,
        queued: by_message,
        made_again: 0,
        replayed,
        due,
    }
}

/// The delivery is held, unless somebody else wrote since its row was read.
pub(crate) fn hold(protocol: &Protocol, state: &mut State, worker: usize) {
    let (message, read) = at_work(state, worker);
    let current = state.row(message.delivery).map(Row::version);
    if read == current || !protocol.keeps(Rule::WriteOnTheRevisionRead) {
        let row = Row {
            status: Status::Held,
            attempts: read.map_or(0, |row| row.attempts),
            queued: false,
            made_again: 0,
            replayed: read.and_then(|row| row.replayed),
            due: Due::Nowhere,
        };
        state.put(message.delivery, row);
    }
    go_on(state, worker, Task::Acknowledge);
}

/// The message for the next attempt is sent.
pub(crate) fn wake_next(state: &mut State, worker: usize) {
    let Worker::Busy {
        message,
        task: Task::WakeNext(attempt),
        ..
    } = state.workers[worker]
    else {
        unreachable!("only a wake-up is sent");
    };
    state.send(Message::new(message.delivery, attempt));
    go_on(state, worker, Task::Acknowledge);
}

/// The message is gone, and the worker free.
pub(crate) fn acknowledge(state: &mut State, worker: usize) {
    state.workers[worker] = Worker::Idle;
}

fn at_work(state: &State, worker: usize) -> (Message, Option<Version>) {
    let Worker::Busy { message, read, .. } = state.workers[worker] else {
        unreachable!("only a busy worker works");
    };
    (message, read)
}

fn go_on(state: &mut State, worker: usize, next: Task) {
    let Worker::Busy { task, .. } = &mut state.workers[worker] else {
        unreachable!("only a busy worker goes on");
    };
    *task = next;
}
