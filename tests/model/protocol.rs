//! The protocol as a state machine: which steps are possible, and what each does.

use stateright::{Model, Property};

use crate::actions::Action;
use crate::bounds::Bounds;
use crate::properties;
use crate::rules::{Rule, Rules};
use crate::state::{Job, State};
use crate::{audit, deliver, fault, ingest, look, replay, sweep};

/// The protocol, by these rules, in a world of this size.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) rules: Rules,
    pub(crate) bounds: Bounds,
}

impl Protocol {
    /// Whether a rule is kept.
    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.rules.keep(rule)
    }

    /// The deliveries of an event.
    pub(crate) fn deliveries(&self, event: u8) -> impl Iterator<Item = u8> + use<> {
        let endpoints = self.bounds.endpoints;
        (0..endpoints).map(move |endpoint| event * endpoints + endpoint)
    }

    /// The event of a delivery.
    pub(crate) const fn event(&self, delivery: u8) -> u8 {
        delivery / self.bounds.endpoints
    }

    /// Whether nothing is going to happen any more unless something goes wrong.
    pub(crate) fn is_at_rest(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions.iter().all(|action| action.is_optional())
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.bounds.workers)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        ingest::actions(self, state, actions);
        deliver::actions(self, state, actions);
        sweep::actions(state, actions);
        if self.bounds.audit {
            look::actions(state, actions);
            audit::actions(self, state, actions);
        }
        if self.bounds.replay {
            replay::actions(state, actions);
        }
        fault::actions(self, state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        let state = &mut next;
        match action {
            Action::Submit => ingest::submit(self, state),
            Action::WriteEvent => ingest::write(self, state),
            Action::SendFirst => ingest::send(self, state),
            Action::Answer => ingest::answer(state),
            Action::Receive(message) => deliver::receive(self, state, message),
            Action::Post(worker, answer) => deliver::post(state, worker, answer),
            Action::Record(worker) => deliver::record(self, state, worker),
            Action::Hold(worker) => deliver::hold(self, state, worker),
            Action::WakeNext(worker) => deliver::wake_next(state, worker),
            Action::Acknowledge(worker) => deliver::acknowledge(state, worker),
            Action::SweepRead(delivery) => sweep::read(self, state, delivery),
            Action::SweepSend => sweep::send(state),
            Action::SweepSave => sweep::save(state),
            Action::LookRead(delivery) => look::read(self, state, delivery),
            Action::LookWrite => look::write(self, state),
            Action::LookSend => look::send(state),
            Action::AuditRead => audit::read(self, state),
            Action::AuditWrite => audit::write(self, state),
            Action::AuditSend => audit::send(self, state),
            Action::AuditSave => audit::save(state),
            Action::ReplayRead => replay::read(self, state),
            Action::ReplayWrite => replay::write(self, state),
            Action::ReplaySend => replay::send(state),
            Action::ReplaySave => replay::save(state),
            Action::HandOutAgain(message) => fault::hand_out_again(state, message),
            Action::BecomeOverdue(delivery) => look::become_overdue(state, delivery),
            Action::GrowOld => audit::grow_old(state),
            Action::Disable(delivery) => state.enabled[usize::from(delivery)] = false,
            Action::AskForReplay => state.job = Job::Open,
            Action::CrashIngest
            | Action::CrashWorker(_)
            | Action::CrashSweep
            | Action::CrashLook
            | Action::CrashReplay => fault::crash(self, state, action),
            Action::Lose(message) => fault::lose(state, message),
            Action::Duplicate(message) => fault::duplicate(state, message),
        }
        next.workers.sort_unstable();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self)
    }
}
