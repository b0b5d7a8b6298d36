//! With all rules, all properties hold, whatever goes wrong. Each test is a world of its own, as large as
//! can be searched in seconds.

use crate::bounds::{Bounds, Wait};
use crate::search::{assert_all, longest_way};

/// One event for one endpoint, two workers, three attempts; nothing goes wrong.
pub(crate) const CALM_WORLD: Bounds = Bounds {
    endpoints: 1,
    schedule: &[Wait::Message, Wait::Sweep],
    workers: 2,
    audit: true,
    disabling: false,
    replay: false,
    crashes: 0,
    losses: 0,
    duplicates: 0,
};
const ONE_ATTEMPT: &[Wait] = &[];
const BY_MESSAGE: &[Wait] = &[Wait::Message];
const BY_SWEEP: &[Wait] = &[Wait::Sweep];
const NEAR: &[Wait] = &[Wait::Near];

#[test]
fn nothing_is_lost_when_nothing_goes_wrong() {
    assert_all(CALM_WORLD);
    assert_all(Bounds {
        schedule: NEAR,
        ..CALM_WORLD
    });
}

#[test]
fn nothing_is_lost_by_three_crashes() {
    for schedule in [ONE_ATTEMPT, BY_MESSAGE] {
        assert_all(Bounds {
            schedule,
            crashes: 3,
            ..CALM_WORLD
        });
    }
}

#[test]
fn nothing_is_lost_by_three_crashes_of_which_some_hit_the_sweep() {
    assert_all(Bounds {
        schedule: BY_SWEEP,
        workers: 1,
        crashes: 3,
        ..CALM_WORLD
    });
}

#[test]
fn nothing_is_lost_by_a_crash_and_a_lost_and_a_doubled_message() {
    assert_all(Bounds {
        crashes: 1,
        losses: 1,
        duplicates: 1,
        ..CALM_WORLD
    });
}

#[test]
fn nothing_is_lost_by_messages_that_are_lost_and_doubled_again_and_again() {
    assert_all(Bounds {
        losses: 2,
        duplicates: 2,
        ..CALM_WORLD
    });
}

#[test]
fn a_delivery_is_stuck_only_after_four_faults_and_then_says_so() {
    assert_all(Bounds {
        losses: 4,
        ..CALM_WORLD
    });
    assert_all(Bounds {
        crashes: 1,
        losses: 3,
        ..CALM_WORLD
    });
}

#[test]
fn what_a_disabled_endpoint_is_to_get_is_held() {
    assert_all(Bounds {
        schedule: BY_MESSAGE,
        disabling: true,
        crashes: 1,
        duplicates: 1,
        ..CALM_WORLD
    });
    assert_all(Bounds {
        disabling: true,
        losses: 1,
        duplicates: 1,
        ..CALM_WORLD
    });
}

#[test]
fn an_event_for_two_endpoints_reaches_both() {
    assert_all(Bounds {
        endpoints: 2,
        schedule: ONE_ATTEMPT,
        crashes: 1,
        ..CALM_WORLD
    });
    assert_all(Bounds {
        endpoints: 2,
        schedule: BY_MESSAGE,
        losses: 1,
        duplicates: 1,
        ..CALM_WORLD
    });
}

#[test]
fn what_is_replayed_is_not_lost_and_is_replayed_once() {
    assert_all(Bounds {
        schedule: BY_MESSAGE,
        replay: true,
        crashes: 1,
        ..CALM_WORLD
    });
    assert_all(Bounds {
        schedule: BY_MESSAGE,
        replay: true,
        losses: 1,
        duplicates: 1,
        ..CALM_WORLD
    });
}

#[test]
fn nothing_even_waits_for_the_audit_when_only_functions_die() {
    assert_all(Bounds {
        audit: false,
        crashes: 3,
        ..CALM_WORLD
    });
    assert_all(Bounds {
        schedule: NEAR,
        audit: false,
        crashes: 3,
        ..CALM_WORLD
    });
}

/// The promise is about states in which nothing is left to be done. It would say little if there were ways
/// that never come to one.
#[test]
fn every_way_comes_to_rest() {
    let longest = longest_way(Bounds {
        crashes: 1,
        losses: 1,
        ..CALM_WORLD
    });
    assert!(longest > 40, "only {longest} steps");
}
