//! The limits of an endpoint, for the wake-ups of one batch: how many requests at once, and how many per
//! second. And of an organization: how many requests at once to all its endpoints, so that many that answer
//! slowly do not hold the whole function.
//!
//! Whatever a batch takes of a limit it takes once, for all its requests, when the first of them
//! gets so far. Those for which there is no room go back with one write for their turns, to come again when
//! there should be some. Nobody waits for another endpoint here.
//!
//! Requests per second are tokens with times, paced within the batch. Requests at once are places, leased for
//! the batch and given back when the last of its requests is over; the lease of who dies ends by itself.
//! Where nothing is promised places are counted only where it matters: two wake-ups in one batch, or an
//! endpoint that answers slowly, which who finds out tells the others; of an organization only the latter.

mod booking;

use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use payload::id::OrganizationId;
use state::{
    Chain, Deferred, Endpoint, Holder, Later, Limited, Limits, Places, Rate, StateError, Use,
};
use tokio::sync::{Mutex as AsyncMutex, OnceCell, SemaphorePermit};
use tokio::time::sleep;
use tracing::warn;

use self::booking::Booking;
use crate::handler::Time;

/// For so long a wake-up waits within its batch: for the time of its token, and again for a place.
const PATIENCE: Duration = Duration::from_secs(2);
/// A request that takes longer is counted, and makes its endpoint one whose requests are.
const SLOW: Duration = Duration::from_millis(250);
/// The same for an organization: what takes less holds nobody up.
const SLOW_FOR_ALL: Duration = Duration::from_secs(1);
/// What writing takes at most beside waiting and the request, while a lease must not end.
const GRACE: Duration = Duration::from_secs(5);
/// The longest timeout that an endpoint may have.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Turns are given up to this far ahead; who gets none comes again then. When a receiver becomes faster than
/// it was, those who have a turn come so much too late at most.
const LONGEST_WAIT: Duration = Duration::from_mins(2);
/// A request is thought to take so long at least.
const QUICKEST: Duration = Duration::from_millis(10);
/// So much longer than the rate says is the time between two tokens: a request may be on its way for longer
/// than the one before it.
const MARGIN: f64 = 1.02;

/// A limit of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    of: Limited,
    /// How many may be made at once.
    at_once: u32,
    /// Requests of so many wake-ups of a batch are counted, whether anybody was slow or not.
    counted_from: u32,
    per_second: Option<u16>,
    /// Why who finds no place is deferred.
    reason: Deferred,
    /// A request that takes longer is counted, and has those of others counted.
    slow: Duration,
    /// By when whoever takes places has made its requests, or has died.
    lease: Duration,
}

impl Limit {
    /// An endpoint's.
    pub(crate) fn of_endpoint(endpoint: &Endpoint) -> Self {
        let timeout = Duration::from_secs(endpoint.timeout_seconds.into());
        let counted_from = if endpoint.keeps_concurrency() { 1 } else { 2 };
        Self {
            of: Limited::Endpoint(endpoint.id),
            at_once: endpoint.max_concurrency().into(),
            counted_from,
            per_second: endpoint.rate_per_second,
            reason: Deferred::Concurrency,
            slow: SLOW,
            // The place of the organization is waited for while this one is held.
            lease: 4 * PATIENCE + timeout + GRACE,
        }
    }

    /// An organization's: so many requests at once.
    pub(crate) fn of_organization(id: OrganizationId, at_once: u32) -> Self {
        Self {
            of: Limited::Organization(id),
            at_once,
            counted_from: u32::MAX,
            per_second: None,
            reason: Deferred::OrganizationConcurrency,
            slow: SLOW_FOR_ALL,
            // Others of the batch may wait for their endpoint meanwhile.
            lease: 4 * PATIENCE + LONGEST_TIMEOUT + GRACE,
        }
    }

    /// From one request to the next, when only so many are made per second.
    fn interval(self) -> Option<Duration> {
        let per_second = self.per_second?;
        Some(Duration::from_secs(1).mul_f64(MARGIN) / u32::from(per_second))
    }

    /// The rate of requests, told far enough ahead that a batch waits for them.
    fn rate(self) -> Option<Rate> {
        Some(Rate::paced(self.interval()?, PATIENCE))
    }

    /// The rate at which wake-ups come again, when a request takes so long: that at which they are made.
    fn turns(self, takes: Duration) -> Rate {
        let of_places = takes.max(QUICKEST) / self.at_once.max(1);
        let pace = of_places.max(self.interval().unwrap_or_default());
        Rate::paced(pace, LONGEST_WAIT)
    }

    fn lease_end(self, now: Timestamp) -> Timestamp {
        now.checked_add(self.lease).unwrap_or(Timestamp::MAX)
    }
}

/// What a batch takes of a limit.
pub(crate) struct Share<'l> {
    limits: &'l Limits,
    limit: Limit,
    /// How many requests it wants to make.
    wanted: u32,
    known: Places,
    holder: Holder,
    booking: OnceCell<Booking>,
    /// Places were taken, even if what else was to be taken could not be.
    has_leased: AtomicBool,
    requests: Mutex<Requests>,
    /// How many requests that were made without places are written down.
    counted: AsyncMutex<u32>,
}

/// What its requests were like.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    /// How many are under way.
    open: u32,
    count: u32,
    took: Duration,
    slowest: Duration,
    /// One was counted that was made without a place.
    counted: bool,
}

/// Whether a request may be made.
pub(crate) enum Admission<'s> {
    /// It may, while these are held.
    Go(Vec<SemaphorePermit<'s>>),
    /// Not before so long.
    Later(Deferred, Later),
}

/// What a batch takes of the limits that hold for one endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Shares<'s> {
    pub(crate) endpoint: &'s Share<'s>,
    /// `None`: its requests are not limited.
    pub(crate) organization: Option<&'s Share<'s>>,
}

impl<'s> Shares<'s> {
    /// Waits a little until a request may be made, or says when to come again.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn admit(self, time: Time) -> Result<Admission<'s>, StateError> {
        let mut places = Vec::new();
        // The organization last: only who could go takes one of its places.
        for share in [Some(self.endpoint), self.organization]
            .into_iter()
            .flatten()
        {
            match share.admit(time).await? {
                Admission::Go(place) => places.extend(place),
                later @ Admission::Later(..) => return Ok(later),
            }
        }
        Ok(Admission::Go(places))
    }

    /// Makes a request, which is counted, with those beside it, when it takes long and has no place.
    pub(crate) async fn watch<T>(self, request: impl Future<Output = T>, time: Time) -> T {
        let request = self.endpoint.watch(request, time);
        match self.organization {
            Some(organization) => organization.watch(request, time).await,
            None => request.await,
        }
    }
}

impl<'l> Share<'l> {
    /// For so many requests; `known` is what was read of the limit.
    pub(crate) fn new(limits: &'l Limits, limit: Limit, known: Places, wanted: usize) -> Self {
        Self {
            limits,
            limit,
            wanted: u32::try_from(wanted).unwrap_or(u32::MAX),
            known,
            holder: Holder::new(rand::random()),
            booking: OnceCell::new(),
            has_leased: AtomicBool::new(false),
            requests: Mutex::default(),
            counted: AsyncMutex::default(),
        }
    }

    async fn admit(&self, time: Time) -> Result<Admission<'_>, StateError> {
        let book = || Booking::make(self, time);
        let booking = self.booking.get_or_try_init(book).await?;
        booking.admit(self, time).await
    }

    async fn watch<T>(&self, request: impl Future<Output = T>, time: Time) -> T {
        let started = time.now();
        self.with_requests(|requests| requests.open += 1);
        let count = async {
            sleep(self.limit.slow).await;
            self.count_in(time.now()).await;
            pending().await
        };
        let done = tokio::select! {
            done = request => done,
            () = count => unreachable!("it never ends"),
        };
        let took = time.now().duration_since(started);
        self.add(Duration::try_from(took).unwrap_or_default());
        done
    }

    /// Counts the requests of the batch that are under way and have no places, once one of them is slow: all of
    /// them, with one write.
    async fn count_in(&self, now: Timestamp) {
        if self.has_leased.load(Ordering::Relaxed) {
            return;
        }
        // One write after the other: of two at once the smaller number could be the last.
        let mut counted = self.counted.lock().await;
        let open = self.with_requests(|requests| requests.open);
        if open <= *counted {
            return;
        }
        self.with_requests(|requests| requests.counted = true);
        let (of, until) = (self.limit.of, self.limit.lease_end(now));
        let written = self
            .limits
            .count_in(of, &self.holder, open, (now, until))
            .await;
        match written {
            Ok(()) => *counted = open,
            // The requests are under way either way.
            Err(error) => {
                warn!(limited = %of, error = %Chain(&error), "requests are not counted");
            }
        }
    }

    /// Gives back what was taken, when all requests are over.
    pub(crate) async fn give_back(&self, now: Timestamp) {
        let requests = self.with_requests(|requests| *requests);
        if !self.has_leased.load(Ordering::Relaxed) && !requests.counted {
            return;
        }
        let was_short = self.booking.get().is_some_and(Booking::was_short);
        let used = Use {
            took: requests.mean(self.known.took()),
            crowded: was_short || requests.slowest > self.limit.slow,
        };
        let of = self.limit.of;
        // What is not given back is free when the lease ends.
        if let Err(error) = self.limits.release(of, &self.holder, used, now).await {
            warn!(limited = %of, error = %Chain(&error), "places are not given back");
        }
    }

    fn add(&self, took: Duration) {
        self.with_requests(|requests| {
            requests.open -= 1;
            requests.count += 1;
            requests.took += took;
            requests.slowest = requests.slowest.max(took);
        });
    }

    fn with_requests<T>(&self, act: impl FnOnce(&mut Requests) -> T) -> T {
        act(&mut self.requests.lock().expect("no holder panics"))
    }
}

impl Requests {
    /// How long one takes, as far as was known and was seen.
    fn mean(self, known: Option<Duration>) -> Option<Duration> {
        let seen = self.took.checked_div(self.count)?;
        Some(known.map_or(seen, |known| (3 * known + seen) / 4))
    }
}

#[cfg(test)]
mod tests {
    use payload::dialect::Dialect;
    use state::testing;

    use super::*;

    fn endpoint(max_concurrency: Option<u8>, rate_per_second: Option<u16>) -> Limit {
        limit(max_concurrency, rate_per_second, Dialect::Canonical)
    }

    fn limit(max_concurrency: Option<u8>, rate_per_second: Option<u16>, dialect: Dialect) -> Limit {
        let key = state::DeliveryKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            event: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            endpoint: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        Limit::of_endpoint(&Endpoint {
            max_concurrency,
            rate_per_second,
            dialect,
            ..testing::account(key).endpoints.remove(0)
        })
    }

    #[test]
    fn requests_are_all_counted_where_a_number_was_set_or_the_dialect_promises_one() {
        for (max_concurrency, dialect, expected) in [
            (None, Dialect::Canonical, (5, 2)),
            (None, Dialect::Beedeez, (5, 1)),
            (Some(5), Dialect::Canonical, (5, 1)),
            (Some(9), Dialect::Beedeez, (9, 1)),
        ] {
            let limit = limit(max_concurrency, None, dialect);
            assert_eq!((limit.at_once, limit.counted_from), expected, "{dialect}");
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
            assert_eq!(endpoint(concurrency, rate).turns(takes), pace(expected));
        }
    }

    #[test]
    fn a_rate_is_kept_with_a_margin_and_none_is_none() {
        let expected = Rate::paced(Duration::from_micros(10_200), PATIENCE);
        assert_eq!(endpoint(None, Some(100)).rate(), Some(expected));
        assert_eq!(endpoint(None, None).rate(), None);
    }
}
