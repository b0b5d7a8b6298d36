//! Whatever is called with the key of one organization, by whatever ids: nothing of another one is
//! answered, and nothing of it changes. `tenant` makes an organization with one of everything, `attempt`
//! makes a call up.

mod attempt;
mod tenant;

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::test_runner::{Config, TestCaseError, TestRunner};

use self::attempt::{Attempt, Owner, attempts};
use self::tenant::Tenant;
use crate::routes::ROUTES;
use crate::stack::Stack;
use crate::stripe::SELLING;

/// Random calls of one run.
const CALLS: u32 = 500;

/// Two organizations with the same of everything, but for what they say.
struct World {
    stack: Stack,
    mine: Tenant,
    theirs: Tenant,
    before: String,
    /// Calls that were answered with success.
    succeeded: AtomicU32,
}

impl World {
    async fn create() -> Self {
        let stack = Stack::start_with(&SELLING).await;
        let mine = Tenant::create(&stack, "alpha", 1).await;
        let theirs = Tenant::create(&stack, "bravo", 2).await;
        let before = theirs.everything(&stack).await;
        assert!(!before.contains("not_found"), "{before}");
        Self {
            stack,
            mine,
            theirs,
            before,
            succeeded: AtomicU32::new(0),
        }
    }

    /// Makes a call and fails when it shows or changes anything of theirs.
    async fn check(&self, attempt: &Attempt) -> Result<(), TestCaseError> {
        let call = attempt.call(&self.stack, &self.mine, &self.theirs);
        let sent = (call.caller).send(call.method.clone(), &call.path, call.body.clone());
        let answer = sent.await;
        let shown = format!("{:?} {}", answer.headers, answer.body);
        if let Some(foreign) = self.theirs.shown_in(&shown) {
            let reason = format!("{call:?} shows {foreign}: {shown}");
            return Err(TestCaseError::fail(reason));
        }
        let has_succeeded = (200..300).contains(&answer.status);
        self.succeeded
            .fetch_add(u32::from(has_succeeded), Ordering::Relaxed);
        if has_succeeded && call.method != "GET" {
            let after = self.theirs.everything(&self.stack).await;
            if after != self.before {
                let reason = format!("{call:?} changes {after}\nwhich was {}", self.before);
                return Err(TestCaseError::fail(reason));
            }
        }
        Ok(())
    }
}

#[test]
fn no_call_with_the_key_of_one_organization_shows_or_changes_anything_of_another() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::create());
    // Each route with their ids in all places, and a mix of theirs and one's own.
    for route in 0..ROUTES.len() {
        for owners in [
            [Owner::Theirs; 3],
            [Owner::Mine, Owner::Theirs, Owner::Theirs],
            [Owner::Theirs, Owner::Mine, Owner::Mine],
        ] {
            let attempt = Attempt::of(route, owners);
            let checked = runtime.block_on(world.check(&attempt));
            checked.unwrap_or_else(|error| panic!("{error}"));
        }
    }
    let config = Config {
        cases: CALLS,
        failure_persistence: None,
        ..Config::default()
    };
    let checked = TestRunner::new(config).run(&attempts(), |attempt| {
        runtime.block_on(world.check(&attempt))
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    let succeeded = world.succeeded.into_inner();
    assert!(
        succeeded > CALLS / 10,
        "only {succeeded} calls did anything"
    );
    // What was refused had no effect either, and nothing was sent to them.
    let after = runtime.block_on(world.theirs.everything(&world.stack));
    assert_eq!(after, world.before);
}

#[test]
fn the_check_sees_what_is_shown_and_what_is_changed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let world = World::create().await;
        let World { stack, theirs, .. } = &world;
        for path in [
            "endpoints",
            "events",
            "relays",
            "quarantine",
            "audit",
            "recipients/42",
            "credentials/credential 0",
            &format!("organizations/{}/billing", theirs.organization.id),
        ] {
            let own = theirs.organization.api.get(path).await.expect(200);
            assert!(
                theirs.shown_in(&own.to_string()).is_some(),
                "{path}: {own:#}"
            );
            assert!(
                world.mine.shown_in(&own.to_string()).is_none(),
                "{path}: {own:#}"
            );
        }
        let path = "recipients/42";
        theirs.organization.api.delete(path).await.expect(204);
        assert_ne!(theirs.everything(stack).await, world.before);
    });
}
