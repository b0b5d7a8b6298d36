//! What time it is for the stack: the machine's time, or ahead of it, as `--now` says.
//!
//! Time passes from there, and it never goes back on kept state, which would hold what has not happened yet.
//! So the data directory of a stack that is ahead says how far that got, and the next start on it begins there.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use state::clock::set_ahead;

pub(crate) use state::clock::{ahead, now};

const FILE: &str = "clock";
/// How far ahead the file is, so that a stack that is killed has not got further.
const LEAD: SignedDuration = SignedDuration::from_secs(60);

/// Sets the clock of this process, before anything reads it: to `begin`, or as far as the state in `data` has got.
///
/// # Errors
/// `begin` is over, or too far away; the data directory cannot be read or written.
pub(crate) fn set(begin: Option<Timestamp>, data: Option<&Path>) -> Result<()> {
    let reached = data.map(reached).transpose()?.flatten();
    set_ahead(seconds_ahead(begin, reached, now())?);
    if ahead() > 0 {
        tracing::warn!("it is {:.0} for the stack, not for this machine", now());
    }
    data.map_or(Ok(()), keep)
}

/// Keeps in `data` how far the clock gets. Returns only with an error.
///
/// # Errors
/// The data directory cannot be written.
pub(crate) async fn keep_on(data: &Path) -> Result<()> {
    loop {
        tokio::time::sleep((LEAD / 2).unsigned_abs()).await;
        keep(data)?;
    }
}

/// How many seconds ahead of `machine` a stack starts.
fn seconds_ahead(
    begin: Option<Timestamp>,
    reached: Option<Timestamp>,
    machine: Timestamp,
) -> Result<u32> {
    ensure!(
        begin.is_none_or(|begin| begin >= machine),
        "--now is over: it is {machine:.0}, and rows expire by this machine's clock, so some of then would be \
         deleted at once"
    );
    let start = begin.max(reached).unwrap_or(machine);
    let ahead = start.duration_since(machine).max(SignedDuration::ZERO);
    // Never before what is asked for.
    let whole = ahead.as_secs() + i64::from(ahead.subsec_nanos() > 0);
    u32::try_from(whole).context("--now is more than a hundred years ahead")
}

/// How far the clock of the state in `data` has got, if it was ever ahead.
fn reached(data: &Path) -> Result<Option<Timestamp>> {
    let file = data.join(FILE);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("{} cannot be read", file.display()))?,
    };
    let reached = payload::timestamp::parse(&text);
    let fault = || {
        format!(
            "{} holds no time: remove the data directory",
            file.display()
        )
    };
    reached.map(Some).with_context(fault)
}

/// Keeps in `data` how far the clock gets next, while it is ahead.
fn keep(data: &Path) -> Result<()> {
    if ahead() == 0 {
        return Ok(());
    }
    write(data, now() + LEAD)
}

fn write(data: &Path, reached: Timestamp) -> Result<()> {
    let file = data.join(FILE);
    // All of it or nothing, whenever the program ends.
    let draft = data.join("clock.draft");
    let written = fs::write(&draft, reached.to_string()).and_then(|()| fs::rename(&draft, &file));
    written.with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const MACHINE: &str = "2026-11-21T04:00:25.26Z";

    fn start(begin: Option<&str>, reached: Option<&str>) -> Result<String> {
        let machine = at(MACHINE);
        let ahead = seconds_ahead(begin.map(at), reached.map(at), machine)?;
        Ok((machine + SignedDuration::from_secs(ahead.into())).to_string())
    }

    #[test]
    fn a_stack_starts_at_the_time_it_is_told_within_a_second() {
        assert_eq!(start(None, None).unwrap(), MACHINE);
        let new_year = start(Some("2027-01-01T00:00:00Z"), None).unwrap();
        assert_eq!(new_year, "2027-01-01T00:00:00.26Z");
        let elsewhere = start(Some("2026-12-31T21:00:00-03:00"), None).unwrap();
        assert_eq!(elsewhere, new_year);
    }

    #[test]
    fn time_does_not_go_back_on_kept_state() {
        let (sooner, later) = (Some("2027-01-01T00:00:00.26Z"), "2027-01-01T00:10:00.26Z");
        assert_eq!(start(None, Some(later)).unwrap(), later);
        assert_eq!(start(sooner, Some(later)).unwrap(), later);
        assert_eq!(start(Some(later), sooner).unwrap(), later);
        // The machine's clock has caught up.
        let over = Some("2026-11-20T00:00:00Z");
        assert_eq!(start(None, over).unwrap(), MACHINE);
    }

    #[test]
    fn a_time_that_is_over_or_beyond_all_reason_is_refused() {
        let refusal = |begin: &str| start(Some(begin), None).unwrap_err().to_string();
        let over = refusal("2026-11-20T00:00:00Z");
        assert!(
            over.starts_with("--now is over: it is 2026-11-21T04:00:25Z"),
            "{over}"
        );
        let far = refusal("9999-01-01T00:00:00Z");
        assert_eq!(far, "--now is more than a hundred years ahead");
    }

    #[test]
    fn how_far_the_clock_got_is_kept_with_the_state() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(reached(directory.path()).unwrap(), None);
        for time in ["2027-01-01T00:10:00.26Z", "2027-01-01T00:11:00.26Z"] {
            write(directory.path(), at(time)).unwrap();
            assert_eq!(reached(directory.path()).unwrap(), Some(at(time)));
        }
        fs::write(directory.path().join(FILE), "soon").unwrap();
        let error = reached(directory.path()).unwrap_err().to_string();
        assert!(error.contains("remove the data directory"), "{error}");
    }
}
