//! Who makes requests, and may be killed before or after any write.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// How somebody ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Killed before the write of this number, counted from 0.
    Before(usize),
    /// Killed when it was made, before its answer came.
    After(usize),
    /// It lives, but from this write on none is taken.
    CutOff(usize),
}

/// Somebody who makes requests, and may be killed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    writes: usize,
    death: Option<Death>,
    ended: Arc<Notify>,
}

/// What becomes of a write.
pub(crate) enum Fate {
    Made,
    Hangs,
    MadeAndHangs,
    Refused,
}

impl Life {
    /// Begins anew, to end so.
    pub(crate) fn begin(&self, death: Option<Death>) {
        *self.0.lock().unwrap() = Plan {
            death,
            ..Plan::default()
        };
    }

    /// Does it, unless it is killed before it is done.
    pub(crate) async fn live<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        let ended = Arc::clone(&self.0.lock().unwrap().ended);
        tokio::select! {
            biased;
            () = ended.notified() => None,
            done = doing => Some(done),
        }
    }

    /// What becomes of the next write.
    pub(crate) fn fate(&self) -> Fate {
        let mut plan = self.0.lock().unwrap();
        let number = plan.writes;
        plan.writes += 1;
        match plan.death {
            Some(Death::Before(last)) if number >= last => Fate::Hangs,
            Some(Death::After(last)) if number > last => Fate::Hangs,
            Some(Death::After(last)) if number == last => Fate::MadeAndHangs,
            Some(Death::CutOff(first)) if number >= first => Fate::Refused,
            _ => Fate::Made,
        }
    }

    /// Nothing more is heard of it.
    pub(crate) async fn end<T>(&self) -> T {
        self.0.lock().unwrap().ended.notify_one();
        std::future::pending().await
    }
}
