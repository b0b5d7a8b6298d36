//! The limits of an endpoint, for the wake-ups of one batch: how many requests at once, and how many per
//! second.
//!
//! Whatever a batch takes of an endpoint's limits it takes once, for all its requests, when the first of them
//! gets so far. Those for which there is no room go back with one write for their turns, to come again when
//! there should be some. Nobody waits for another endpoint here.
//!
//! Requests per second are tokens with times, paced within the batch. Requests at once are places, leased for
//! the batch and given back when the last of its requests is over; the lease of who dies ends by itself.
//! Without a wish of the owner places are counted only where it matters: two wake-ups in one batch, or an
//! endpoint that answers slowly, which who finds out tells the others.

mod booking;

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use payload::id::EndpointId;
use state::{Chain, Deferred, Endpoint, Holder, Limits, Places, StateError, Use};
use tokio::sync::{OnceCell, SemaphorePermit};
use tokio::time::sleep;
use tracing::warn;

use self::booking::Booking;
use crate::handler::Time;
use crate::plan::Turn;

/// For so long a wake-up waits within its batch: for the time of its token, and again for a place.
const PATIENCE: Duration = Duration::from_secs(2);
/// A request that takes longer is counted, and makes its endpoint one whose requests are.
const SLOW: Duration = Duration::from_millis(250);
/// What writing takes at most beside waiting and the request, while a lease must not end.
const GRACE: Duration = Duration::from_secs(5);

/// What a batch takes of an endpoint's limits.
pub(crate) struct Share<'l> {
    limits: &'l Limits,
    /// How many requests it wants to make.
    wanted: u32,
    known: Places,
    holder: Holder,
    booking: OnceCell<Booking>,
    requests: Mutex<Requests>,
}

/// What its requests were like.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    count: u32,
    took: Duration,
    slowest: Duration,
    /// One was counted that was made without a place.
    counted: bool,
}

/// Whether a request may be made.
pub(crate) enum Admission<'s> {
    /// It may, while this is held.
    Go(Option<SemaphorePermit<'s>>),
    /// Not before so long.
    Later(Deferred, Duration),
}

impl<'l> Share<'l> {
    /// For so many requests to the endpoint of which this is known.
    pub(crate) fn new(limits: &'l Limits, known: Places, wanted: usize) -> Self {
        Self {
            limits,
            wanted: u32::try_from(wanted).unwrap_or(u32::MAX),
            known,
            holder: Holder::new(rand::random()),
            booking: OnceCell::new(),
            requests: Mutex::default(),
        }
    }

    /// Waits a little until a request to the endpoint may be made, or says when to come again.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub(crate) async fn admit(
        &self,
        endpoint: &Endpoint,
        turn: Turn,
        time: Time,
    ) -> Result<Admission<'_>, StateError> {
        // All others wait for what a probe finds out.
        if turn == Turn::Probe {
            return Ok(Admission::Go(None));
        }
        let book = || Booking::make(self, endpoint, time);
        let booking = self.booking.get_or_try_init(book).await?;
        booking.admit(self.limits, endpoint, time).await
    }

    /// Makes a request, which is counted when it takes long and has no place.
    pub(crate) async fn watch<T>(
        &self,
        endpoint: &Endpoint,
        request: impl Future<Output = T>,
        time: Time,
    ) -> T {
        let started = time.now();
        let count = async {
            sleep(SLOW).await;
            self.count_in(endpoint, time.now()).await;
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

    /// Counts a request that is under way and has no place.
    async fn count_in(&self, endpoint: &Endpoint, now: Timestamp) {
        if self.booking.get().is_some_and(Booking::has_places) {
            return;
        }
        self.with_requests(|requests| requests.counted = true);
        let until = lease_end(endpoint, now);
        let counted = self
            .limits
            .count_in(endpoint.id, &self.holder, (now, until));
        // The request is under way either way.
        if let Err(error) = counted.await {
            warn!(endpoint.id = %endpoint.id, error = %Chain(&error), "a request is not counted");
        }
    }

    /// Gives back what was taken, when all requests are over.
    pub(crate) async fn give_back(&self, endpoint: EndpointId, now: Timestamp) {
        let requests = self.with_requests(|requests| *requests);
        let booking = self.booking.get();
        let has_places = booking.is_some_and(Booking::has_places);
        if !has_places && !requests.counted {
            return;
        }
        let was_short = booking.is_some_and(Booking::was_short);
        let used = Use {
            took: requests.mean(self.known.took()),
            crowded: was_short || requests.slowest > SLOW,
        };
        // What is not given back is free when the lease ends.
        if let Err(error) = self.limits.release(endpoint, &self.holder, used, now).await {
            warn!(endpoint.id = %endpoint, error = %Chain(&error), "places are not given back");
        }
    }

    fn add(&self, took: Duration) {
        self.with_requests(|requests| {
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

/// By when whoever takes places now has made its requests, or has died.
fn lease_end(endpoint: &Endpoint, now: Timestamp) -> Timestamp {
    let timeout = Duration::from_secs(endpoint.timeout_seconds.into());
    now.checked_add(2 * PATIENCE + timeout + GRACE)
        .unwrap_or(Timestamp::MAX)
}
