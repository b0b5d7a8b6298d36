//! What a batch got of an endpoint's limits, and which of its wake-ups gets what.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use state::{Deferred, Endpoint, Flow, Limited, Limits, Places, Rate, StateError, Taken, Tokens};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use super::{Admission, PATIENCE, Share, lease_end};
use crate::handler::Time;

/// Turns are given up to this far ahead; who gets none comes again then. When a receiver becomes faster than
/// it was, those who have a turn come so much too late at most.
const LONGEST_WAIT: Duration = Duration::from_mins(2);
/// A message that is to come back takes a second at least.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How long a request is thought to take when nothing is known, and at least.
const USUAL: Duration = Duration::from_secs(1);
const QUICKEST: Duration = Duration::from_millis(10);
/// How long a batch waits before it looks again for places; twice as long each time.
const PAUSE: Duration = Duration::from_millis(100);
/// A token that is used so much later than its time would come together with others.
const LATE: Duration = Duration::from_millis(50);
/// So much longer than the rate says is the time between two tokens: a request may be on its way for longer
/// than the one before it.
const MARGIN: f64 = 1.02;

/// What there is for the wake-ups of one endpoint.
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

/// From one of an endpoint's requests to the next, when it takes only so many per second.
fn interval(endpoint: &Endpoint) -> Option<Duration> {
    let per_second = endpoint.rate_per_second?;
    Some(Duration::from_secs(1).mul_f64(MARGIN) / u32::from(per_second))
}

/// The rate of an endpoint's requests, told far enough ahead that a batch waits for them.
fn rate(endpoint: &Endpoint) -> Option<Rate> {
    Some(Rate::paced(interval(endpoint)?, PATIENCE))
}

/// The rate at which wake-ups come again: that at which the endpoint's requests are made.
fn turns(endpoint: &Endpoint, takes: Duration) -> Rate {
    let of_places = takes.max(QUICKEST) / u32::from(endpoint.max_concurrency());
    let pace = of_places.max(interval(endpoint).unwrap_or_default());
    Rate::paced(pace, LONGEST_WAIT)
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
    pub(super) async fn make(
        share: &Share<'_>,
        endpoint: &Endpoint,
        time: Time,
    ) -> Result<Self, StateError> {
        let (limits, wanted) = (share.limits, share.wanted);
        let now = time.now();
        let is_counted =
            endpoint.max_concurrency.is_some() || share.known.is_crowded(now) || wanted > 1;
        let mut booking = Self {
            places: None,
            leased: 0,
            was_short: false,
            going: wanted,
            tokens: None,
            reason: Deferred::Concurrency,
            turns: None,
            turns_from: 0,
            asked: AtomicU32::new(0),
        };
        let mut known = share.known.clone();
        if is_counted {
            known = booking.lease(share, endpoint, time).await?;
            booking.going = wanted.min(within_patience(booking.leased, known.took()));
        }
        if let Some(rate) = rate(endpoint)
            && booking.going > 0
        {
            let (of, most) = (Limited::Endpoint(endpoint.id), booking.going);
            let taken = limits.take(
                of,
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
                .take_turns(limits, endpoint, (&known, most), from)
                .await?;
        }
        Ok(booking)
    }

    /// Leases places. When there are none, its wake-ups get their turns, and if the first of these is soon,
    /// they wait for it here.
    async fn lease(
        &mut self,
        share: &Share<'_>,
        endpoint: &Endpoint,
        time: Time,
    ) -> Result<Places, StateError> {
        let (limits, wanted) = (share.limits, share.wanted);
        let all = endpoint.max_concurrency().into();
        let mut known = share.known.clone();
        let patient_until = time.now() + PATIENCE;
        let mut pause = PAUSE;
        loop {
            let now = time.now();
            let span = (now, lease_end(endpoint, now));
            let leased = limits.lease(endpoint.id, &share.holder, (all, wanted), known, span);
            (self.leased, known) = leased.await?;
            self.was_short |= self.leased < wanted.min(all);
            if self.leased > 0 {
                break;
            }
            if self.turns.is_none() {
                self.take_turns(limits, endpoint, (&known, wanted), now)
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
            known = limits.places(endpoint.id).await?;
        }
        self.places = Some(Semaphore::new(usize::try_from(self.leased).unwrap_or(0)));
        Ok(known)
    }

    async fn take_turns(
        &mut self,
        limits: &Limits,
        endpoint: &Endpoint,
        (known, most): (&Places, u32),
        from: Timestamp,
    ) -> Result<(), StateError> {
        let rate = turns(endpoint, known.takes(from));
        let of = Limited::Endpoint(endpoint.id);
        let taken = limits.take(of, Flow::Returns, rate, (1, most), Some(known), from);
        if let Taken::Tokens(turns) = taken.await? {
            self.turns = Some(turns);
        }
        Ok(())
    }

    /// Whether it holds places, which are to be given back.
    pub(super) fn has_places(&self) -> bool {
        self.leased > 0
    }

    /// Whether there were fewer places than wake-ups that wanted one.
    pub(super) fn was_short(&self) -> bool {
        self.was_short
    }

    /// Lets the next wake-up go, or not.
    pub(super) async fn admit(
        &self,
        limits: &Limits,
        endpoint: &Endpoint,
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
            return Ok(Admission::Later(Deferred::Concurrency, wait));
        };
        // The time of its token went by while it waited for a place.
        if let (Some(token), Some(rate)) = (token, rate(endpoint))
            && until(time.now(), token) > LATE
        {
            let of = Limited::Endpoint(endpoint.id);
            let taken = limits.take(of, Flow::Requests, rate, (1, 1), None, time.now());
            match taken.await? {
                Taken::Tokens(tokens) => sleep(until(tokens.time(0), time.now())).await,
                Taken::Wait(wait) => return Ok(Admission::Later(Deferred::Rate, wait + PATIENCE)),
            }
        }
        Ok(Admission::Go(place))
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

    /// How long until the turn of one of those that have to come again.
    fn turn(&self, number: u32, now: Timestamp) -> Duration {
        let place = number - self.turns_from;
        match self.turns.filter(|turns| place < turns.count) {
            Some(turns) => until(turns.time(place), now).max(SHORTEST_WAIT),
            // Together they would all be too many again.
            None => LONGEST_WAIT.mul_f64(1.0 + rand::random::<f64>() / 4.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use state::testing;

    use super::*;

    fn endpoint(max_concurrency: Option<u8>, rate_per_second: Option<u16>) -> Endpoint {
        let key = state::DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        Endpoint {
            max_concurrency,
            rate_per_second,
            ..testing::account(key).endpoints.remove(0)
        }
    }

    #[test]
    fn turns_come_at_the_pace_at_which_the_endpoint_answers_and_not_above_its_rate() {
        let pace = |milliseconds| Rate::paced(Duration::from_millis(milliseconds), LONGEST_WAIT);
        for (concurrency, rate, takes, expected) in [
            (None, None, 500, 100),
            (Some(1), None, 500, 500),
            (Some(1), None, 0, 10),
            (Some(100), Some(10), 50, 102),
            (Some(1), Some(10), 5_000, 5_000),
        ] {
            let takes = Duration::from_millis(takes);
            assert_eq!(turns(&endpoint(concurrency, rate), takes), pace(expected));
        }
    }

    #[test]
    fn a_rate_is_kept_with_a_margin_and_none_is_none() {
        let expected = Rate::paced(Duration::from_micros(10_200), PATIENCE);
        assert_eq!(rate(&endpoint(None, Some(100))), Some(expected));
        assert_eq!(rate(&endpoint(None, None)), None);
    }

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
            let wait = booking.turn(turns_from + number, now);
            prop_assert!(wait >= SHORTEST_WAIT);
            if number < count {
                prop_assert_eq!(wait, until(at(number), now).max(SHORTEST_WAIT));
            } else {
                prop_assert!(wait >= LONGEST_WAIT && wait <= LONGEST_WAIT.mul_f64(1.25));
            }
        }
    }
}
