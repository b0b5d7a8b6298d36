//! What a batch got of an endpoint's limits, and which of its wake-ups gets what.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use state::{Deferred, Flow, Later, Limits, Places, StateError, Taken, Tokens};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use super::{Admission, LONGEST_WAIT, Limit, PATIENCE, QUICKEST, Share};
use crate::handler::Time;

/// A message that is to come back takes a second at least.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How long a request is thought to take when nothing is known.
const USUAL: Duration = Duration::from_secs(1);
/// How long a batch waits for a place while no request was ever answered, so that nobody knows what it waits
/// for: an endpoint that hangs from the first request on would hold up every batch.
const BLIND_PATIENCE: Duration = Duration::from_millis(300);
/// How long a batch waits before it looks again for places; twice as long each time.
const PAUSE: Duration = Duration::from_millis(100);
/// A token that is used so much later than its time would come together with others.
const LATE: Duration = Duration::from_millis(50);
/// What there is of a limit for the wake-ups of a batch.
pub(super) struct Booking {
    /// Places for their requests; `None` when they are not counted.
    places: Option<Semaphore>,
    /// How many places were leased, and whether more were wanted.
    leased: u32,
    was_short: bool,
    /// How many may go, at the times of these tokens if there are any.
    going: u32,
    tokens: Option<Tokens>,
    /// Why the others may not, and the turns at which they come again.
    reason: Deferred,
    turns: Option<Tokens>,
    /// Which wake-up has the first of these turns: the first of all, or the first that may not go.
    turns_from: u32,
    /// How many have asked.
    asked: AtomicU32,
}

/// How many requests so many places take while a wake-up is patient.
fn within_patience(places: u32, took: Option<Duration>) -> u32 {
    let took = took.unwrap_or(USUAL).max(QUICKEST);
    let each = PATIENCE.as_millis() / took.as_millis().max(1);
    places.saturating_mul(1 + u32::try_from(each).unwrap_or(u32::MAX - 1))
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

impl Booking {
    /// Takes what there is.
    pub(super) async fn make(share: &Share<'_>, time: Time) -> Result<Self, StateError> {
        let Share {
            limits,
            limit,
            wanted,
            ..
        } = *share;
        let is_counted = wanted >= limit.counted_from || share.known.is_crowded(time.now());
        let mut booking = Self {
            places: None,
            leased: 0,
            was_short: false,
            going: wanted,
            tokens: None,
            reason: limit.reason,
            turns: None,
            turns_from: 0,
            asked: AtomicU32::new(0),
        };
        let mut known = share.known.clone();
        if is_counted {
            known = booking.lease(share, time).await?;
            booking.going = wanted.min(within_patience(booking.leased, known.took()));
        }
        if let Some(rate) = limit.rate()
            && booking.going > 0
        {
            let most = booking.going;
            let taken = limits.take(
                limit.of,
                Flow::Requests,
                rate,
                (1, most),
                Some(&known),
                time.now(),
            );
            booking.tokens = match taken.await? {
                Taken::Tokens(tokens) => Some(tokens),
                Taken::Wait(_) => None,
            };
            booking.going = booking.tokens.map_or(0, |tokens| tokens.count);
            if booking.going < most {
                booking.reason = Deferred::Rate;
            }
        }
        if booking.going < wanted && booking.turns.is_none() {
            // The next moments are given out already.
            booking.turns_from = booking.going;
            let from = time.now() + PATIENCE;
            let most = wanted - booking.going;
            booking
                .take_turns(limits, limit, (&known, most), from)
                .await?;
        }
        Ok(booking)
    }

    /// Leases places. When there are none, its wake-ups get their turns, and if the first of these is soon,
    /// they wait for it here.
    async fn lease(&mut self, share: &Share<'_>, time: Time) -> Result<Places, StateError> {
        let Share {
            limits,
            limit,
            wanted,
            ..
        } = *share;
        let all = limit.at_once;
        let mut known = share.known.clone();
        let patience = known.took().map_or(BLIND_PATIENCE, |_| PATIENCE);
        let patient_until = time.now() + patience;
        let mut pause = PAUSE;
        loop {
            let now = time.now();
            let span = (now, limit.lease_end(now));
            let leased = limits.lease(limit.of, &share.holder, (all, wanted), known, span);
            (self.leased, known) = leased.await?;
            self.was_short |= self.leased < wanted.min(all);
            if self.leased > 0 {
                share.has_leased.store(true, Ordering::Relaxed);
                break;
            }
            if self.turns.is_none() {
                self.take_turns(limits, limit, (&known, wanted), now)
                    .await?;
            }
            let turn = self
                .turns
                .map_or(LONGEST_WAIT, |turns| until(turns.time(0), now));
            let wait = turn.max(pause);
            if now + wait > patient_until {
                break;
            }
            sleep(wait).await;
            pause *= 2;
            known = limits.places(limit.of).await?;
        }
        self.places = Some(Semaphore::new(usize::try_from(self.leased).unwrap_or(0)));
        Ok(known)
    }

    async fn take_turns(
        &mut self,
        limits: &Limits,
        limit: Limit,
        (known, most): (&Places, u32),
        from: Timestamp,
    ) -> Result<(), StateError> {
        let rate = limit.turns(known.takes(from));
        let taken = limits.take(limit.of, Flow::Returns, rate, (1, most), Some(known), from);
        if let Taken::Tokens(turns) = taken.await? {
            self.turns = Some(turns);
        }
        Ok(())
    }

    /// Whether there were fewer places than wake-ups that wanted one.
    pub(super) fn was_short(&self) -> bool {
        self.was_short
    }

    /// Lets the next wake-up go, or not.
    pub(super) async fn admit(
        &self,
        share: &Share<'_>,
        time: Time,
    ) -> Result<Admission<'_>, StateError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        if number >= self.going {
            return Ok(Admission::Later(self.reason, self.turn(number, time.now())));
        }
        let token = self.tokens.map(|tokens| tokens.time(number));
        if let Some(token) = token {
            sleep(until(token, time.now())).await;
        }
        let Some(place) = self.place().await else {
            let wait = SHORTEST_WAIT + PATIENCE.mul_f64(rand::random());
            return Ok(Admission::Later(share.limit.reason, Later::AtLeast(wait)));
        };
        // The time of its token went by while it waited for a place.
        let Share { limits, limit, .. } = *share;
        if let (Some(token), Some(rate)) = (token, limit.rate())
            && until(time.now(), token) > LATE
        {
            let taken = limits.take(limit.of, Flow::Requests, rate, (1, 1), None, time.now());
            match taken.await? {
                Taken::Tokens(tokens) => sleep(until(tokens.time(0), time.now())).await,
                Taken::Wait(wait) => {
                    let later = Later::AtLeast(wait + PATIENCE);
                    return Ok(Admission::Later(Deferred::Rate, later));
                }
            }
        }
        Ok(Admission::Go(place.into_iter().collect()))
    }

    /// A place, when it comes in time; `Some(None)` where none is needed.
    async fn place(&self) -> Option<Option<SemaphorePermit<'_>>> {
        let Some(places) = &self.places else {
            return Some(None);
        };
        // Nobody closes it.
        timeout(PATIENCE, places.acquire())
            .await
            .ok()?
            .ok()
            .map(Some)
    }

    /// When one of those comes again that have to.
    fn turn(&self, number: u32, now: Timestamp) -> Later {
        let place = number - self.turns_from;
        match self.turns.filter(|turns| place < turns.count) {
            Some(turns) => Later::Turn(until(turns.time(place), now).max(SHORTEST_WAIT)),
            None => Later::AtLeast(LONGEST_WAIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use state::Rate;

    use super::*;

    #[test]
    fn what_waits_in_a_batch_is_what_the_places_can_take_meanwhile() {
        let took = |milliseconds| Some(Duration::from_millis(milliseconds));
        assert_eq!(within_patience(5, took(15_000)), 5);
        assert_eq!(within_patience(5, took(1_000)), 15);
        assert_eq!(within_patience(1, took(100)), 21);
        assert_eq!(within_patience(0, took(1)), 0);
        assert_eq!(within_patience(2, None), 6);
    }

    proptest! {
        #[test]
        fn whoever_may_not_go_comes_again_within_minutes_and_not_at_once(
            turns_from in 0u32..10, number in 0u32..10, count in 0u32..10, interval in 1u64..60_000,
        ) {
            let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
            let at = |place| now + Duration::from_millis(interval) * place;
            let rate = Rate::paced(Duration::from_millis(interval), LONGEST_WAIT);
            let booking = Booking {
                places: None,
                leased: 0,
                was_short: true,
                going: 0,
                tokens: None,
                reason: Deferred::Concurrency,
                turns: (count > 0).then(|| rate.tokens(now, count)),
                turns_from,
                asked: AtomicU32::new(0),
            };
            let expected = if number < count {
                Later::Turn(until(at(number), now).max(SHORTEST_WAIT))
            } else {
                Later::AtLeast(LONGEST_WAIT)
            };
            prop_assert_eq!(booking.turn(turns_from + number, now), expected);
        }
    }
}
