//! Without any one of the rules a property fails: no rule is there for nothing.
//!
//! Each test says which faults it takes. With all rules these faults do no harm, and without the rule
//! fewer faults do none either.

use crate::bounds::{Bounds, Wait};
use crate::holds::CALM_WORLD;
use crate::properties::{AGENDA, CALM, FINAL, HEARD, IN_TIME, ONE_EVENT, PROMISE};
use crate::rules::{Rule, Rules};
use crate::search::{counterexample, show};

const A_CRASH: Bounds = Bounds {
    crashes: 1,
    ..CALM_WORLD
};
const A_LOSS: Bounds = Bounds {
    losses: 1,
    ..CALM_WORLD
};
const TWO_LOSSES: Bounds = Bounds {
    losses: 2,
    ..CALM_WORLD
};
const A_DUPLICATE: Bounds = Bounds {
    duplicates: 1,
    ..CALM_WORLD
};
const A_CRASH_AND_A_LOSS: Bounds = Bounds {
    losses: 1,
    ..A_CRASH
};

/// Takes the rule away, and expects that the property fails by these faults and not by fewer.
#[track_caller]
fn fails(rule: Rule, property: &'static str, bounds: Bounds) {
    let kept = counterexample(Rules::default(), bounds, property);
    assert_eq!(kept, None, "with all rules");
    let rules = Rules::without(rule);
    for bounds in milder(bounds) {
        let found = counterexample(rules, bounds, property);
        assert_eq!(found, None, "fewer faults are enough: {bounds:?}");
    }
    let found = counterexample(rules, bounds, property);
    let steps = found.expect("nobody needs the rule");
    show(&format!("without {rule:?}, not: {property}"), &steps);
}

/// Takes the rule away, and expects that a delivery waits for the audit, which is late and spends one of
/// its three wake-ups, but does not lose it. So the rule is tested without the audit.
#[track_caller]
fn waits_for_the_audit(rule: Rule, bounds: Bounds) {
    let with_audit = counterexample(Rules::without(rule), bounds, PROMISE);
    assert_eq!(with_audit, None, "it is not only late");
    let audit = false;
    fails(rule, PROMISE, Bounds { audit, ..bounds });
}

/// The same world with one fault less, of each kind.
fn milder(bounds: Bounds) -> impl Iterator<Item = Bounds> {
    let Bounds {
        crashes,
        losses,
        duplicates,
        ..
    } = bounds;
    let fewer = [
        crashes
            .checked_sub(1)
            .map(|crashes| Bounds { crashes, ..bounds }),
        losses
            .checked_sub(1)
            .map(|losses| Bounds { losses, ..bounds }),
        duplicates.checked_sub(1).map(|duplicates| Bounds {
            duplicates,
            ..bounds
        }),
    ];
    fewer.into_iter().flatten()
}

#[test]
fn an_answer_before_the_event_is_written_loses_the_event_in_a_crash() {
    fails(Rule::AnswerWhenDurable, PROMISE, A_CRASH);
}

#[test]
fn an_answer_before_the_wake_ups_are_sent_leaves_the_event_to_the_audit() {
    waits_for_the_audit(Rule::AnswerWhenWoken, A_CRASH);
}

#[test]
fn a_key_that_does_not_fix_the_id_makes_two_events_of_a_repeated_submission() {
    fails(Rule::KeyFixesTheId, ONE_EVENT, A_CRASH);
}

#[test]
fn a_write_on_any_revision_undoes_what_the_worker_with_the_doubled_message_did() {
    fails(Rule::WriteOnTheRevisionRead, FINAL, A_DUPLICATE);
}

#[test]
fn a_wake_up_that_does_not_stop_at_a_finished_delivery_writes_it_again() {
    // That a wake-up is stale stops most of them: only what was held before its first attempt is written.
    let bounds = Bounds {
        disabling: true,
        ..A_CRASH
    };
    fails(Rule::FinishedIsAcknowledged, FINAL, bounds);
}

#[test]
fn a_failure_is_written_over_what_another_worker_finished() {
    // Held meanwhile, without an attempt: so counting attempts does not tell that the failure comes late.
    let bounds = Bounds {
        disabling: true,
        ..A_DUPLICATE
    };
    fails(Rule::NoFailureOverFinished, FINAL, bounds);
}

#[test]
fn a_success_that_does_not_replace_a_failure_is_forgotten() {
    fails(Rule::SuccessOverFailure, HEARD, A_DUPLICATE);
}

#[test]
fn a_stale_wake_up_that_is_acted_on_spends_an_attempt_before_its_time() {
    // The end is the same, sooner: a schedule over days is spent while the receiver is still down.
    fails(Rule::StaleIsAcknowledged, IN_TIME, A_DUPLICATE);
}

#[test]
fn a_message_that_is_handed_out_again_and_does_not_wake_the_next_attempt_leaves_it_to_the_audit() {
    waits_for_the_audit(Rule::HandedOutAgainWakesNext, A_CRASH);
}

#[test]
fn a_message_that_is_acknowledged_first_leaves_its_delivery_to_the_audit() {
    waits_for_the_audit(Rule::AcknowledgeLast, A_CRASH);
}

#[test]
fn a_queue_that_does_not_hand_out_again_leaves_its_deliveries_to_the_audit() {
    waits_for_the_audit(Rule::VisibilityTimeout, A_CRASH);
}

#[test]
fn a_delivery_of_a_disabled_endpoint_that_is_not_held_ends_stuck() {
    let bounds = Bounds {
        disabling: true,
        ..CALM_WORLD
    };
    fails(Rule::DisabledIsHeld, PROMISE, bounds);
}

#[test]
fn a_wait_that_ends_before_the_sweep_comes_by_is_left_to_the_audit_without_any_fault() {
    let bounds = Bounds {
        schedule: &[Wait::Near],
        ..CALM_WORLD
    };
    waits_for_the_audit(Rule::NearWaitsAreMessages, bounds);
}

#[test]
fn a_sweep_that_saves_its_watermark_first_leaves_what_it_passed_to_the_audit() {
    waits_for_the_audit(Rule::SweptAfterSending, A_CRASH);
}

#[test]
fn an_open_row_outside_of_the_index_is_lost_with_its_message() {
    fails(Rule::OpenIsIndexed, PROMISE, A_LOSS);
    // The danger is there before anything goes wrong.
    fails(Rule::OpenIsIndexed, AGENDA, CALM_WORLD);
}

#[test]
fn a_look_that_saves_its_watermark_first_loses_what_it_was_at() {
    fails(Rule::LookedAfterWriting, PROMISE, A_CRASH_AND_A_LOSS);
}

#[test]
fn an_audit_that_saves_its_watermark_first_loses_what_it_was_at() {
    fails(Rule::AuditedAfterWriting, PROMISE, A_CRASH_AND_A_LOSS);
}

#[test]
fn a_look_that_writes_on_any_revision_undoes_what_a_worker_did() {
    fails(Rule::LookWritesOnTheRevisionRead, FINAL, A_CRASH);
}

#[test]
fn a_wake_up_that_was_made_again_and_is_forgotten_is_lost_with_its_message() {
    fails(Rule::MadeAgainStaysIndexed, PROMISE, TWO_LOSSES);
}

#[test]
fn an_audit_that_only_counts_loses_an_event_with_its_first_message() {
    fails(Rule::AuditWakes, PROMISE, A_LOSS);
}

#[test]
fn an_audit_that_sends_without_writing_a_row_loses_an_event_with_its_second_message() {
    fails(Rule::AuditGivesARow, PROMISE, TWO_LOSSES);
}

#[test]
fn an_audit_that_writes_over_a_row_undoes_what_a_worker_did() {
    fails(Rule::AuditWritesOnlyWhereNoneIs, FINAL, A_CRASH);
}

#[test]
fn an_audit_that_does_not_wait_sends_everything_twice() {
    fails(Rule::LookOnlyAtWhatIsOld, CALM, CALM_WORLD);
}

#[test]
fn an_audit_that_does_not_look_again_loses_what_appears_late() {
    fails(Rule::LateLook, PROMISE, A_CRASH_AND_A_LOSS);
}

#[test]
fn a_last_look_that_comes_too_early_loses_what_appears_after_it() {
    fails(Rule::LastLookWhenComplete, PROMISE, A_CRASH_AND_A_LOSS);
}

#[test]
fn a_replay_that_writes_a_row_outside_of_the_index_loses_it_in_a_crash() {
    let bounds = Bounds {
        schedule: &[],
        replay: true,
        ..A_CRASH
    };
    fails(Rule::ReplayIsIndexed, PROMISE, bounds);
}

#[test]
fn a_replay_that_forgets_what_it_did_sends_it_again_after_a_crash() {
    let bounds = Bounds {
        schedule: &[],
        replay: true,
        ..A_CRASH
    };
    fails(Rule::ReplayPassesOver, FINAL, bounds);
}
