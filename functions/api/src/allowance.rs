//! How often the lists that are followed may be read with one key: 600 times at once, and ten times a second
//! after that. All environments share the row. A read costs one write of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reply::{Allowance, Problem};
use state::{Caller, Flow, Limited, Rate, Taken};

use crate::handler::{Api, Call};

const PER_SECOND: u32 = 10;
const PER_MINUTE: u32 = 60 * PER_SECOND;

impl Call<'_> {
    /// Lets a request pass, or refuses it with 429. The platform has as many for each organization.
    pub(crate) async fn allowance(&self, api: &Api) -> Result<Allowance, Problem> {
        let of = match self.caller {
            Caller::Organization { key, .. } => Limited::Key(key),
            Caller::Platform => Limited::Organization(self.organization()?),
        };
        let rate = Rate::bursting(PER_SECOND, PER_MINUTE);
        let taken = api
            .limits
            .take(of, Flow::Reads, rate, (1, 1), None, self.now);
        match taken.await? {
            Taken::Tokens(tokens) => Ok(Allowance {
                limit: PER_MINUTE,
                remaining: rate.left(tokens.end(), self.now),
                reset: whole_at(tokens.end()),
            }),
            Taken::Wait(wait) => {
                let message = "this key reads more often than it may: repeat this request later";
                Err(
                    Problem::rate_limited(message, wait).with_allowance(Allowance {
                        limit: PER_MINUTE,
                        remaining: 0,
                        reset: whole_at(end_of(self.now, wait)),
                    }),
                )
            }
        }
    }
}

/// When what was given out ends, if the next request has to wait so long.
fn end_of(now: Timestamp, wait: Duration) -> Timestamp {
    let rest =
        SignedDuration::from_secs(60) - SignedDuration::from_millis(1_000 / i64::from(PER_SECOND));
    let wait = SignedDuration::try_from(wait).unwrap_or_default();
    now.checked_add(wait + rest).unwrap_or(now)
}

/// The second at which all of them are there again.
fn whole_at(end: Timestamp) -> i64 {
    end.as_second() + i64::from(end.subsec_nanosecond() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_when_all_requests_are_there_again() {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let end = end_of(now, Duration::from_millis(100));
        assert_eq!(whole_at(end), 1_795_000_060);
        assert_eq!(whole_at(now), 1_795_000_000);
    }
}
