//! What is to hold in every state, and what is to be possible.

use stateright::Property;

use crate::protocol::Protocol;
use crate::state::{Age, Due, Faults, Row, State, Status};

/// The promise.
pub(crate) const PROMISE: &str =
    "every event answered with success ends delivered, exhausted or held";
/// No write takes anything back.
pub(crate) const FINAL: &str = "what is finished stays finished, and attempts only grow";
/// Nothing is open and forgotten.
pub(crate) const AGENDA: &str = "an open delivery is on somebody's agenda";
/// Webhooks beyond the schedule are bounded.
pub(crate) const REPEATS: &str = "a webhook is made again only after a fault, once for each";
/// Nothing is done twice when nothing goes wrong.
pub(crate) const CALM: &str = "without a fault nothing is made twice";
/// One submission, one event.
pub(crate) const ONE_EVENT: &str = "one submission is one event";
/// The waits of the schedule are kept.
pub(crate) const IN_TIME: &str = "no attempt is made on the wake-up of an earlier one";
/// A success is not forgotten.
pub(crate) const HEARD: &str = "a success that is heard is recorded";

/// Lost wake-ups after which a delivery may be stuck: the first, and each that was made again. A function
/// that dies after it wrote that a wake-up is made again, and before it sent it, has lost one too.
const STUCK_AFTER: u8 = 4;

/// All properties. What is to be possible depends on the size of the world.
pub(crate) fn of(protocol: &Protocol) -> Vec<Property<Protocol>> {
    let bounds = protocol.bounds;
    let mut all = vec![
        Property::always(PROMISE, |protocol: &Protocol, state| {
            !protocol.is_at_rest(state) || keeps_the_promise(protocol, state)
        }),
        Property::always(FINAL, |_, state: &State| !state.history.undone),
        Property::always(ONE_EVENT, |_, state: &State| state.written != [true; 2]),
        Property::always(IN_TIME, |_, state: &State| !state.history.hurried),
        Property::always(HEARD, |_, state: &State| !state.history.unheard),
        Property::always(REPEATS, |protocol: &Protocol, state: &State| {
            let faults = state.faults.crashes * protocol.bounds.endpoints + state.faults.duplicates;
            i16::from(state.history.surplus) <= i16::from(faults)
        }),
        Property::always(CALM, |_, state: &State| {
            state.faults != Faults::default() || state.history.surplus == 0
        }),
    ];
    if bounds.audit {
        all.push(Property::always(AGENDA, |protocol: &Protocol, state| {
            (0..2).all(|delivery| is_on_the_agenda(protocol, state, delivery))
        }));
    }
    let mut sometimes = |possible, name, condition| {
        if possible {
            all.push(Property::sometimes(name, condition));
        }
    };
    sometimes(true, "delivered at once", |_, state: &State| {
        ends(state, Status::Delivered) && state.faults == Faults::default()
    });
    sometimes(true, "exhausted", |_, state| ends(state, Status::Exhausted));
    sometimes(bounds.crashes > 0, "delivered after a crash", |_, state| {
        ends(state, Status::Delivered) && state.faults.crashes > 0
    });
    sometimes(
        bounds.crashes + bounds.duplicates > 0,
        "as many webhooks made again as there were faults",
        |_, state| {
            let faults = state.faults.crashes + state.faults.duplicates;
            faults > 0 && i16::from(state.history.surplus) == i16::from(faults)
        },
    );
    sometimes(
        bounds.audit && bounds.losses > 0,
        "a lost wake-up made again",
        |_, state| {
            ends(state, Status::Delivered) && state.history.surplus < 0 && state.faults.crashes == 0
        },
    );
    sometimes(bounds.replay, "delivered once more", |_, state| {
        let replayed = state.row(0).is_some_and(|row| row.replayed == Some(1));
        replayed && ends(state, Status::Delivered)
    });
    sometimes(bounds.disabling, "held", |_, state| {
        ends(state, Status::Held)
    });
    sometimes(
        bounds.audit && bounds.losses + bounds.crashes >= STUCK_AFTER,
        "stuck",
        |_, state| ends(state, Status::Stuck),
    );
    sometimes(
        bounds.audit && bounds.losses > 0 && bounds.crashes > 0,
        "written after the first look, lost, and found by the last",
        |_, state| {
            ends(state, Status::Delivered)
                && state.age == Age::Expired
                && state.audited.events == 1
                && state.audited.last
                && state.history.surplus == -1
                && state.faults.losses == 1
        },
    );
    all
}

fn ends(state: &State, status: Status) -> bool {
    let mut rows = state.rows.iter().flatten();
    rows.any(|row| row.status == status) && state.answered[0]
}

fn keeps_the_promise(protocol: &Protocol, state: &State) -> bool {
    let lost = state.faults.losses + state.faults.crashes;
    (0..)
        .zip(state.answered)
        .filter(|(_, answered)| *answered)
        .flat_map(|(event, _)| protocol.deliveries(event))
        .all(|delivery| match state.row(delivery).map(|row| row.status) {
            Some(Status::Delivered | Status::Exhausted | Status::Held) => true,
            Some(Status::Stuck) => lost >= STUCK_AFTER,
            Some(Status::Pending | Status::Retrying) | None => false,
        })
}

/// Whether somebody is going to see to a delivery even if all messages and all functions vanish now.
fn is_on_the_agenda(protocol: &Protocol, state: &State, delivery: u8) -> bool {
    let event = usize::from(protocol.event(delivery));
    match state.row(delivery) {
        None => {
            // A sender that has no answer repeats its request.
            let audited = state.audited.last || state.audited.first && state.audited.events > 0;
            !state.answered[event] || !audited && state.written[event]
        }
        Some(Row {
            status: Status::Pending | Status::Retrying,
            due,
            ..
        }) => !matches!(due, Due::Nowhere | Due::Behind),
        Some(_) => true,
    }
}
