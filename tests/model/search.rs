//! Searching all states of a world for one that a property forbids.

use std::collections::HashMap;

use stateright::{Checker, HasDiscoveries, Model as _};

use crate::actions::Action;
use crate::bounds::Bounds;
use crate::protocol::Protocol;
use crate::rules::Rules;
use crate::state::State;

/// Searches every state there is, and says which property does not hold in one of them, or is never seen.
#[track_caller]
pub(crate) fn assert_all(bounds: Bounds) {
    let protocol = Protocol {
        rules: Rules::default(),
        bounds,
    };
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    show(&format!("{} states", checker.unique_state_count()), &[]);
    checker.assert_properties();
}

/// The shortest way to a state that the property forbids, if there is one.
pub(crate) fn counterexample(
    rules: Rules,
    bounds: Bounds,
    property: &'static str,
) -> Option<Vec<Action>> {
    let within = |depth| {
        let found = Protocol { rules, bounds }
            .checker()
            .finish_when(HasDiscoveries::AnyOf([property].into()))
            .target_max_depth(depth)
            .spawn_bfs()
            .join();
        let path = found.discovery(property);
        path.map(stateright::Path::into_actions)
    };
    // The checker goes on for a while after a find, and keeps the last. The shortest is what is left
    // when all longer ones are out of reach.
    let mut shortest = within(usize::MAX)?;
    let mut too_short = 0;
    while too_short < shortest.len() {
        let middle = too_short.midpoint(shortest.len());
        // Depths count states, of which there is one more than actions; the last is not searched.
        match within(middle + 2) {
            Some(found) => shortest = found,
            None => too_short = middle + 1,
        }
    }
    Some(shortest)
}

/// Tells `cargo test -- --nocapture` what was found.
#[expect(
    clippy::print_stdout,
    reason = "a test's output is read by who asks for it"
)]
pub(crate) fn show(title: &str, steps: &[Action]) {
    println!("{title}");
    for step in steps {
        println!("    {step:?}");
    }
}

/// Steps of the longest way from the start, which must not lead in a circle.
pub(crate) fn longest_way(bounds: Bounds) -> usize {
    let protocol = Protocol {
        rules: Rules::default(),
        bounds,
    };
    let [start] = protocol.init_states().try_into().unwrap();
    longest_from(&protocol, start, &mut HashMap::new())
}

/// `known`: the longest way from a state; `None` for one that the way to this state leads through.
fn longest_from(
    protocol: &Protocol,
    state: State,
    known: &mut HashMap<State, Option<usize>>,
) -> usize {
    if let Some(length) = known.get(&state) {
        return length.expect("no way leads in a circle");
    }
    known.insert(state.clone(), None);
    let next = protocol.next_states(&state).into_iter();
    let longest = next
        .map(|next| longest_from(protocol, next, known) + 1)
        .max();
    known.insert(state, Some(longest.unwrap_or(0)));
    longest.unwrap_or(0)
}
