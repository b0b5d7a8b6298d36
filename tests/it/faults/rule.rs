//! Which requests a fault is for.

use tokio::sync::watch;
use tokio::time::timeout;

use super::request::Request;
use crate::stack::DEADLINE;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Refused as one too many.
    Throttle,
    /// Answered 500.
    Fail,
    /// Never answered, and not forwarded.
    TimeOut,
    /// Forwarded, and the connection closed instead of an answer.
    DropAnswer,
    /// The function's processes are killed, and it is not forwarded.
    KillBefore,
    /// Forwarded, and the function's processes killed before the answer.
    KillAfter,
    /// Answered as if nothing had been found.
    FindNothing,
    /// Its first message is answered as sent, and is not.
    LoseMessage,
    /// All its messages are answered as sent, and are not.
    LoseMessages,
    /// Its messages are sent twice.
    DuplicateMessages,
}

impl Fault {
    /// What the result of a test calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttled",
            Self::Fail => "answered 500",
            Self::TimeOut => "timed out",
            Self::DropAnswer => "answer dropped",
            Self::KillBefore => "killed before",
            Self::KillAfter => "killed after",
            Self::FindNothing => "found nothing",
            Self::LoseMessage | Self::LoseMessages => "message lost",
            Self::DuplicateMessages => "messages duplicated",
        }
    }

    /// Whether it is about messages, so that nothing but sending some can have it.
    pub(super) const fn is_about_messages(self) -> bool {
        matches!(
            self,
            Self::LoseMessage | Self::LoseMessages | Self::DuplicateMessages
        )
    }
}

type Predicate = Box<dyn Fn(&Request) -> bool + Send>;

/// A fault, and the requests it is for.
pub(crate) struct Rule {
    /// None lets them pass, and notes them.
    fault: Option<Fault>,
    function: &'static str,
    is_meant: Predicate,
    passing: usize,
    times: usize,
}

impl Rule {
    /// The fault for the first request of this function of which `is_meant` holds.
    pub(crate) fn new(
        fault: Fault,
        function: &'static str,
        is_meant: impl Fn(&Request) -> bool + Send + 'static,
    ) -> Self {
        Self {
            fault: Some(fault),
            function,
            is_meant: Box::new(is_meant),
            passing: 0,
            times: 1,
        }
    }

    /// No fault: all requests of this function of which `is_meant` holds are noted.
    pub(crate) fn note(
        function: &'static str,
        is_meant: impl Fn(&Request) -> bool + Send + 'static,
    ) -> Self {
        Self {
            fault: None,
            ..Self::new(Fault::Fail, function, is_meant).always()
        }
    }

    /// Lets so many of them pass first.
    pub(crate) fn after(mut self, passing: usize) -> Self {
        self.passing = passing;
        self
    }

    /// For so many of them in a row.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// For all of them, until faults are stopped.
    pub(crate) fn always(self) -> Self {
        self.times(usize::MAX)
    }

    pub(super) fn set(self) -> (Set, Injected) {
        let (notes, noted) = watch::channel(Vec::new());
        let name = match self.fault {
            Some(fault) => format!("{fault:?} of {}", self.function),
            None => format!("a request of {}", self.function),
        };
        let set = Set {
            rule: self,
            met: 0,
            notes,
        };
        let injected = Injected {
            name,
            noted,
            must_happen: true,
        };
        (set, injected)
    }
}

/// A rule at work.
pub(super) struct Set {
    rule: Rule,
    met: usize,
    notes: watch::Sender<Vec<Request>>,
}

impl Set {
    /// What it does to this request.
    pub(super) fn fault(&mut self, request: &Request) -> Option<Fault> {
        let rule = &self.rule;
        if request.function != rule.function || !(rule.is_meant)(request) {
            return None;
        }
        self.met += 1;
        let nth = self.met.checked_sub(rule.passing + 1)?;
        if nth >= rule.times {
            return None;
        }
        self.notes.send_modify(|notes| notes.push(request.clone()));
        rule.fault
    }
}

/// A fault that must happen: a test in which it does not fails.
#[must_use]
pub(crate) struct Injected {
    name: String,
    noted: watch::Receiver<Vec<Request>>,
    must_happen: bool,
}

impl Injected {
    /// The same, when the request may not be made at all.
    pub(crate) fn if_at_all(mut self) -> Self {
        self.must_happen = false;
        self
    }

    /// Waits until it has happened `times` times, and answers the requests that it happened to.
    pub(crate) async fn happened(&self, times: usize) -> Vec<Request> {
        let mut noted = self.noted.clone();
        let enough = noted.wait_for(|noted| noted.len() >= times);
        match timeout(DEADLINE, enough).await {
            Ok(Ok(noted)) => noted.clone(),
            _ => panic!("{} happened {} of {times} times", self.name, self.count()),
        }
    }

    /// How often it has happened.
    pub(crate) fn count(&self) -> usize {
        self.noted.borrow().len()
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        if self.must_happen && !std::thread::panicking() {
            assert!(self.count() > 0, "{} never happened", self.name);
        }
    }
}
