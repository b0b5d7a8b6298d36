//! How busy the loops of an event source are, and whether there should be more of them or fewer.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A loop that has been at work for so long is held up, and others take its place.
const HELD_UP: Duration = Duration::from_millis(50);
/// So many loops are free to work, at least, while others are held up.
pub(super) const SPARE: usize = 4;
/// So many loops that wait for a message are enough. The queue looks through what it holds for each of them.
const IDLE_ENOUGH: usize = SPARE;

/// How busy the loops are.
#[derive(Default)]
pub(super) struct Load {
    pub(super) loops: AtomicUsize,
    pub(super) finished: AtomicU64,
    /// When those that are at work began, by the number of their work.
    begun: Mutex<HashMap<u64, Instant>>,
    works: AtomicU64,
}

impl Load {
    fn begun<T>(&self, act: impl FnOnce(&mut HashMap<u64, Instant>) -> T) -> T {
        act(&mut self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn busy(&self) -> usize {
        self.begun(|begun| begun.len())
    }

    pub(super) fn held_up(&self) -> usize {
        let is_held_up = |at: &&Instant| at.elapsed() >= HELD_UP;
        self.begun(|begun| begun.values().filter(is_held_up).count())
    }

    /// Begins to work, and answers the number of it.
    pub(super) fn begin(&self) -> u64 {
        let number = self.works.fetch_add(1, Ordering::Relaxed);
        self.begun(|begun| begun.insert(number, Instant::now()));
        number
    }

    pub(super) fn end(&self, number: u64) {
        self.begun(|begun| begun.remove(&number));
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a loop that has done its work may go because others wait for the next. Each would get a message
    /// now and then, and so none would ever end for having none.
    pub(super) fn has_idle_enough(&self) -> bool {
        let loops = self.loops.load(Ordering::Relaxed);
        loops.saturating_sub(self.busy()) > IDLE_ENOUGH
    }
}

/// How many loops to add when so many of those that run are held up.
pub(super) fn loops_to_spare(running: usize, most: usize, held_up: usize) -> usize {
    let wanted = if held_up == 0 { 0 } else { held_up + SPARE };
    wanted.min(most).saturating_sub(running)
}

/// How many loops to add when all are at work and `backlog` full batches wait.
///
/// While invocations still end, the loops there are get one batch each before there are more of them.
pub(super) fn loops_to_add(running: usize, most: usize, backlog: usize, is_stuck: bool) -> usize {
    let needed = if is_stuck {
        backlog
    } else {
        backlog.saturating_sub(running)
    };
    needed.min(running).min(most.saturating_sub(running))
}
