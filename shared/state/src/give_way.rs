//! Giving way to whoever writes the same row at the same moment.

use std::time::Duration;

use tokio::time::sleep;

/// How often something is tried of which others are faster.
pub const MAX_TRIES: u32 = 16;
/// The longest pause after the first try, and after any.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// The longest pause after so many tries.
fn longest(tries: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(tries));
    doubled.min(LONGEST_PAUSE)
}

/// Pauses before the next try, `tries` after the first one: for how long is random, so that of many who wait for
/// each other one is first.
pub async fn give_way(tries: u32) {
    sleep(longest(tries).mul_f64(rand::random())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_what_a_caller_does_not_notice() {
        let pauses = [0, 1, 4, 5, u32::MAX].map(|tries| longest(tries).as_millis());
        assert_eq!(pauses, [20, 40, 320, 400, 400]);
    }
}
