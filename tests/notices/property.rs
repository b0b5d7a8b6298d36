//! Whatever happens, what is announced is what is to be announced, once.

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use crate::steps::{Gap, Step, story};
use crate::story::Story;

/// Bytes.
const STACK: usize = 64 << 20;

async fn tell(steps: &[(Gap, Step)], seed: u64) -> Result<(), TestCaseError> {
    let mut story = Story::begin(seed).await;
    for (gap, step) in steps {
        story.wait(*gap);
        let now = story.world.now;
        let told = story.step(step).await;
        told.map_err(|error| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!("at {now}, {step:?}: {why}")),
            rejected @ TestCaseError::Reject(_) => rejected,
        })?;
    }
    story.end_all().await
}

/// Tells so many stories. The futures of a debug build are too large for the stack of a test.
fn holds(cases: u32) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let tell_all = move || {
        let mut runner = TestRunner::new(config);
        let told = runner.run(&story(), |(steps, seed)| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().build().unwrap();
            runtime.block_on(tell(&steps, seed))
        });
        if let Err(TestError::Fail(why, (steps, seed))) = told {
            let steps = steps
                .iter()
                .map(|(gap, step)| format!("{gap:?}: {step:?}\n"));
            let steps: String = steps.collect();
            panic!("{why}\n{steps}seed {seed}");
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(tell_all);
    if let Err(failed) = thread.unwrap().join() {
        std::panic::resume_unwind(failed);
    }
}

#[test]
fn what_is_due_is_announced_once_whoever_is_killed_and_whatever_comes_between() {
    holds(150);
}

/// A story is told on one core.
#[test]
fn what_is_due_is_announced_once_on_another_core_too() {
    holds(150);
}

/// `cargo test --release -p tests --test notices -- --ignored of_20_000`
#[ignore = "takes minutes"]
#[test]
fn what_is_due_is_announced_once_in_each_of_20_000_stories() {
    holds(20_000);
}
